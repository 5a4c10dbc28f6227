"""All SQL of cases."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.cases.models import CaseEventRow, CaseNumberRow, CaseRow, RemedyRow

Query = TypeVar("Query", bound=Select[Any])


def _locked(query: Query, *, lock: bool = True) -> Query:
    """With ``lock``: nobody else changes the rows before this transaction ends, and they are read afresh."""
    return query.with_for_update().execution_options(populate_existing=True) if lock else query


class CaseRepository:
    """Reads and writes of one session. Rows that a decision depends on are read with a lock."""

    def __init__(self, session: Session) -> None:
        self.session = session

    # --- cases

    def next_number(self, day: date) -> int:
        """The next running number of ``day``; two transactions never get the same one."""
        insert = sqlite.insert if self.session.get_bind().dialect.name == "sqlite" else postgresql.insert
        statement = (
            insert(CaseNumberRow)
            .values(day=day, last=1)
            .on_conflict_do_update(index_elements=["day"], set_={"last": CaseNumberRow.last + 1})
            .returning(CaseNumberRow.last)
        )
        return self.session.execute(statement).scalar_one()

    def opening_key(self, case_id: int) -> str:
        """The idempotency key of the command that opened the case; no two cases have the same."""
        query = select(CaseEventRow.key).where(CaseEventRow.case_id == case_id, CaseEventRow.type == "received")
        return str(self.session.scalars(query.order_by(CaseEventRow.id).limit(1)).one())

    def add_case(self, row: CaseRow) -> bool:
        """Stores a new case; ``False`` when an open case with the same subject got in first."""
        try:
            with self.session.begin_nested():
                self.session.add(row)
                self.session.flush()
        except IntegrityError:
            if row.open_subject is None or self.by_subject(row.open_subject) is None:
                raise
            return False
        return True

    def by_number(self, case_no: str, *, lock: bool = False) -> CaseRow | None:
        return self.session.scalar(_locked(select(CaseRow).where(CaseRow.case_no == case_no), lock=lock))

    def by_subject(self, subject: str) -> CaseRow | None:
        """The open case about ``subject``, locked."""
        return self.session.scalar(_locked(select(CaseRow).where(CaseRow.open_subject == subject)))

    def about(self, contract_no: str, instalment: int) -> Sequence[CaseRow]:
        """All cases about an instalment, newest first."""
        query = select(CaseRow).where(CaseRow.contract_no == contract_no, CaseRow.instalment == instalment)
        return self.session.scalars(query.order_by(CaseRow.id.desc())).all()

    def by_id(self, case_id: int, *, lock: bool = False) -> CaseRow:
        return self.session.scalars(_locked(select(CaseRow).where(CaseRow.id == case_id), lock=lock)).one()

    def of_customer(self, customer_id: str) -> Sequence[CaseRow]:
        """Newest first."""
        query = select(CaseRow).where(CaseRow.customer_id == customer_id)
        return self.session.scalars(query.order_by(CaseRow.received_at.desc(), CaseRow.id.desc())).all()

    def anonymous(self, conversation_id: str, phone: str) -> Sequence[CaseRow]:
        """Anonymous cases of this conversation with this call-back number, newest first."""
        query = select(CaseRow).where(
            CaseRow.conversation_id == conversation_id, CaseRow.callback_phone == phone, CaseRow.customer_id.is_(None)
        )
        return self.session.scalars(query.order_by(CaseRow.received_at.desc(), CaseRow.id.desc())).all()

    def not_over(self) -> Sequence[CaseRow]:
        """Cases whose last word is not closed or withdrawn, oldest first."""
        latest = (
            select(CaseEventRow.case_id, func.max(CaseEventRow.number).label("number"))
            .where(CaseEventRow.type.in_(("closed", "withdrawn", "reopened")))
            .group_by(CaseEventRow.case_id)
            .subquery()
        )
        ended = (
            select(CaseEventRow.case_id)
            .join(latest, (latest.c.case_id == CaseEventRow.case_id) & (latest.c.number == CaseEventRow.number))
            .where(CaseEventRow.type != "reopened")
        )
        return self.session.scalars(select(CaseRow).where(CaseRow.id.not_in(ended)).order_by(CaseRow.id)).all()

    # --- thread

    def events(self, case_ids: Collection[int]) -> dict[int, list[CaseEventRow]]:
        """The threads of several cases, oldest event first."""
        threads: dict[int, list[CaseEventRow]] = {case_id: [] for case_id in case_ids}
        query = select(CaseEventRow).where(CaseEventRow.case_id.in_(case_ids)).order_by(CaseEventRow.case_id, CaseEventRow.number)
        for row in self.session.scalars(query):
            threads[row.case_id].append(row)
        return threads

    def event_by_key(self, key: str) -> CaseEventRow | None:
        return self.session.scalar(select(CaseEventRow).where(CaseEventRow.key == key))

    def append(self, row: CaseEventRow) -> None:
        last = self.session.scalar(select(func.max(CaseEventRow.number)).where(CaseEventRow.case_id == row.case_id))
        row.number = (last or 0) + 1
        self.session.add(row)
        self.session.flush()

    # --- remedies

    def next_remedy_number(self, case_id: int) -> int:
        return (self.session.scalar(select(func.max(RemedyRow.number)).where(RemedyRow.case_id == case_id)) or 0) + 1

    def save(self, row: RemedyRow) -> None:
        self.session.add(row)
        self.session.flush()

    def remedy(self, remedy_id: int, *, lock: bool = False) -> RemedyRow | None:
        return self.session.scalar(_locked(select(RemedyRow).where(RemedyRow.id == remedy_id), lock=lock))

    def remedies(self, case_id: int) -> Sequence[RemedyRow]:
        """Of one case, newest first."""
        return self.session.scalars(select(RemedyRow).where(RemedyRow.case_id == case_id).order_by(RemedyRow.number.desc())).all()

    def proposed(self) -> Sequence[RemedyRow]:
        """Waiting for a decision, oldest first."""
        return self.session.scalars(select(RemedyRow).where(RemedyRow.status == "proposed").order_by(RemedyRow.id)).all()

    def granted_between(self, customer_id: str, start: datetime, end: datetime) -> int:
        """What was granted at once to the customer from ``start`` up to ``end``, in 分."""
        query = (
            select(func.coalesce(func.sum(RemedyRow.amount), 0))
            .join(CaseRow, CaseRow.id == RemedyRow.case_id)
            .where(
                CaseRow.customer_id == customer_id,
                RemedyRow.status == "granted",
                RemedyRow.created_at >= start,
                RemedyRow.created_at < end,
            )
        )
        return int(self.session.scalar(query) or 0)
