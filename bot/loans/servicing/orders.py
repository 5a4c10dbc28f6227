"""Orders to the bank: sending and what its answers do. Every step is one unit of work and may be repeated without effect.

An answer is applied by the order's state, never by how often or when it arrives, so repeated, late and overtaking reports end in
the same books as one clean run: ``settled`` outweighs ``failed`` (the money came), ``returned`` outweighs both.
"""

from __future__ import annotations

from typing import Literal, cast, get_args

import structlog

from bot.loans.codes import SUCCESS
from bot.loans.debit_records import record_debit
from bot.loans.errors import IdempotencyConflict
from bot.loans.models import DebitAttemptRow, MandateRow, ScheduledRepaymentRow
from bot.loans.payments import PaymentService
from bot.loans.port import InstalmentRef, PaymentKind
from bot.loans.position import positions
from bot.loans.servicing.channel import ChannelEvent, ChannelResult, ChannelState, ChannelTimeout, PaymentChannel, PaymentOrder
from bot.loans.servicing.models import ChannelEventRow, ChannelOrderRow
from bot.loans.unit import Unit, check_choice, check_text, insert_once

Outcome = Literal["applied", "repeated", "pending", "contradiction", "unknown_order"]
log = structlog.get_logger(__name__)


def log_outcome(result: ChannelResult, outcome: Outcome) -> None:
    """What a report came to, when a person has to look at it."""
    if outcome in {"contradiction", "unknown_order"}:
        log.error("bank_report_needs_a_person", order_no=result.order_no, state=result.state, outcome=outcome)


