"""Tables of cases. The thread (``case_events``) is append-only: triggers (migration 0003) refuse UPDATE and DELETE."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.cases.thread import ACTOR_KINDS, CASE_KINDS, EVENT_TYPES
from bot.core.database import Base, Serial

_OPEN = text("acknowledged_at IS NULL")
_WATCHED = text("state <> 'done'")
_ASKED = text("type = 'extension_requested'")
_PROPOSED = text("status = 'proposed'")


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


class CaseRow(Base):
    """What does not change over a case's life, and who has it now. Status and dates are derived from the thread.

    ``open_subject`` names what an open case is about (one instalment, one double debit) and is empty once the case is over: the
    UNIQUE key lets two simultaneous disputes of one instalment end in one case. ``status`` and ``decide_by`` repeat what the
    thread says, for lists only: ``CaseBook`` writes them with each event, and nothing is decided by them.
    """

    __tablename__ = "cases"
    __table_args__ = (
        _one_of("kind", CASE_KINDS),
        CheckConstraint("disputed_amount IS NULL OR disputed_amount >= 0", name="disputed_amount"),
        CheckConstraint("customer_id IS NOT NULL OR callback_phone IS NOT NULL", name="reachable"),
        CheckConstraint("(contract_no IS NULL) = (instalment IS NULL)", name="whole_reference"),
        Index(None, "customer_id", "received_at"),
        Index(None, "callback_phone"),
        Index(None, "contract_no", "instalment"),
        Index(None, "decide_by", "id"),
        Index(None, "owner"),
    )
    id: Mapped[Serial]
    case_no: Mapped[str] = mapped_column(String(24), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    customer_id: Mapped[str | None] = mapped_column(String(64))
    callback_phone: Mapped[str | None] = mapped_column(String(24))
    conversation_id: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(24))
    owner: Mapped[str] = mapped_column(String(64))
    contract_no: Mapped[str | None] = mapped_column(String(40))
    instalment: Mapped[int | None]
    disputed_amount: Mapped[int | None] = mapped_column(BigInteger)
    received_at: Mapped[datetime]
    open_subject: Mapped[str | None] = mapped_column(String(120), unique=True)
    status: Mapped[str] = mapped_column(String(20), default="received", server_default="received")
    decide_by: Mapped[date] = mapped_column(default=date.min, server_default="1970-01-01")


class CaseEventRow(Base):
    """One event of a thread. ``audience`` says who may read it; ``key`` makes the borrower's commands idempotent."""

    __tablename__ = "case_events"
    __table_args__ = (
        UniqueConstraint("case_id", "number"),
        _one_of("type", EVENT_TYPES),
        _one_of("audience", ("borrower", "internal")),
        _one_of("actor_kind", ACTOR_KINDS),
        CheckConstraint("number >= 1", name="number"),
        Index("ix_case_events_asked_extension", "case_id", sqlite_where=_ASKED, postgresql_where=_ASKED),
    )
    id: Mapped[Serial]
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    number: Mapped[int]
    type: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(String(12))
    actor_id: Mapped[str] = mapped_column(String(64))
    audience: Mapped[str] = mapped_column(String(8))
    text: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]]
    key: Mapped[str | None] = mapped_column(String(200), unique=True)


class RemedyRow(Base):
    """Something given back. The two-person rule stands in the schema too: who proposed cannot have approved.

    ``proposed_by`` is empty while it is only the bot's draft. ``payments`` lists ``[payment_no, 分]`` of a double-debit refund.
    """

    __tablename__ = "remedies"
    __table_args__ = (
        UniqueConstraint("case_id", "number"),
        _one_of("kind", ("penalty", "double_debit")),
        _one_of("status", ("granted", "proposed", "approved", "rejected")),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "status <> 'approved' OR (proposed_by IS NOT NULL AND decided_by IS NOT NULL AND decided_by <> proposed_by)",
            name="two_people",
        ),
        CheckConstraint("(status IN ('granted', 'approved')) = (receipt_no IS NOT NULL)", name="receipt"),
        Index("ix_remedies_proposed", "id", sqlite_where=_PROPOSED, postgresql_where=_PROPOSED),
        Index(None, "contract_no", "instalment"),
    )
    id: Mapped[Serial]
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    contract_no: Mapped[str] = mapped_column(String(40))
    instalment: Mapped[int]
    amount: Mapped[int] = mapped_column(BigInteger)
    payments: Mapped[list[Any]]
    status: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    proposed_by: Mapped[str | None] = mapped_column(String(64))
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    waived: Mapped[int] = mapped_column(BigInteger)
    refunded: Mapped[int] = mapped_column(BigInteger)
    receipt_no: Mapped[str | None] = mapped_column(String(40))
    receipts: Mapped[list[Any]]


class CaseNumberRow(Base):
    """The last case number of a day."""

    __tablename__ = "case_numbers"
    day: Mapped[date] = mapped_column(primary_key=True)
    last: Mapped[int]


class CaseAlertRow(Base):
    """A clock that somebody was told about. The UNIQUE key is the promise "once".

    ``kind``: ``T-3``, ``T-1``, ``overdue``, ``stuck`` (a payment of the case hangs past its promise). ``owner`` had it then.
    """

    __tablename__ = "case_alerts"
    __table_args__ = (
        UniqueConstraint("case_id", "runs_from", "decide_by", "kind"),
        CheckConstraint("(acknowledged_by IS NULL) = (acknowledged_at IS NULL)", name="acknowledged"),
        CheckConstraint("kind IN ('overdue', 'stuck') OR kind LIKE 'T-%'", name="kind"),
        Index("ix_case_alerts_open", "decide_by", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )
    id: Mapped[Serial]
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    runs_from: Mapped[date]
    decide_by: Mapped[date]
    kind: Mapped[str] = mapped_column(String(12))
    owner: Mapped[str] = mapped_column(String(64))
    raised_at: Mapped[datetime]
    acknowledged_by: Mapped[str | None] = mapped_column(String(64))
    acknowledged_at: Mapped[datetime | None]


class PaymentPromiseRow(Base):
    """ "We look at it again on …", said of a payment that hangs. open → escalated → telling → watching → done.

    ``telling``: the result is on its way to the borrower; ``watching``: told that it settled, the bank may still send it back.
    """

    __tablename__ = "payment_promises"
    __table_args__ = (
        UniqueConstraint("payment_no"),
        _one_of("state", ("open", "escalated", "telling", "watching", "done")),
        CheckConstraint("state <> 'escalated' OR case_no IS NOT NULL", name="escalated"),
        CheckConstraint("state <> 'telling' OR result IS NOT NULL", name="telling"),
        Index("ix_payment_promises_watched", "next_check_at", "id", sqlite_where=_WATCHED, postgresql_where=_WATCHED),
        Index(None, "customer_id"),
    )
    id: Mapped[Serial]
    payment_no: Mapped[str] = mapped_column(String(40))
    customer_id: Mapped[str] = mapped_column(String(64))
    conversation_id: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(24))
    promised_at: Mapped[datetime]
    look_again_at: Mapped[datetime]
    next_check_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(12))
    case_no: Mapped[str | None] = mapped_column(String(24))
    result: Mapped[str | None] = mapped_column(String(12))
