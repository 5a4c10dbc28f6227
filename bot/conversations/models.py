"""Tables of conversations: who talks where, the message log, and the queue for humans.

The log is the truth: a message is stored before it is used, and each gets the next ``seq`` of its conversation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial

PULLED = frozenset({"rest"})
"""Channels whose clients fetch the log themselves; on every other one we send each message (bot/conversations/outbox)."""
PLATFORM_AGENT = "platform"
"""The ``agent_id`` of colleagues who answer in a platform's own client (bot/conversations/platform_people.py)."""
_IN_WORK = text("state = 'processing'")
_OPEN = text("state IN ('queued', 'assigned')")


class Conversation(Base):
    """One person on one channel. ``id`` is the sender that Rasa sees; ``customer_id`` is empty for the anonymous."""

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("channel", "sender", "customer_id"),
        CheckConstraint("owner IN ('bot', 'queue', 'agent')", name="owner"),
        CheckConstraint("(owner = 'agent') = (agent_id IS NOT NULL)", name="agent"),
        CheckConstraint("(turn_holder IS NULL) = (turn_until IS NULL)", name="turn"),
        CheckConstraint("last_seq >= 0", name="last_seq"),
        Index(None, "customer_id"),
        Index(None, "owner"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    sender: Mapped[str] = mapped_column(String(128))
    customer_id: Mapped[str] = mapped_column(String(64), default="")
    owner: Mapped[str] = mapped_column(String(8), default="bot")
    agent_id: Mapped[str | None] = mapped_column(String(32))
    last_seq: Mapped[int] = mapped_column(default=0)
    turn_holder: Mapped[str | None] = mapped_column(String(32))
    """Which worker has a message of this conversation at Rasa; at most one, until ``turn_until``."""
    turn_until: Mapped[datetime | None]
    agent_read_seq: Mapped[int] = mapped_column(default=0, server_default="0")
    """Up to here the agent who owns the conversation has read."""
    created_at: Mapped[datetime]


class Message(Base):
    """One entry of the log.

    Incoming: received → processing → answered | failed. Outgoing: queued → sent → delivered → read, or failed (dead letter).
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        UniqueConstraint("conversation_id", "direction", "external_id"),
        CheckConstraint("author IN ('borrower', 'bot', 'agent', 'system')", name="author"),
        CheckConstraint("(direction = 'in') = (author = 'borrower')", name="direction_of_author"),
        CheckConstraint(
            "(direction = 'in' AND state IN ('received', 'processing', 'answered', 'failed'))"
            " OR (direction = 'out' AND state IN ('queued', 'sent', 'delivered', 'read', 'failed'))",
            name="state",
        ),
        CheckConstraint("seq >= 1", name="seq"),
        Index("ix_messages_processing", "conversation_id", sqlite_where=_IN_WORK, postgresql_where=_IN_WORK),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    seq: Mapped[int]
    direction: Mapped[str] = mapped_column(String(3))
    author: Mapped[str] = mapped_column(String(8))
    external_id: Mapped[str | None] = mapped_column(String(128))
    """The client's own id of the message; it makes a retry safe."""
    text: Mapped[str | None] = mapped_column(Text)
    """As it came, except one-time codes, which are kept as ``******``."""
    shown_text: Mapped[str | None] = mapped_column(Text)
    """The title of the pressed button, when ``text`` is its payload."""
    buttons: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    custom: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    state: Mapped[str] = mapped_column(String(12))
    reply_to: Mapped[int | None]
    """``seq`` of the incoming message that this answers."""
    attempt: Mapped[int] = mapped_column(default=0)
    """Incoming: how often Rasa was asked. Outgoing: to which of these attempts it belongs."""
    rasa_text: Mapped[str | None] = mapped_column(Text)
    """What Rasa is asked instead of ``text``."""
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    """Keyed hash of the text as it came: tells a retry from a reused ``message_id``."""
    failure: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime]


class HandoffRequest(Base):
    """A borrower waiting for, or served by, a human. At most one open per conversation."""

    __tablename__ = "handoff_requests"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'assigned', 'closed')", name="state"),
        CheckConstraint("state <> 'assigned' OR (agent_id IS NOT NULL AND assigned_at IS NOT NULL)", name="assigned"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        Index(None, "state", "priority", "requested_at"),
        Index(
            "uq_handoff_requests_open_conversation_id", "conversation_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    reason: Mapped[str] = mapped_column(String(64))
    priority: Mapped[int]
    state: Mapped[str] = mapped_column(String(8))
    agent_id: Mapped[str | None] = mapped_column(String(32))
    case_no: Mapped[str | None] = mapped_column(String(40))
    due_case_no: Mapped[str | None] = mapped_column(String(40))
    """The case whose near deadline lets the borrower go before others; ``case_no`` is what they came about."""
    offline: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Asked for outside office hours: queued, but the bot goes on until an agent claims the conversation."""
    for_agent: Mapped[str | None] = mapped_column(String(32))
    """Transferred to this colleague, who has not taken it yet; anybody may."""
    previous_agent: Mapped[str | None] = mapped_column(String(32))
    """Who passed it on, or left the borrower alone: assigned to them again only when nobody else fits."""
    requested_at: Mapped[datetime]
    assigned_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class InternalNote(Base):
    """What agents tell each other about a conversation; the borrower never sees it."""

    __tablename__ = "internal_notes"

    id: Mapped[Serial]
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"), index=True)
    agent_id: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime]


class Rating(Base):
    """How the borrower found the help of a human, once for each handoff."""

    __tablename__ = "ratings"
    __table_args__ = (CheckConstraint("score BETWEEN 1 AND 5", name="score"), Index(None, "rated_at"))

    id: Mapped[Serial]
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    handoff_id: Mapped[int] = mapped_column(ForeignKey("handoff_requests.id"), unique=True)
    agent_id: Mapped[str | None] = mapped_column(String(32))
    score: Mapped[int]
    comment: Mapped[str | None] = mapped_column(Text)
    rated_at: Mapped[datetime]
