"""``CaseHandling``: what agents and supervisors do with cases (product §4, §5). Never commits; the desk has checked who acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy.orm import Session

from bot.cases.alerts import AlertView, CaseAlerts
from bot.cases.appeals import Appeals
from bot.cases.book import CaseBook
from bot.cases.clock import alert_on
from bot.cases.credit import CreditCorrections
from bot.cases.disputes import Disputes
from bot.cases.errors import (
    CustomerKnown,
    DeadlinePassed,
    DecisionIncomplete,
    ExtensionNotOffered,
    NotSupervisor,
    SamePerson,
    StepNotAllowed,
)
from bot.cases.models import CaseRow
from bot.cases.policy import CasePolicies, Extension
from bot.cases.remedies import RemedyService
from bot.cases.thread import Actor, Audience
from bot.cases.views import CaseView, EventView, WayOnView
from bot.core.clock import Clock
from bot.loans.port import InstalmentRef, LoanBackend

Outcome = Literal["for_borrower", "partly", "against_borrower"]
"""In whose favour a case was decided."""

_ABOUT_EXTENSION = ("extension_requested", "extended", "reopened")


@dataclass(frozen=True)
class Alert:
    """A clock that needs somebody: ``name`` is ``T-3``, ``T-1`` or ``overdue``."""

    name: str
    case: CaseView


def asked_extension(thread: Sequence[EventView]) -> EventView | None:
    """The request for an extension that waits for a supervisor.

    What was asked before new facts came was asked for another clock: ``reopened`` and new facts drop it, and so does a refusal.
    """
    relevant = [
        event
        for event in thread
        if event.type in _ABOUT_EXTENSION or event.data.get("restarts_clock") or "refused_extension" in event.data
    ]
    return relevant[-1] if relevant and relevant[-1].type == "extension_requested" else None


class CaseHandling:
    """The desk's side of cases. Every method raises ``CaseNotFound``, and ``CaseOver`` or ``StepNotAllowed`` by the status."""

    def __init__(self, session: Session, clock: Clock, loans: LoanBackend, policies: CasePolicies | None = None) -> None:
        self.book = CaseBook(session, clock, policies)
        self._loans = loans
        self._disputes = Disputes(self.book, loans, RemedyService(session, clock, loans, book=self.book))
        self._credit = CreditCorrections(self.book, loans)
        self.appeals = Appeals(self.book, self._disputes)

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

    def open_alerts(self, owner: str | None = None) -> list[AlertView]:
        """The alerts that were sent and that nobody has acknowledged, the most urgent first; see ``CaseAlerts.open``."""
        return CaseAlerts(self.book).open(owner)

    def acknowledge_alert(self, alert_no: int, actor: Actor) -> AlertView:
        """Raises ``AlertNotFound``."""
        return CaseAlerts(self.book).acknowledge(alert_no, actor)

    # --- working

    def investigate(self, case_no: str, agent: Actor) -> CaseView:
        case = self._locked(case_no)
        self.book.record(case, "investigating", agent)
        return self.book.view(case)

    def assign(self, case_no: str, agent: Actor, owner: str) -> CaseView:
        """Raises ``SamePerson`` when ``owner`` decided what was appealed against."""
        case = self._locked(case_no)
        self.book.require_other(case, owner)
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

    def join_customer(self, case_no: str, agent: Actor, customer_id: str) -> CaseView:
        """An anonymous case becomes the customer's, who can then follow it. The agent has checked who they are, on the call back.

        Raises ``CustomerKnown``, ``CustomerNotFound``.
        """
        case = self._locked(case_no)
        if case.customer_id is not None:
            raise CustomerKnown("the case has its customer")
        customer = self._loans.customer(customer_id)
        same_phone = case.callback_phone is not None and case.callback_phone.endswith(customer.phone)
        data = {"joined_customer": customer_id, "called_back_on_their_phone": same_phone}
        self.book.record(case, "note", agent, audience="internal", data=data)
        case.customer_id = customer_id
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
        case, request = self._asked_extension(case_no, supervisor)
        if request.actor_id == supervisor.identifier:
            raise SamePerson("who asked for an extension may not approve it")
        self._extension(case, request.data["days"])
        data = {"days": request.data["days"], "requested_by": request.actor_id}
        self.book.record(case, "extended", supervisor, text=request.text, data=data)
        return self.book.view(case)

    def refuse_extension(self, case_no: str, supervisor: Actor, *, reason: str) -> CaseView:
        """The clock goes on as it is. Who asked may take it back so. Raises ``NotSupervisor``, ``StepNotAllowed``."""
        case, request = self._asked_extension(case_no, supervisor)
        data = {"refused_extension": request.data["days"], "requested_by": request.actor_id}
        self.book.record(case, "note", supervisor, audience="internal", text=reason, data=data)
        return self.book.view(case)

    def _asked_extension(self, case_no: str, supervisor: Actor) -> tuple[CaseRow, EventView]:
        """The case, locked, and the request that waits. Raises ``NotSupervisor``, ``StepNotAllowed``."""
        if supervisor.kind != "supervisor":
            raise NotSupervisor("only a supervisor decides on an extension")
        case = self._locked(case_no)
        request = asked_extension(self.book.thread(case))
        if request is None:
            raise StepNotAllowed("no extension is waiting for approval", status=self.book.status(case))
        return case, request

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

    def decide(
        self, case_no: str, agent: Actor, *, facts: str, reasons: str, remedy: str, outcome: Outcome | None = None
    ) -> list[WayOnView]:
        """The decision, for the borrower: facts, reasons, remedy. Returns the ways to go on, which are part of it.

        A dispute decided for the borrower, even in part, brings the correction of the credit report with it where one was made.
        Raises ``DecisionIncomplete``, ``SamePerson`` (an appeal). A proposed remedy must be approved or rejected first.
        """
        missing = [name for name, value in (("facts", facts), ("reasons", reasons), ("remedy", remedy)) if not value.strip()]
        if missing:
            raise DecisionIncomplete("a decision states facts, reasons and remedy", missing=missing)
        case = self._locked(case_no)
        if self.book.status(case) == "proposed":
            raise StepNotAllowed("a remedy is waiting for approval", status="proposed")
        self.book.require_other(case, agent.identifier)
        ways = self.ways_on(case_no)
        data = {"facts": facts, "reasons": reasons, "remedy": remedy, "ways_on": [way.way for way in ways], "outcome": outcome}
        self.book.record(case, "decided", agent, data=data)
        if outcome in ("for_borrower", "partly"):
            self._credit.after_dispute(case)
        return ways

    def correct_report(self, case_no: str, agent: Actor, ref: InstalmentRef | None = None) -> CaseView:
        """The credit report is corrected, and the borrower is told; errors as in ``CreditCorrections.done``."""
        case = self._locked(case_no)
        self._credit.done(case, agent, ref)
        return self.book.view(case)

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

    def reopen(self, case_no: str, actor: Actor, *, reason: str, appeal: bool = False) -> CaseView:
        """A mistake found, or an ``appeal`` that came by phone or letter: then somebody else decides (bot/cases/appeals.py).

        Raises ``NothingDecided`` and ``AppealTooLate`` for an appeal; a mistake of ours is put right at any time.
        """
        case = self._locked(case_no)
        if appeal:
            self.appeals.require(case)
        self.appeals.reopen(case, actor, reason, appeal=appeal)
        return self.book.view(case)

    def _locked(self, case_no: str) -> CaseRow:
        return self.book.row(case_no, lock=True)
