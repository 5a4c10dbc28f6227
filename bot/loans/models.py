"""Tables of the loan books. Amounts are integers in 分; rates are exact decimals kept as text.

The ledger is double-entry by construction: each entry names the account debited and the account credited, so no posting can be
out of balance. Triggers (migration 0001) refuse UPDATE and DELETE on the ledger and on receipts.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial

FenColumn = Annotated[int, mapped_column(BigInteger)]
Code = Annotated[str, mapped_column(String(32))]
Name = Annotated[str, mapped_column(String(80))]
CustomerRef = Annotated[str, mapped_column(String(20), ForeignKey("customers.customer_id"), index=True)]
ContractNo = Annotated[str, mapped_column(String(40))]
PaymentRef = Annotated[str, mapped_column(String(40), ForeignKey("payments.payment_no"), index=True)]


def one_of(column: str, *values: str) -> CheckConstraint:
    """A check constraint that admits only ``values``."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def at_least(column: str, least: int) -> CheckConstraint:
    """A check constraint for a lower bound."""
    return CheckConstraint(f"{column} >= {least}", name=f"{column}_at_least_{least}")


def instalment_ref() -> ForeignKeyConstraint:
    """The composite key of an instalment."""
    return ForeignKeyConstraint(["contract_no", "instalment"], ["instalments.contract_no", "instalments.number"])


class CustomerRow(Base):
    __tablename__ = "customers"
    customer_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[Name]
    phone: Mapped[str] = mapped_column(String(20), unique=True)
    bank_name: Mapped[Name]
    card_tail: Mapped[str] = mapped_column(String(4))
    registered_at: Mapped[datetime]


class CreditLineRow(Base):
    __tablename__ = "credit_lines"
    __table_args__ = (at_least("limit_amount", 0), one_of("status", "normal", "frozen", "reduced"))
    customer_id: Mapped[str] = mapped_column(ForeignKey("customers.customer_id"), primary_key=True)
    limit_amount: Mapped[FenColumn]
    status: Mapped[Code]
    reason: Mapped[Code]


class CreditLineChangeRow(Base):
    __tablename__ = "credit_line_changes"
    __table_args__ = (one_of("status", "normal", "frozen", "reduced"), at_least("new_limit", 0), at_least("old_limit", 0))
    id: Mapped[Serial]
    customer_id: Mapped[CustomerRef]
    at: Mapped[datetime]
    old_limit: Mapped[FenColumn]
    new_limit: Mapped[FenColumn]
    status: Mapped[Code]
    reason: Mapped[Code]


class ProductRow(Base):
    __tablename__ = "products"
    __table_args__ = (
        one_of("code", "KD", "YD", "XW", "FQ"),
        one_of("category", "cash", "instalment"),
        one_of("method", "by_day", "equal_instalments", "equal_principal", "interest_only", "fee_per_period"),
        CheckConstraint("1 <= min_term AND min_term <= max_term", name="terms"),
    )
    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[Name]
    category: Mapped[Code]
    method: Mapped[Code]
    min_term: Mapped[int]
    max_term: Mapped[int]
    max_rate: Mapped[Decimal]
    penalty_daily_rate: Mapped[Decimal]
    all_in_cost: Mapped[Decimal]


class ApplicationRow(Base):
    __tablename__ = "applications"
    __table_args__ = (
        at_least("amount", 1),
        one_of("status", "pending", "approved", "refused", "cancelled"),
        CheckConstraint("(status = 'refused') = (refusal_reason IS NOT NULL)", name="refusal_reason_when_refused"),
        CheckConstraint("(status = 'pending') = (decided_at IS NULL)", name="decided_unless_pending"),
        CheckConstraint("retry_on IS NULL OR status = 'refused'", name="retry_only_when_refused"),
    )
    application_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[CustomerRef]
    product_code: Mapped[str] = mapped_column(ForeignKey("products.code"))
    amount: Mapped[FenColumn]
    applied_at: Mapped[datetime]
    status: Mapped[Code]
    decided_at: Mapped[datetime | None]
    refusal_reason: Mapped[str | None] = mapped_column(String(32))
    retry_on: Mapped[date | None]


