"""cases: threads, remedies, reported contacts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0003_cases"
down_revision = "0002_conversations"
branch_labels = None
depends_on = None

TABLES = ("remedies", "case_events", "case_numbers", "contact_alerts", "contact_reports", "cases")
EVENT_TYPES = (
    "received", "acknowledged", "assigned", "investigating", "asked_borrower", "fact_added", "merged", "note",
    "extension_requested", "extended", "proposed", "approved", "rejected", "decided", "remedied", "closed", "withdrawn",
    "reopened",
)  # fmt: skip
CONTACT_KINDS = ("phone", "sms_sender", "bank_account", "url", "person")


SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", SERIAL, primary_key=True)


def _case_id(table: str) -> sa.Column[int]:
    return sa.Column("case_id", SERIAL, sa.ForeignKey("cases.id", name=op.f(f"fk_{table}_case_id_cases")), nullable=False)


def _one_of(table: str, column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(repr(value) for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_{table}_{column}"))


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _cases()
    _events()
    _remedies()
    _contacts()
    _make_append_only("case_events")


def _cases() -> None:
    op.create_table(
        "cases",
        _id(),
        sa.Column("case_no", sa.String(24), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("customer_id", sa.String(64)),
        sa.Column("callback_phone", sa.String(24)),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(24), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("contract_no", sa.String(40)),
        sa.Column("instalment", sa.Integer()),
        sa.Column("disputed_amount", sa.BigInteger()),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("open_subject", sa.String(120)),
        _one_of("cases", "kind", ("complaint", "dispute", "fraud_report", "credit_correction")),
        _check("cases", "disputed_amount", "disputed_amount IS NULL OR disputed_amount >= 0"),
        _check("cases", "reachable", "customer_id IS NOT NULL OR callback_phone IS NOT NULL"),
        _check("cases", "whole_reference", "(contract_no IS NULL) = (instalment IS NULL)"),
        sa.UniqueConstraint("case_no", name=op.f("uq_cases_case_no")),
        sa.UniqueConstraint("open_subject", name=op.f("uq_cases_open_subject")),
    )
    op.create_index(op.f("ix_cases_customer_id_received_at"), "cases", ["customer_id", "received_at"])
    op.create_index(op.f("ix_cases_callback_phone"), "cases", ["callback_phone"])
    op.create_index(op.f("ix_cases_contract_no_instalment"), "cases", ["contract_no", "instalment"])
    op.create_table(
        "case_numbers", sa.Column("day", sa.Date(), primary_key=True), sa.Column("last", sa.Integer(), nullable=False)
    )


def _events() -> None:
    op.create_table(
        "case_events",
        _id(),
        _case_id("case_events"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor_kind", sa.String(12), nullable=False),
        sa.Column("actor_id", sa.String(64), nullable=False),
        sa.Column("audience", sa.String(8), nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(200)),
        _one_of("case_events", "type", EVENT_TYPES),
        _one_of("case_events", "audience", ("borrower", "internal")),
        _one_of("case_events", "actor_kind", ("borrower", "bot", "agent", "supervisor", "system")),
        _check("case_events", "number", "number >= 1"),
        sa.UniqueConstraint("case_id", "number", name=op.f("uq_case_events_case_id_number")),
        sa.UniqueConstraint("key", name=op.f("uq_case_events_key")),
    )


def _remedies() -> None:
    op.create_table(
        "remedies",
        _id(),
        _case_id("remedies"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("contract_no", sa.String(40), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("payments", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("proposed_by", sa.String(64)),
        sa.Column("decided_by", sa.String(64)),
        sa.Column("decided_at", Instant()),
        sa.Column("waived", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("receipt_no", sa.String(40)),
        sa.Column("receipts", sa.JSON(), nullable=False),
        _one_of("remedies", "kind", ("penalty", "double_debit")),
        _one_of("remedies", "status", ("granted", "proposed", "approved", "rejected")),
        _check("remedies", "amount", "amount > 0"),
        _check(
            "remedies",
            "two_people",
            "status <> 'approved' OR (proposed_by IS NOT NULL AND decided_by IS NOT NULL AND decided_by <> proposed_by)",
        ),
        _check("remedies", "receipt", "(status IN ('granted', 'approved')) = (receipt_no IS NOT NULL)"),
        sa.UniqueConstraint("case_id", "number", name=op.f("uq_remedies_case_id_number")),
    )
    op.create_index(op.f("ix_remedies_case_id"), "remedies", ["case_id"])
    op.create_index(op.f("ix_remedies_contract_no_instalment"), "remedies", ["contract_no", "instalment"])


def _contacts() -> None:
    op.create_table(
        "contact_reports",
        _id(),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.String(300), nullable=False),
        sa.Column("result", sa.String(8), nullable=False),
        sa.Column("pasted", sa.Text(), nullable=False),
        sa.Column("reporter", sa.String(80), nullable=False),
        sa.Column("customer_id", sa.String(64)),
        sa.Column("conversation_id", sa.String(64), nullable=False),
        sa.Column("case_no", sa.String(24)),
        sa.Column("reported_at", Instant(), nullable=False),
        _one_of("contact_reports", "kind", CONTACT_KINDS),
        _one_of("contact_reports", "result", ("retired", "unknown")),
        sa.UniqueConstraint("kind", "value", "reporter", name=op.f("uq_contact_reports_kind_value_reporter")),
    )
    op.create_table(
        "contact_alerts",
        _id(),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.String(300), nullable=False),
        sa.Column("raised_at", Instant(), nullable=False),
        sa.Column("handled_by", sa.String(64)),
        sa.Column("handled_at", Instant()),
        _one_of("contact_alerts", "kind", CONTACT_KINDS),
        _check("contact_alerts", "handled", "(handled_by IS NULL) = (handled_at IS NULL)"),
        sa.UniqueConstraint("kind", "value", name=op.f("uq_contact_alerts_kind_value")),
    )


def _make_append_only(table: str) -> None:
    """Triggers that refuse any change of a written event; PostgreSQL's function is that of migration 0001."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
