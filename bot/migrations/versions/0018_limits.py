"""limits: sliding windows of what one customer, visitor or address did"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0018_limits"
down_revision = "0017_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rate_hits",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_hits")),
    )
    op.create_index(op.f("ix_rate_hits_key_at"), "rate_hits", ["key", "at"])
    op.create_index(op.f("ix_rate_hits_at"), "rate_hits", ["at"])


def downgrade() -> None:
    op.drop_table("rate_hits")