class ContractRow(Base):
    __tablename__ = "contracts"
    __table_args__ = (
        at_least("principal", 1),
        CheckConstraint("due_day BETWEEN 1 AND 31", name="due_day"),
        CheckConstraint("periods BETWEEN 1 AND 36", name="periods"),
    )
    contract_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[CustomerRef]
    product_code: Mapped[str] = mapped_column(ForeignKey("products.code"))
    principal: Mapped[FenColumn]
    drawn_on: Mapped[date]
    due_day: Mapped[int]
    periods: Mapped[int]
    rate: Mapped[Decimal]
    penalty_daily_rate: Mapped[Decimal]
    settled_on: Mapped[date | None]


class InstalmentRow(Base):
    """The plan of one period and the stored balances, which always equal the ledger's sums."""

    __tablename__ = "instalments"
    __table_args__ = (
        at_least("number", 1),
        CheckConstraint("starts_on < due_on", name="dates"),
        CheckConstraint("principal >= 0 AND interest >= 0 AND fee >= 0", name="plan"),
        CheckConstraint("paid_principal BETWEEN 0 AND principal", name="paid_principal"),
        CheckConstraint("paid_interest BETWEEN 0 AND interest", name="paid_interest"),
        CheckConstraint("paid_fee BETWEEN 0 AND fee", name="paid_fee"),
        CheckConstraint("paid_penalty >= 0 AND waived_penalty >= 0", name="penalty"),
        Index("ix_instalments_unsettled_due_on", "due_on", sqlite_where=text("settled_on IS NULL"),
              postgresql_where=text("settled_on IS NULL")),
    )  # fmt: skip
    contract_no: Mapped[str] = mapped_column(ForeignKey("contracts.contract_no"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    starts_on: Mapped[date]
    due_on: Mapped[date]
    principal: Mapped[FenColumn]
    interest: Mapped[FenColumn]
    fee: Mapped[FenColumn]
    paid_principal: Mapped[FenColumn] = mapped_column(default=0)
    paid_interest: Mapped[FenColumn] = mapped_column(default=0)
    paid_fee: Mapped[FenColumn] = mapped_column(default=0)
    paid_penalty: Mapped[FenColumn] = mapped_column(default=0)
    waived_penalty: Mapped[FenColumn] = mapped_column(default=0)
    settled_on: Mapped[date | None]


class DisbursementRow(Base):
    __tablename__ = "disbursements"
    __table_args__ = (at_least("amount", 1), one_of("status", "processing", "paid", "failed"))
    id: Mapped[Serial]
    contract_no: Mapped[str] = mapped_column(ForeignKey("contracts.contract_no"), index=True)
    amount: Mapped[FenColumn]
    requested_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    status: Mapped[Code]
    payee: Mapped[Name]


def troubled_payment(dialect: str, table: str = "") -> str:
    """As SQL: an own repayment without an answer, answered a day later (SQLite: on a later day), or not a success.

    The few that an incident may have touched. PostgreSQL also has statistics of the duration (migration 0019).
    """
    created, resolved, kind, code = (f"{table}{name}" for name in ("created_at", "resolved_at", "kind", "result_code"))
    slow = f"{resolved} - {created} >= INTERVAL '1 day'"
    if dialect == "sqlite":
        slow = f"substr({resolved}, 1, 10) > substr({created}, 1, 10)"
    return f"{kind} = 'own' AND ({resolved} IS NULL OR {slow} OR {code} <> 'SUCCESS')"


class PaymentRow(Base):
    """``applied`` went to instalments, ``refunded`` is on its way back; the rest of a settled payment waits in ``unapplied``."""

    __tablename__ = "payments"
    __table_args__ = (
        at_least("amount", 1),
        one_of("kind", "own", "auto_debit", "scheduled"),
        one_of("status", "created", "processing", "settled", "failed", "returned"),
        CheckConstraint("applied >= 0 AND refunded >= 0 AND applied + refunded <= amount", name="use"),
        CheckConstraint("(status IN ('created', 'processing')) = (resolved_at IS NULL)", name="resolved"),
        Index("ix_payments_own_resolved_at", "resolved_at", sqlite_where=text("kind = 'own'"),
              postgresql_where=text("kind = 'own'")),
        Index("ix_payments_troubled", "created_at", sqlite_where=text(troubled_payment("sqlite")),
              postgresql_where=text(troubled_payment("postgresql"))),
    )  # fmt: skip
    payment_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[CustomerRef]
    kind: Mapped[Code]
    amount: Mapped[FenColumn]
    status: Mapped[Code]
    created_at: Mapped[datetime]
    value_on: Mapped[date]
    resolved_at: Mapped[datetime | None]
    informed_at: Mapped[datetime | None]
    result_code: Mapped[str | None] = mapped_column(String(32))
    applied: Mapped[FenColumn] = mapped_column(default=0)
    refunded: Mapped[FenColumn] = mapped_column(default=0)


class PaymentTargetRow(Base):
    __tablename__ = "payment_targets"
    __table_args__ = (instalment_ref(), Index("ix_payment_targets_instalment", "contract_no", "instalment"))
    payment_no: Mapped[str] = mapped_column(ForeignKey("payments.payment_no"), primary_key=True)
    contract_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    instalment: Mapped[int] = mapped_column(primary_key=True)


ACCOUNTS = (
    "bank",
    "principal",
    "interest_income",
    "fee_income",
    "penalty_income",
    "waiver_expense",
    "unapplied",
    "refund_payable",
)


class LedgerTransactionRow(Base):
    """The head of a posting. ``value_on`` is the day from which it counts, ``posted_at`` when it was written.

    A correction is a ``reversal``: it names the one posting that it undoes (``reverses``) and why (``note``).
    """

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        one_of("kind", "drawdown", "receipt", "allocation", "waiver", "refund_owed", "refund_paid", "reversal"),
        CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="reversal_names_its_original"),
        CheckConstraint("(kind = 'reversal') = (note IS NOT NULL)", name="reversal_says_why"),
    )
    id: Mapped[Serial]
    kind: Mapped[Code]
    customer_id: Mapped[CustomerRef]
    value_on: Mapped[date]
    posted_at: Mapped[datetime]
    payment_no: Mapped[str | None] = mapped_column(ForeignKey("payments.payment_no"), index=True)
    reverses: Mapped[int | None] = mapped_column(ForeignKey("ledger_transactions.id"), unique=True)
    note: Mapped[str | None] = mapped_column(String(200))


