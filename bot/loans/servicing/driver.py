"""Carries orders to the bank and its answers back. The one place where a transaction ends before the bank is called.

For each order: commit "being sent" → call → commit the answer. Whoever dies between two of these finds the order in
``processing`` afterwards and asks the bank about it; the order number makes sending it again harmless.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from sqlalchemy import ColumnElement, and_, or_, select

from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.guard import Guard
from bot.core.money import Fen
from bot.loans.models import RefundRow
from bot.loans.posting import Posting
from bot.loans.servicing.channel import ChannelEvent, ChannelResult, ChannelTimeout, PaymentChannel
from bot.loans.servicing.models import ChannelOrderRow
from bot.loans.servicing.orders import OrderService, Outcome, log_outcome
from bot.loans.servicing.policy import Policy
from bot.loans.unit import Unit

BATCH = 500
"""Orders looked at in one round; the next round takes the rest."""
log = structlog.get_logger(__name__)


class ChannelDriver:
    """Sends, asks, and hears the bank; several drivers may run at once, the customer's lock puts them in order."""

    def __init__(self, database: Database, clock: Clock, channel: PaymentChannel, policy: Policy) -> None:
        self.database = database
        self.clock = clock
        self.channel = channel
        self.policy = policy
        self.guard = Guard()

    def send_created(self) -> int:
        """Sends what has not been sent yet; returns how many orders."""
        numbers = self._numbers("created")
        for number in numbers:
            with self.guard.item("send", number):
                self._send(number)
        return len(numbers)

    def poll(self) -> int:
        """Asks about orders without an answer, the older the more seldom; returns how many were asked about."""
        numbers = self._to_ask_about()
        for number in numbers:
            with self.guard.item("poll", number):
                self._ask(number)
        return len(numbers)

    def _ask(self, order_no: str) -> None:
        try:
            result = self.channel.query(order_no)
        except ChannelTimeout:
            log.info("bank_timeout", order_no=order_no, call="query")
            self._note_asked(order_no)
            return
        if result.state == "unknown":
            self._send(order_no, lost=True)
        else:
            self.apply(result)

    def receive(self, events: Iterable[ChannelEvent]) -> list[Outcome]:
        """Callbacks, each in a transaction of its own; what they did, in their order."""
        return [self._receive(event) for event in events]

    def apply(self, result: ChannelResult) -> Outcome:
        """Books what the bank says of one order."""
        with self.database.transaction() as session:
            outcome = OrderService(Unit(session, self.clock)).apply(result)
        log_outcome(result, outcome)
        return outcome

    def pay_refunds(self) -> int:
        """Pays out the refunds that are due, those first that were never tried; returns how many."""
        with self.database.transaction() as session:
            pending = Unit(session, self.clock).repository.refunds_to_pay(BATCH)
            refunds = [(row.refund_no, row.customer_id, row.amount) for row in pending]
        paid = 0
        for refund_no, customer_id, amount in refunds:
            with self.guard.item("pay_out", refund_no):
                paid += self._pay_out(refund_no, customer_id, amount)
        return paid

    def _pay_out(self, refund_no: str, customer_id: str, amount: Fen) -> bool:
        if not self._claim_refund(refund_no):
            return False
        try:
            self.channel.pay_out(refund_no, customer_id, amount)
        except ChannelTimeout:
            log.info("bank_timeout", refund_no=refund_no, call="pay_out")
            return False
        return self._note_paid(refund_no)

    def _claim_refund(self, refund_no: str) -> bool:
        """Notes that the bank is about to be asked, so that nobody cancels what it may have paid; ``False``: not owed now."""
        with self.database.transaction() as session:
            refund = self._locked_refund(Unit(session, self.clock), refund_no)
            if refund.status == "paid" or refund.cancelled_at is not None:
                return False
            refund.tried_at = self.clock.now()
            return True

    def _note_paid(self, refund_no: str) -> bool:
        with self.database.transaction() as session:
            unit = Unit(session, self.clock)
            refund = self._locked_refund(unit, refund_no)
            if refund.status == "paid":
                return False
            if refund.cancelled_at is not None:
                # Something outside the driver cancelled it while the bank paid it: a person has to get the money back.
                log.error("refund_paid_after_cancellation", refund_no=refund_no)
            Posting(unit).pay_refund(refund)
            return True

    def _locked_refund(self, unit: Unit, refund_no: str) -> RefundRow:
        refund = unit.repository.refund(refund_no)
        if refund is None:
            raise LookupError(f"refund {refund_no} is gone")
        unit.lock(refund.customer_id)
        return refund

    def _send(self, order_no: str, *, lost: bool = False) -> None:
        with self.database.transaction() as session:
            order = OrderService(Unit(session, self.clock)).claim(order_no, lost=lost)
        if order is None:
            return
        try:
            result = self.channel.submit(order)
        except ChannelTimeout:
            log.info("bank_timeout", order_no=order_no, call="submit")
            self._note_asked(order_no)
            return
        self.apply(result)

    def _note_asked(self, order_no: str) -> None:
        with self.database.transaction() as session:
            row = session.get(ChannelOrderRow, order_no)
            if row is not None:
                row.polled_at = self.clock.now()

    def _receive(self, event: ChannelEvent) -> Outcome:
        with self.database.transaction() as session:
            outcome = OrderService(Unit(session, self.clock)).receive(event)
        log_outcome(event.result, outcome)
        return outcome

    def _numbers(self, status: str) -> list[str]:
        row = ChannelOrderRow
        query = select(row.order_no).where(row.status == status).order_by(row.created_at, row.order_no).limit(BATCH)
        with self.database.transaction() as session:
            return list(session.scalars(query))

    def _to_ask_about(self) -> list[str]:
        """Orders whose time to be asked about has come, least recently asked first: silent old ones keep nobody waiting."""
        row = ChannelOrderRow
        query = select(row.order_no).where(row.status == "processing", or_(row.polled_at.is_(None), *self._due_steps()))
        query = query.order_by(row.polled_at.nulls_first(), row.created_at, row.order_no).limit(BATCH)
        with self.database.transaction() as session:
            return list(session.scalars(query))

    def _due_steps(self) -> list[ColumnElement[bool]]:
        """Per step of the policy: the order is of that age, and was asked about long enough ago."""
        row, now, youngest = ChannelOrderRow, self.clock.now(), None
        found: list[ColumnElement[bool]] = []
        for step in self.policy.polling:
            due = row.polled_at <= now - step.every
            if youngest is not None:
                due = and_(due, row.created_at <= now - youngest)
            if step.until is not None:
                due = and_(due, row.created_at > now - step.until)
            found.append(due)
            youngest = step.until
        return found
