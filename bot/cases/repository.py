"""All SQL of cases."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.cases.models import CaseAlertRow, CaseEventRow, CaseNumberRow, CaseRow, PaymentPromiseRow, RemedyRow
from bot.cases.remediation.models import RemediationItemRow, RemediationRunRow
from bot.cases.thread import CLOCK_STOPS
from bot.core.bulk import among

Query = TypeVar("Query", bound=Select[Any])
_PUT_FORWARD = (RemedyRow.status == "proposed", RemedyRow.proposed_by.is_not(None))
_DRAFTED = (RemedyRow.status == "proposed", RemedyRow.proposed_by.is_(None))


@dataclass(frozen=True)
class CaseFilter:
    """What a list of cases shows; ``None`` is no condition.

    ``due_before``: undecided cases whose decision is due before that day. ``text``: in the case number or in what was written.
    """

    kind: str | None = None
    statuses: tuple[str, ...] | None = None
    owner: str | None = None
    due_before: date | None = None
    due_from: date | None = None
    customer_id: str | None = None
    contract_no: str | None = None
    text: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        row, found = CaseRow, []
        for column, value in (
            (row.kind, self.kind),
            (row.owner, self.owner),
            (row.customer_id, self.customer_id),
            (row.contract_no, self.contract_no),
        ):
            if value is not None:
                found.append(column == value)
        if self.statuses is not None:
            found.append(row.status.in_(self.statuses))
        if self.due_before is not None:
            found += [row.decide_by < self.due_before, row.status.not_in(CLOCK_STOPS)]
        if self.due_from is not None:
            found.append(row.decide_by >= self.due_from)
        if self.text is not None:
            said = select(CaseEventRow.id).where(
                CaseEventRow.case_id == row.id, CaseEventRow.text.icontains(self.text, autoescape=True)
            )
            found.append(row.case_no.icontains(self.text, autoescape=True) | said.exists())
        return found


def _locked(query: Query, *, lock: bool = True) -> Query:
    """With ``lock``: nobody else changes the rows before this transaction ends, and they are read afresh."""
    return query.with_for_update().execution_options(populate_existing=True) if lock else query


def _ended() -> Select[int]:
    """Numbers of the cases whose last word is closed or withdrawn."""
    latest = (
        select(CaseEventRow.case_id, func.max(CaseEventRow.number).label("number"))
        .where(CaseEventRow.type.in_(("closed", "withdrawn", "reopened")))
        .group_by(CaseEventRow.case_id)
        .subquery()
    )
    return (
        select(CaseEventRow.case_id)
        .join(latest, (latest.c.case_id == CaseEventRow.case_id) & (latest.c.number == CaseEventRow.number))
        .where(CaseEventRow.type != "reopened")
    )


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

    def by_numbers(self, case_nos: Collection[str]) -> Sequence[CaseRow]:
        return self.session.scalars(select(CaseRow).where(CaseRow.case_no.in_(case_nos))).all()

    def by_subject(self, subject: str) -> CaseRow | None:
        """The open case about ``subject``, locked."""
        return self.session.scalar(_locked(select(CaseRow).where(CaseRow.open_subject == subject)))

    def by_subjects(self, subjects: Collection[str]) -> Sequence[CaseRow]:
        """The open cases about any of ``subjects``, locked in one order."""
        query = _locked(select(CaseRow).where(among(self.session, CaseRow.open_subject, subjects)).order_by(CaseRow.id))
        return self.session.scalars(query).all()

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

    def lock_of_customer(self, customer_id: str) -> None:
        """All cases of the customer, newest first as everywhere: two approvals on one day wait for each other."""
        query = select(CaseRow.id).where(CaseRow.customer_id == customer_id)
        self.session.scalars(query.order_by(CaseRow.received_at.desc(), CaseRow.id.desc()).with_for_update()).all()

    def anonymous(self, conversation_id: str, phone: str) -> Sequence[CaseRow]:
        """Anonymous cases of this conversation with this call-back number, newest first."""
        query = select(CaseRow).where(
            CaseRow.conversation_id == conversation_id, CaseRow.callback_phone == phone, CaseRow.customer_id.is_(None)
        )
        return self.session.scalars(query.order_by(CaseRow.received_at.desc(), CaseRow.id.desc())).all()

    def page(self, wanted: CaseFilter, after: tuple[date, int] | None, limit: int) -> Sequence[CaseRow]:
        """The next cases after (deadline, id), the nearest deadline first."""
        query = select(CaseRow).where(*wanted.conditions())
        if after is not None:
            day, case_id = after
            query = query.where((CaseRow.decide_by > day) | ((CaseRow.decide_by == day) & (CaseRow.id > case_id)))
        return self.session.scalars(query.order_by(CaseRow.decide_by, CaseRow.id).limit(limit)).all()

    def not_over(self) -> Sequence[CaseRow]:
        """Cases whose last word is not closed or withdrawn, oldest first."""
        return self.session.scalars(select(CaseRow).where(CaseRow.id.not_in(_ended())).order_by(CaseRow.id)).all()

    def open_by_owner(self) -> dict[str, int]:
        """How many cases each owner has that are neither closed nor withdrawn."""
        query = select(CaseRow.owner, func.count()).where(CaseRow.status.not_in(("closed", "withdrawn"))).group_by(CaseRow.owner)
        return {str(owner): count for owner, count in self.session.execute(query)}

    def by_ids(self, case_ids: Collection[int]) -> Sequence[CaseRow]:
        return self.session.scalars(select(CaseRow).where(CaseRow.id.in_(case_ids)).order_by(CaseRow.id)).all()

    def asking_extension(self) -> Sequence[CaseRow]:
        """Undecided cases in whose thread an extension was asked for once; whether it still waits, the thread says."""
        asked = select(CaseEventRow.case_id).where(CaseEventRow.type == "extension_requested")
        query = select(CaseRow).where(CaseRow.id.in_(asked), CaseRow.status.not_in(CLOCK_STOPS))
        return self.session.scalars(query.order_by(CaseRow.id)).all()

    def open_double_debits(self) -> Sequence[int]:
        """Numbers of the undecided cases about a double debit, oldest first."""
        query = select(CaseRow.id).where(CaseRow.open_subject.startswith("double_debit:"), CaseRow.status.not_in(CLOCK_STOPS))
        return self.session.scalars(query.order_by(CaseRow.id)).all()

    def not_over_ids(self, since: datetime | None = None) -> Sequence[int]:
        """Numbers of the cases of ``not_over``; with ``since`` only those to whose thread something was added from then on."""
        touched = [] if since is None else [CaseRow.id.in_(select(CaseEventRow.case_id).where(CaseEventRow.at >= since))]
        return self.session.scalars(select(CaseRow.id).where(CaseRow.id.not_in(_ended()), *touched).order_by(CaseRow.id)).all()

    # --- alerts

    def alert(self, case_id: int, runs_from: date, decide_by: date, kind: str) -> CaseAlertRow | None:
        row = CaseAlertRow
        query = select(row).where(
            row.case_id == case_id, row.runs_from == runs_from, row.decide_by == decide_by, row.kind == kind
        )
        return self.session.scalar(query)

    def alert_by_id(self, alert_id: int, *, lock: bool = False) -> CaseAlertRow | None:
        return self.session.scalar(_locked(select(CaseAlertRow).where(CaseAlertRow.id == alert_id), lock=lock))

    def open_alerts(self) -> Sequence[CaseAlertRow]:
        """Not acknowledged, earliest decision first."""
        row = CaseAlertRow
        return self.session.scalars(select(row).where(row.acknowledged_at.is_(None)).order_by(row.decide_by, row.id)).all()

    def alerts_of(self, case_ids: Collection[int]) -> Sequence[CaseAlertRow]:
        """Of these cases, acknowledged ones too, in the order in which they were raised."""
        return self.session.scalars(
            select(CaseAlertRow).where(CaseAlertRow.case_id.in_(case_ids)).order_by(CaseAlertRow.id)
        ).all()

    # --- payments that we promised to look at again

    def add_promise(self, row: PaymentPromiseRow) -> bool:
        """``False`` when there is one about this payment already."""
        try:
            with self.session.begin_nested():
                self.session.add(row)
                self.session.flush()
        except IntegrityError:
            if not self.promises([row.payment_no]):
                raise
            return False
        return True

    def promises(self, payment_nos: Collection[str]) -> Sequence[PaymentPromiseRow]:
        row = PaymentPromiseRow
        return self.session.scalars(select(row).where(row.payment_no.in_(payment_nos)).order_by(row.id)).all()

    def promised_to(self, now: datetime) -> Sequence[str]:
        """The customers of whose promises one is to be checked now."""
        row = PaymentPromiseRow
        query = select(row.customer_id).where(row.state != "done", row.next_check_at <= now).distinct()
        return self.session.scalars(query.order_by(row.customer_id)).all()

    def lock_promises(self, customer_id: str) -> Sequence[PaymentPromiseRow]:
        """Those of a customer that are not done, oldest first; without those that another worker has."""
        row = PaymentPromiseRow
        query = select(row).where(row.customer_id == customer_id, row.state != "done").order_by(row.id)
        return self.session.scalars(query.with_for_update(skip_locked=True).execution_options(populate_existing=True)).all()

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

    def save(self, row: RemedyRow | CaseAlertRow) -> None:
        self.session.add(row)
        self.session.flush()

    def remedy(self, remedy_id: int, *, lock: bool = False) -> RemedyRow | None:
        return self.session.scalar(_locked(select(RemedyRow).where(RemedyRow.id == remedy_id), lock=lock))

    def remedies(self, case_id: int) -> Sequence[RemedyRow]:
        """Of one case, newest first."""
        return self.session.scalars(select(RemedyRow).where(RemedyRow.case_id == case_id).order_by(RemedyRow.number.desc())).all()

    def proposed(self) -> Sequence[RemedyRow]:
        """Put forward by an agent and waiting for a decision, oldest first."""
        return self.session.scalars(select(RemedyRow).where(*_PUT_FORWARD).order_by(RemedyRow.id)).all()

    def drafted(self, limit: int) -> Sequence[RemedyRow]:
        """The bot's drafts that no agent has put forward, oldest first."""
        return self.session.scalars(select(RemedyRow).where(*_DRAFTED).order_by(RemedyRow.id).limit(limit)).all()

    def count_drafted(self) -> int:
        return self.session.scalar(select(func.count()).select_from(RemedyRow).where(*_DRAFTED)) or 0

    def given_between(self, customer_id: str, start: datetime, end: datetime) -> int:
        """What the customer was given from ``start`` up to ``end``, in 分: granted, approved, or posted by a run."""
        query = (
            select(func.coalesce(func.sum(RemedyRow.amount), 0))
            .join(CaseRow, CaseRow.id == RemedyRow.case_id)
            .where(
                CaseRow.customer_id == customer_id,
                RemedyRow.status.in_(("granted", "approved")),
                RemedyRow.decided_at >= start,
                RemedyRow.decided_at < end,
            )
        )
        return int(self.session.scalar(query) or 0) + self._posted_between(customer_id, start, end)

    def _posted_between(self, customer_id: str, start: datetime, end: datetime) -> int:
        """By runs of mass remediation: those that may have posted then, for a run can have a million items."""
        run, item = RemediationRunRow, RemediationItemRow
        runs = select(run.id).where(
            run.status.in_(("approved", "posting", "done")),
            run.decided_at < end,
            or_(run.done_at.is_(None), run.done_at >= start),
        )
        query = select(func.coalesce(func.sum(item.waived + item.refunded), 0)).where(
            item.run_id.in_(runs), item.customer_id == customer_id, item.posted_at >= start, item.posted_at < end
        )
        return int(self.session.scalar(query) or 0)
