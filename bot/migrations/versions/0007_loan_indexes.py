"""loans: holds are found by their instalment: every quote asks for them"""

from __future__ import annotations

from alembic import op

revision = "0007_loan_indexes"
down_revision = "0006_servicing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_accrual_holds_instalment", "accrual_holds", ["contract_no", "instalment"])


def downgrade() -> None:
    op.drop_index("ix_accrual_holds_instalment", table_name="accrual_holds")
