"""Notes the result of an auto-debit as the bank reports it: the attempt, and the payment when money was taken."""

from __future__ import annotations

from datetime import datetime

from bot.core.money import Fen
from bot.loans.codes import SUCCESS, side_of
from bot.loans.models import DebitAttemptRow, MandateRow
from bot.loans.payments import PaymentService
from bot.loans.port import InstalmentRef
from bot.loans.unit import Unit


def record_debit(
    unit: Unit,
    mandate: MandateRow,
    ref: InstalmentRef,
    amount: Fen,
    code: str,
    *,
    number: str | None = None,
    at: datetime | None = None,
) -> DebitAttemptRow:
    """Also for a result that we did not ask for (a debit executed twice).

    ``number``: the order's, which becomes the payment's. ``at``: when it was sent; the money counts from that day, however late
    the bank answers.
    """
    payments = PaymentService(unit)
    at = at or unit.clock.now()
    payment_no: str | None = None
    if code == SUCCESS:
        payment = payments.record(
            mandate.customer_id, amount, [ref], kind="auto_debit", number=number, value_on=at.date()
        )  # fmt: skip
        payment_no = payments.settle(payment.payment_no).payment_no
    attempt = DebitAttemptRow(
        mandate_no=mandate.mandate_no,
        customer_id=mandate.customer_id,
        contract_no=ref.contract_no,
        instalment=ref.instalment,
        amount=amount,
        attempted_at=at,
        result_code=code,
        side=side_of(code),
        payment_no=payment_no,
    )
    unit.session.add(attempt)
    unit.session.flush()
    return attempt
