"""Auto-debit: the due-day run over active mandates, and what the bank reported of each try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.core.money import Fen
from bot.loans.codes import SUCCESS, side_of
from bot.loans.models import DebitAttemptRow, InstalmentRow, MandateRow
from bot.loans.payments import PaymentService
from bot.loans.port import InstalmentRef
from bot.loans.position import positions
from bot.loans.unit import Unit, check_amount, check_text


@dataclass(frozen=True)
class DebitRequest:
    """What the bank is asked to take from the borrower's card."""

    customer_id: str
    contract_no: str
    instalment: int
    amount: Fen
    at: datetime


class DebitChannel(Protocol):
    """The bank's side of a debit; a real adapter or the simulated bank."""

    def debit(self, request: DebitRequest) -> str:
        """The result code (``codes.py``): ``SUCCESS`` means that the money was taken."""
        ...


class AutoDebitService:
    """Runs debits and records their results."""

    def __init__(self, unit: Unit, channel: DebitChannel) -> None:
        self.unit = unit
        self.channel = channel
        self.payments = PaymentService(unit)

    def run(self) -> Sequence[DebitAttemptRow]:
        """Tries every unsettled instalment due today or earlier that has an active mandate and no other payment under way."""
        attempts: list[DebitAttemptRow] = []
        for row in self.unit.repository.unsettled_due_by(self.unit.clock.today()):
            attempt = self._try(row)
            if attempt is not None:
                attempts.append(attempt)
        return attempts

    def run_one(self, contract_no: str, instalment: int) -> DebitAttemptRow | None:
        """The same for one instalment; ``None``: nothing to try. Raises ``ContractNotFound``, ``InstalmentNotFound``."""
        self.unit.any_contract(contract_no)
        row = self.unit.instalment(contract_no, instalment)
        return None if row.settled_on is not None else self._try(row)

    def _try(self, row: InstalmentRow) -> DebitAttemptRow | None:
        unit = self.unit
        contract = unit.any_contract(row.contract_no)
        unit.lock(contract.customer_id)
        mandate = self._active_mandate(contract.customer_id)
        ref = InstalmentRef(row.contract_no, row.number)
        under_way = unit.repository.processing_for([ref]) or unit.repository.live_schedule(row.contract_no, row.number)
        if mandate is None or under_way or row.settled_on is not None:
            return None
        amount = positions(unit.repository.books([contract])[0], unit.clock.today())[row.number - 1].total_due
        code = self.channel.debit(DebitRequest(contract.customer_id, row.contract_no, row.number, amount, unit.clock.now()))
        return self.record(mandate, ref, amount, code)

    def record(self, mandate: MandateRow, ref: InstalmentRef, amount: Fen, code: str) -> DebitAttemptRow:
        """Notes a result as the bank reports it, also one that we did not ask for (a debit executed twice).

        Raises ``InvalidAmount``, ``InvalidText``, ``ContractNotFound``, ``InstalmentNotFound``.
        """
        unit = self.unit
        check_amount(amount)
        check_text("result_code", code, 32)
        unit.own_contract(mandate.customer_id, ref.contract_no)
        unit.instalment(ref.contract_no, ref.instalment)
        payment_no: str | None = None
        if code == SUCCESS:
            payment = self.payments.record(mandate.customer_id, amount, [ref], kind="auto_debit")
            payment_no = self.payments.settle(payment.payment_no).payment_no
        attempt = DebitAttemptRow(
            mandate_no=mandate.mandate_no,
            customer_id=mandate.customer_id,
            contract_no=ref.contract_no,
            instalment=ref.instalment,
            amount=amount,
            attempted_at=unit.clock.now(),
            result_code=code,
            side=side_of(code),
            payment_no=payment_no,
        )
        unit.session.add(attempt)
        unit.session.flush()
        return attempt

    def _active_mandate(self, customer_id: str) -> MandateRow | None:
        return next((row for row in self.unit.repository.mandates(customer_id) if row.revoked_at is None), None)
