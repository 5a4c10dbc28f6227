"""loan edges: when the bank was last asked to pay a refund"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0027_loan_edges"
down_revision = "0026_initial_passwords"
branch_labels = None
depends_on = None

_TO_PAY = sa.text("status = 'pending' AND cancelled_at IS NULL")


def upgrade() -> None:
    op.add_column("refunds", sa.Column("tried_at", Instant()))
    op.create_index("ix_refunds_to_pay", "refunds", ["tried_at", "created_at"], sqlite_where=_TO_PAY, postgresql_where=_TO_PAY)


def downgrade() -> None:
    op.drop_index("ix_refunds_to_pay", "refunds")
    op.drop_column("refunds", "tried_at")
