"""Scheduled repayment (预约还款, product §1 fact 4): taken on the chosen day, posted to the contract on the due date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bot.loans.errors import NotCancellable, NotSchedulable, ScheduledNotFound
from bot.loans.models import ScheduledRepaymentRow
from bot.loans.payments import PaymentService
from bot.loans.port import InstalmentRef, ScheduleReason, ScheduleWindow
from bot.loans.position import Position, positions
from bot.loans.servicing.channel import PaymentChannel
from bot.loans.servicing.models import ChannelOrderRow
from bot.loans.servicing.orders import OrderService
from bot.loans.unit import Unit

OPENS_DAYS_BEFORE_DUE = 10


class ScheduledRepaymentService:
    """Window, scheduling, cancelling, and the two daily runs."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.payments = PaymentService(unit)

    def window(self, customer_id: str, contract_no: str) -> ScheduleWindow:
        """Whether and when the current instalment may be scheduled. Raises ``ContractNotFound``."""
        unit = self.unit
        contract = unit.own_contract(customer_id, contract_no)
        today = unit.clock.today()
        stand = positions(unit.repository.books([contract])[0], today)
        current = next((position for position in stand if not position.settled), None)
        if current is None:
            return ScheduleWindow(contract_no, 0, 0, None, None, None, None, eligible=False, reason="settled")
        opens_on = current.due_on - timedelta(days=OPENS_DAYS_BEFORE_DUE)
        reason = self._refusal(contract_no, current, opens_on, today)
        return ScheduleWindow(
            contract_no=contract_no,
            instalment=current.number,
            amount=current.total_at_due,
            due_on=current.due_on,
            opens_on=opens_on,
            first_day=max(today, opens_on),
            last_day=max(today, current.due_on),
            eligible=reason is None,
            reason=reason,
        )

    def _refusal(self, contract_no: str, current: Position, opens_on: date, today: date) -> ScheduleReason | None:
        repository = self.unit.repository
        if current.due_on < today:
            return "overdue"
        if repository.live_schedule(contract_no, current.number) is not None:
            return "already_scheduled"
        if repository.processing_for([InstalmentRef(contract_no, current.number)]):
            return "payment_processing"
        return "too_early" if today < opens_on else None

    def schedule(self, customer_id: str, contract_no: str, execute_on: date, *, key: str) -> ScheduledRepaymentRow:
        """Errors as in ``LoanBackend.schedule_repayment``."""
        unit, operation = self.unit, "schedule_repayment"
        parameters = {"customer_id": customer_id, "contract_no": contract_no, "execute_on": execute_on.isoformat()}
        unit.lock(customer_id)
        earlier = unit.earlier_result(key, operation, parameters)
        if earlier is not None:
            return self._scheduled(earlier)
        window = self.window(customer_id, contract_no)
        if not window.eligible or window.first_day is None or window.last_day is None or window.due_on is None:
            raise _not_schedulable(window, window.reason)
        if not window.first_day <= execute_on <= window.last_day:
            raise _not_schedulable(window, "outside_window")
        row = ScheduledRepaymentRow(
            scheduled_no=unit.new_number("S"),
            customer_id=customer_id,
            contract_no=contract_no,
            instalment=window.instalment,
            amount=window.amount,
            execute_on=execute_on,
            posts_on=window.due_on,
            status="scheduled",
            created_at=unit.clock.now(),
        )
        unit.session.add(row)
        unit.remember(key, operation, parameters, row.scheduled_no)
        return row

    def cancel(self, customer_id: str, scheduled_no: str, *, key: str) -> ScheduledRepaymentRow:
        """Errors as in ``LoanBackend.cancel_scheduled_repayment``."""
        unit, operation = self.unit, "cancel_scheduled_repayment"
        parameters = {"customer_id": customer_id, "scheduled_no": scheduled_no}
        unit.lock(customer_id)
        if unit.earlier_result(key, operation, parameters) is not None:
            return self._scheduled(scheduled_no)
        row = self._scheduled(scheduled_no)
        if row.customer_id != customer_id:
            raise ScheduledNotFound(f"no scheduled repayment {scheduled_no} of {customer_id}")
        if row.status != "scheduled" or row.payment_no is not None:  # the order to take it is on its way to the bank
            raise NotCancellable(f"{scheduled_no} is {row.status}", status=row.status)
        row.status = "cancelled"
        unit.remember(key, operation, parameters, scheduled_no)
        return row

    def take_due(self, channel: PaymentChannel) -> Sequence[ScheduledRepaymentRow]:
        """Takes the money of everything planned for today or earlier, all at once: for replayed history and tests."""
        rows = self.unit.repository.schedules_to_take(self.unit.clock.today())
        for row in rows:
            order = self.order(row.scheduled_no)
            if order is not None:
                OrderService(self.unit).run_now(order.order_no, channel)
        return rows

    def to_take(self) -> list[str]:
        """Numbers of the scheduled repayments whose day has come."""
        return [row.scheduled_no for row in self.unit.repository.schedules_to_take(self.unit.clock.today())]

    def order(self, scheduled_no: str) -> ChannelOrderRow | None:
        """The order that takes the money; a schedule whose instalment was paid meanwhile ends without one.

        Of one that was paid in part meanwhile it takes what is left, and never more than the borrower agreed to.
        ``None`` also when it was cancelled or ordered before. Raises ``ScheduledNotFound``.
        """
        unit = self.unit
        unit.lock(self._scheduled(scheduled_no).customer_id)
        row = self._scheduled(scheduled_no)
        if row.status != "scheduled" or row.payment_no is not None:
            return None
        left = self._position(row).total_at_due
        if left == 0:
            row.status = "cancelled"
            return None
        ref = InstalmentRef(row.contract_no, row.instalment)
        if unit.repository.processing_for([ref]):
            return None  # the borrower is paying it by themselves; the next run sees how that ended
        row.amount = min(row.amount, left)
        payment = self.payments.record(row.customer_id, row.amount, [ref], kind="scheduled", status="created")
        row.payment_no = payment.payment_no
        return self.payments.order(payment, ref)

    def to_post(self) -> list[str]:
        """Numbers of the scheduled repayments that were taken and whose due date has come."""
        return [row.scheduled_no for row in self.unit.repository.schedules_to_post(self.unit.clock.today())]

    def post_due(self) -> Sequence[ScheduledRepaymentRow]:
        """Posts everything taken whose due date has come."""
        return [self.post(scheduled_no) for scheduled_no in self.to_post()]

    def post(self, scheduled_no: str) -> ScheduledRepaymentRow:
        """Posts one, with the value of its due date. Repeating it changes nothing. Raises ``ScheduledNotFound``."""
        unit = self.unit
        unit.lock(self._scheduled(scheduled_no).customer_id)
        row = self._scheduled(scheduled_no)
        if row.status != "taken":
            return row
        payment = unit.repository.payment(row.payment_no or "")
        if payment is None:
            raise LookupError(f"{row.scheduled_no} was taken without a payment")
        self.payments.finish(payment, row.posts_on)
        row.status = "posted"
        unit.session.flush()
        return row

    def _position(self, row: ScheduledRepaymentRow) -> Position:
        book = self.unit.repository.books([self.unit.any_contract(row.contract_no)])[0]
        return positions(book, self.unit.clock.today())[row.instalment - 1]

    def _scheduled(self, scheduled_no: str) -> ScheduledRepaymentRow:
        row = self.unit.repository.scheduled(scheduled_no)
        if row is None:
            raise ScheduledNotFound(f"no scheduled repayment {scheduled_no}")
        return row


def _not_schedulable(window: ScheduleWindow, reason: str | None) -> NotSchedulable:
    return NotSchedulable(
        f"{window.contract_no} cannot be scheduled: {reason}",
        reason=reason,
        opens_on=window.opens_on,
        first_day=window.first_day,
        last_day=window.last_day,
    )
