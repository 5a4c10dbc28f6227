"""随星客服: understanding, loan ledger and complaint handling of a Chinese consumer lender."""
