"""Tables of the servicing runs: orders to the bank and what it reported, accrual snapshots, history of the overdue flags."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial
from bot.loans.models import Code, ContractNo, CustomerRef, FenColumn, at_least, instalment_ref, one_of

LIVE = text("status IN ('created', 'processing')")


class ChannelOrderRow(Base):
    """An order to the bank to take money. ``order_no`` is also the bank's idempotency key and the number of the payment.

    It is committed as ``created`` before the bank hears of it and as ``processing`` before it is sent, so after a crash at any
    point the same order is asked about, or sent again, under the same number.
    """

    __tablename__ = "channel_orders"
    __table_args__ = (
        at_least("amount", 1),
        one_of("kind", "own", "auto_debit", "scheduled"),
        one_of("status", "created", "processing", "settled", "failed", "returned", "dropped"),
        CheckConstraint("(kind = 'auto_debit') = (mandate_no IS NOT NULL)", name="mandate_of_auto_debit"),
        CheckConstraint("(contract_no IS NULL) = (instalment IS NULL)", name="whole_reference"),
        instalment_ref(),
        UniqueConstraint("contract_no", "instalment", "run_on", "slot", name="uq_channel_orders_slot"),
        Index("uq_channel_orders_live_debit", "contract_no", "instalment", unique=True,
              sqlite_where=text("kind = 'auto_debit' AND status IN ('created', 'processing')"),
              postgresql_where=text("kind = 'auto_debit' AND status IN ('created', 'processing')")),
        Index("ix_channel_orders_live", "status", "created_at", sqlite_where=LIVE, postgresql_where=LIVE),
    )  # fmt: skip
    order_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[Code]
    customer_id: Mapped[CustomerRef]
    amount: Mapped[FenColumn]
    contract_no: Mapped[str | None] = mapped_column(String(40))
    instalment: Mapped[int | None]
    mandate_no: Mapped[str | None] = mapped_column(ForeignKey("mandates.mandate_no"))
    run_on: Mapped[date | None]
    slot: Mapped[int | None]
    status: Mapped[Code]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    polled_at: Mapped[datetime | None]
    sent_times: Mapped[int] = mapped_column(default=0)
    result_code: Mapped[str | None] = mapped_column(String(32))


class ChannelEventRow(Base):
    """A report of the bank, also of an order that we do not know. Append-only; the key makes a repeated callback harmless."""

    __tablename__ = "channel_events"
    __table_args__ = (
        one_of("state", "processing", "settled", "failed", "returned", "unknown"),
        one_of("outcome", "applied", "repeated", "pending", "contradiction", "unknown_order"),
    )
    event_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    order_no: Mapped[str] = mapped_column(String(40), index=True)
    state: Mapped[Code]
    result_code: Mapped[str | None] = mapped_column(String(32))
    outcome: Mapped[Code]
    received_at: Mapped[datetime]


class CallbackNonceRow(Base):
    """The once-only mark of a signed callback. The worker forgets it when the signature is long out of date."""

    __tablename__ = "callback_nonces"
    __table_args__ = (Index("ix_callback_nonces_received_at", "received_at"),)
    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    received_at: Mapped[datetime]


class OverdueFlagRow(Base):
    """One change of a flag of an instalment. Append-only: the flag's state is its latest row."""

    __tablename__ = "overdue_flags"
    __table_args__ = (
        one_of("flag", "dunning", "bureau_report"),
        one_of("state", "on", "held", "off", "corrected"),
        instalment_ref(),
        Index("ix_overdue_flags_instalment", "contract_no", "instalment"),
    )
    id: Mapped[Serial]
    contract_no: Mapped[ContractNo]
    instalment: Mapped[int]
    flag: Mapped[Code]
    state: Mapped[Code]
    reason: Mapped[Code]
    at: Mapped[datetime]


class PenaltyAccrualRow(Base):
    """What had accrued on an unsettled instalment by the end of a day; one row a day. The rules derive it, this is the record."""

    __tablename__ = "penalty_accruals"
    __table_args__ = (at_least("accrued", 0), instalment_ref())
    contract_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    instalment: Mapped[int] = mapped_column(primary_key=True)
    accrued_on: Mapped[date] = mapped_column(primary_key=True)
    accrued: Mapped[FenColumn]
    held: Mapped[bool]
