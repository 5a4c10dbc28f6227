"""Result codes of the payment channel and whose side each one is on.

An unknown code counts as ours: the borrower could do nothing about it.
"""

from __future__ import annotations

from bot.loans.port import Side

SUCCESS = "SUCCESS"
BORROWER_SIDE = frozenset({"INSUFFICIENT_FUNDS", "CARD_CLOSED", "CARD_FROZEN", "CARD_LIMIT_EXCEEDED", "BORROWER_CANCELLED"})
SYSTEM_SIDE = frozenset({"SYS_TIMEOUT", "SYS_ERROR", "CHANNEL_DOWN", "BANK_UNAVAILABLE", "ROUTING_ERROR"})


def side_of(code: str | None) -> Side:
    """``none`` for success (or no result yet), ``borrower`` or ``system`` for a failure."""
    if code is None or code == SUCCESS:
        return "none"
    return "borrower" if code in BORROWER_SIDE else "system"
