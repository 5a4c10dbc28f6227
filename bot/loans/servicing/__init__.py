"""What runs by itself over the loan books: orders to the bank, due-day runs, incidents, overdue handling."""
