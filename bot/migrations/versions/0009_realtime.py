"""conversations: messages are delivered and read; how far the agent has read"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_realtime"
down_revision = "0008_notifications"
branch_labels = None
depends_on = None

INCOMING = "(direction = 'in' AND state IN ('received', 'processing', 'answered', 'failed'))"
BEFORE = f"{INCOMING} OR (direction = 'out' AND state IN ('queued', 'sent'))"
AFTER = f"{INCOMING} OR (direction = 'out' AND state IN ('queued', 'sent', 'delivered', 'read', 'failed'))"


def upgrade() -> None:
    _messages_may_be(AFTER)
    op.add_column("conversations", sa.Column("agent_read_seq", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("conversations", "agent_read_seq")
    op.execute("UPDATE messages SET state = 'sent' WHERE direction = 'out' AND state <> 'queued'")
    _messages_may_be(BEFORE)


def _messages_may_be(states: str) -> None:
    with op.batch_alter_table("messages") as batch:
        batch.drop_constraint(op.f("ck_messages_state"), type_="check")
        batch.create_check_constraint(op.f("ck_messages_state"), states)
