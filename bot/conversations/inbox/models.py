"""Tables of the inbox: what platforms delivered to us, and the marks of signed messages that count once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial

_PENDING = text("state = 'pending'")


class InboxMessage(Base):
    """One message or event of a platform, once. pending → done | failed (dead letter).

    It is no entry of the log yet: to which conversation a message belongs depends on those before it (an account may be bound
    in between), so that is decided when its turn comes. ``text`` may be a one-time code: it is sealed (``bot.core.sealing``) and
    wiped after the turn.
    """

    __tablename__ = "inbox_messages"
    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        CheckConstraint("state IN ('pending', 'done', 'failed')", name="state"),
        CheckConstraint("opens IS NULL OR opens IN ('message', 'click')", name="opens"),
        CheckConstraint("(holder IS NULL) = (lease_until IS NULL)", name="lease"),
        CheckConstraint("(state = 'done') = (text IS NULL)", name="wiped"),
        Index("ix_inbox_messages_pending", "channel", "sender", "id", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index(None, "channel", "sender", "at"),
    )

    id: Mapped[Serial]
    channel: Mapped[str] = mapped_column(String(32))
    external_id: Mapped[str] = mapped_column(String(128))
    sender: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(12))
    text: Mapped[str | None] = mapped_column(Text)
    opens: Mapped[str | None] = mapped_column(String(8))
    """Which window of the platform's quotas it opens."""
    at: Mapped[datetime]
    """When the borrower wrote, as the platform says; never after ``received_at``."""
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8))
    resolved: Mapped[bool] = mapped_column(default=False)
    """``text``, ``customer_id`` and ``reply`` are decided; a repetition after a crash finds the same."""
    customer_id: Mapped[str] = mapped_column(String(64), default="")
    reply: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """``{"key", "values"}`` of the text that the gateway answers by itself."""
    medium: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """``{"kind", "reference"}`` of a picture or file that is to be fetched; wiped with the text."""
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    holder: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(64))

    def done(self) -> None:
        """Nothing of what it said is kept here."""
        self.state, self.text, self.reply, self.medium = "done", None, None, None


class InboxNonce(Base):
    """A signed message that counts once, also when it held nothing new."""

    __tablename__ = "inbox_nonces"
    __table_args__ = (Index(None, "received_at"),)

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    received_at: Mapped[datetime]
