"""``Notifications``: leave word for a borrower in the transaction of the deed that it is about. Never commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bot.core.clock import Clock
from bot.notifications.errors import DeadLetterNotFound
from bot.notifications.models import NotificationRow
from bot.notifications.repository import NotificationRepository


class Notifications:
    """``tell`` is idempotent by ``key``: the same deed done again leaves no second word."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._repository = NotificationRepository(session)
        self._clock = clock

    def state(self, key: str) -> str | None:
        """``pending``, ``delivered`` or ``failed``; ``None`` when no word was left under ``key``."""
        row = self._repository.by_key(key)
        return None if row is None else row.state

    def tell(
        self,
        text_key: str,
        values: Mapping[str, str],
        *,
        key: str,
        customer_id: str | None = None,
        conversation_id: str | None = None,
        cards: Sequence[Mapping[str, Any]] = (),
        case_no: str | None = None,
        not_before: datetime | None = None,
    ) -> bool:
        """Says whether it is new. It goes to ``conversation_id``, else to the customer's latest conversation, else by SMS.

        ``text_key`` names a text of data/answers/notifications.yml; ``values`` fills its placeholders.
        Raises ``ValueError`` when there is nobody to tell.
        """
        if customer_id is None and conversation_id is None:
            raise ValueError(f"notification {key} has no recipient")
        now = self._clock.now()
        row = NotificationRow(
            key=key,
            customer_id=customer_id,
            conversation_id=conversation_id,
            text_key=text_key,
            text_values=dict(values),
            cards=[dict(card) for card in cards],
            case_no=case_no,
            created_at=now,
            state="pending",
            attempts=0,
            next_try_at=max(now, not_before) if not_before else now,
        )
        return self._repository.add_once(row)

    def tell_all(self, words: Sequence[tuple[str, str, str, Mapping[str, str]]]) -> int:
        """``tell`` for many at once: (key, customer, text key, values) of each. How many are new."""
        now = self._clock.now()
        names = ("key", "customer_id", "text_key", "text_values", "cards", "created_at", "state", "attempts", "next_try_at")
        rows = [(*addressed, dict(values), [], now, "pending", 0, now) for *addressed, values in words]
        return self._repository.add_all(names, rows)


@dataclass(frozen=True)
class Letter:
    """A notification that was given up. ``failure``: a code."""

    number: int
    key: str
    customer_id: str | None
    case_no: str | None
    text_key: str
    created_at: datetime
    attempts: int
    failure: str


class DeadLetterService:
    """What could not be delivered, for a person to look at. Never commits."""

    MOST = 200

    def __init__(self, session: Session, clock: Clock) -> None:
        self._repository = NotificationRepository(session)
        self._clock = clock

    def all(self) -> list[Letter]:
        """Newest first."""
        return [_letter(row) for row in self._repository.failed(self.MOST)]

    def retry(self, number: int) -> None:
        """It is tried again at once, with all its attempts. Raises ``DeadLetterNotFound``."""
        row = self._repository.lock_failed(number)
        if row is None:
            raise DeadLetterNotFound("no dead letter has this number")
        row.state, row.failure, row.attempts, row.next_try_at = "pending", None, 0, self._clock.now()


def _letter(row: NotificationRow) -> Letter:
    return Letter(
        number=row.id,
        key=row.key,
        customer_id=row.customer_id,
        case_no=row.case_no,
        text_key=row.text_key,
        created_at=row.created_at,
        attempts=row.attempts,
        failure=row.failure or "unknown",
    )
