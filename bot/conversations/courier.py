"""Delivers notifications (bot/notifications): into the borrower's conversation, or by SMS when they have none.

A word is written into the log in the same transaction that marks it delivered, so it stands there once, whatever is killed. An
SMS goes out between two transactions under the notification's key, which the sender honours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from bot.conversations.models import Conversation
from bot.conversations.repository import ConversationRepository
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.guard import Guard
from bot.core.texts import Text
from bot.loans.backends import LoanBackends
from bot.loans.servicing.channel import ChannelTimeout
from bot.loans.servicing.notices import NoticeSender
from bot.notifications.models import NotificationRow
from bot.notifications.repository import NotificationRepository

BATCH = 200
"""Notifications of one round."""
MAX_ATTEMPTS = 8
FIRST_PAUSE = timedelta(seconds=30)
"""Doubles with each attempt, so the eighth comes about an hour after the first."""

log = structlog.get_logger(__name__)


class Courier:
    """Any number of them may run at once."""

    def __init__(
        self, database: Database, clock: Clock, texts: Mapping[str, Text], sender: NoticeSender, loans: LoanBackends
    ) -> None:
        self._database = database
        self._clock = clock
        self._texts = texts
        self._sender = sender
        self._loans = loans
        self.guard = Guard()

    def round(self) -> dict[str, int]:
        """How many were delivered; what broke is logged, counted under ``errors`` and tried again next round."""
        self.guard.reset()
        with self._database.transaction() as session:
            due = list(NotificationRepository(session).due(self._clock.now(), BATCH))
        delivered = 0
        for notification_id in due:
            with self.guard.item("notification", notification_id):
                delivered += self._deliver(notification_id)
        return {"delivered": delivered, "errors": self.guard.errors}

    def _deliver(self, notification_id: int) -> bool:
        with self._database.transaction() as session:
            row = NotificationRepository(session).lock_pending(notification_id)
            if row is None:
                return False
            conversation = self._conversation(session, row)
            if conversation is not None:
                self._into_log(session, conversation, row)
                return True
            if row.customer_id is None:
                self._settle(row, failure="conversation_gone")
                return False
            phone = self._loans.open(session).customer(row.customer_id).phone
            key, text = row.key, self._texts["notification_sms"].render(text=self._render(row))
        return self._by_sms(notification_id, key, phone, text)

    def _conversation(self, session: Session, row: NotificationRow) -> Conversation | None:
        """The one that is named, else the customer's latest; locked."""
        repository = ConversationRepository(session)
        if row.conversation_id is not None:
            named = repository.get(row.conversation_id, lock=True)
            if named is not None:
                return named
        latest = repository.latest_of_customer(row.customer_id) if row.customer_id else None
        return repository.get(latest, lock=True) if latest else None

    def _into_log(self, session: Session, conversation: Conversation, row: NotificationRow) -> None:
        """In the bot's name, or the system's while a human has the conversation."""
        repository, now = ConversationRepository(session), self._clock.now()
        text = self._texts[row.text_key]
        first, *others = [*row.cards, None][: max(1, len(row.cards))]
        buttons = [button.as_dict() for button in text.buttons] or None
        messages: list[dict[str, Any]] = [{"text": self._render(row), "buttons": buttons, "custom": first}]
        messages += [{"custom": card} for card in others]
        author = "bot" if conversation.owner == "bot" else "system"
        for number, message in enumerate(messages):
            external_id = f"notification:{row.id}:{number}"
            repository.append(
                conversation.id, now, direction="out", author=author, state="queued", external_id=external_id, **message
            )
        self._settle(row, via="chat")

    def _by_sms(self, notification_id: int, key: str, phone: str, text: str) -> bool:
        try:
            delivery = self._sender.send(key, phone, text)
        except ChannelTimeout:
            delivery = "pending"
        with self._database.transaction() as session:
            row = NotificationRepository(session).lock_pending(notification_id)
            if row is None:
                return False
            if delivery == "delivered":
                self._settle(row, via="sms")
            elif delivery == "failed":
                self._settle(row, failure="sms_failed")
            else:
                self._again(row)
        return delivery == "delivered"

    def _settle(self, row: NotificationRow, *, via: str | None = None, failure: str | None = None) -> None:
        row.attempts += 1
        row.state, row.via, row.failure = ("failed" if failure else "delivered"), via, failure
        row.delivered_at = None if failure else self._clock.now()
        if failure:
            log.warning("notification_failed", key=row.key, failure=failure)

    def _again(self, row: NotificationRow) -> None:
        """Later, and at last among the dead letters."""
        row.next_try_at = self._clock.now() + FIRST_PAUSE * 2**row.attempts
        row.attempts += 1
        if row.attempts >= MAX_ATTEMPTS:
            row.state, row.failure = "failed", "no_answer"
            log.warning("notification_failed", key=row.key, failure=row.failure)

    def _render(self, row: NotificationRow) -> str:
        return self._texts[row.text_key].render(**row.text_values)
