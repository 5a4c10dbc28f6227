"""Tables of identity: one-time codes, bindings of messaging accounts and, in the demo, the simulated carrier's outbox."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base

_ACTIVE = text("revoked_at IS NULL")


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


class ChannelBinding(Base):
    """A platform identity that has proved to be a customer. At most one is active; revoked ones stay as history."""

    __tablename__ = "channel_bindings"
    __table_args__ = (
        CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked"),
        Index("uq_channel_bindings_active", "channel", "address", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
        Index(None, "customer_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(String(128))
    customer_id: Mapped[str] = mapped_column(String(64))
    bound_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(String(64))
    """``customer``, or the agent's id."""


class BindingAttempt(Base):
    """A platform identity on its way to a customer: asked for the phone, then for the code "sent" to it.

    A number that is no customer's gets a row of the same kind, with a code that nobody was told. Neither phone nor code is
    stored, only keyed hashes.
    """

    __tablename__ = "binding_attempts"
    __table_args__ = (
        CheckConstraint("state IN ('phone', 'code', 'bound', 'ended')", name="state"),
        CheckConstraint("state <> 'code' OR (phone_hash IS NOT NULL AND code_hash IS NOT NULL)", name="code"),
        Index(None, "channel", "address", "started_at"),
        Index(None, "phone_hash", "sent_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(32))
    address: Mapped[str] = mapped_column(String(128))
    state: Mapped[str] = mapped_column(String(8))
    phone_hash: Mapped[str | None] = mapped_column(String(64))
    customer_id: Mapped[str | None] = mapped_column(String(64))
    salt: Mapped[str | None] = mapped_column(String(32))
    code_hash: Mapped[str | None] = mapped_column(String(64))
    tries_left: Mapped[int]
    started_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
