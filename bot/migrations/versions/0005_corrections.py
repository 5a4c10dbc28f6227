"""loans: reversals say what they undo and why; 等额本金 as a method of repayment"""

from __future__ import annotations

from alembic import op

revision = "0005_corrections"
down_revision = "0004_office_hours"
branch_labels = None
depends_on = None

HEADS = "ledger_transactions"
CHECKS = {
    "ck_ledger_transactions_reversal_names_its_original": "(kind = 'reversal') = (reverses IS NOT NULL)",
    "ck_ledger_transactions_reversal_says_why": "(kind = 'reversal') = (note IS NOT NULL)",
}
BEFORE = "method IN ('by_day', 'equal_instalments', 'interest_only', 'fee_per_period')"
AFTER = "method IN ('by_day', 'equal_instalments', 'equal_principal', 'interest_only', 'fee_per_period')"


def methods(condition: str) -> None:
    with op.batch_alter_table("products") as batch:
        batch.drop_constraint(op.f("ck_products_method"), type_="check")
        batch.create_check_constraint(op.f("ck_products_method"), condition)


def upgrade() -> None:
    methods(AFTER)
    # SQLite can add a constraint to a table only with a new column, or by building the table anew, which would drop its triggers.
    checks = " ".join(f"CONSTRAINT {name} CHECK ({condition})" for name, condition in CHECKS.items())
    op.execute(f"ALTER TABLE {HEADS} ADD COLUMN note VARCHAR(200) {checks}")


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":  # there the column takes along what was added with it
        for name in CHECKS:
            op.drop_constraint(op.f(name), HEADS, type_="check")
    op.drop_column(HEADS, "note")
    methods(BEFORE)
