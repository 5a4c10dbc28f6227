"""The bank's reports: each signed message (``bot.core.signing``) once, booked in the transaction that marks it.

OrderNotFound (404)            no order of ours has this number; the report is kept for a person
"""

from __future__ import annotations

from sqlalchemy import delete

from bot.core.errors import NotFound
from bot.core.signing import NONCES_KEPT, CallbackReplayed
from bot.loans.servicing.channel import ChannelEvent
from bot.loans.servicing.models import CallbackNonceRow, ChannelEventRow
from bot.loans.servicing.orders import OrderService, Outcome
from bot.loans.unit import Unit, insert_once


class OrderNotFound(NotFound):
    code = "payment_order_not_found"


class CallbackService:
    """Over one unit of work; the message's mark and what it books are committed together."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def receive(self, event: ChannelEvent, nonce: str) -> Outcome:
        """Books the report of a message whose signature was checked.

        Raises ``CallbackReplayed``, ``IdempotencyConflict`` (the event reported something else before), ``InvalidText``.
        """
        if not insert_once(self.unit.session, CallbackNonceRow, {"nonce": nonce, "received_at": self.unit.clock.now()}):
            raise CallbackReplayed("this message came before")
        outcome = OrderService(self.unit).receive(event)
        if outcome == "repeated" and self._was_of_unknown_order(event.event_id):
            return "unknown_order"
        return outcome

    def forget(self) -> int:
        """Deletes marks that protect nothing any more; returns how many."""
        row = CallbackNonceRow
        old = delete(row).where(row.received_at < self.unit.clock.now() - NONCES_KEPT)
        return self.unit.session.connection().execute(old).rowcount

    def _was_of_unknown_order(self, event_id: str) -> bool:
        known = self.unit.session.get(ChannelEventRow, event_id)
        return known is not None and known.outcome == "unknown_order"
