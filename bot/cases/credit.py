"""Correction of the credit report (product §3: "correct the credit report if it was sent", with the 20-day clock).

A dispute that is decided for the borrower, or a run of mass remediation, opens the correction by itself when the bureau had been
told of the instalment. For a mixed dispute too: the system's days were reported among the others, and a person decides what the
report should have said.
"""

from __future__ import annotations

from bot.cases.book import CaseBook, Intake, Subject
from bot.cases.errors import NoInstalment, NotSupervisor, WrongKind
from bot.cases.evidence import EvidencePolicy, examine
from bot.cases.evidence.loader import facts_of
from bot.cases.models import CaseRow
from bot.cases.thread import BOT, SYSTEM, Actor
from bot.loans.port import InstalmentRef, LoanBackend, bureau_knows

CHANNEL = "remediation"
"""Of cases that came from no conversation."""
_DECIDED_BEFORE = frozenset({"dispute", "run_no"})


class CreditCorrections:
    """Opens corrections and carries them out in the loan books."""

    def __init__(self, book: CaseBook, loans: LoanBackend) -> None:
        self.book = book
        self.loans = loans

    def after_dispute(self, dispute: CaseRow) -> CaseRow | None:
        """The correction that a dispute decided for the borrower brings about, if there is something to correct.

        ``None`` when the bureau was not told, no overdue day was the system's, or a correction of the instalment is open already.
        """
        customer_id, ref = dispute.customer_id, _reference(dispute)
        if dispute.kind != "dispute" or customer_id is None or ref is None:
            return None
        if not self._reported(customer_id, ref) or not self._system_had_part(customer_id, ref):
            return None
        return self._of_dispute(dispute, customer_id, ref, key=f"{self.book.books_key(dispute)}:{len(self.book.thread(dispute))}")

    def after_remediation(self, run_no: str, customer_id: str, ref: InstalmentRef, dispute: CaseRow | None, story: str) -> None:
        """The correction that a run brings about; the caller knows that there is something to correct.

        ``dispute``: the open one about the instalment. Who never complained gets a case with ``story``, of no conversation.
        """
        key = f"{run_no}:{ref.contract_no}:{ref.instalment}"
        if dispute is not None:
            self._of_dispute(dispute, customer_id, ref, key=key, run_no=run_no)
        else:
            intake = Intake("credit_correction", customer_id, "", CHANNEL, story, None, f"credit_correction:{key}", by=SYSTEM)
            self._open(intake, ref, {"run_no": run_no})

    def _of_dispute(self, dispute: CaseRow, customer_id: str, ref: InstalmentRef, *, key: str, **data: str) -> CaseRow | None:
        """In the words that opened the dispute, whoever said them: the worker opens disputes too (stuck.py)."""
        opening = self.book.thread(dispute)[0]
        intake = Intake(
            "credit_correction",
            customer_id,
            dispute.conversation_id,
            dispute.channel,
            opening.text or "",
            None,
            f"credit_correction:{key}",
            by=Actor(opening.actor_kind, opening.actor_id),
        )
        case = self._open(intake, ref, {"dispute": dispute.case_no, **data})
        if case is not None:
            self.book.record(dispute, "note", BOT, audience="internal", data={"credit_correction": case.case_no})
        return case

    def _open(self, intake: Intake, ref: InstalmentRef, data: dict[str, str]) -> CaseRow | None:
        """``None`` when one of the instalment is open already."""
        subject = Subject(f"credit_correction:{ref.contract_no}:{ref.instalment}", ref.contract_no, ref.instalment, None)
        fingerprint = intake.fingerprint(subject=subject.name)
        return self.book.open_about(intake, subject, fingerprint=fingerprint, data={"subject": subject.name, **data})

    def done(self, case: CaseRow, actor: Actor, ref: InstalmentRef | None) -> None:
        """Takes the report back in the loan books and says so in the thread. A repetition changes nothing.

        ``ref`` says which instalment, when the borrower's words did not. Whoever works on the case may do it where a dispute or a
        run was decided before; otherwise this *is* the decision, and a supervisor's. Raises ``WrongKind``, ``NoInstalment``,
        ``NotSupervisor``, ``NotReported``, ``ContractNotFound``, ``InstalmentNotFound``, ``SamePerson``, ``StepNotAllowed``.
        """
        if case.kind != "credit_correction":
            raise WrongKind("only a credit correction corrects the report", kind=case.kind)
        thread = self.book.thread(case)
        if self.book.status(case) == "remedied" and any("corrected" in event.data for event in thread):
            return
        if not _DECIDED_BEFORE & thread[0].data.keys() and actor.kind != "supervisor":
            raise NotSupervisor("no dispute was decided before: a supervisor decides on this correction")
        self.book.require_other(case, actor.identifier)
        ref = _reference(case) or ref
        if ref is None or case.customer_id is None:
            raise NoInstalment("which instalment was reported wrongly?")
        self.loans.overdue_flags(case.customer_id, ref.contract_no, ref.instalment)  # theirs, or it is not found
        decided = self.book.status(case) == "decided"
        if not decided:
            self.book.require(case, "decided")
        key = f"correction:{self.book.books_key(case)}"
        self.loans.correct_bureau_report(ref.contract_no, ref.instalment, reason=case.case_no, key=key)
        case.contract_no, case.instalment = ref.contract_no, ref.instalment
        if not decided:
            self.book.record(case, "decided", actor, data={"reason": "credit_report_corrected"})
        corrected = {"contract_no": ref.contract_no, "instalment": ref.instalment}
        self.book.record(case, "remedied", actor, data={"corrected": corrected})

    def _reported(self, customer_id: str, ref: InstalmentRef) -> bool:
        flags = self.loans.overdue_flags(customer_id, ref.contract_no, ref.instalment)
        return bureau_knows([item.state for item in flags if item.flag == "bureau_report"])

    def _system_had_part(self, customer_id: str, ref: InstalmentRef) -> bool:
        today = self.book.clock.today()
        policy = EvidencePolicy(self.book.policies.on(today).evidence.notice_grace_days)
        return examine(facts_of(self.loans, customer_id, ref.contract_no, ref.instalment, today), policy).kind != "borrower"


def _reference(case: CaseRow) -> InstalmentRef | None:
    if case.contract_no is None or case.instalment is None:
        return None
    return InstalmentRef(case.contract_no, case.instalment)
