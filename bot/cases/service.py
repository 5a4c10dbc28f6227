"""``CaseService``: what a borrower can do with cases (product §2, §4). Never commits.

The caller has established who the borrower is; a case of somebody else is reported as not found. Every command takes an
idempotency ``key``: a repetition returns what the first call came to and adds nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy.orm import Session

from bot.cases.appeals import Appeals
from bot.cases.book import CaseBook, Intake, stored_story, told
from bot.cases.disputes import Disputes
from bot.cases.evidence import Evidence
from bot.cases.evidence.sheet import EvidenceSheet
from bot.cases.policy import CasePolicies
from bot.cases.remedies import RemedyService
from bot.cases.repeats import relation
from bot.cases.suspects import without_own
from bot.cases.taking_in import TakingIn
from bot.cases.thread import EVENT_TYPES, Actor
from bot.cases.views import (
    CaseView,
    DecisionView,
    DisputeOutcome,
    EventView,
    OpenedCase,
    RemedyView,
    WayOnView,
    WrongChargeOutcome,
    decision_of,
)
from bot.core.clock import Clock
from bot.identity.contacts.service import ContactService
from bot.loans.port import LoanBackend

__all__ = [
    "CaseService",
    "CaseView",
    "DecisionView",
    "DisputeOutcome",
    "EventView",
    "OpenedCase",
    "RemedyView",
    "WayOnView",
    "WrongChargeOutcome",
]


class CaseService:
    """Cases as the borrower sees and changes them. The desk's side is in ``handling.py`` and ``remedies.py``.

    ``untold``: by default everything, for the borrower reads it in the answer of this turn. Who acts for a borrower that is not
    there (an agent who takes down a call) passes ``()``, and they are told. ``own_words``: the stories are what the borrower
    said; false when a button was pressed, whose title tells nothing new.
    """

    def __init__(
        self,
        session: Session,
        clock: Clock,
        loans: LoanBackend,
        policies: CasePolicies | None = None,
        *,
        untold: Collection[str] = EVENT_TYPES,
        own_words: bool = True,
    ) -> None:
        self._own_words = own_words
        self.book = CaseBook(session, clock, policies, untold=untold)
        self.loans = loans
        self._remedies = RemedyService(session, clock, loans, book=self.book)
        self._disputes = Disputes(self.book, loans, self._remedies)
        self._appeals = Appeals(self.book, self._disputes)
        self._taking_in = TakingIn(self.book)

    # --- opening

    def open_complaint(
        self,
        *,
        customer_id: str | None,
        conversation_id: str,
        channel: str,
        story: str,
        callback_phone: str | None,
        key: str,
        issues: tuple[str, ...] = (),
    ) -> OpenedCase:
        """A complaint gets its number and dates. A repetition without new facts joins the open one; new facts restart its clock.

        Raises ``StoryMissing``, ``CallbackMissing`` (anonymous, without a number), ``InvalidPhone``, ``KeyReused``.
        """
        return self._taking_in.take_in(
            Intake("complaint", customer_id, conversation_id, channel, story, callback_phone, key, issues)
        )

    def open_fraud_report(
        self,
        *,
        customer_id: str | None,
        conversation_id: str,
        channel: str,
        story: str,
        callback_phone: str | None,
        key: str,
        issues: tuple[str, ...] = (),
    ) -> OpenedCase:
        """As ``open_complaint``. Contacts named in the story that are not ours are filed with the case number.

        Public hotlines and the borrower's own phone are not.
        """
        opened = self._taking_in.take_in(
            Intake("fraud_report", customer_id, conversation_id, channel, story, callback_phone, key, issues)
        )
        contacts = ContactService(self.book.session, self.book.clock)
        named = without_own(contacts.check_all(story), self.loans, customer_id, callback_phone)
        contacts.report_each(named, conversation_id=conversation_id, customer_id=customer_id, case_no=opened.case.case_no)
        return opened

    def open_credit_correction(self, *, customer_id: str, conversation_id: str, channel: str, story: str, key: str) -> OpenedCase:
        """The credit report shows something wrong: a case with the bureau's 20-day clock."""
        return self._taking_in.take_in(Intake("credit_correction", customer_id, conversation_id, channel, story, None, key))

    def open_dispute(
        self,
        *,
        customer_id: str,
        conversation_id: str,
        channel: str,
        story: str,
        contract_no: str,
        instalment: int,
        key: str,
        issues: tuple[str, ...] = (),
    ) -> DisputeOutcome:
        """Finds the facts, stops the harm, gives the remedy (product §3).

        Penalty, dunning and bureau reporting of the instalment are on hold from now on. Fully system-caused, incident confirmed
        and within the limits: granted at once, with a receipt. Otherwise the system's share is drafted as a proposal; with no
        share there is no remedy and a person decides. The same instalment again gives the same case and the same remedy, never a
        second one; only while there is none are the records looked at anew. New facts start the clock of the case again, and
        reopen it when it was decided.

        Raises ``ContractNotFound``, ``InstalmentNotFound``, ``NothingOverdue``, ``StoryMissing``, ``KeyReused``.
        """
        intake = Intake("dispute", customer_id, conversation_id, channel, story, None, key, issues, own_words=self._own_words)
        return self._disputes.open_dispute(intake, customer_id, contract_no, instalment)

    def open_wrong_charge(
        self,
        *,
        customer_id: str,
        conversation_id: str,
        channel: str,
        story: str,
        key: str,
        contract_no: str | None = None,
        instalment: int | None = None,
        issues: tuple[str, ...] = (),
    ) -> WrongChargeOutcome:
        """A double debit on record becomes a dispute with the refund of the surplus, at once within the limits, else proposed.

        Raises ``NoDoubleDebit``, ``StoryMissing``, ``KeyReused``.
        """
        intake = Intake("dispute", customer_id, conversation_id, channel, story, None, key, issues, own_words=self._own_words)
        return self._disputes.open_wrong_charge(intake, customer_id, contract_no, instalment)

    # --- looking

    def evidence(self, customer_id: str, contract_no: str, instalment: int, as_of: date | None = None) -> Evidence:
        """The examination without a case. Raises ``ContractNotFound``, ``InstalmentNotFound``."""
        return self._disputes.evidence(customer_id, contract_no, instalment, as_of)

    def evidence_sheet(self, customer_id: str, contract_no: str, instalment: int) -> EvidenceSheet:
        """The same for an agent: the raw records, each with the rules that used it. Raises as ``evidence``."""
        return self._disputes.sheet(customer_id, contract_no, instalment)

    def cases_of(self, customer_id: str) -> list[CaseView]:
        """All cases of the customer, newest first."""
        return self.book.views(self.book.repository.of_customer(customer_id))

    def case(self, customer_id: str, case_no: str) -> CaseView:
        """Raises ``CaseNotFound``, also for a case of somebody else."""
        return self.book.view(self.book.own(customer_id, case_no))

    def thread(self, customer_id: str, case_no: str) -> list[EventView]:
        """What the borrower may read of their case, oldest first. Raises ``CaseNotFound``."""
        return [event for event in self.book.thread(self.book.own(customer_id, case_no)) if event.audience == "borrower"]

    def remedies(self, customer_id: str, case_no: str) -> list[RemedyView]:
        """Newest first. Raises ``CaseNotFound``."""
        return self._remedies.of_case(self.book.own(customer_id, case_no).case_no)

    # --- going on

    def add_facts(self, *, customer_id: str, case_no: str, conversation_id: str, channel: str, text: str, key: str) -> OpenedCase:
        """The borrower adds to a case. New facts restart its clock, and reopen it when it was decided.

        ``merged`` is true when nothing in it was new. Raises ``CaseNotFound``, ``CaseOver``, ``StoryMissing``, ``KeyReused``.
        """
        case = self.book.own(customer_id, case_no, lock=True)
        intake = Intake(self.book.view(case).kind, customer_id, conversation_id, channel, text, None, key)
        fingerprint = intake.fingerprint(case_no=case_no)
        earlier = self.book.earlier(key, fingerprint)
        if earlier is not None:
            return OpenedCase(self.book.view(case), merged=earlier[1] == "merged")
        repeats = self.book.policy(case).repeats
        if relation(text, told(self.book.thread(case)), repeats) in {"nothing", "repeat"}:
            self.book.join(case, intake, fingerprint, "merged")
            return OpenedCase(self.book.view(case), merged=True)
        self.book.join_new_facts(case, intake, fingerprint)
        return OpenedCase(self.book.view(case), merged=False)

    def withdraw(self, *, customer_id: str, case_no: str, key: str) -> CaseView:
        """Ends the case and its clock today; proposals fall, the hold ends (accrual goes on from tomorrow).

        Raises ``CaseNotFound``, ``CaseOver``, ``StepNotAllowed`` (already decided), ``KeyReused``.
        """
        case = self.book.own(customer_id, case_no, lock=True)
        fingerprint = f"withdraw:{case_no}"
        if self.book.earlier(key, fingerprint) is not None:
            return self.book.view(case)
        borrower = Actor("borrower", customer_id)
        self._remedies.drop_proposals(case, borrower, "withdrawn")
        self.book.record(case, "withdrawn", borrower, data={"fingerprint": fingerprint}, key=key)
        self._disputes.release(case)
        case.open_subject = None
        return self.book.view(case)

    def appeal(self, *, customer_id: str, case_no: str, conversation_id: str, channel: str, text: str, key: str) -> CaseView:
        """The borrower does not accept the decision: somebody else decides anew, and the clock starts again.

        Raises ``CaseNotFound``, ``NothingDecided``, ``AppealTooLate``, ``StoryMissing``, ``KeyReused``.
        """
        case = self.book.own(customer_id, case_no, lock=True)
        intake = Intake(self.book.view(case).kind, customer_id, conversation_id, channel, text, None, key)
        fingerprint = intake.fingerprint(appeal=case_no)
        if self.book.earlier(key, fingerprint) is None:
            self._appeals.require(case)
            data = {"fingerprint": fingerprint}
            self._appeals.reopen(case, intake.actor, stored_story(text), appeal=True, data=data, key=key)
        return self.book.view(case)

    def decision(self, customer_id: str, case_no: str) -> DecisionView | None:
        """What was decided last and still stands; ``None`` while the case is open. Raises ``CaseNotFound``."""
        case = self.book.own(customer_id, case_no)
        return decision_of(self.book.thread(case)) if self.book.dates(case).stopped else None

    def appeal_until(self, customer_id: str, case_no: str) -> date | None:
        """The last day of an appeal; ``None`` when no decision stands or the day is past. Raises ``CaseNotFound``."""
        until = self._appeals.until(self.book.own(customer_id, case_no))
        return until if until is not None and until >= self.book.clock.today() else None
