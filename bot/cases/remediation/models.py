"""Tables of mass remediation. Amounts are 分."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial

FenColumn = Annotated[int, mapped_column(BigInteger)]

RUN_STATUSES = ("draft", "proposed", "approved", "posting", "done", "rejected")
ITEM_STATUSES = ("found", "pending", "posted", "skipped")


class RemediationRunRow(Base):
    """One remediation of one incident, judged by the records as of ``as_of``.

    ``cursor``: how far the listing has come; ``found_all``: to the end. ``policy_from`` names the version of the case policy
    whose ``notice_grace_days`` applies. ``items_hash`` and the totals are what was proposed; approval binds to them.
    """

    __tablename__ = "remediation_runs"
    __table_args__ = (
        CheckConstraint(f"status IN {RUN_STATUSES}", name="status"),
        CheckConstraint("(status = 'draft') = (proposed_by IS NULL)", name="proposed"),
        CheckConstraint("(proposed_by IS NULL) = (items_hash IS NULL)", name="frozen_when_proposed"),
        CheckConstraint("(status IN ('draft', 'proposed')) = (decided_by IS NULL)", name="decided"),
        CheckConstraint(
            "status NOT IN ('approved', 'posting', 'done') OR (decided_by IS NOT NULL AND decided_by <> proposed_by)",
            name="two_people",
        ),
        CheckConstraint("(status = 'done') = (done_at IS NOT NULL)", name="done_at"),
        CheckConstraint("(status IN ('done', 'rejected')) = (open_incident IS NULL)", name="open_incident"),
        Index(None, "incident_no"),
    )
    id: Mapped[Serial]
    run_no: Mapped[str] = mapped_column(String(24), unique=True)
    incident_no: Mapped[str] = mapped_column(String(40))
    open_incident: Mapped[str | None] = mapped_column(String(40), unique=True)
    status: Mapped[str] = mapped_column(String(12))
    as_of: Mapped[date]
    policy_from: Mapped[date]
    notice_grace_days: Mapped[int]
    cursor: Mapped[str | None] = mapped_column(String(200))
    found_all: Mapped[bool]
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    items_hash: Mapped[str | None] = mapped_column(String(64))
    items: Mapped[int | None]
    people: Mapped[int | None]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    proposed_by: Mapped[str | None] = mapped_column(String(64))
    proposed_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(Text)
    done_at: Mapped[datetime | None]


_PENDING, _FOUND = text("status = 'pending'"), text("status = 'found'")


class RemediationItemRow(Base):
    """One instalment: found → pending | skipped → posted | skipped.

    ``system_caused``: the system's share of ``penalty`` as of the run's day; ``given_before``: waived until then; ``amount``:
    what is left to give, frozen by the proposal. ``entries``: how many ledger entries it rests on. ``waived`` + ``refunded``:
    what was posted. ``reason``: why skipped, or why less than ``amount`` was posted.
    """

    __tablename__ = "remediation_items"
    __table_args__ = (
        UniqueConstraint("run_id", "contract_no", "instalment"),
        CheckConstraint(f"status IN {ITEM_STATUSES}", name="status"),
        CheckConstraint("amount >= 0 AND amount <= system_caused AND system_caused <= penalty", name="amount"),
        CheckConstraint("status <> 'pending' OR amount > 0", name="something_pending"),
        CheckConstraint("waived >= 0 AND refunded >= 0 AND waived + refunded <= amount", name="never_more"),
        CheckConstraint("(status = 'posted') = (waived + refunded > 0)", name="posted"),
        CheckConstraint("(waived > 0) = (waiver_receipt_no IS NOT NULL)", name="waiver_receipt"),
        CheckConstraint("(refunded > 0) = (refund_receipt_no IS NOT NULL)", name="refund_receipt"),
        CheckConstraint("status <> 'skipped' OR reason IS NOT NULL", name="skipped_for_a_reason"),
        Index("ix_remediation_items_found", "run_id", "id", sqlite_where=_FOUND, postgresql_where=_FOUND),
        Index("ix_remediation_items_pending", "run_id", "customer_id", "id", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index("ix_remediation_items_customer", "run_id", "customer_id"),
    )
    id: Mapped[Serial]
    run_id: Mapped[int] = mapped_column(ForeignKey("remediation_runs.id"))
    customer_id: Mapped[str] = mapped_column(String(64))
    contract_no: Mapped[str] = mapped_column(String(40))
    instalment: Mapped[int]
    status: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str | None] = mapped_column(String(32))
    due_on: Mapped[date | None]
    overdue_days: Mapped[int] = mapped_column(default=0)
    system_days: Mapped[int] = mapped_column(default=0)
    penalty: Mapped[FenColumn] = mapped_column(default=0)
    system_caused: Mapped[FenColumn] = mapped_column(default=0)
    given_before: Mapped[FenColumn] = mapped_column(default=0)
    amount: Mapped[FenColumn] = mapped_column(default=0)
    entries: Mapped[int] = mapped_column(default=0)
    waived: Mapped[FenColumn] = mapped_column(default=0)
    refunded: Mapped[FenColumn] = mapped_column(default=0)
    waiver_receipt_no: Mapped[str | None] = mapped_column(String(40))
    refund_receipt_no: Mapped[str | None] = mapped_column(String(40))
    posted_at: Mapped[datetime | None]
