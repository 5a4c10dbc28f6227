"""channel states: tokens, cursors and leases that replicas share for a messaging platform"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0021_channel_states"
down_revision = "0020_outbox"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_states",
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("expires_at", Instant()),
        sa.Column("holder", sa.String(32)),
        sa.Column("lease_until", Instant()),
        sa.PrimaryKeyConstraint("channel", "key", name=op.f("pk_channel_states")),
    )


def downgrade() -> None:
    op.drop_table("channel_states")
