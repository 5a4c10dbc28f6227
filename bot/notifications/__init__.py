"""What borrowers are told outside a turn: a refund arrived, a hanging payment was settled, a date was extended.

Whoever does the deed writes the notification in the same transaction; ``bot/conversations/courier.py`` delivers it.
"""
