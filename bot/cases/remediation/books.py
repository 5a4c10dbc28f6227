"""What mass remediation needs of the loan books. ``EmbeddedBooks`` works on many instalments at once in our own database;
``PortBooks`` goes one by one through ``LoanBackend`` and is also what the tests compare the first with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from sqlalchemy import select

from bot.cases.evidence import Evidence, EvidencePolicy, examine
from bot.cases.evidence.loader import load_facts
from bot.core.bulk import among
from bot.core.money import Fen
from bot.loans.bulk.affected import affected
from bot.loans.bulk.giving import Gift, Given, give_back, lock_customers
from bot.loans.bulk.histories import Histories, load_books
from bot.loans.models import CustomerRow
from bot.loans.port import MAX_TOUCHED_PAGE, Customer, Incident, Instalment, LoanBackend, bureau_knows
from bot.loans.position import Position
from bot.loans.service import SqlLoanBackend
from bot.loans.servicing.models import OverdueFlagRow
from bot.loans.unit import Unit


class Place(NamedTuple):
    """An instalment and whose it is."""

    customer_id: str
    contract_no: str
    instalment: int


class Page(NamedTuple):
    """``next_after``: pass it on for the following page; ``None``: nothing follows."""

    places: list[Place]
    next_after: str | None


@dataclass(frozen=True)
class Finding:
    """The examination of one instalment. ``waived``: forgiven or given back so far (分). ``entries``: the ledger entries that it
    rests on, where the books can count them.
    """

    place: Place
    evidence: Evidence
    waived: Fen
    entries: int

    @property
    def system_days(self) -> int:
        return sum(day.cause == "system" for day in self.evidence.days)


@dataclass(frozen=True)
class Stand:
    """Where an instalment stands today, in 分, apart from what an interrupted try of ours gave (``waived_by_us``,
    ``refunded_by_us``; ``None``: nothing). ``entries`` as in ``Finding``; ``None``: the books cannot say, look again.
    """

    penalty_due: Fen
    paid_penalty: Fen
    waived: Fen
    entries: int | None
    waived_by_us: Fen | None = None
    refunded_by_us: Fen | None = None


@dataclass(frozen=True)
class Share:
    """What one instalment gets. ``key`` is the same at every try."""

    place: Place
    waive: Fen
    refund: Fen
    reason: str
    key: str


class Books(Protocol):
    """Over one unit of work; whatever is posted is idempotent by key."""

    def incident(self, incident_no: str) -> Incident:
        """Raises ``IncidentNotFound``."""
        ...

    def affected(self, incident: Incident, as_of: date, after: str | None, limit: int) -> Page:
        """The next instalments that the incident may have harmed, each once over all pages."""
        ...

    def examine(self, places: Sequence[Place], as_of: date, policy: EvidencePolicy) -> list[Finding]:
        """By the cause rules, in the order of ``places``."""
        ...

    def stands(self, keyed: Sequence[tuple[Place, str]]) -> list[Stand]:
        """Today, with the customers locked until this unit of work ends; each with the key of what it will get, in order."""
        ...

    def give(self, shares: Sequence[Share]) -> list[Given]:
        """Posts what ``stands`` of the same places allowed in this unit of work, in the order of ``shares``."""
        ...

    def reported(self, places: Sequence[Place]) -> set[Place]:
        """Those of which the credit bureau was told, where that still stands."""
        ...

    def people(self, customer_ids: Collection[str]) -> dict[str, Customer]: ...


class EmbeddedBooks:
    """Our own ledger, many instalments with each statement."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._positions: dict[Place, Position] = {}

    def incident(self, incident_no: str) -> Incident:
        return SqlLoanBackend(self.unit.session, self.unit.clock).incident(incident_no)

    def affected(self, incident: Incident, as_of: date, after: str | None, limit: int) -> Page:
        number, _, contract_no = (after or "").partition(":")
        start = (contract_no, int(number)) if after else None
        places = [Place(*found) for found in affected(self.unit.session, incident, as_of, start, limit)]
        last = places[-1] if len(places) == limit else None
        return Page(places, None if last is None else f"{last.instalment}:{last.contract_no}")

    def examine(self, places: Sequence[Place], as_of: date, policy: EvidencePolicy) -> list[Finding]:
        if not places:
            return []
        known = Histories(self.unit, [(place.contract_no, place.instalment) for place in places], as_of)
        found = []
        for place in places:
            evidence = examine(load_facts(known, *place, as_of), policy)
            own = (place.contract_no, place.instalment)
            found.append(Finding(place, evidence, known.positions[own].waived_penalty, known.entries(own)))
        return found

    def stands(self, keyed: Sequence[tuple[Place, str]]) -> list[Stand]:
        places = [place for place, _ in keyed]
        lock_customers(self.unit, {place.customer_id for place in places})
        loaded = load_books(self.unit, [(place.contract_no, place.instalment) for place in places])
        today = self.unit.clock.today()
        found = []
        for place in places:
            of = loaded[place.contract_no]
            position = self._positions[place] = of.position(place.instalment, today)
            entries = of.entries.get(place.instalment, 0)
            found.append(Stand(position.penalty_due, position.paid_penalty, position.waived_penalty, entries))
        return found

    def give(self, shares: Sequence[Share]) -> list[Given]:
        gifts = [
            Gift(share.key, *share.place, share.waive, share.refund, share.reason, self._positions.pop(share.place))
            for share in shares
        ]
        return give_back(self.unit, gifts)

    def reported(self, places: Sequence[Place]) -> set[Place]:
        row, session = OverdueFlagRow, self.unit.session
        query = select(row.contract_no, row.instalment, row.state).where(row.flag == "bureau_report")
        query = query.where(among(session, row.contract_no, {place.contract_no for place in places})).order_by(row.id)
        states: dict[tuple[str, int], list[str]] = defaultdict(list)
        for contract_no, instalment, state in session.execute(query):
            states[contract_no, instalment].append(state)
        return {place for place in places if bureau_knows(states[place.contract_no, place.instalment])}

    def people(self, customer_ids: Collection[str]) -> dict[str, Customer]:
        row = CustomerRow
        query = select(row.customer_id, row.name, row.phone, row.bank_name, row.card_tail)
        found = self.unit.session.execute(query.where(among(self.unit.session, row.customer_id, customer_ids)))
        return {each[0]: Customer(*each) for each in found}


