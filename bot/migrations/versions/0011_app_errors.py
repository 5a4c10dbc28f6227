"""loans: errors that the borrower's app showed; kinds of incidents; indexes for what an incident touched"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0011_app_errors"
down_revision = "0010_attendance"
branch_labels = None
depends_on = None

OF_SYSTEM, OWN = sa.text("side = 'system'"), sa.text("kind = 'own'")


def create_app_errors() -> None:
    op.create_table(
        "app_errors",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.String(length=20), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("operation", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=True),
        sa.Column("reported_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "operation IN ('login', 'repay', 'schedule', 'view_bill', 'bind_card', 'other')", name=op.f("ck_app_errors_operation")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.customer_id"], name=op.f("fk_app_errors_customer_id_customers")),
        sa.ForeignKeyConstraint(["contract_no"], ["contracts.contract_no"], name=op.f("fk_app_errors_contract_no_contracts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_errors")),
    )
    op.create_index("ix_app_errors_customer_at", "app_errors", ["customer_id", "at"])


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


def upgrade() -> None:
    create_app_errors()
    make_append_only("app_errors")
    # SQLite adds a check only together with its column, and Alembic has no words for that.
    op.execute(
        "ALTER TABLE incidents ADD COLUMN kind VARCHAR(32) NOT NULL DEFAULT 'outage' "
        "CONSTRAINT ck_incidents_kind CHECK (kind IN ('outage', 'delay', 'other'))"
    )
    op.create_index("ix_debit_attempts_attempted_at", "debit_attempts", ["attempted_at"])
    op.create_index(
        "ix_debit_attempts_of_system", "debit_attempts", ["contract_no", "instalment", "attempted_at"],
        sqlite_where=OF_SYSTEM, postgresql_where=OF_SYSTEM,
    )  # fmt: skip
    op.create_index("ix_payments_own_resolved_at", "payments", ["resolved_at"], sqlite_where=OWN, postgresql_where=OWN)


def downgrade() -> None:
    op.drop_index("ix_payments_own_resolved_at", "payments")
    op.drop_index("ix_debit_attempts_of_system", "debit_attempts")
    op.drop_index("ix_debit_attempts_attempted_at", "debit_attempts")
    op.drop_column("incidents", "kind")
    op.drop_table("app_errors")
