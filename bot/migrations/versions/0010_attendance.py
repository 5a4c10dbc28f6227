"""desk: sessions with a cookie; who is there, with which skills; handoffs that need a skill or go to a colleague"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0010_attendance"
down_revision = "0009_realtime"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "desk_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("agent_id", sa.String(length=32), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.agent_id"], name=op.f("fk_desk_sessions_agent_id_agents")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_desk_sessions")),
    )
    op.create_index(op.f("ix_desk_sessions_agent_id"), "desk_sessions", ["agent_id"])
    op.create_table(
        "attendance",
        sa.Column("agent_id", sa.String(length=32), nullable=False),
        sa.Column("presence", sa.String(length=8), nullable=False),
        sa.Column("skills", sa.JSON(), nullable=False),
        sa.Column("max_conversations", sa.Integer(), nullable=True),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.CheckConstraint("presence IN ('online', 'busy', 'away')", name=op.f("ck_attendance_presence")),
        sa.CheckConstraint("max_conversations IS NULL OR max_conversations >= 0", name=op.f("ck_attendance_max_conversations")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.agent_id"], name=op.f("fk_attendance_agent_id_agents")),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_attendance")),
    )
    op.add_column("handoff_requests", sa.Column("for_agent", sa.String(length=32), nullable=True))


def downgrade() -> None:
    op.drop_column("handoff_requests", "for_agent")
    op.drop_table("attendance")
    op.drop_table("desk_sessions")
