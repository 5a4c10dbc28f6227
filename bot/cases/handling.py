"""``CaseHandling``: what agents and supervisors do with cases (product §4, §5). Never commits; the desk has checked who acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from bot.cases.book import CaseBook
from bot.cases.clock import alert_on
from bot.cases.disputes import Disputes
from bot.cases.errors import DeadlinePassed, DecisionIncomplete, ExtensionNotOffered, NotSupervisor, SamePerson, StepNotAllowed
from bot.cases.models import CaseRow
from bot.cases.policy import CasePolicies, Extension
from bot.cases.remedies import RemedyService
from bot.cases.thread import OVER, Actor, Audience
from bot.cases.views import CaseView, EventView, WayOnView
from bot.core.clock import Clock
from bot.loans.port import LoanBackend


@dataclass(frozen=True)
class Alert:
    """A clock that needs somebody: ``name`` is ``T-3``, ``T-1`` or ``overdue``."""

    name: str
    case: CaseView


class CaseHandling:
    """The desk's side of cases. Every method raises ``CaseNotFound``, and ``CaseOver`` or ``StepNotAllowed`` by the status."""

    def __init__(self, session: Session, clock: Clock, loans: LoanBackend, policies: CasePolicies | None = None) -> None:
        self.book = CaseBook(session, clock, policies)
        self._disputes = Disputes(self.book, loans, RemedyService(session, clock, loans, book=self.book))

    # --- reading

    def open_cases(self) -> list[CaseView]:
        """Neither closed nor withdrawn, oldest first."""
        return self.book.views(self.book.repository.not_over())

    def case(self, case_no: str) -> CaseView:
        return self.book.view(self.book.row(case_no))

    def thread(self, case_no: str) -> list[EventView]:
        """All of it, internal notes included, oldest first."""
        return self.book.thread(self.book.row(case_no))

    def alerts(self) -> list[Alert]:
        """Cases whose decision is near or late today, the most urgent first (product §4: T-3, T-1, overdue)."""
        today, found = self.book.clock.today(), []
        for case in self.book.repository.not_over():
            name = alert_on(self.book.policy(case), self.book.dates(case), today)
            if name is not None:
                found.append(Alert(name, self.book.view(case)))
        return sorted(found, key=lambda alert: (alert.case.decide_by, alert.case.case_no))

    # --- working

    def investigate(self, case_no: str, agent: Actor) -> CaseView:
        case = self._locked(case_no)
        self.book.record(case, "investigating", agent)
        return self.book.view(case)

    def assign(self, case_no: str, agent: Actor, owner: str) -> CaseView:
        case = self._locked(case_no)
        self.book.record(case, "assigned", agent, audience="internal", data={"from": case.owner, "to": owner})
        case.owner = owner
        return self.book.view(case)

    def note(self, case_no: str, agent: Actor, text: str, *, audience: Audience) -> CaseView:
        """``audience`` has no default: whether the borrower reads it is a choice each time."""
        case = self._locked(case_no)
        self.book.record(case, "note", agent, audience=audience, text=text)
        return self.book.view(case)

    def ask_borrower(self, case_no: str, agent: Actor, question: str) -> CaseView:
        case = self._locked(case_no)
        self.book.record(case, "asked_borrower", agent, text=question)
        return self.book.view(case)

    # --- extending

    def request_extension(self, case_no: str, agent: Actor, *, days: int, reason: str) -> CaseView:
        """To ``days`` calendar days from the start of the clock; takes effect at once where an agent may decide it.

        The event is for the borrower: it is the notice. Raises ``ExtensionNotOffered``, ``DeadlinePassed``.
        """
        case = self._locked(case_no)
        extension = self._extension(case, days)
        if extension.approval == "agent":
            self.book.record(case, "extended", agent, text=reason, data={"days": days})
        else:
            self.book.record(case, "extension_requested", agent, audience="internal", text=reason, data={"days": days})
        return self.book.view(case)

    def approve_extension(self, case_no: str, supervisor: Actor) -> CaseView:
        """The latest request takes effect. Raises ``NotSupervisor``, ``SamePerson``, ``StepNotAllowed``, ``DeadlinePassed``."""
        if supervisor.kind != "supervisor":
            raise NotSupervisor("only a supervisor approves an extension")
        case = self._locked(case_no)
        thread = self.book.thread(case)
        relevant = [event for event in thread if event.type in ("extension_requested", "extended")]
        if not relevant or relevant[-1].type != "extension_requested":
            raise StepNotAllowed("no extension is waiting for approval", status=self.book.status(case))
        request = relevant[-1]
        if request.actor_id == supervisor.identifier:
            raise SamePerson("who asked for an extension may not approve it")
        self._extension(case, request.data["days"])
        data = {"days": request.data["days"], "requested_by": request.actor_id}
        self.book.record(case, "extended", supervisor, text=request.text, data=data)
        return self.book.view(case)

    def _extension(self, case: CaseRow, days: int) -> Extension:
        """Raises ``ExtensionNotOffered`` (unknown, or not longer than what runs), ``DeadlinePassed``."""
        policy, dates = self.book.policy(case), self.book.dates(case)
        extension = policy.extension(days)
        if extension is None or days <= (dates.extended_to_days or 0):
            raise ExtensionNotOffered("not an extension of this clock", days=[item.days for item in policy.extensions])
        if self.book.clock.today() > dates.decide_by:
            raise DeadlinePassed("the decision was due already", decide_by=dates.decide_by.isoformat())
        return extension

    # --- ending

    def decide(self, case_no: str, agent: Actor, *, facts: str, reasons: str, remedy: str) -> list[WayOnView]:
        """The decision, for the borrower: facts, reasons, remedy. Returns the ways to go on, which are part of it.

        Raises ``DecisionIncomplete``. A proposed remedy must be approved or rejected first.
        """
        missing = [name for name, value in (("facts", facts), ("reasons", reasons), ("remedy", remedy)) if not value.strip()]
        if missing:
            raise DecisionIncomplete("a decision states facts, reasons and remedy", missing=missing)
        case = self._locked(case_no)
        if self.book.status(case) == "proposed":
            raise StepNotAllowed("a remedy is waiting for approval", status="proposed")
        ways = self.ways_on(case_no)
        data = {"facts": facts, "reasons": reasons, "remedy": remedy, "ways_on": [way.way for way in ways]}
        self.book.record(case, "decided", agent, data=data)
        return ways

    def ways_on(self, case_no: str) -> list[WayOnView]:
        """Where the complainant can go when the case is decided today (product §4)."""
        today = self.book.clock.today()
        return [
            WayOnView(item.way, today + timedelta(days=item.days) if item.days else None, item.number)
            for item in self.book.policy(self.book.row(case_no)).ways_on
        ]

    def close(self, case_no: str, agent: Actor) -> CaseView:
        """After decision and remedy. The hold ends: accrual goes on from tomorrow."""
        case = self._locked(case_no)
        self.book.record(case, "closed", agent)
        self._disputes.release(case)
        case.open_subject = None
        return self.book.view(case)

    def reopen(self, case_no: str, actor: Actor, *, reason: str) -> CaseView:
        """An appeal, or a mistake found: the clock starts again. A dispute is on hold again, unless a newer one is open."""
        case = self._locked(case_no)
        was_over = self.book.status(case) in OVER
        self.book.record(case, "reopened", actor, text=reason)
        if was_over and case.kind == "dispute":
            self._disputes.take_up_again(case)
        return self.book.view(case)

    def _locked(self, case_no: str) -> CaseRow:
        return self.book.row(case_no, lock=True)