class OrderService:
    """Over one unit of work; ``driver.py`` puts the calls to the bank between units, never inside one."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.payments = PaymentService(unit)

    def claim(self, order_no: str, *, lost: bool = False) -> PaymentOrder | None:
        """Marks the order as being sent; ``None`` when it is not to be sent any more. Commit before sending it.

        ``lost``: the bank says that it never got the order. Time has passed since it was sent, so it is looked at anew.
        """
        order = self._locked(order_no)
        if order is None or order.status not in {"created", "processing"}:
            return None
        if (order.status == "created" or lost) and order.kind == "auto_debit" and not self._still_needed(order):
            order.status = "dropped"
            return None
        order.status, order.sent_times = "processing", order.sent_times + 1
        order.sent_at = order.sent_at or self.unit.clock.now()
        payment = self.unit.repository.payment(order_no)
        if payment is not None and payment.status == "created":
            payment.status = "processing"
        self.unit.session.flush()
        return PaymentOrder(
            order_no, cast(PaymentKind, order.kind), order.customer_id, order.amount, self._targets(order), order.sent_at
        )

    def _still_needed(self, order: ChannelOrderRow) -> bool:
        """Whether the debit has something to take, a mandate to do it, and no dispute about it.

        Before the first sending its amount is brought up to date. Afterwards it stays, because an order of this number may still
        reach the bank: when less is owed by then, the debit is given up, and the next run orders what is left.
        """
        unit, (ref,), today = self.unit, self._targets(order), self.unit.clock.today()
        row = unit.repository.instalment(ref.contract_no, ref.instalment)
        mandate = unit.session.get(MandateRow, order.mandate_no)
        if row is None or row.settled_on is not None or mandate is None or mandate.revoked_at is not None:
            return False
        if row.due_on < today and any(
            hold.released_on is None for hold in unit.repository.holds(ref.contract_no, ref.instalment)
        ):
            return False
        book = unit.repository.books([unit.any_contract(ref.contract_no)])[0]
        owed = positions(book, today)[ref.instalment - 1].total_due
        if order.status == "created":
            order.amount = owed
        return 0 < order.amount <= owed

    def receive(self, event: ChannelEvent) -> Outcome:
        """A callback. One that was received before changes nothing.

        Raises ``InvalidText``, ``InvalidChoice``, and ``IdempotencyConflict`` when the event reported something else before.
        """
        check_text("event_id", event.event_id, 80)
        result = event.result
        if self._received(event):
            return "repeated"
        outcome = self.apply(result)
        # Another worker may have noted the same callback while this one waited for the lock.
        if self._received(event):
            return "repeated"
        row = {
            "event_id": event.event_id,
            "order_no": result.order_no,
            "state": result.state,
            "result_code": result.code,
            "outcome": outcome,
            "received_at": self.unit.clock.now(),
        }
        # Of an unknown order nothing is locked: the same report may be noted by another process at this moment.
        noted = insert_once(self.unit.session, ChannelEventRow, row)
        return outcome if noted else "repeated"

    def _received(self, event: ChannelEvent) -> bool:
        known = self.unit.session.get(ChannelEventRow, event.event_id)
        if known is None:
            return False
        if (known.order_no, known.state, known.result_code) != (event.result.order_no, event.result.state, event.result.code):
            raise IdempotencyConflict(f"event {event.event_id!r} reported something else before")
        return True

    def apply(self, result: ChannelResult) -> Outcome:
        """Brings the books in line with what the bank says of an order.

        ``contradiction``: it calls failed what it settled before; the money came, so nothing changes and a person has to ask.
        Raises ``InvalidText``, ``InvalidChoice``: the bank's report is not of the port's form.
        """
        check_text("order_no", result.order_no, 40)
        check_choice("state", result.state, get_args(ChannelState))
        if result.code is not None:
            check_text("result_code", result.code, 32)
        order = self._locked(result.order_no)
        if order is None:
            return "unknown_order"
        order.polled_at = self.unit.clock.now()
        if result.state in {"processing", "unknown"}:
            return "pending"
        if order.status == result.state or (order.status == "returned" and result.state == "settled"):
            return "repeated"
        if result.state == "failed" and order.status in {"settled", "returned"}:
            return "contradiction"
        if result.state == "failed":
            self._failed(order, result.code or "SYS_ERROR")
        elif result.state == "settled":
            self._settled(order)
        else:
            if order.status != "settled":
                self._settled(order)
            self._returned(order, result.code or "BANK_RETURNED")
        order.status, order.result_code = result.state, result.code
        self.unit.session.flush()
        return "applied"

    def run_now(self, order_no: str, channel: PaymentChannel) -> None:
        """Claims, sends and applies in one unit of work: for replayed history and tests, where no process can die between."""
        order = self.claim(order_no)
        if order is None:
            return
        try:
            self.apply(channel.submit(order))
        except ChannelTimeout:
            return  # it stays in processing, to be asked about

    def _settled(self, order: ChannelOrderRow) -> None:
        payment = self.unit.repository.payment(order.order_no)
        if payment is None:
            self._record_debit(order, SUCCESS)
        elif payment.status == "failed":
            self.payments.money_after_failure(order.order_no)
        elif order.kind == "scheduled" and payment.status != "settled":
            self._schedule_of(order).status = "taken"
            if not self.unit.repository.live_postings(order.order_no, "receipt"):
                self.payments.posting.receive(payment, payment.value_on)
        else:
            self.payments.settle(order.order_no)

    def _failed(self, order: ChannelOrderRow, code: str) -> None:
        if order.kind == "auto_debit":
            self._record_debit(order, code)
            return
        if order.kind == "scheduled":
            self._schedule_of(order).status = "failed"
        self.payments.fail(order.order_no, code)

    def _returned(self, order: ChannelOrderRow, code: str) -> None:
        late = f"{order.order_no}-L"
        self.payments.give_back(late if self.unit.repository.payment(late) else order.order_no, code)
        if order.kind == "scheduled":
            self._schedule_of(order).status = "failed"

    def _record_debit(self, order: ChannelOrderRow, code: str) -> DebitAttemptRow:
        mandate = self.unit.session.get(MandateRow, order.mandate_no)
        if mandate is None:
            raise LookupError(f"{order.order_no} has no mandate")
        (ref,) = self._targets(order)
        at = order.sent_at or order.created_at
        return record_debit(self.unit, mandate, ref, order.amount, code, number=order.order_no, at=at)

    def _schedule_of(self, order: ChannelOrderRow) -> ScheduledRepaymentRow:
        row = self.unit.repository.schedule_of(order.order_no)
        if row is None:
            raise LookupError(f"{order.order_no} belongs to no scheduled repayment")
        return row

    def _targets(self, order: ChannelOrderRow) -> tuple[InstalmentRef, ...]:
        if order.contract_no is not None and order.instalment is not None:
            return (InstalmentRef(order.contract_no, order.instalment),)
        return tuple(self.unit.repository.targets([order.order_no])[order.order_no])

    def _locked(self, order_no: str) -> ChannelOrderRow | None:
        order = self.unit.repository.order(order_no)
        if order is not None:
            self.unit.lock(order.customer_id)
        return order
