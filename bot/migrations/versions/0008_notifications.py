"""notifications: what borrowers are told outside a turn"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0008_notifications"
down_revision = "0007_loan_indexes"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=True),
        sa.Column("conversation_id", sa.String(length=32), nullable=True),
        sa.Column("text_key", sa.String(length=64), nullable=False),
        sa.Column("text_values", sa.JSON(), nullable=False),
        sa.Column("cards", sa.JSON(), nullable=False),
        sa.Column("case_no", sa.String(length=24), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("via", sa.String(length=8), nullable=True),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", Instant(), nullable=False),
        sa.Column("failure", sa.String(length=64), nullable=True),
        sa.CheckConstraint("customer_id IS NOT NULL OR conversation_id IS NOT NULL", name=op.f("ck_notifications_recipient")),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name=op.f("ck_notifications_state")),
        sa.CheckConstraint("(state = 'delivered') = (delivered_at IS NOT NULL)", name=op.f("ck_notifications_delivered")),
        sa.CheckConstraint("via IS NULL OR via IN ('chat', 'sms')", name=op.f("ck_notifications_via")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("key", name=op.f("uq_notifications_key")),
    )
    op.create_index(
        "ix_notifications_pending", "notifications", ["next_try_at", "id"], sqlite_where=PENDING, postgresql_where=PENDING
    )
    op.create_index(op.f("ix_notifications_customer_id"), "notifications", ["customer_id"])


def downgrade() -> None:
    op.drop_table("notifications")
