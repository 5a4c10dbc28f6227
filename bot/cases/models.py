"""Tables of cases. The thread (``case_events``) is append-only: triggers (migration 0003) refuse UPDATE and DELETE."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.cases.thread import ACTOR_KINDS, CASE_KINDS, EVENT_TYPES
from bot.core.database import Base

Serial = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


class CaseRow(Base):
    """What does not change over a case's life, and who has it now. Status and dates are derived from the thread.

    ``open_subject`` names what an open case is about (one instalment, one double debit) and is empty once the case is over: the
    UNIQUE key lets two simultaneous disputes of one instalment end in one case.
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


class CaseEventRow(Base):
    """One event of a thread. ``audience`` says who may read it; ``key`` makes the borrower's commands idempotent."""

    __tablename__ = "case_events"
    __table_args__ = (
        UniqueConstraint("case_id", "number"),
        _one_of("type", EVENT_TYPES),
        _one_of("audience", ("borrower", "internal")),
        _one_of("actor_kind", ACTOR_KINDS),
        CheckConstraint("number >= 1", name="number"),
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