class LedgerEntryRow(Base):
    __tablename__ = "ledger_entries"
    __table_args__ = (
        at_least("amount", 1),
        one_of("debit", *ACCOUNTS),
        one_of("credit", *ACCOUNTS),
        CheckConstraint("debit <> credit", name="two_accounts"),
        CheckConstraint("(contract_no IS NULL) = (instalment IS NULL)", name="whole_reference"),
        instalment_ref(),
        Index("ix_ledger_entries_instalment", "contract_no", "instalment"),
    )
    id: Mapped[Serial]
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transactions.id"), index=True)
    debit: Mapped[Code]
    credit: Mapped[Code]
    amount: Mapped[FenColumn]
    contract_no: Mapped[str | None] = mapped_column(String(40))
    instalment: Mapped[int | None]


class MandateRow(Base):
    __tablename__ = "mandates"
    __table_args__ = (
        Index("uq_mandates_active", "customer_id", unique=True, sqlite_where=text("revoked_at IS NULL"),
              postgresql_where=text("revoked_at IS NULL")),
    )  # fmt: skip
    mandate_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[CustomerRef]
    bank_name: Mapped[Name]
    card_tail: Mapped[str] = mapped_column(String(4))
    signed_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class DebitAttemptRow(Base):
    __tablename__ = "debit_attempts"
    __table_args__ = (
        at_least("amount", 1),
        one_of("side", "none", "borrower", "system"),
        CheckConstraint("(side = 'none') = (payment_no IS NOT NULL)", name="payment_when_taken"),
        instalment_ref(),
        Index("ix_debit_attempts_instalment", "contract_no", "instalment"),
        Index("ix_debit_attempts_attempted_at", "attempted_at"),
        Index("ix_debit_attempts_of_system", "contract_no", "instalment", "attempted_at",
              sqlite_where=text("side = 'system'"), postgresql_where=text("side = 'system'")),
    )  # fmt: skip
    id: Mapped[Serial]
    mandate_no: Mapped[str] = mapped_column(ForeignKey("mandates.mandate_no"))
    customer_id: Mapped[CustomerRef]
    contract_no: Mapped[ContractNo]
    instalment: Mapped[int]
    amount: Mapped[FenColumn]
    attempted_at: Mapped[datetime]
    result_code: Mapped[Code]
    side: Mapped[Code]
    payment_no: Mapped[str | None] = mapped_column(ForeignKey("payments.payment_no"), unique=True)


