"""previous agent: who passed a borrower on, or left them alone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025_previous_agent"
down_revision = "0024_inbox_media"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("handoff_requests", sa.Column("previous_agent", sa.String(32)))


def downgrade() -> None:
    op.drop_column("handoff_requests", "previous_agent")
