"""Tables of identity: one-time codes and, in the demo, the simulated carrier's outbox."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base


class StepUpChallenge(Base):
    """One code sent for one conversation. The code itself is never stored, only a keyed hash of it."""

    __tablename__ = "step_up_challenges"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'verified', 'expired', 'locked', 'superseded')", name="state"),
        CheckConstraint("tries_left >= 0", name="tries"),
        CheckConstraint("(state = 'verified') = (granted_until IS NOT NULL)", name="granted"),
        Index(None, "conversation_id"),
        Index(None, "customer_id", "sent_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(32))
    customer_id: Mapped[str] = mapped_column(String(64))
    salt: Mapped[str] = mapped_column(String(32))
    code_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    tries_left: Mapped[int]
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    granted_until: Mapped[datetime | None]


class SimulatedSms(Base):
    """What the demo's carrier "delivered". Written only with ``DEMO=1``; it holds codes in clear, as a phone does."""

    __tablename__ = "simulated_sms"
    __table_args__ = (Index(None, "recipient"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    recipient: Mapped[str] = mapped_column(String(64))
    phone: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(String(500))
    sent_at: Mapped[datetime]
