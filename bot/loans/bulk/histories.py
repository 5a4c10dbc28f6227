"""What the loan books know of many instalments, in a few queries whatever their number, in the values of the port: so the same
code reads one from the port and many from here (``tests/cases/remediation`` compares both).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Executable, and_, func, select
from sqlalchemy.orm import aliased

from bot.core.bulk import among
from bot.core.clock import SHANGHAI
from bot.core.money import Fen
from bot.loans import models as m
from bot.loans import port as p
from bot.loans import views
from bot.loans.bulk.sql import prefer_indexes, wanted_places
from bot.loans.errors import InstalmentNotFound
from bot.loans.penalty import overdue_days
from bot.loans.position import Book, Hold, Position, Posted, position_in
from bot.loans.repository import COMPONENT_ACCOUNTS, posted_part
from bot.loans.schedule import PlannedInstalment
from bot.loans.unit import Unit

Place = tuple[str, int]
"""Contract number and instalment."""
FEW = 20
"""Up to so many places PostgreSQL takes the indexes anyway."""
_LATER, _UNDOING = aliased(m.InstalmentRow), aliased(m.LedgerTransactionRow)


@dataclass(frozen=True)
class Loaded:
    """What decides where some instalments of a contract stand: its ``book`` without what was posted before the first of them,
    each one's plan with the principal from it to the end, and how many ``entries`` the ledger has of each after the drawdown.
    They only grow, so an unchanged number means that nothing was posted. ``parts``: what each payment paid and was not reversed.
    """

    book: Book
    plans: dict[int, tuple[PlannedInstalment, Fen]]
    entries: dict[int, int]
    parts: dict[str, list[p.AllocationLine]]

    def position(self, instalment: int, as_of: date) -> Position:
        planned, opening = self.plans[instalment]
        return position_in(self.book, planned, opening, as_of)


class Day(NamedTuple):
    """A day after the due date on which principal was unpaid; ``port.PenaltyDay`` without the sum so far."""

    day: date
    unpaid_principal: Fen
    held: bool


@dataclass(frozen=True)
class LoadedContract:
    """Of a contract only those instalments that were asked for."""

    contract_no: str
    instalments: tuple[p.Instalment, ...]


def load_books(unit: Unit, places: Collection[Place]) -> dict[str, Loaded]:
    """By contract number what the rules need to know of ``places``, without rows that the session keeps."""
    session, contract, hold = unit.session, m.ContractRow, m.AccrualHoldRow
    if len(places) > FEW:
        prefer_indexes(session)
    first: dict[str, int] = {}
    for contract_no, number in places:
        first[contract_no] = min(number, first.get(contract_no, number))
    plans = _plans(unit, places)
    holds: dict[str, list[Hold]] = defaultdict(list)
    held = select(hold.contract_no, hold.instalment, hold.held_on, hold.released_on)
    for contract_no, *each in _rows(unit, held.where(among(session, hold.contract_no, first))):
        holds[contract_no].append(Hold(*each))
    posted, entries, parts = _postings(unit, first.items())
    columns = select(
        contract.contract_no, contract.customer_id, contract.product_code, contract.penalty_daily_rate, contract.rate
    )
    found = {}
    query = columns.where(among(session, contract.contract_no, first))
    for number, customer_id, product, penalty_rate, rate in _rows(unit, query):
        daily = rate if product == "KD" else None
        own, stops = tuple(posted[number]), tuple(holds[number])
        book = Book(number, customer_id, cast(p.ProductCode, product), penalty_rate, daily, (), own, stops)
        found[number] = Loaded(book, plans[number], entries[number], parts[number])
    return found


def _plans(unit: Unit, places: Collection[Place]) -> dict[str, dict[int, tuple[PlannedInstalment, Fen]]]:
    item, wanted = m.InstalmentRow, wanted_places(unit.session, places)
    standing = (
        select(func.sum(_LATER.principal))
        .where(_LATER.contract_no == item.contract_no, _LATER.number >= item.number)
        .correlate(item)
        .scalar_subquery()
    )
    query = select(
        item.contract_no, standing, item.number, item.starts_on, item.due_on, item.principal, item.interest, item.fee
    ).join(wanted, and_(item.contract_no == wanted.c.contract_no, item.number == wanted.c.instalment))
    found: dict[str, dict[int, tuple[PlannedInstalment, Fen]]] = defaultdict(dict)
    for contract_no, opening, *planned in _rows(unit, query):
        found[contract_no][planned[0]] = PlannedInstalment(*planned), int(opening)
    return found


_Posted = dict[str, list[Posted]]
_Entries = dict[str, dict[int, int]]
_Parts = dict[str, dict[str, list[p.AllocationLine]]]


def _postings(unit: Unit, first: Collection[Place]) -> tuple[_Posted, _Entries, _Parts]:
    """Per contract, from its ``first`` instalment on: the parts that the rules count, how many there are per instalment, and what
    each payment paid.
    """
    entry, head, wanted = m.LedgerEntryRow, m.LedgerTransactionRow, wanted_places(unit.session, first)
    query = (
        select(
            entry.contract_no, entry.instalment, entry.debit, entry.credit, entry.amount,
            head.value_on, head.kind, head.payment_no, _UNDOING.id,
        )
        .join(wanted, and_(entry.contract_no == wanted.c.contract_no, entry.instalment >= wanted.c.instalment))
        .join(head, head.id == entry.transaction_id)
        .outerjoin(_UNDOING, _UNDOING.reverses == head.id)
        .where(head.kind != "drawdown")
        .order_by(entry.id)
    )  # fmt: skip
    posted: _Posted = defaultdict(list)
    entries: _Entries = defaultdict(lambda: defaultdict(int))
    parts: _Parts = defaultdict(lambda: defaultdict(list))
    for number, instalment, debit, credit, amount, value_on, kind, payment_no, reversed_by in _rows(unit, query):
        posted[number].append(posted_part(instalment, debit, credit, amount, value_on))
        entries[number][instalment] += 1
        if kind == "allocation" and payment_no is not None and reversed_by is None:
            parts[number][payment_no].append(p.AllocationLine(number, instalment, COMPONENT_ACCOUNTS[credit], amount))
    return posted, entries, parts


class Histories:
    """What the port tells about each of ``places`` as of ``as_of``, read at once. It answers about these and no others.

    ``payments`` are those meant for them, with targets and parts of their contracts, and with an ``advice`` that does not know of
    surplus debits; errors of the app, which decide nothing, are left out.
    """

    def __init__(self, unit: Unit, places: Sequence[Place], as_of: date) -> None:
        self.as_of = as_of
        self.loaded = load_books(unit, places)
        owners = {number: each.book.customer_id for number, each in self.loaded.items()}
        self._mandates, self._banks = _mandates(unit, sorted(set(owners.values())))
        records = _Records(unit, places)
        self._attempts, self._notices = records.attempts(), records.notices()
        self._payments = records.payments(self.loaded, owners)
        self._incidents = _Incidents(unit, as_of)
        self.positions = {place: self.loaded[place[0]].position(place[1], as_of) for place in places}
        self._items: dict[str, list[p.Instalment]] = defaultdict(list)
        for contract_no, number in places:
            item = views.instalment(self.loaded[contract_no].book, self.positions[(contract_no, number)], as_of)
            self._items[contract_no].append(item)

    def entries(self, place: Place) -> int:
        """As ``Loaded.entries``."""
        return self.loaded[place[0]].entries.get(place[1], 0)

    def contract(self, customer_id: str, contract_no: str, as_of: date | None = None) -> LoadedContract:
        return LoadedContract(contract_no, tuple(self._items[contract_no]))

    def penalty_days(self, customer_id: str, contract_no: str, instalment: int, as_of: date | None = None) -> list[Day]:
        book, (planned, _) = self.loaded[contract_no].book, self.loaded[contract_no].plans[instalment]
        repaid = book.repaid(instalment, instalment)
        days = overdue_days(planned.principal, repaid, planned.due_on, self.as_of, book.hold_ranges(instalment))
        return list(map(Day._make, days))

    def debit_attempts(
        self, customer_id: str, contract_no: str | None = None, instalment: int | None = None
    ) -> tuple[p.DebitAttempt, ...]:
        return tuple(self._attempts[(contract_no or "", instalment or 0)])

    def notices(self, customer_id: str, contract_no: str | None = None, instalment: int | None = None) -> tuple[p.Notice, ...]:
        return tuple(self._notices[(contract_no or "", instalment or 0)])

    def mandates(self, customer_id: str) -> tuple[p.Mandate, ...]:
        return tuple(self._mandates[customer_id])

    def payments(self, customer_id: str) -> tuple[p.Payment, ...]:
        return tuple(self._payments[customer_id])

    def incidents(
        self, first: date, last: date, channel: p.IncidentChannel | None = None, *, customer_id: str | None = None
    ) -> tuple[p.Incident, ...]:
        return self._incidents.of(self._banks[customer_id or ""], first)

    def app_errors(self, customer_id: str, first: date, last: date) -> tuple[p.AppError, ...]:
        return ()


class History(Histories):
    """Of one instalment, errors of the app included: a third of the queries that the port takes for the same."""

    def __init__(self, unit: Unit, customer_id: str, contract_no: str, instalment: int, as_of: date) -> None:
        """Raises ``ContractNotFound`` (also for somebody else's contract) and ``InstalmentNotFound``."""
        periods = unit.own_contract(customer_id, contract_no).periods
        if type(instalment) is not int or not 1 <= instalment <= periods:
            raise InstalmentNotFound(f"{contract_no} has no instalment {instalment}", contract_no=contract_no)
        super().__init__(unit, [(contract_no, instalment)], as_of)
        self._repository = unit.repository

    def app_errors(self, customer_id: str, first: date, last: date) -> tuple[p.AppError, ...]:
        rows = self._repository.app_errors(customer_id, _midnight(first), _midnight(last + timedelta(days=1)))
        return tuple(views.app_error(row) for row in rows)


def _mandates(unit: Unit, people: Collection[str]) -> tuple[dict[str, list[p.Mandate]], dict[str, frozenset[str]]]:
    """Per customer: the mandates, and every bank through which repayments may have gone."""
    session, row, customer = unit.session, m.MandateRow, m.CustomerRow
    found: dict[str, list[p.Mandate]] = defaultdict(list)
    banks: dict[str, set[str]] = defaultdict(set)
    query = select(row.__table__).where(among(session, row.customer_id, people)).order_by(row.signed_at.desc())
    for each in _rows(unit, query):
        found[each.customer_id].append(views.mandate(each))
        banks[each.customer_id].add(each.bank_name)
    own = select(customer.customer_id, customer.bank_name).where(among(session, customer.customer_id, people))
    for customer_id, bank in session.execute(own):
        banks[customer_id].add(bank)
    return found, {customer_id: frozenset(names) for customer_id, names in banks.items()}


class _Records:
    """Attempts, notices and payments of some instalments."""

    def __init__(self, unit: Unit, places: Collection[Place]) -> None:
        self.unit, self.wanted = unit, wanted_places(unit.session, places)

    def attempts(self) -> dict[Place, list[p.DebitAttempt]]:
        row = m.DebitAttemptRow
        return self._by_place(row, views.debit_attempt, row.attempted_at)

    def notices(self) -> dict[Place, list[p.Notice]]:
        row = m.NoticeRow
        return self._by_place(row, views.notice, row.sent_at)

    def _by_place(self, row: Any, view: Any, at: Any) -> dict[Place, list[Any]]:
        found: dict[Place, list[Any]] = defaultdict(list)
        query = select(row.__table__).join(self.wanted, self._is_wanted(row))
        for each in _rows(self.unit, query.order_by(at, row.id)):
            found[(each.contract_no, each.instalment)].append(view(each))
        return found

    def _is_wanted(self, row: Any) -> ColumnElement[bool]:
        return and_(row.contract_no == self.wanted.c.contract_no, row.instalment == self.wanted.c.instalment)

    def payments(self, loaded: dict[str, Loaded], owners: dict[str, str]) -> dict[str, list[p.Payment]]:
        """By customer, newest first."""
        row, target, now = m.PaymentRow, m.PaymentTargetRow, self.unit.clock.now()
        query = select(target.contract_no, target.instalment, row.__table__).join(row, row.payment_no == target.payment_no)
        query = query.join(self.wanted, self._is_wanted(target))
        order = row.created_at.desc(), row.payment_no.desc(), target.contract_no, target.instalment
        targets: dict[str, list[p.InstalmentRef]] = defaultdict(list)
        rows: dict[str, Any] = {}
        for each in _rows(self.unit, query.order_by(*order)):
            targets[each.payment_no].append(p.InstalmentRef(each.contract_no, each.instalment))
            rows[each.payment_no] = each
        found: dict[str, list[p.Payment]] = defaultdict(list)
        for number, refs in targets.items():
            parts = [
                line for contract_no in {ref.contract_no for ref in refs} for line in loaded[contract_no].parts.get(number, ())
            ]
            found[owners[refs[0].contract_no]].append(views.payment(rows[number], refs, parts, now, ()))
        return found


class _Incidents:
    """All incidents up to a day; few, so they are read once."""

    def __init__(self, unit: Unit, last: date) -> None:
        row = m.IncidentRow
        query = select(row.__table__).where(row.starts_at < _midnight(last + timedelta(days=1)))
        self._all: list[p.Incident] = [views.incident(each) for each in _rows(unit, query.order_by(row.starts_at))]
        self._known: dict[tuple[frozenset[str], date], tuple[p.Incident, ...]] = {}

    def of(self, banks: frozenset[str], first: date) -> tuple[p.Incident, ...]:
        """As ``LoanRepository.incidents`` selects them."""
        if (banks, first) not in self._known:
            start = _midnight(first)
            self._known[(banks, first)] = tuple(
                each
                for each in self._all
                if (each.ends_at is None or each.ends_at >= start) and (each.bank_name is None or each.bank_name in banks)
            )
        return self._known[(banks, first)]


def _rows(unit: Unit, query: Executable) -> Iterable[Any]:
    """Plain rows with the names of the columns: enough for ``views``."""
    unit.session.flush()  # what this unit of work has added or changed must be among what it reads
    return unit.session.connection().execute(query).all()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), SHANGHAI)
