"""Disputes: the evidence, the hold, and what may be given back (product §3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from bot.audit.service import Subject as Seen
from bot.cases.book import CaseBook, Intake, Subject, told
from bot.cases.errors import NoDoubleDebit, NothingOverdue
from bot.cases.evidence import Evidence, EvidencePolicy, examine
from bot.cases.evidence.loader import facts_of
from bot.cases.evidence.sheet import EvidenceSheet, evidence_sheet
from bot.cases.models import CaseRow
from bot.cases.remedies import Claim, RemedyService
from bot.cases.repeats import relation
from bot.cases.thread import CLOCK_STOPS
from bot.cases.views import DisputeOutcome, RemedyView, Telling, WrongChargeOutcome
from bot.core.clock import SHANGHAI
from bot.core.money import Fen
from bot.loans.port import DoubleDebit, LoanBackend


@dataclass(frozen=True)
class OpenedDispute:
    """The case about a subject, and what this telling did to it."""

    case: CaseRow
    telling: Telling


def _subject_name(contract_no: str, instalment: int) -> str:
    return f"dispute:{contract_no}:{instalment}"


class Disputes:
    """The part of ``CaseService`` that looks into the loan books."""

    def __init__(self, book: CaseBook, loans: LoanBackend, remedies: RemedyService) -> None:
        self.book = book
        self.loans = loans
        self.remedies = remedies

    # --- overdue penalty

    def evidence(self, customer_id: str, contract_no: str, instalment: int, as_of: date | None = None) -> Evidence:
        """By the numbers of the open case about it, or of today when there is none."""
        today = self.book.clock.today()
        cases = self.book.repository.about(contract_no, instalment)
        case = next((item for item in cases if item.open_subject == _subject_name(contract_no, instalment)), None)
        version = self.book.policy(case) if case else self.book.policies.on(today)
        policy = EvidencePolicy(version.evidence.notice_grace_days, version.valid_from)
        found = examine(facts_of(self.loans, customer_id, contract_no, instalment, as_of or today), policy)
        self.book.trail.record_finding(
            "evidence.examined",
            Seen(contract_no=contract_no, customer_id=customer_id),
            details={"instalment": instalment, "outcome": found.kind, "days": len(found.days)},
            about=("instalment",),
            since=datetime.combine(today, time.min, SHANGHAI),  # a new day brings new records to look at
        )
        return found

    def sheet(self, customer_id: str, contract_no: str, instalment: int) -> EvidenceSheet:
        """The raw records of today beside the rules that used them, for an agent."""
        evidence = self.evidence(customer_id, contract_no, instalment)
        flags = self.loans.overdue_flags(customer_id, contract_no, instalment)
        return evidence_sheet(evidence, self.loans.holds(contract_no, instalment), flags)

    def open_dispute(self, intake: Intake, customer_id: str, contract_no: str, instalment: int) -> DisputeOutcome:
        """Evidence, case, hold and remedy in one; see ``CaseService.open_dispute``."""
        evidence = self.evidence(customer_id, contract_no, instalment)
        if not evidence.days:
            raise NothingOverdue("no overdue day in this instalment", contract_no=contract_no, instalment=instalment)
        subject = Subject(_subject_name(contract_no, instalment), contract_no, instalment, evidence.penalty)
        made_good = self._made_good(customer_id, subject, evidence)
        if made_good is not None:
            return DisputeOutcome(self.book.view(made_good), evidence, self.remedies.latest(made_good), evidence.kind, "again")
        whole = not evidence.borrower_caused and self._left_to_give(customer_id, evidence) <= 0
        opened = self._open(intake, subject, {"evidence": evidence.record()}, whole=whole)
        self.hold(opened.case)
        remedy = self.remedies.latest(opened.case) or self._penalty_remedy(opened.case, evidence)
        return DisputeOutcome(self.book.view(opened.case), evidence, remedy, evidence.kind, opened.telling)

    def _made_good(self, customer_id: str, subject: Subject, evidence: Evidence) -> CaseRow | None:
        """The closed case that gave everything back, when nothing has accrued since: there is nothing to open a new one for."""
        if (
            evidence.borrower_caused
            or self._left_to_give(customer_id, evidence) > 0
            or self.book.repository.by_subject(subject.name)
        ):
            return None
        earlier = self.book.repository.about(evidence.contract_no, evidence.instalment)
        return next((case for case in earlier if self._gave_penalty(case)), None)

    def _gave_penalty(self, case: CaseRow) -> bool:
        latest = self.remedies.latest(case)
        return latest is not None and latest.kind == "penalty" and latest.receipt_no is not None

    def _left_to_give(self, customer_id: str, evidence: Evidence) -> Fen:
        """The system's share, less what was already forgiven or given back (a refunded penalty counts as waived)."""
        contract = self.loans.contract(customer_id, evidence.contract_no)
        item = next(item for item in contract.instalments if item.number == evidence.instalment)
        return evidence.system_caused - item.waived_penalty

    def _penalty_remedy(self, case: CaseRow, evidence: Evidence) -> RemedyView | None:
        """What is left of the system's share; ``None`` when that is nothing, or a person has decided the case."""
        amount = self._left_to_give(case.customer_id or "", evidence) + self.remedies.given_before(case)
        if amount <= 0 or self.book.dates(case).stopped:
            return None
        at_once = evidence.kind == "system" and evidence.incident_confirmed
        return self.remedies.give(case, Claim("penalty", amount, "system_caused", at_once))

    # --- hold

    def hold(self, case: CaseRow) -> None:
        """Penalty, dunning and bureau reporting of the instalment stand still while the dispute is open."""
        if case.contract_no and case.instalment and self._holds(case):
            self.loans.hold_accrual(
                case.contract_no, case.instalment, f"dispute {case.case_no}", key=self._hold_key(case, "hold")
            )

    def release(self, case: CaseRow) -> None:
        """Accrual goes on from tomorrow, unless the hold is over already."""
        if case.contract_no is None or case.instalment is None or not self._holds(case):
            return
        if any(item.released_on is None for item in self.loans.holds(case.contract_no, case.instalment)):
            self.loans.release_accrual(case.contract_no, case.instalment, key=self._hold_key(case, "release"))

    def take_up_again(self, case: CaseRow) -> None:
        """A reopened dispute is about its subject again and holds it, unless a newer case does."""
        received = self.book.thread(case)[0]
        subject = str(received.data["subject"])
        if self.book.repository.by_subject(subject) is None:
            case.open_subject = subject
            self.hold(case)

    def _hold_key(self, case: CaseRow, verb: str) -> str:
        """One hold and one release for each time the case was open."""
        openings = sum(1 for event in self.book.thread(case) if event.type == "reopened")
        return f"case:{self.book.books_key(case)}:{verb}:{openings}"

    @staticmethod
    def _holds(case: CaseRow) -> bool:
        """A double debit has nothing to hold: the instalment is paid."""
        return case.open_subject is not None and case.open_subject.startswith("dispute:")

    # --- double debit

    def open_wrong_charge(
        self, intake: Intake, customer_id: str, contract_no: str | None, instalment: int | None
    ) -> WrongChargeOutcome:
        """Case and refund of a double debit; see ``CaseService.open_wrong_charge``."""
        double = self._double_debit(customer_id, contract_no, instalment)
        name = f"double_debit:{double.contract_no}:{double.instalment}"
        if double.refund_no is not None and self.book.repository.by_subject(name) is None:
            raise NoDoubleDebit("the surplus was refunded already", refund_no=double.refund_no)
        subject = Subject(name, double.contract_no, double.instalment, double.surplus)
        data = {"payments": list(double.payment_nos), "surplus": double.surplus}
        opened = self._open(intake, subject, data, whole=double.refund_no is not None)
        remedy = self.remedies.settle_gone_back(opened.case) or self.remedies.latest(opened.case)
        if remedy is None and double.refund_no is None:
            remedy = self.remedies.give(opened.case, self._surplus_claim(customer_id, double))
        return WrongChargeOutcome(self.book.view(opened.case), double, remedy, opened.telling)

    def _double_debit(self, customer_id: str, contract_no: str | None, instalment: int | None) -> DoubleDebit:
        """The one that is meant; without a hint the newest that is not refunded. Raises ``NoDoubleDebit``."""
        found = [
            item
            for item in self.loans.double_debits(customer_id)
            if contract_no in (None, item.contract_no) and instalment in (None, item.instalment)
        ]
        if not found:
            raise NoDoubleDebit("no instalment was debited twice")
        return next((item for item in found if item.refund_no is None), found[0])

    def _surplus_claim(self, customer_id: str, double: DoubleDebit) -> Claim:
        """What the later debits left over, payment by payment, up to the surplus."""
        left, parts = double.surplus, []
        for payment_no in reversed(double.payment_nos):
            amount = min(left, self.loans.payment(customer_id, payment_no).left_over)
            if amount:
                parts.append((payment_no, amount))
                left -= amount
        return Claim("double_debit", double.surplus - left, "double_debit", at_once=True, payments=tuple(parts))

    # --- shared

    def _open(self, intake: Intake, subject: Subject, data: dict[str, object], *, whole: bool) -> OpenedDispute:
        """The case about ``subject``, new or open before. A repeated command adds nothing; another telling joins the thread.

        ``whole``: everything that the facts allow was given back.
        """
        fingerprint = intake.fingerprint(subject=subject.name)
        earlier = self.book.earlier(intake.key, fingerprint)
        if earlier is not None:
            return OpenedDispute(earlier[0], "again")
        case = self.book.open_about(intake, subject, fingerprint=fingerprint, data={"subject": subject.name, **data})
        if case is not None:
            return OpenedDispute(case, "first")
        case = self.book.about(subject.name)
        return OpenedDispute(case, self._told_again(case, intake, fingerprint, whole=whole))

    def _told_again(self, case: CaseRow, intake: Intake, fingerprint: str, *, whole: bool) -> Telling:
        """As for complaints (product §4): a repetition is merged, new facts start the clock again and reopen what was decided.

        It is one matter however different the words, for it is about one instalment. Whatever a borrower says after we asked
        them something is their answer. Where everything was given back, a decision has nothing left to reopen for (decided).
        """
        status = self.book.status(case)
        decided = status in CLOCK_STOPS
        known = [*told(self.book.thread(case)), f"{case.contract_no} {case.instalment}"]  # its own number is no new fact
        related = relation(intake.story, known, self.book.policy(case).repeats)
        if not intake.own_words or related == "nothing" or (decided and whole):
            self.book.join(case, intake, fingerprint, "merged")
            return "again"
        if related == "repeat":
            self.book.join(case, intake, fingerprint, "fact_added" if status == "waiting_for_borrower" else "merged")
            return "again"
        self.book.join_new_facts(case, intake, fingerprint)
        return "reopened" if decided else "new_facts"