class PortBooks:
    """Any ``LoanBackend``, one call after the other. A try that was interrupted is found by its key and gone on with."""

    def __init__(self, loans: LoanBackend) -> None:
        self.loans = loans

    def incident(self, incident_no: str) -> Incident:
        return self.loans.incident(incident_no)

    def affected(self, incident: Incident, as_of: date, after: str | None, limit: int) -> Page:
        """Those whom it touched: a core system cannot be asked who else was overdue meanwhile (docs/mass-remediation.md)."""
        page = self.loans.touched(incident.incident_no, after, min(limit, MAX_TOUCHED_PAGE))
        places = [Place(item.customer_id, item.contract_no, item.instalment) for item in page.instalments]
        return Page(places, page.next_after)

    def examine(self, places: Sequence[Place], as_of: date, policy: EvidencePolicy) -> list[Finding]:
        found = []
        for place in places:
            evidence = examine(load_facts(self.loans, *place, as_of), policy)
            found.append(Finding(place, evidence, self._item(place).waived_penalty, 0))
        return found

    def stands(self, keyed: Sequence[tuple[Place, str]]) -> list[Stand]:
        return [self._stand(place, key) for place, key in keyed]

    def _stand(self, place: Place, key: str) -> Stand:
        """As if nothing of ours had been given yet: the books may have kept what our own transaction forgot."""
        waiver, refund = self.loans.receipt_of(f"{key}:waive"), self.loans.receipt_of(f"{key}:refund")
        waived = None if waiver is None else waiver.amount
        refunded = None if refund is None else refund.amount
        item, ours = self._item(place), (waived or 0) + (refunded or 0)
        return Stand(
            penalty_due=item.penalty_due + (waived or 0),
            paid_penalty=item.paid_penalty + (refunded or 0),
            waived=item.waived_penalty - ours,
            entries=None,
            waived_by_us=waived,
            refunded_by_us=refunded,
        )

    def give(self, shares: Sequence[Share]) -> list[Given]:
        return [self._give(share) for share in shares]

    def reported(self, places: Sequence[Place]) -> set[Place]:
        return {place for place in places if bureau_knows(self._reports(place))}

    def _reports(self, place: Place) -> list[str]:
        return [item.state for item in self.loans.overdue_flags(*place) if item.flag == "bureau_report"]

    def people(self, customer_ids: Collection[str]) -> dict[str, Customer]:
        return {customer_id: self.loans.customer(customer_id) for customer_id in customer_ids}

    def _give(self, share: Share) -> Given:
        place, reason = (share.place.contract_no, share.place.instalment), share.reason
        waiver = refund = None
        if share.waive:
            waiver = self.loans.waive_penalty(*place, share.waive, reason=reason, key=f"{share.key}:waive").receipt_no
        if share.refund:
            refund = self.loans.refund_penalty(*place, share.refund, reason=reason, key=f"{share.key}:refund").receipt_no
        return Given(waiver, refund)

    def _item(self, place: Place) -> Instalment:
        contract = self.loans.contract(place.customer_id, place.contract_no)
        return contract.instalments[place.instalment - 1]


def books_for(loans: LoanBackend) -> Books:
    """The fastest that ``loans`` admits."""
    return EmbeddedBooks(loans.unit) if isinstance(loans, SqlLoanBackend) else PortBooks(loans)
