"""handoff deadline: the case whose near deadline gives a waiting borrower their place in the queue"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022_handoff_deadline"
down_revision = "0021_channel_states"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("handoff_requests", sa.Column("due_case_no", sa.String(40)))


def downgrade() -> None:
    op.drop_column("handoff_requests", "due_case_no")