class ScheduledRepaymentRow(Base):
    __tablename__ = "scheduled_repayments"
    __table_args__ = (
        at_least("amount", 1),
        one_of("status", "scheduled", "taken", "posted", "cancelled", "failed"),
        CheckConstraint("execute_on <= posts_on", name="dates"),
        instalment_ref(),
        Index("uq_scheduled_repayments_live", "contract_no", "instalment", unique=True,
              sqlite_where=text("status IN ('scheduled', 'taken')"), postgresql_where=text("status IN ('scheduled', 'taken')")),
    )  # fmt: skip
    scheduled_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[CustomerRef]
    contract_no: Mapped[ContractNo]
    instalment: Mapped[int]
    amount: Mapped[FenColumn]
    execute_on: Mapped[date]
    posts_on: Mapped[date]
    status: Mapped[Code]
    created_at: Mapped[datetime]
    payment_no: Mapped[str | None] = mapped_column(ForeignKey("payments.payment_no"))


class IncidentRow(Base):
    __tablename__ = "incidents"
    __table_args__ = (
        one_of("channel", "auto_debit", "own_repayment", "all"),
        one_of("status", "suspected", "confirmed"),
        one_of("kind", "outage", "delay", "other"),
        CheckConstraint("ends_at IS NULL OR ends_at >= starts_at", name="dates"),
        CheckConstraint("(status = 'confirmed') = (confirmed_by IS NOT NULL)", name="confirmed_by"),
    )
    incident_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    channel: Mapped[Code]
    status: Mapped[Code]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    confirmed_by: Mapped[str | None] = mapped_column(String(32))
    bank_name: Mapped[str | None] = mapped_column(String(80))
    summary: Mapped[str] = mapped_column(Text)
    detected: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[Code] = mapped_column(String(32), default="outage")


class AppErrorRow(Base):
    """An error that the borrower's app showed at ``at``, as the app reported it. Append-only."""

    __tablename__ = "app_errors"
    __table_args__ = (
        one_of("operation", "login", "repay", "schedule", "view_bill", "bind_card", "other"),
        Index("ix_app_errors_customer_at", "customer_id", "at"),
    )
    id: Mapped[Serial]
    customer_id: Mapped[str] = mapped_column(String(20), ForeignKey("customers.customer_id"))
    at: Mapped[datetime]
    operation: Mapped[Code]
    code: Mapped[Code]
    contract_no: Mapped[str | None] = mapped_column(ForeignKey("contracts.contract_no"))
    reported_at: Mapped[datetime]


