"""sms outbox: one-time codes on their way to the carrier, sealed until they are sent or too late"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0028_sms_outbox"
down_revision = "0027_loan_edges"
branch_labels = None
depends_on = None

_QUEUED = sa.text("state = 'queued'")


def upgrade() -> None:
    op.create_table(
        "sms_outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("purpose", sa.String(200), nullable=False),
        sa.Column("recipient", sa.String(64)),
        sa.Column("sealed", sa.Text()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("next_try_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant()),
        sa.CheckConstraint(
            "state IN ('queued', 'sent', 'failed', 'expired', 'replaced', 'nobody')", name=op.f("ck_sms_outbox_state")
        ),
        sa.CheckConstraint("(state = 'queued') = (sealed IS NOT NULL)", name=op.f("ck_sms_outbox_wiped")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_sms_outbox_key")),
    )
    op.create_index("ix_sms_outbox_due", "sms_outbox", ["next_try_at"], sqlite_where=_QUEUED, postgresql_where=_QUEUED)
    op.create_index("ix_sms_outbox_purpose_queued", "sms_outbox", ["purpose"], sqlite_where=_QUEUED, postgresql_where=_QUEUED)


def downgrade() -> None:
    op.drop_table("sms_outbox")
