"""Everything that a remediation writes, as plain rows without random numbers and row ids: for comparing ends."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from bot.cases.models import CaseEventRow, CaseRow, RemedyRow
from bot.cases.remediation.models import RemediationItemRow, RemediationRunRow
from bot.loans import models as m
from bot.notifications.models import NotificationRow

_DRAWN = {
    "receipt_no", "refund_no", "waiver_receipt_no", "refund_receipt_no", "result", "transaction_id", "id", "case_id", "receipts",
    "data", "run_id",
}  # fmt: skip
TABLES: tuple[Any, ...] = (
    m.InstalmentRow, m.ContractRow, m.LedgerTransactionRow, m.LedgerEntryRow, m.ReceiptRow, m.RefundRow, m.IdempotencyKeyRow,
    m.AccrualHoldRow, RemediationRunRow, RemediationItemRow, NotificationRow, CaseRow, CaseEventRow, RemedyRow,
)  # fmt: skip


def dump(session: Session, tables: tuple[Any, ...] = TABLES, without: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """The rows of each table, sorted. ``without``: more columns to leave out."""
    session.flush()
    found = {}
    for table in tables:
        of: Table = table.__table__
        columns = [column for column in of.columns if column.name not in _DRAWN | without]
        found[of.name] = sorted(repr(tuple(row)) for row in session.execute(select(*columns)))
    return found