class NoticeRow(Base):
    __tablename__ = "notices"
    __table_args__ = (
        one_of("kind", "due_reminder", "overdue", "debit_failed"),
        one_of("channel", "sms", "push", "call"),
        one_of("delivery", "pending", "delivered", "failed"),
        CheckConstraint("(delivery = 'delivered') = (delivered_at IS NOT NULL)", name="delivered_at"),
        instalment_ref(),
        Index("ix_notices_instalment", "contract_no", "instalment"),
        Index("uq_notices_notice_key", "notice_key", unique=True),
    )
    id: Mapped[Serial]
    customer_id: Mapped[CustomerRef]
    contract_no: Mapped[ContractNo]
    instalment: Mapped[int]
    kind: Mapped[Code]
    channel: Mapped[Code]
    sent_at: Mapped[datetime]
    delivery: Mapped[Code]
    delivered_at: Mapped[datetime | None]
    notice_key: Mapped[str | None] = mapped_column(String(120))


class CreditAuthorisationRow(Base):
    __tablename__ = "credit_authorisations"
    authorisation_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[CustomerRef]
    funding_party: Mapped[Name]
    given_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class CreditInquiryRow(Base):
    __tablename__ = "credit_inquiries"
    inquiry_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[CustomerRef]
    authorisation_no: Mapped[str] = mapped_column(ForeignKey("credit_authorisations.authorisation_no"))
    purpose: Mapped[Code]
    made_at: Mapped[datetime]


class AccrualHoldRow(Base):
    __tablename__ = "accrual_holds"
    __table_args__ = (
        CheckConstraint("released_on IS NULL OR released_on >= held_on", name="dates"),
        instalment_ref(),
        Index("ix_accrual_holds_instalment", "contract_no", "instalment"),
        Index("uq_accrual_holds_open", "contract_no", "instalment", unique=True, sqlite_where=text("released_on IS NULL"),
              postgresql_where=text("released_on IS NULL")),
    )  # fmt: skip
    id: Mapped[Serial]
    contract_no: Mapped[ContractNo]
    instalment: Mapped[int]
    reason: Mapped[Name]
    held_on: Mapped[date]
    released_on: Mapped[date | None]


REFUND_TO_PAY = text("status = 'pending' AND cancelled_at IS NULL")


class RefundRow(Base):
    """Money to go back. ``cancelled_at``: the payment it came from was returned before the refund was paid.

    ``tried_at``: when the bank was last asked to pay it, committed before each asking. From then on it may be paid at any moment,
    so it is not cancelled any more.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        at_least("amount", 1),
        one_of("reason", "left_over", "double_debit", "penalty", "overcharge"),
        one_of("status", "pending", "paid"),
        CheckConstraint("(status = 'paid') = (paid_at IS NOT NULL)", name="paid_at"),
        Index("ix_refunds_to_pay", "tried_at", "created_at", sqlite_where=REFUND_TO_PAY, postgresql_where=REFUND_TO_PAY),
    )
    refund_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    customer_id: Mapped[CustomerRef]
    amount: Mapped[FenColumn]
    reason: Mapped[Code]
    payment_no: Mapped[str | None] = mapped_column(ForeignKey("payments.payment_no"), index=True)
    status: Mapped[Code]
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    tried_at: Mapped[datetime | None]


class ReceiptRow(Base):
    __tablename__ = "receipts"
    __table_args__ = (at_least("amount", 1), one_of("kind", "waiver", "refund"))
    receipt_no: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[Code]
    customer_id: Mapped[CustomerRef]
    contract_no: Mapped[str | None] = mapped_column(ForeignKey("contracts.contract_no"))
    instalment: Mapped[int | None]
    amount: Mapped[FenColumn]
    reason: Mapped[Name]
    at: Mapped[datetime]
    refund_no: Mapped[str | None] = mapped_column(ForeignKey("refunds.refund_no"))


class IdempotencyKeyRow(Base):
    __tablename__ = "loan_idempotency_keys"
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    operation: Mapped[Code]
    parameters: Mapped[dict[str, Any]]
    result: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
