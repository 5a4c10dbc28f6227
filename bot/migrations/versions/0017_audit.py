"""audit: the chained trail and its heads"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0017_audit"
down_revision = "0016_mass_remediation"
branch_labels = None
depends_on = None

CHAINS = 8
COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ACTOR_KINDS = "'customer', 'visitor', 'bot', 'agent', 'supervisor', 'admin', 'system', 'operator'"
SUBJECTS = ("conversation_id", "case_no", "contract_no", "customer_id")


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("chain", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", COUNT, autoincrement=False, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor_kind", sa.String(12), nullable=False),
        sa.Column("actor_id", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(24), nullable=False),
        sa.Column("address", sa.String(45)),
        sa.Column("request_id", sa.String(64)),
        sa.Column("action", sa.String(48), nullable=False),
        sa.Column("conversation_id", sa.String(64)),
        sa.Column("case_no", sa.String(24)),
        sa.Column("contract_no", sa.String(40)),
        sa.Column("customer_id", sa.String(64)),
        sa.Column("reason", sa.String(300)),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_audit_entries_seq")),
        sa.CheckConstraint(f"actor_kind IN ({ACTOR_KINDS})", name=op.f("ck_audit_entries_actor_kind")),
        sa.PrimaryKeyConstraint("chain", "seq", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_at_chain_seq"), "audit_entries", ["at", "chain", "seq"])
    op.create_index(op.f("ix_audit_entries_actor_id_at"), "audit_entries", ["actor_id", "at"])
    for column in SUBJECTS:
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            op.f(f"ix_audit_entries_{column}_at"), "audit_entries", [column, "at"], postgresql_where=there, sqlite_where=there
        )
    heads = op.create_table(
        "audit_chains",
        sa.Column("chain", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", COUNT, nullable=False),
        sa.Column("last_hash", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(16)),
        sa.Column("seal", sa.String(64)),
        sa.CheckConstraint("count >= 0", name=op.f("ck_audit_chains_count")),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_chains")),
    )
    op.bulk_insert(heads, [{"chain": chain, "count": 0, "last_hash": "0" * 64} for chain in range(1, CHAINS + 1)])
    _refuse("audit_entries", "UPDATE", "DELETE")
    _refuse("audit_chains", "DELETE")


def _refuse(table: str, *verbs: str) -> None:
    """Triggers as of the other append-only tables; PostgreSQL's function is that of migration 0001."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in verbs:
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE {' OR '.join((*verbs, 'TRUNCATE'))} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("audit_chains")
    op.drop_table("audit_entries")
