"""One module per topic. Each has ``HANDLERS``: intent → the function that answers an identified borrower from their data."""
