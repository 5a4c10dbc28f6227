"""case_alerts: what the clock of cases told whom; payment_promises: when a hanging payment is looked at again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0014_case_alerts"
down_revision = "0013_desk_work"
branch_labels = None
depends_on = None

OPEN = sa.text("acknowledged_at IS NULL")
WATCHED = sa.text("state <> 'done'")
STATES = "('open', 'escalated', 'telling', 'watching', 'done')"


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def upgrade() -> None:
    _alerts()
    _promises()


def _alerts() -> None:
    op.create_table(
        "case_alerts",
        _id(),
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("runs_from", sa.Date(), nullable=False),
        sa.Column("decide_by", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("raised_at", Instant(), nullable=False),
        sa.Column("acknowledged_by", sa.String(length=64), nullable=True),
        sa.Column("acknowledged_at", Instant(), nullable=True),
        sa.CheckConstraint("(acknowledged_by IS NULL) = (acknowledged_at IS NULL)", name=op.f("ck_case_alerts_acknowledged")),
        sa.CheckConstraint("kind IN ('overdue', 'stuck') OR kind LIKE 'T-%'", name=op.f("ck_case_alerts_kind")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_alerts_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_alerts")),
        sa.UniqueConstraint(
            "case_id", "runs_from", "decide_by", "kind", name=op.f("uq_case_alerts_case_id_runs_from_decide_by_kind")
        ),
    )
    op.create_index("ix_case_alerts_open", "case_alerts", ["decide_by", "id"], sqlite_where=OPEN, postgresql_where=OPEN)


def _promises() -> None:
    op.create_table(
        "payment_promises",
        _id(),
        sa.Column("payment_no", sa.String(length=40), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=24), nullable=False),
        sa.Column("promised_at", Instant(), nullable=False),
        sa.Column("look_again_at", Instant(), nullable=False),
        sa.Column("next_check_at", Instant(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("case_no", sa.String(length=24), nullable=True),
        sa.Column("result", sa.String(length=12), nullable=True),
        sa.CheckConstraint(f"state IN {STATES}", name=op.f("ck_payment_promises_state")),
        sa.CheckConstraint("state <> 'escalated' OR case_no IS NOT NULL", name=op.f("ck_payment_promises_escalated")),
        sa.CheckConstraint("state <> 'telling' OR result IS NOT NULL", name=op.f("ck_payment_promises_telling")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_promises")),
        sa.UniqueConstraint("payment_no", name=op.f("uq_payment_promises_payment_no")),
    )
    op.create_index(
        "ix_payment_promises_watched",
        "payment_promises",
        ["next_check_at", "id"],
        sqlite_where=WATCHED,
        postgresql_where=WATCHED,
    )
    op.create_index(op.f("ix_payment_promises_customer_id"), "payment_promises", ["customer_id"])


def downgrade() -> None:
    op.drop_table("payment_promises")
    op.drop_table("case_alerts")
