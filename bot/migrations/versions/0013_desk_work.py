"""desk: internal notes, canned answers, ratings, what the bot misunderstood"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0013_desk_work"
down_revision = "0012_bank_callbacks"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "internal_notes",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("agent_id", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_internal_notes_conversation_id_conversations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_internal_notes")),
    )
    op.create_index(op.f("ix_internal_notes_conversation_id"), "internal_notes", ["conversation_id"])
    op.create_table(
        "ratings",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("handoff_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.String(length=32), nullable=True),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("rated_at", Instant(), nullable=False),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_ratings_score")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_ratings_conversation_id_conversations")),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoff_requests.id"], name=op.f("fk_ratings_handoff_id_handoff_requests")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ratings")),
        sa.UniqueConstraint("handoff_id", name=op.f("uq_ratings_handoff_id")),
    )
    op.create_index(op.f("ix_ratings_rated_at"), "ratings", ["rated_at"])
    op.create_table(
        "canned_answers",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_by", sa.String(length=32), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_answers")),
        sa.UniqueConstraint("title", name=op.f("uq_canned_answers_title")),
    )
    op.create_table(
        "misunderstandings",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("understood_as", sa.String(length=64), nullable=True),
        sa.Column("intent", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("marked_by", sa.String(length=32), nullable=False),
        sa.Column("marked_at", Instant(), nullable=False),
        sa.Column("reviewed_by", sa.String(length=32), nullable=True),
        sa.Column("reviewed_at", Instant(), nullable=True),
        sa.CheckConstraint("state IN ('marked', 'accepted', 'rejected')", name=op.f("ck_misunderstandings_state")),
        sa.CheckConstraint(
            "(state = 'marked') = (reviewed_by IS NULL) AND (reviewed_by IS NULL OR reviewed_by <> marked_by)",
            name=op.f("ck_misunderstandings_second_look"),
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_misunderstandings_conversation_id_conversations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_misunderstandings")),
        sa.UniqueConstraint("conversation_id", "seq", name=op.f("uq_misunderstandings_conversation_id_seq")),
    )
    op.create_index(op.f("ix_misunderstandings_state"), "misunderstandings", ["state"])


def downgrade() -> None:
    for table in ("misunderstandings", "canned_answers", "ratings", "internal_notes"):
        op.drop_table(table)
