"""attachments: files of borrowers and agents; commands of the desk that may be retried; lists of cases by deadline"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0015_attachments"
down_revision = "0014_case_alerts"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DAYS = {"credit_correction": 20}
OTHER_DAYS = 15
"""The clock of data/catalogue/complaint_clock.yml as it was for every case so far."""
BECOMES = {
    "received": "received",
    "acknowledged": "acknowledged",
    "investigating": "investigating",
    "asked_borrower": "waiting_for_borrower",
    "proposed": "proposed",
    "approved": "decided",
    "rejected": "investigating",
    "decided": "decided",
    "remedied": "remedied",
    "closed": "closed",
    "withdrawn": "withdrawn",
    "reopened": "reopened",
}


def upgrade() -> None:
    op.add_column("cases", sa.Column("status", sa.String(20), nullable=False, server_default="received"))
    op.add_column("cases", sa.Column("decide_by", sa.Date(), nullable=False, server_default="1970-01-01"))
    op.create_index(op.f("ix_cases_decide_by_id"), "cases", ["decide_by", "id"])
    op.create_index(op.f("ix_cases_owner"), "cases", ["owner"])
    _fill()
    _attachments()
    op.create_table(
        "desk_commands",
        sa.Column("agent_id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "key", name=op.f("pk_desk_commands")),
    )


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("attachment_id", sa.String(32), nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=True),
        sa.Column("case_id", SERIAL, nullable=True),
        sa.Column("customer_id", sa.String(64), nullable=True),
        sa.Column("uploaded_kind", sa.String(8), nullable=False),
        sa.Column("uploaded_by", sa.String(64), nullable=False),
        sa.Column("audience", sa.String(8), nullable=False),
        sa.Column("media_type", sa.String(16), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("conversation_id IS NOT NULL OR case_id IS NOT NULL", name=op.f("ck_attachments_belongs")),
        sa.CheckConstraint("uploaded_kind IN ('borrower', 'agent')", name=op.f("ck_attachments_uploaded_kind")),
        sa.CheckConstraint("audience IN ('borrower', 'internal')", name=op.f("ck_attachments_audience")),
        sa.CheckConstraint(
            "media_type IN ('image/jpeg', 'image/png', 'image/webp', 'application/pdf')",
            name=op.f("ck_attachments_media_type"),
        ),
        sa.CheckConstraint("size > 0", name=op.f("ck_attachments_size")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_attachments_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("attachment_id", name=op.f("uq_attachments_attachment_id")),
    )
    op.create_index(op.f("ix_attachments_conversation_id"), "attachments", ["conversation_id"])
    op.create_index(op.f("ix_attachments_case_id"), "attachments", ["case_id"])


def _fill() -> None:
    """Writes status and deadline of the cases that exist: what their threads say."""
    bind = op.get_bind()
    events = sa.table(
        "case_events",
        sa.column("case_id"),
        sa.column("number"),
        sa.column("type"),
        sa.column("at", Instant()),
        sa.column("data", sa.JSON()),
    )
    cases = sa.table("cases", sa.column("id"), sa.column("kind"), sa.column("status"), sa.column("decide_by", sa.Date()))
    kinds = {row.id: row.kind for row in bind.execute(sa.select(cases.c.id, cases.c.kind))}
    for case_id, kind in kinds.items():
        query = sa.select(events).where(events.c.case_id == case_id).order_by(events.c.number)
        status, decide_by = _derived(kind, [(row.type, row.at, row.data) for row in bind.execute(query)])
        bind.execute(sa.update(cases).where(cases.c.id == case_id).values(status=status, decide_by=decide_by))


def _derived(kind: str, thread: list[tuple[str, datetime, dict[str, object]]]) -> tuple[str, date]:
    status, runs_from, days = "received", thread[0][1].date(), DAYS.get(kind, OTHER_DAYS)
    for name, at, data in thread:
        answered = name == "fact_added" and status == "waiting_for_borrower"
        status = "investigating" if answered else BECOMES.get(name, status)
        if name == "reopened" or data.get("restarts_clock"):
            runs_from, days = at.date(), DAYS.get(kind, OTHER_DAYS)
        if name == "extended":
            days = int(str(data["days"]))
    return status, runs_from + timedelta(days=days)


def downgrade() -> None:
    op.drop_table("desk_commands")
    op.drop_table("attachments")
    op.drop_index(op.f("ix_cases_owner"), "cases")
    op.drop_index(op.f("ix_cases_decide_by_id"), "cases")
    with op.batch_alter_table("cases") as batch:
        batch.drop_column("decide_by")
        batch.drop_column("status")
