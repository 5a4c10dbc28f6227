"""Conversations: whose they are, and their log as borrower and agent read it. Never commits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy.orm import Session

from bot.conversations.errors import ConversationNotFound
from bot.conversations.models import Conversation, Message
from bot.conversations.repository import ConversationRepository
from bot.core.clock import Clock
from bot.identity.step_up import is_granted

Level = Literal["anonymous", "identified", "stepped_up"]
Owner = Literal["bot", "queue", "agent"]
Author = Literal["borrower", "bot", "agent", "system"]

PAGE = 200
"""At most so many messages of the log at once."""

MINTED_SENDER = re.compile(r"v-[0-9a-f]{32}")
"""Senders that we hand out to visitors. They work only with a token, so knowing one is not enough to speak for it."""


@dataclass(frozen=True)
class ConversationContext:
    """The truth about a conversation, whatever Rasa or the caller says."""

    conversation_id: str
    channel: str
    customer_id: str | None
    level: Level
    owner: Owner


@dataclass(frozen=True)
class LogEntry:
    """One message of the log as people read it: a pressed button shows its title."""

    id: int
    seq: int
    author: Author
    at: datetime
    text: str | None
    buttons: list[dict[str, str]] | None
    custom: dict[str, Any] | None
    client_id: str | None
    state: str

    @classmethod
    def of(cls, message: Message) -> LogEntry:
        return cls(
            id=message.id,
            seq=message.seq,
            author=cast(Author, message.author),
            at=message.created_at,
            text=message.text if message.shown_text is None else message.shown_text,
            buttons=message.buttons,
            custom=message.custom,
            client_id=message.external_id if message.direction == "in" else None,
            state=message.state,
        )


@dataclass(frozen=True)
class LogPage:
    """``last_seq``: ask for what comes after it. Below the asked ``after`` only if the log is shorter than that."""

    conversation_id: str | None
    entries: tuple[LogEntry, ...]
    last_seq: int
    owner: Owner


EMPTY_PAGE = LogPage(None, (), 0, "bot")
"""What the owner of a sender sees before the first message."""


class ConversationService:
    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._repository = ConversationRepository(session)
        self._clock = clock

    def context(self, conversation_id: str) -> ConversationContext:
        """Raises ``ConversationNotFound``."""
        row = self._repository.get(conversation_id)
        if row is None:
            raise ConversationNotFound("no such conversation")
        return ConversationContext(row.id, row.channel, row.customer_id or None, self._level(row), cast(Owner, row.owner))

    def open(self, channel: str, sender: str, customer_id: str, *, adopt_anonymous: bool = False) -> Conversation:
        """The conversation of this key, made when it is new, locked until commit.

        ``adopt_anonymous``: the caller has proved to be the visitor behind ``sender``, so on the first message after
        login the visitor's conversation becomes the customer's and keeps its context.
        """
        row = self._repository.find(channel, sender, customer_id, lock=True)
        if row is not None:
            return row
        if customer_id and adopt_anonymous:
            anonymous = self._repository.find(channel, sender, "", lock=True)
            if anonymous is not None:
                anonymous.customer_id = customer_id
                self._session.flush()
                return anonymous
        return self._repository.create(channel, sender, customer_id, self._clock.now())

    def page(self, channel: str, sender: str, customer_id: str, after: int) -> LogPage:
        """What the person behind (sender, customer) has not read yet; empty before the first message.

        Raises ``ConversationNotFound`` when the sender belongs to another customer.
        """
        row = self._repository.find(channel, sender, customer_id)
        if row is None:
            if customer_id and self._repository.sender_belongs_to_another(channel, sender, customer_id):
                raise ConversationNotFound("no such conversation")
            return EMPTY_PAGE
        return self._page(row, after)

    def page_by_id(self, conversation_id: str, after: int = 0) -> LogPage:
        """The log for an agent. Raises ``ConversationNotFound``."""
        row = self._repository.get(conversation_id)
        if row is None:
            raise ConversationNotFound("no such conversation")
        return self._page(row, after)

    def mark_sent(self, message_ids: list[int]) -> None:
        """The client has them."""
        self._repository.mark_sent(message_ids)

    def _page(self, row: Conversation, after: int) -> LogPage:
        entries = tuple(LogEntry.of(message) for message in self._repository.after(row.id, after, PAGE))
        last_seq = entries[-1].seq if entries else min(after, row.last_seq)
        return LogPage(row.id, entries, last_seq, cast(Owner, row.owner))

    def _level(self, row: Conversation) -> Level:
        if not row.customer_id:
            return "anonymous"
        return "stepped_up" if is_granted(self._session, self._clock, row.id, row.customer_id) else "identified"
