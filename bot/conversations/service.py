"""Conversations: whose they are, and their log as borrower and agent read it. Never commits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.conversations.errors import ConversationNotFound
from bot.conversations.models import Conversation, Message
from bot.conversations.repository import ConversationRepository, HandoffRepository
from bot.core.clock import Clock
from bot.core.origin import Actor
from bot.identity.step_up import is_granted

Level = Literal["anonymous", "identified", "stepped_up"]
Owner = Literal["bot", "queue", "agent"]
Author = Literal["borrower", "bot", "agent", "system"]

Seen = tuple[Owner, int, int | None]
"""``LogPage.seen()``."""

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
    """One message of the log as people read it: a pressed button shows its title.

    ``client_id``: under which the borrower's or the agent's own page sent it.
    """

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
            client_id=message.external_id if message.author in ("borrower", "agent") else None,
            state=message.state,
        )


@dataclass(frozen=True)
class LogPage:
    """``last_seq``: ask for what comes after it. Below the asked ``after`` only if the log is shorter than that.

    ``agent_read_seq``: up to there the human who owns the conversation has read. ``queue_position``: 1 for the next to be served,
    ``None`` unless a human is waited for.
    """

    conversation_id: str | None
    entries: tuple[LogEntry, ...]
    last_seq: int
    owner: Owner
    agent_read_seq: int = 0
    queue_position: int | None = None

    def seen(self) -> Seen:
        """What may change without a new message."""
        return self.owner, self.agent_read_seq, self.queue_position


EMPTY_PAGE = LogPage(None, (), 0, "bot")
"""What the owner of a sender sees before the first message."""


class ConversationService:
    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._repository = ConversationRepository(session)
        self._handoffs = HandoffRepository(session)
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
                subject = Subject(anonymous.id, customer_id=customer_id)
                AuditTrail(self._session, self._clock).record("conversation.bound", Actor("customer", customer_id), subject)
                return anonymous
        return self._repository.create(channel, sender, customer_id, self._clock.now())

    def page(self, channel: str, sender: str, customer_id: str, after: int, *, before: int | None = None) -> LogPage:
        """What the person behind (sender, customer) has not read yet; empty before the first message.

        With ``before``: the last messages before that ``seq``, whatever ``after`` is.

        A sender is the client's own label. That another customer uses it too makes no difference, which would give them away.
        """
        row = self._repository.find(channel, sender, customer_id)
        if row is None:
            return EMPTY_PAGE
        return self._page(row, after, before)

    def page_by_id(self, conversation_id: str, after: int = 0, *, before: int | None = None) -> LogPage:
        """The log for an agent, as ``page``. Raises ``ConversationNotFound``."""
        row = self._repository.get(conversation_id)
        if row is None:
            raise ConversationNotFound("no such conversation")
        return self._page(row, after, before)

    def take_receipts(self, sent: Iterable[int], reached: Mapping[str, tuple[int, int]]) -> None:
        """``sent``: messages that a client has taken. ``reached``: for a conversation, up to which seq the borrower's client
        holds the log, and up to which the borrower saw it.
        """
        if sent:
            self._repository.mark_sent(sorted(sent))
        for conversation_id, (delivered, read) in sorted(reached.items()):
            if delivered > read:
                self._repository.mark_reached(conversation_id, delivered, "delivered", ("queued", "sent"))
            if read:
                self._repository.mark_reached(conversation_id, read, "read", ("queued", "sent", "delivered"))

    def _page(self, row: Conversation, after: int, before: int | None) -> LogPage:
        """Whoever is up to date costs one query, and two more while they wait for a human."""
        if before is not None:
            messages = self._repository.before(row.id, before, PAGE)
            last_seq = min(before - 1, row.last_seq)
        else:
            messages = self._repository.after(row.id, after, PAGE) if row.last_seq > after else ()
            last_seq = messages[-1].seq if messages else min(after, row.last_seq)
        entries = tuple(LogEntry.of(message) for message in messages)
        position = self._handoffs.place_of(row.id) if row.owner == "queue" else None
        return LogPage(row.id, entries, last_seq, cast(Owner, row.owner), row.agent_read_seq, position)

    def _level(self, row: Conversation) -> Level:
        if not row.customer_id:
            return "anonymous"
        return "stepped_up" if is_granted(self._session, self._clock, row.id, row.customer_id) else "identified"
