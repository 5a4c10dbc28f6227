"""loans: orders to the bank and its reports, accrual snapshots, history of the overdue flags"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0006_servicing"
down_revision = "0005_corrections"
branch_labels = None
depends_on = None

APPEND_ONLY = ("channel_events", "overdue_flags", "penalty_accruals")
LIVE_DEBIT = sa.text("kind = 'auto_debit' AND status IN ('created', 'processing')")
LIVE = sa.text("status IN ('created', 'processing')")


def make_append_only(table: str) -> None:
    """As in 0001: the function ``refuse_change`` exists since then."""
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


def instalment_ref(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["contract_no", "instalment"],
        ["instalments.contract_no", "instalments.number"],
        name=op.f(f"fk_{table}_contract_no_instalment_instalments"),
    )


def create_orders() -> None:
    op.create_table(
        "channel_orders",
        sa.Column("order_no", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=True),
        sa.Column("instalment", sa.Integer(), nullable=True),
        sa.Column("mandate_no", sa.String(length=40), nullable=True),
        sa.Column("run_on", sa.Date(), nullable=True),
        sa.Column("slot", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("polled_at", Instant(), nullable=True),
        sa.Column("sent_times", sa.Integer(), nullable=False),
        sa.Column("result_code", sa.String(length=32), nullable=True),
        sa.CheckConstraint("amount >= 1", name=op.f("ck_channel_orders_amount_at_least_1")),
        sa.CheckConstraint("kind IN ('own', 'auto_debit', 'scheduled')", name=op.f("ck_channel_orders_kind")),
        sa.CheckConstraint(
            "status IN ('created', 'processing', 'settled', 'failed', 'returned', 'dropped')",
            name=op.f("ck_channel_orders_status"),
        ),
        sa.CheckConstraint(
            "(kind = 'auto_debit') = (mandate_no IS NOT NULL)", name=op.f("ck_channel_orders_mandate_of_auto_debit")
        ),
        sa.CheckConstraint("(contract_no IS NULL) = (instalment IS NULL)", name=op.f("ck_channel_orders_whole_reference")),
        instalment_ref("channel_orders"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_channel_orders_customer_id_customers")),
        sa.ForeignKeyConstraint(["mandate_no"], ["mandates.mandate_no"], name=op.f("fk_channel_orders_mandate_no_mandates")),
        sa.PrimaryKeyConstraint("order_no", name=op.f("pk_channel_orders")),
        sa.UniqueConstraint("contract_no", "instalment", "run_on", "slot", name="uq_channel_orders_slot"),
    )
    op.create_index(op.f("ix_channel_orders_customer_id"), "channel_orders", ["customer_id"])
    op.create_index(
        "uq_channel_orders_live_debit", "channel_orders", ["contract_no", "instalment"], unique=True,
        sqlite_where=LIVE_DEBIT, postgresql_where=LIVE_DEBIT,
    )  # fmt: skip
    op.create_index(
        "ix_channel_orders_live", "channel_orders", ["status", "created_at"], sqlite_where=LIVE, postgresql_where=LIVE
    )


def create_history() -> None:
    op.create_table(
        "channel_events",
        sa.Column("event_id", sa.String(length=80), nullable=False),
        sa.Column("order_no", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("result_code", sa.String(length=32), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "state IN ('processing', 'settled', 'failed', 'returned', 'unknown')", name=op.f("ck_channel_events_state")
        ),
        sa.CheckConstraint(
            "outcome IN ('applied', 'repeated', 'pending', 'contradiction', 'unknown_order')",
            name=op.f("ck_channel_events_outcome"),
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_channel_events")),
    )
    op.create_index(op.f("ix_channel_events_order_no"), "channel_events", ["order_no"])
    op.create_table(
        "overdue_flags",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("flag", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.CheckConstraint("flag IN ('dunning', 'bureau_report')", name=op.f("ck_overdue_flags_flag")),
        sa.CheckConstraint("state IN ('on', 'held', 'off', 'corrected')", name=op.f("ck_overdue_flags_state")),
        instalment_ref("overdue_flags"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overdue_flags")),
    )
    op.create_index("ix_overdue_flags_instalment", "overdue_flags", ["contract_no", "instalment"])
    op.create_table(
        "penalty_accruals",
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("accrued_on", sa.Date(), nullable=False),
        sa.Column("accrued", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.CheckConstraint("accrued >= 0", name=op.f("ck_penalty_accruals_accrued_at_least_0")),
        instalment_ref("penalty_accruals"),
        sa.PrimaryKeyConstraint("contract_no", "instalment", "accrued_on", name=op.f("pk_penalty_accruals")),
    )


def upgrade() -> None:
    create_orders()
    create_history()
    op.add_column("refunds", sa.Column("cancelled_at", Instant(), nullable=True))
    op.add_column("incidents", sa.Column("detected", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("notices", sa.Column("notice_key", sa.String(length=120), nullable=True))
    op.create_index("uq_notices_notice_key", "notices", ["notice_key"], unique=True)
    for table in APPEND_ONLY:
        make_append_only(table)


def downgrade() -> None:
    op.drop_index("uq_notices_notice_key", "notices")
    op.drop_column("notices", "notice_key")
    op.drop_column("incidents", "detected")
    op.drop_column("refunds", "cancelled_at")
    for table in ("penalty_accruals", "overdue_flags", "channel_events", "channel_orders"):
        op.drop_table(table)
