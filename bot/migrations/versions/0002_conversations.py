# ruff: noqa: E501 (a list of tables, in the form that Alembic writes)
"""identity, conversations, desk: one-time codes, the message log, the queue for humans, agents"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0002_conversations"
down_revision = "0001_loans"
branch_labels = None
depends_on = None

TABLES = (
    "agents",
    "conversations",
    "desk_login_failures",
    "simulated_sms",
    "step_up_challenges",
    "handoff_requests",
    "messages",
)


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("agent_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("role IN ('agent', 'supervisor', 'admin')", name=op.f("ck_agents_role")),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agents")),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("sender", sa.String(length=128), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=8), nullable=False),
        sa.Column("agent_id", sa.String(length=32), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("turn_holder", sa.String(length=32), nullable=True),
        sa.Column("turn_until", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("(owner = 'agent') = (agent_id IS NOT NULL)", name=op.f("ck_conversations_agent")),
        sa.CheckConstraint("owner IN ('bot', 'queue', 'agent')", name=op.f("ck_conversations_owner")),
        sa.CheckConstraint("(turn_holder IS NULL) = (turn_until IS NULL)", name=op.f("ck_conversations_turn")),
        sa.CheckConstraint("last_seq >= 0", name=op.f("ck_conversations_last_seq")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint("channel", "sender", "customer_id", name=op.f("uq_conversations_channel_sender_customer_id")),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversations_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_conversations_owner"), ["owner"], unique=False)

    op.create_table(
        "desk_login_failures",
        sa.Column("agent_id", sa.String(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", Instant(), nullable=True),
        sa.Column("last_at", Instant(), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_desk_login_failures_failures")),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_desk_login_failures")),
    )
    op.create_table(
        "simulated_sms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("body", sa.String(length=500), nullable=False),
        sa.Column("sent_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_simulated_sms")),
    )
    with op.batch_alter_table("simulated_sms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_simulated_sms_recipient"), ["recipient"], unique=False)

    op.create_table(
        "step_up_challenges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("granted_until", Instant(), nullable=True),
        sa.CheckConstraint("(state = 'verified') = (granted_until IS NOT NULL)", name=op.f("ck_step_up_challenges_granted")),
        sa.CheckConstraint(
            "state IN ('pending', 'verified', 'expired', 'locked', 'superseded')", name=op.f("ck_step_up_challenges_state")
        ),
        sa.CheckConstraint("tries_left >= 0", name=op.f("ck_step_up_challenges_tries")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_up_challenges")),
    )
    with op.batch_alter_table("step_up_challenges", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_step_up_challenges_conversation_id"), ["conversation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_step_up_challenges_customer_id_sent_at"), ["customer_id", "sent_at"], unique=False)

    op.create_table(
        "handoff_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("agent_id", sa.String(length=32), nullable=True),
        sa.Column("case_no", sa.String(length=40), nullable=True),
        sa.Column("requested_at", Instant(), nullable=False),
        sa.Column("assigned_at", Instant(), nullable=True),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_handoff_requests_closed")),
        sa.CheckConstraint(
            "state <> 'assigned' OR (agent_id IS NOT NULL AND assigned_at IS NOT NULL)", name=op.f("ck_handoff_requests_assigned")
        ),
        sa.CheckConstraint("state IN ('queued', 'assigned', 'closed')", name=op.f("ck_handoff_requests_state")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_handoff_requests_conversation_id_conversations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handoff_requests")),
    )
    with op.batch_alter_table("handoff_requests", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_handoff_requests_state_priority_requested_at"), ["state", "priority", "requested_at"], unique=False
        )
        batch_op.create_index(
            "uq_handoff_requests_open_conversation_id",
            ["conversation_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('queued', 'assigned')"),
            postgresql_where=sa.text("state IN ('queued', 'assigned')"),
        )

    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("author", sa.String(length=8), nullable=False),
        sa.Column("external_id", sa.String(length=128), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("shown_text", sa.Text(), nullable=True),
        sa.Column("buttons", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("custom", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reply_to", sa.Integer(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("rasa_text", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("failure", sa.String(length=16), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "(direction = 'in' AND state IN ('received', 'processing', 'answered', 'failed')) OR (direction = 'out' AND state IN ('queued', 'sent'))",
            name=op.f("ck_messages_state"),
        ),
        sa.CheckConstraint("(direction = 'in') = (author = 'borrower')", name=op.f("ck_messages_direction_of_author")),
        sa.CheckConstraint("author IN ('borrower', 'bot', 'agent', 'system')", name=op.f("ck_messages_author")),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_messages_seq")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_messages_conversation_id_conversations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint(
            "conversation_id", "direction", "external_id", name=op.f("uq_messages_conversation_id_direction_external_id")
        ),
        sa.UniqueConstraint("conversation_id", "seq", name=op.f("uq_messages_conversation_id_seq")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_messages_processing",
            ["conversation_id"],
            unique=False,
            sqlite_where=sa.text("state = 'processing'"),
            postgresql_where=sa.text("state = 'processing'"),
        )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
