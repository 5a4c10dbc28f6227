"""conversations: handoffs asked for outside office hours"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_office_hours"
down_revision = "0003_cases"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("handoff_requests", sa.Column("offline", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("handoff_requests", "offline")
