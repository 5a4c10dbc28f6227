"""How often one customer, visitor or address may do something."""
