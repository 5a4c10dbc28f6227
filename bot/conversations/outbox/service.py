"""What people see of the outbox: messages that wait, and the dead letters. Never commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot.conversations.errors import DeliveryNotFound
from bot.conversations.outbox.repository import OutboxRepository
from bot.core.clock import Clock


@dataclass(frozen=True)
class Unsent:
    """A message that the borrower has not got.

    ``waits_for``: ``quota`` (until they write again), ``retry`` or ``authorisation``.
    """

    seq: int
    state: str
    waits_for: str | None
    attempts: int
    next_try_at: datetime | None
    failure: str | None


@dataclass(frozen=True)
class LostMessage:
    """A message that was given up. ``number`` retries it."""

    number: int
    conversation_id: str
    channel: str
    customer_id: str | None
    created_at: datetime
    attempts: int
    failure: str


class DeliveryService:
    MOST = 200

    def __init__(self, session: Session, clock: Clock) -> None:
        self._repository = OutboxRepository(session)
        self._clock = clock

    def unsent(self, conversation_id: str) -> list[Unsent]:
        """Oldest first."""
        return [
            Unsent(
                message.seq,
                delivery.state,
                delivery.waits_for,
                delivery.attempts,
                delivery.next_try_at if delivery.state == "queued" else None,
                delivery.failure,
            )
            for delivery, message in self._repository.unsent_of(conversation_id)
        ]

    def lost(self) -> list[LostMessage]:
        """The dead letters, newest first."""
        return [
            LostMessage(
                delivery.message_id,
                delivery.conversation_id,
                delivery.channel,
                customer_id or None,
                delivery.created_at,
                delivery.attempts,
                delivery.failure or "unknown",
            )
            for delivery, customer_id in self._repository.failed(self.MOST)
        ]

    def retry(self, number: int) -> str:
        """Sent again at once, behind nothing: what came after it has been read already. The conversation.

        Raises ``DeliveryNotFound``.
        """
        delivery = self._repository.lock(number)
        if delivery is None or delivery.state != "failed":
            raise DeliveryNotFound("no lost message has this number")
        delivery.failure, delivery.attempts, delivery.next_try_at = None, 0, self._clock.now()
        self._repository.set_state(delivery, "queued")
        return delivery.conversation_id

    def reached(self, channel: str, platform_id: str, state: str) -> bool:
        """A receipt of the platform (``delivered``, ``read``); says whether it was news."""
        return self._repository.reached(channel, platform_id, state)

    def refused_later(self, channel: str, platform_id: str, failure: str) -> bool:
        """The platform takes back that it took a message: a dead letter (``failure``: a short code). Whether that was news."""
        return self._repository.refused_later(channel, platform_id, failure)
