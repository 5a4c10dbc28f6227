"""outbox: the inbox and outbox of messaging platforms, and bindings of their accounts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0020_outbox"
down_revision = "0019_troubled_payments"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _inbox()
    _outbox()
    _bindings()


def _index(name: str, table: str, columns: list[str], where: str | None = None, *, unique: bool = False) -> None:
    there = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=there, postgresql_where=there)


def _inbox() -> None:
    op.create_table(
        "inbox_messages",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("external_id", sa.String(128), nullable=False),
        sa.Column("sender", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("opens", sa.String(8)),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("resolved", sa.Boolean(), nullable=False),
        sa.Column("customer_id", sa.String(64), nullable=False),
        sa.Column("reply", sa.JSON()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", Instant(), nullable=False),
        sa.Column("holder", sa.String(32)),
        sa.Column("lease_until", Instant()),
        sa.Column("failure", sa.String(64)),
        sa.CheckConstraint("state IN ('pending', 'done', 'failed')", name=op.f("ck_inbox_messages_state")),
        sa.CheckConstraint("opens IS NULL OR opens IN ('message', 'click')", name=op.f("ck_inbox_messages_opens")),
        sa.CheckConstraint("(holder IS NULL) = (lease_until IS NULL)", name=op.f("ck_inbox_messages_lease")),
        sa.CheckConstraint("(state = 'done') = (text IS NULL)", name=op.f("ck_inbox_messages_wiped")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_messages")),
        sa.UniqueConstraint("channel", "external_id", name=op.f("uq_inbox_messages_channel_external_id")),
    )
    _index("ix_inbox_messages_pending", "inbox_messages", ["channel", "sender", "id"], "state = 'pending'")
    _index(op.f("ix_inbox_messages_channel_sender_at"), "inbox_messages", ["channel", "sender", "at"])
    op.create_table(
        "inbox_nonces",
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "nonce", name=op.f("pk_inbox_nonces")),
    )
    _index(op.f("ix_inbox_nonces_received_at"), "inbox_nonces", ["received_at"])


def _outbox() -> None:
    op.create_table(
        "deliveries",
        sa.Column("message_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("address", sa.String(128), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("waits_for", sa.String(16)),
        sa.Column("parts_sent", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", Instant(), nullable=False),
        sa.Column("holder", sa.String(32)),
        sa.Column("lease_until", Instant()),
        sa.Column("failure", sa.String(64)),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant()),
        sa.CheckConstraint("state IN ('queued', 'sent', 'delivered', 'read', 'failed')", name=op.f("ck_deliveries_state")),
        sa.CheckConstraint(
            "waits_for IS NULL OR waits_for IN ('retry', 'quota', 'authorisation')", name=op.f("ck_deliveries_waits_for")
        ),
        sa.CheckConstraint("waits_for IS NULL OR state = 'queued'", name=op.f("ck_deliveries_waiting")),
        sa.CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name=op.f("ck_deliveries_failure")),
        sa.CheckConstraint("(holder IS NULL) = (lease_until IS NULL)", name=op.f("ck_deliveries_lease")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_deliveries_message_id_messages")),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_deliveries_conversation_id_conversations")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_deliveries")),
    )
    _index("ix_deliveries_queued", "deliveries", ["channel", "address", "message_id"], "state = 'queued'")
    _index(op.f("ix_deliveries_conversation_id_message_id"), "deliveries", ["conversation_id", "message_id"])
    _index(op.f("ix_deliveries_state_message_id"), "deliveries", ["state", "message_id"])
    op.create_table(
        "delivery_tries",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("address", sa.String(128), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("error", sa.String(64)),
        sa.Column("platform_id", sa.String(128)),
        sa.CheckConstraint("outcome IN ('under_way', 'taken', 'refused', 'unknown')", name=op.f("ck_delivery_tries_outcome")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_delivery_tries_message_id_messages")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_tries")),
    )
    _index("ix_delivery_tries_counted", "delivery_tries", ["channel", "address", "at"], "outcome <> 'refused'")
    _index(op.f("ix_delivery_tries_message_id"), "delivery_tries", ["message_id"])
    _index(op.f("ix_delivery_tries_channel_platform_id"), "delivery_tries", ["channel", "platform_id"])


def _bindings() -> None:
    op.create_table(
        "channel_bindings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("address", sa.String(128), nullable=False),
        sa.Column("customer_id", sa.String(64), nullable=False),
        sa.Column("bound_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant()),
        sa.Column("revoked_by", sa.String(64)),
        sa.CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name=op.f("ck_channel_bindings_revoked")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_bindings")),
    )
    _index("uq_channel_bindings_active", "channel_bindings", ["channel", "address"], "revoked_at IS NULL", unique=True)
    _index(op.f("ix_channel_bindings_customer_id"), "channel_bindings", ["customer_id"])
    op.create_table(
        "binding_attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("address", sa.String(128), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("phone_hash", sa.String(64)),
        sa.Column("customer_id", sa.String(64)),
        sa.Column("salt", sa.String(32)),
        sa.Column("code_hash", sa.String(64)),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("sent_at", Instant()),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.CheckConstraint("state IN ('phone', 'code', 'bound', 'ended')", name=op.f("ck_binding_attempts_state")),
        sa.CheckConstraint(
            "state <> 'code' OR (phone_hash IS NOT NULL AND code_hash IS NOT NULL)", name=op.f("ck_binding_attempts_code")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding_attempts")),
    )
    _index(op.f("ix_binding_attempts_channel_address_started_at"), "binding_attempts", ["channel", "address", "started_at"])
    _index(op.f("ix_binding_attempts_phone_hash_sent_at"), "binding_attempts", ["phone_hash", "sent_at"])


def downgrade() -> None:
    for table in ("binding_attempts", "channel_bindings", "delivery_tries", "deliveries", "inbox_nonces", "inbox_messages"):
        op.drop_table(table)
