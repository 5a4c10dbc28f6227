"""Auto-debit: the due-day run over active mandates with its retries, and what the bank reported of each try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bot.core.money import Fen
from bot.loans.debit_records import record_debit
from bot.loans.models import DebitAttemptRow, InstalmentRow, MandateRow
from bot.loans.port import InstalmentRef
from bot.loans.position import positions
from bot.loans.servicing.channel import PaymentChannel
from bot.loans.servicing.models import ChannelOrderRow
from bot.loans.servicing.orders import OrderService
from bot.loans.servicing.policy import DebitPolicy
from bot.loans.unit import Unit, check_amount, check_text


class AutoDebitService:
    """Plans debits and records their results.

    The worker plans (``plan_one``) and leaves the sending to ``servicing/driver.py``; ``run`` and ``run_one`` do all at once, for
    history that is replayed and for tests.
    """

    def __init__(self, unit: Unit, channel: PaymentChannel) -> None:
        self.unit = unit
        self.channel = channel
        self.orders = OrderService(unit)

    def due(self, policy: DebitPolicy) -> list[InstalmentRef]:
        """The instalments that today's run may have to try, oldest first."""
        today = self.unit.clock.today()
        rows = self.unit.repository.unsettled_due_by(today, since=today - timedelta(days=policy.retry_days))
        return [InstalmentRef(row.contract_no, row.number) for row in rows]

    def plan_one(self, ref: InstalmentRef, policy: DebitPolicy) -> ChannelOrderRow | None:
        """The order for the try that is due now; ``None`` when none is due, or this one was ordered before.

        An overdue instalment under dispute is left alone: what is disputed is not taken. Raises ``ContractNotFound``,
        ``InstalmentNotFound``.
        """
        unit, today = self.unit, self.unit.clock.today()
        unit.lock(unit.any_contract(ref.contract_no).customer_id)
        row = unit.instalment(ref.contract_no, ref.instalment)
        if row.settled_on is not None:
            return None
        slot = policy.slot((today - row.due_on).days, unit.clock.now().time())
        if slot is None or unit.repository.debit_ordered(ref, today, slot):
            return None
        held = any(hold.released_on is None for hold in unit.repository.holds(ref.contract_no, ref.instalment))
        if (held and row.due_on < today) or self._hopeless(ref, policy):
            return None
        return self._order(row, today, slot)

    def _hopeless(self, ref: InstalmentRef, policy: DebitPolicy) -> bool:
        """Whether the last try under the present mandate failed for a reason that another try cannot change."""
        contract = self.unit.any_contract(ref.contract_no)
        mandate = self._active_mandate(contract.customer_id)
        attempts = self.unit.repository.debit_attempts(contract.customer_id, ref.contract_no, ref.instalment)
        own = [each for each in attempts if mandate is not None and each.mandate_no == mandate.mandate_no]
        return bool(own) and own[-1].result_code in policy.final_codes

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
        contract = self.unit.any_contract(row.contract_no)
        self.unit.lock(contract.customer_id)
        order = self._order(row, None, None)
        if order is None:
            return None
        before = len(self.unit.repository.debit_attempts(contract.customer_id, row.contract_no, row.number))
        self.orders.run_now(order.order_no, self.channel)
        attempts = self.unit.repository.debit_attempts(contract.customer_id, row.contract_no, row.number)
        return attempts[-1] if len(attempts) > before else None

    def _order(self, row: InstalmentRow, run_on: date | None, slot: int | None) -> ChannelOrderRow | None:
        unit = self.unit
        contract = unit.any_contract(row.contract_no)
        mandate = self._active_mandate(contract.customer_id)
        ref = InstalmentRef(row.contract_no, row.number)
        under_way = unit.repository.processing_for([ref]) or unit.repository.live_schedule(row.contract_no, row.number)
        if mandate is None or under_way or row.settled_on is not None:
            return None
        amount = positions(unit.repository.books([contract])[0], unit.clock.today())[row.number - 1].total_due
        if amount == 0:
            return None  # an instalment of nothing: 60 分 in 24 parts are twenty of 3
        order = ChannelOrderRow(
            order_no=unit.new_number("P"),
            kind="auto_debit",
            customer_id=contract.customer_id,
            amount=amount,
            contract_no=ref.contract_no,
            instalment=ref.instalment,
            mandate_no=mandate.mandate_no,
            run_on=run_on,
            slot=slot,
            status="created",
            created_at=unit.clock.now(),
            sent_times=0,
        )
        unit.session.add(order)
        unit.session.flush()
        return order

    def record(self, mandate: MandateRow, ref: InstalmentRef, amount: Fen, code: str) -> DebitAttemptRow:
        """Notes a result as the bank reports it, also one that we did not ask for (a debit executed twice).

        Raises ``InvalidAmount``, ``InvalidText``, ``ContractNotFound``, ``InstalmentNotFound``.
        """
        check_amount(amount)
        check_text("result_code", code, 32)
        self.unit.own_contract(mandate.customer_id, ref.contract_no)
        self.unit.instalment(ref.contract_no, ref.instalment)
        return record_debit(self.unit, mandate, ref, amount, code)

    def _active_mandate(self, customer_id: str) -> MandateRow | None:
        return next((row for row in self.unit.repository.mandates(customer_id) if row.revoked_at is None), None)
