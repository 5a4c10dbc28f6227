"""The runs over all contracts as one SQL statement each. They write exactly the rows that the code per contract would write."""
