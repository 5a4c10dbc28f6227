"""inbox media: the picture or file that a platform's message names, until it is fetched"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024_inbox_media"
down_revision = "0023_waiting_for_approval"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbox_messages", sa.Column("medium", sa.JSON()))


def downgrade() -> None:
    op.drop_column("inbox_messages", "medium")
