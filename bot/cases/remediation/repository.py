"""All SQL of mass remediation."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.cases.remediation.models import RemediationItemRow, RemediationRunRow
from bot.core.bulk import among, insert_many, update_many
from bot.core.money import Fen

RUN, ITEM = RemediationRunRow, RemediationItemRow
FROZEN = (ITEM.customer_id, ITEM.contract_no, ITEM.instalment, ITEM.due_on, ITEM.penalty, ITEM.system_caused, ITEM.given_before,
          ITEM.amount)  # fmt: skip
"""What the proposal freezes of each item."""


class RemediationRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    # --- runs

    def run(self, run_no: str, *, lock: bool = False) -> RemediationRunRow | None:
        query = select(RUN).where(RUN.run_no == run_no)
        if lock:
            query = query.with_for_update()
        return self.session.scalar(query.execution_options(populate_existing=True))

    def runs(self) -> Sequence[RemediationRunRow]:
        """Newest first."""
        return self.session.scalars(select(RUN).order_by(RUN.id.desc())).all()

    def of_incident(self, incident_no: str) -> Sequence[RemediationRunRow]:
        """Newest first."""
        return self.session.scalars(select(RUN).where(RUN.incident_no == incident_no).order_by(RUN.id.desc())).all()

    def in_status(self, statuses: Collection[str]) -> Sequence[RemediationRunRow]:
        """Oldest first."""
        return self.session.scalars(select(RUN).where(RUN.status.in_(statuses)).order_by(RUN.id)).all()

    def next_number(self, day: date) -> int:
        """Of the runs whose number names ``day``."""
        return (self.session.scalar(select(func.count()).where(RUN.run_no.like(f"MR-{day:%Y%m%d}-%"))) or 0) + 1

    def add_run(self, row: RemediationRunRow) -> bool:
        """``False`` when another run of the incident is open, or took the number."""
        try:
            with self.session.begin_nested():
                self.session.add(row)
                self.session.flush()
        except IntegrityError:
            return False
        return True

    # --- items

    def add_found(self, run_id: int, places: Sequence[tuple[str, str, int]]) -> None:
        """Customer, contract, instalment of each. The caller has locked the run and goes forward only."""
        fixed = ("found", 0, 0, 0, 0, 0, 0, 0, 0, 0)
        names = ("run_id", "customer_id", "contract_no", "instalment", "status", "overdue_days", "system_days", "penalty",
                 "system_caused", "given_before", "amount", "entries", "waived", "refunded")  # fmt: skip
        insert_many(self.session, ITEM, names, [(run_id, *place, *fixed) for place in places])

    def take_found(self, run_id: int, limit: int) -> list[Any]:
        """Items that nobody else examines right now, locked: id, customer, contract, instalment."""
        query = select(ITEM.id, ITEM.customer_id, ITEM.contract_no, ITEM.instalment)
        query = query.where(ITEM.run_id == run_id, ITEM.status == "found").order_by(ITEM.id).limit(limit)
        return list(self.session.execute(query.with_for_update(skip_locked=True)))

    def take_pending(self, run_id: int, limit: int) -> list[Any]:
        """Items that nobody else posts right now, locked; a borrower's items stand together."""
        query = select(
            ITEM.id, ITEM.customer_id, ITEM.contract_no, ITEM.instalment, ITEM.system_caused, ITEM.amount, ITEM.entries
        )
        query = query.where(ITEM.run_id == run_id, ITEM.status == "pending").order_by(ITEM.customer_id, ITEM.id).limit(limit)
        return list(self.session.execute(query.with_for_update(skip_locked=True)))

    def examined(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """(id, then the columns named here) of each."""
        changed = ("status", "reason", "due_on", "overdue_days", "system_days", "penalty", "system_caused", "given_before",
                   "amount", "entries")  # fmt: skip
        update_many(self.session, ITEM, ("id",), changed, rows)

    def settled(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """(id, then the columns named here) of each."""
        changed = ("status", "reason", "waived", "refunded", "waiver_receipt_no", "refund_receipt_no", "posted_at")
        update_many(self.session, ITEM, ("id",), changed, rows)

    def count(self, run_id: int, status: str) -> int:
        return self.session.scalar(select(func.count()).where(ITEM.run_id == run_id, ITEM.status == status)) or 0

    def any_left(self, run_id: int, status: str) -> bool:
        """Also when another transaction works on it."""
        return self.session.scalar(select(ITEM.id).where(ITEM.run_id == run_id, ITEM.status == status).limit(1)) is not None

    def by_status(self, run_id: int) -> dict[str, tuple[int, Fen, Fen, Fen]]:
        """Per status: items, amount, waived, refunded."""
        sums = (func.coalesce(func.sum(column), 0) for column in (ITEM.amount, ITEM.waived, ITEM.refunded))
        query = select(ITEM.status, func.count(), *sums).where(ITEM.run_id == run_id).group_by(ITEM.status)
        return {row[0]: (row[1], int(row[2]), int(row[3]), int(row[4])) for row in self.session.execute(query)}

    def skipped(self, run_id: int) -> dict[str, int]:
        query = select(ITEM.reason, func.count()).where(ITEM.run_id == run_id, ITEM.status == "skipped")
        return {str(reason): count for reason, count in self.session.execute(query.group_by(ITEM.reason).order_by(ITEM.reason))}

    def sums(self, run_id: int) -> tuple[int, int, Fen, Fen, Fen]:
        """Of the items that get something: items, people, amount, system's share, given before."""
        sums = (func.coalesce(func.sum(column), 0) for column in (ITEM.amount, ITEM.system_caused, ITEM.given_before))
        query = select(func.count(), func.count(ITEM.customer_id.distinct()), *sums)
        row = self.session.execute(query.where(ITEM.run_id == run_id, ITEM.amount > 0)).one()
        return row[0], row[1], int(row[2]), int(row[3]), int(row[4])

    def amounts(self, run_id: int) -> dict[Fen, int]:
        query = select(ITEM.amount, func.count()).where(ITEM.run_id == run_id, ITEM.amount > 0)
        return {row[0]: row[1] for row in self.session.execute(query.group_by(ITEM.amount).order_by(ITEM.amount))}

    def due_days(self, run_id: int) -> dict[date, int]:
        query = select(ITEM.due_on, func.count()).where(ITEM.run_id == run_id, ITEM.amount > 0)
        found = self.session.execute(query.group_by(ITEM.due_on).order_by(ITEM.due_on))
        return {day: count for day, count in found if day is not None}

    def frozen(self, run_id: int) -> Iterator[Any]:
        """What the proposal freezes, of every item that gets something, in a fixed order."""
        query = select(*FROZEN).where(ITEM.run_id == run_id, ITEM.amount > 0).order_by(ITEM.contract_no, ITEM.instalment)
        yield from self.session.execute(query, execution_options={"yield_per": 5000})

    def page(self, run_id: int, after: int, limit: int, *, only_given: bool) -> Sequence[RemediationItemRow]:
        query: Select[RemediationItemRow] = select(ITEM).where(ITEM.run_id == run_id, ITEM.id > after)
        if only_given:
            query = query.where(ITEM.amount > 0)
        return self.session.scalars(query.order_by(ITEM.id).limit(limit)).all()

    def finished_people(self, run_id: int, customer_ids: Collection[str]) -> list[tuple[str, int, Fen, Fen]]:
        """Of these customers, whose items are all settled and who got something: how many items, waived, refunded."""
        mine = among(self.session, ITEM.customer_id, customer_ids)
        open_ones = set(
            self.session.scalars(select(ITEM.customer_id).where(ITEM.run_id == run_id, ITEM.status == "pending", mine))
        )
        sums = (func.sum(ITEM.waived), func.sum(ITEM.refunded))
        query = select(ITEM.customer_id, func.count(), *sums).where(ITEM.run_id == run_id, ITEM.status == "posted", mine)
        found = self.session.execute(query.group_by(ITEM.customer_id).order_by(ITEM.customer_id))
        return [(row[0], row[1], int(row[2]), int(row[3])) for row in found if row[0] not in open_ones]
