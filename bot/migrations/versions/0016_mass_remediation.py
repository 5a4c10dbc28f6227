"""mass remediation: runs of an incident and their items"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.core.database import Instant

revision = "0016_mass_remediation"
down_revision = "0015_attachments"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PENDING, FOUND = sa.text("status = 'pending'"), sa.text("status = 'found'")


def upgrade() -> None:
    _runs()
    _items()


def _runs() -> None:
    name = "remediation_runs"
    op.create_table(
        name,
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("run_no", sa.String(length=24), nullable=False),
        sa.Column("incident_no", sa.String(length=40), nullable=False),
        sa.Column("open_incident", sa.String(length=40), nullable=True),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("policy_from", sa.Date(), nullable=False),
        sa.Column("notice_grace_days", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.String(length=200), nullable=True),
        sa.Column("found_all", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("items_hash", sa.String(length=64), nullable=True),
        sa.Column("items", sa.Integer(), nullable=True),
        sa.Column("people", sa.Integer(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("proposed_by", sa.String(length=64), nullable=True),
        sa.Column("proposed_at", Instant(), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("done_at", Instant(), nullable=True),
        _check(name, "status", "status IN ('draft', 'proposed', 'approved', 'posting', 'done', 'rejected')"),
        _check(name, "proposed", "(status = 'draft') = (proposed_by IS NULL)"),
        _check(name, "frozen_when_proposed", "(proposed_by IS NULL) = (items_hash IS NULL)"),
        _check(name, "decided", "(status IN ('draft', 'proposed')) = (decided_by IS NULL)"),
        _check(
            name,
            "two_people",
            "status NOT IN ('approved', 'posting', 'done') OR (decided_by IS NOT NULL AND decided_by <> proposed_by)",
        ),
        _check(name, "done_at", "(status = 'done') = (done_at IS NOT NULL)"),
        _check(name, "open_incident", "(status IN ('done', 'rejected')) = (open_incident IS NULL)"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remediation_runs")),
        sa.UniqueConstraint("run_no", name=op.f("uq_remediation_runs_run_no")),
        sa.UniqueConstraint("open_incident", name=op.f("uq_remediation_runs_open_incident")),
    )
    op.create_index(op.f("ix_remediation_runs_incident_no"), name, ["incident_no"])


def _items() -> None:
    name = "remediation_items"
    op.create_table(
        name,
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("run_id", SERIAL, nullable=False),
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("contract_no", sa.String(length=40), nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("overdue_days", sa.Integer(), nullable=False),
        sa.Column("system_days", sa.Integer(), nullable=False),
        sa.Column("penalty", sa.BigInteger(), nullable=False),
        sa.Column("system_caused", sa.BigInteger(), nullable=False),
        sa.Column("given_before", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("waived", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("waiver_receipt_no", sa.String(length=40), nullable=True),
        sa.Column("refund_receipt_no", sa.String(length=40), nullable=True),
        sa.Column("posted_at", Instant(), nullable=True),
        _check(name, "status", "status IN ('found', 'pending', 'posted', 'skipped')"),
        _check(name, "amount", "amount >= 0 AND amount <= system_caused AND system_caused <= penalty"),
        _check(name, "something_pending", "status <> 'pending' OR amount > 0"),
        _check(name, "never_more", "waived >= 0 AND refunded >= 0 AND waived + refunded <= amount"),
        _check(name, "posted", "(status = 'posted') = (waived + refunded > 0)"),
        _check(name, "waiver_receipt", "(waived > 0) = (waiver_receipt_no IS NOT NULL)"),
        _check(name, "refund_receipt", "(refunded > 0) = (refund_receipt_no IS NOT NULL)"),
        _check(name, "skipped_for_a_reason", "status <> 'skipped' OR reason IS NOT NULL"),
        sa.ForeignKeyConstraint(["run_id"], ["remediation_runs.id"], name=op.f("fk_remediation_items_run_id_remediation_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remediation_items")),
        sa.UniqueConstraint(
            "run_id", "contract_no", "instalment", name=op.f("uq_remediation_items_run_id_contract_no_instalment")
        ),
    )
    op.create_index("ix_remediation_items_found", name, ["run_id", "id"], sqlite_where=FOUND, postgresql_where=FOUND)
    op.create_index(
        "ix_remediation_items_pending", name, ["run_id", "customer_id", "id"], sqlite_where=PENDING, postgresql_where=PENDING
    )
    op.create_index("ix_remediation_items_customer", name, ["run_id", "customer_id"])


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def downgrade() -> None:
    op.drop_table("remediation_items")
    op.drop_table("remediation_runs")
