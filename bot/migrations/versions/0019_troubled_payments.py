"""loans: own repayments in trouble are found by an index of their own: a page of ``touched`` asks for them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019_troubled_payments"
down_revision = "0018_limits"
branch_labels = None
depends_on = None

SLOW_POSTGRESQL = "resolved_at - created_at >= INTERVAL '1 day'"
SLOW_SQLITE = "substr(resolved_at, 1, 10) > substr(created_at, 1, 10)"
TROUBLED = "kind = 'own' AND (resolved_at IS NULL OR {slow} OR result_code <> 'SUCCESS')"


def upgrade() -> None:
    op.create_index(
        "ix_payments_troubled",
        "payments",
        ["created_at"],
        sqlite_where=sa.text(TROUBLED.format(slow=SLOW_SQLITE)),
        postgresql_where=sa.text(TROUBLED.format(slow=SLOW_POSTGRESQL)),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Without it PostgreSQL takes a third of all payments for slow ones and reads the targets of the whole book instead.
        op.execute("CREATE STATISTICS st_payments_duration ON (resolved_at - created_at) FROM payments")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP STATISTICS st_payments_duration")
    op.drop_index("ix_payments_troubled", table_name="payments")
