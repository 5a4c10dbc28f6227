"""Table of notifications: a transactional outbox, so that a deed and the word about it are committed together."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial

_PENDING = text("state = 'pending'")


class NotificationRow(Base):
    """One thing to tell one borrower. pending → delivered | failed (the dead letters, shown at the desk).

    ``text_key`` names a text of data/answers, ``text_values`` fills it; ``cards`` travel with it. ``via``: where it was told.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("customer_id IS NOT NULL OR conversation_id IS NOT NULL", name="recipient"),
        CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
        CheckConstraint("(state = 'delivered') = (delivered_at IS NOT NULL)", name="delivered"),
        CheckConstraint("via IS NULL OR via IN ('chat', 'sms')", name="via"),
        Index("ix_notifications_pending", "next_try_at", "id", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index(None, "customer_id"),
    )
    id: Mapped[Serial]
    key: Mapped[str] = mapped_column(String(200))
    customer_id: Mapped[str | None] = mapped_column(String(64))
    conversation_id: Mapped[str | None] = mapped_column(String(32))
    text_key: Mapped[str] = mapped_column(String(64))
    text_values: Mapped[dict[str, Any]]
    cards: Mapped[list[Any]]
    case_no: Mapped[str | None] = mapped_column(String(24))
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(12))
    via: Mapped[str | None] = mapped_column(String(8))
    delivered_at: Mapped[datetime | None]
    attempts: Mapped[int]
    next_try_at: Mapped[datetime]
    failure: Mapped[str | None] = mapped_column(String(64))
