"""Tables of identity: one-time codes, their way to the carrier (in the demo a simulated one), bindings of messaging accounts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial

_ACTIVE = text("revoked_at IS NULL")
_QUEUED = text("state = 'queued'")


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


class SmsToSend(Base):
    """A message with a one-time code, until the carrier has it or the code has expired. Then nothing of it can be read any more.

    ``key``: the carrier's idempotency key. ``purpose``: what the code is for; a newer one for the same replaces what still waits.
    ``recipient``: the customer id; empty for a phone that is nobody's, to which nothing is sent. ``sealed``: phone and text
    (``bot.core.sealing``). While a process tries, ``next_try_at`` is the end of its lease.
    """

    __tablename__ = "sms_outbox"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'sent', 'failed', 'expired', 'replaced', 'nobody')", name="state"),
        CheckConstraint("(state = 'queued') = (sealed IS NOT NULL)", name="wiped"),
        Index("ix_sms_outbox_due", "next_try_at", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
        Index("ix_sms_outbox_purpose_queued", "purpose", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
    )

    id: Mapped[Serial]
    key: Mapped[str] = mapped_column(String(32), unique=True)
    purpose: Mapped[str] = mapped_column(String(200))
    recipient: Mapped[str | None] = mapped_column(String(64))
    sealed: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    created_at: Mapped[datetime]
    next_try_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


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
    stored here, only keyed hashes.
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
