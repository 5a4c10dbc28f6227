"""The surplus of a double debit, which the loan worker refunds by itself after some days (bot/loans/worker.py).

It does so whether or not a case is open: the money goes back at the earliest moment. The case then has its remedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.cases.models import CaseRow
from bot.core.money import Fen
from bot.loans.errors import AmountExceedsOwed
from bot.loans.port import LoanBackend, Receipt, surplus_key

Payments = Sequence[Sequence[Any]]
"""``(payment_no, 分)`` of each, as ``RemedyRow.payments`` keeps them."""


def post_surplus(loans: LoanBackend, payments: Payments, *, reason: str, key: str) -> list[Receipt]:
    """Refunds what is there; of what went back by itself meanwhile the receipt of then. Raises ``AmountExceedsOwed``."""
    receipts = []
    for payment_no, amount in payments:
        try:
            receipt = loans.refund_payment(payment_no, amount, reason=reason, key=f"{key}:{payment_no}")
        except AmountExceedsOwed:
            earlier = loans.receipt_of(surplus_key(payment_no))
            if earlier is None:
                raise
            receipt = earlier
        receipts.append(receipt)
    return receipts


def gone_back(loans: LoanBackend, case: CaseRow, payments: Payments | None) -> list[tuple[str, Fen, str]]:
    """(payment_no, 分, receipt) of each of ``payments``, or of all surplus of the instalment; empty while one is still here.

    Books that refunded under a key of their own have no receipt for us: then it is the number of the refund.
    """
    doubles = {
        item.surplus_payment_no: item
        for item in loans.double_debits(case.customer_id or "")
        if (item.contract_no, item.instalment) == (case.contract_no, case.instalment)
    }
    wanted = payments if payments is not None else [(number, item.surplus) for number, item in doubles.items()]
    found = []
    for payment_no, amount in wanted:
        double = doubles.get(payment_no)
        if double is None or double.refund_no is None:
            return []
        receipt = loans.receipt_of(surplus_key(payment_no))
        found.append((payment_no, amount, receipt.receipt_no if receipt else double.refund_no))
    return found
