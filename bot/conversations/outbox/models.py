"""Tables of the outbox: one delivery for each message to a platform, and each try to send a part of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial

_QUEUED = text("state = 'queued'")
_COUNTED = text("outcome <> 'refused'")


class Delivery(Base):
    """One message of the log on its way: queued → sent → delivered → read | failed (dead letter).

    Written in the transaction of the message. Messages to one ``address`` go out in the order of ``message_id``: while the first
    waits, the others wait behind it.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'sent', 'delivered', 'read', 'failed')", name="state"),
        CheckConstraint("waits_for IS NULL OR waits_for IN ('retry', 'quota', 'authorisation')", name="waits_for"),
        CheckConstraint("waits_for IS NULL OR state = 'queued'", name="waiting"),
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failure"),
        CheckConstraint("(holder IS NULL) = (lease_until IS NULL)", name="lease"),
        Index("ix_deliveries_queued", "channel", "address", "message_id", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
        Index(None, "conversation_id", "message_id"),
        Index(None, "state", "message_id"),
    )

    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True, autoincrement=False)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    channel: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(String(128))
    """Whom the platform knows by this name: the conversation's ``sender``."""
    state: Mapped[str] = mapped_column(String(12), default="queued")
    waits_for: Mapped[str | None] = mapped_column(String(16))
    parts_sent: Mapped[int] = mapped_column(default=0)
    """A message that is longer than the platform allows goes out in parts."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Failed tries in a row."""
    next_try_at: Mapped[datetime]
    holder: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class DeliveryTry(Base):
    """One call of the platform. It is written before the call, so a process that dies in it has used up its share of the quota.

    under_way → taken | refused (the platform said no) | unknown (no answer: it may have been taken).
    """

    __tablename__ = "delivery_tries"
    __table_args__ = (
        CheckConstraint("outcome IN ('under_way', 'taken', 'refused', 'unknown')", name="outcome"),
        Index("ix_delivery_tries_counted", "channel", "address", "at", sqlite_where=_COUNTED, postgresql_where=_COUNTED),
        Index(None, "message_id"),
        Index(None, "channel", "platform_id"),
    )

    id: Mapped[Serial]
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    part: Mapped[int]
    channel: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(12))
    error: Mapped[str | None] = mapped_column(String(64))
    platform_id: Mapped[str | None] = mapped_column(String(128))
    """What the platform calls the message; receipts name it."""
