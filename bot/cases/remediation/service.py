"""``RemediationService``: one run after the other, step by step. Never commits: each step is one transaction of its caller
(``driver.py`` for whole runs). Every step may be repeated, killed, and done by several processes at once.
"""

from __future__ import annotations

import hashlib
from typing import Any, cast

from sqlalchemy.orm import Session

from bot.audit.service import Subject
from bot.cases.audited import who
from bot.cases.book import CaseBook
from bot.cases.errors import NotSupervisor, SamePerson
from bot.cases.evidence import EvidencePolicy
from bot.cases.policy import CasePolicies
from bot.cases.remediation.books import Books, Finding, Place, books_for
from bot.cases.remediation.errors import (
    IncidentNotConfirmed,
    ItemsChanged,
    ListingUnfinished,
    NotApproved,
    NothingToGive,
    RunDecided,
    RunNotFound,
)
from bot.cases.remediation.models import RemediationItemRow, RemediationRunRow
from bot.cases.remediation.posting import PostingStep
from bot.cases.remediation.repository import RemediationRepository
from bot.cases.remediation.views import ItemView, Progress, RunStatus, RunView, Totals
from bot.cases.thread import Actor
from bot.core.clock import Clock
from bot.core.masking import mask
from bot.core.money import Fen
from bot.loans.port import LoanBackend

MAX_PAGE = 1000


class RemediationService:
    """Actors come from a login (desk, command line), never from a request body."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        loans: LoanBackend,
        policies: CasePolicies | None = None,
        *,
        books: Books | None = None,
    ) -> None:
        self.session = session
        self.clock = clock
        self.loans = loans
        self.book = CaseBook(session, clock, policies)
        self.books = books or books_for(loans)
        self.repository = RemediationRepository(session)

    # --- reading

    def runs(self) -> list[RunView]:
        """Newest first."""
        return [run_view(row) for row in self.repository.runs()]

    def run(self, run_no: str) -> RunView:
        """Raises ``RunNotFound``."""
        return run_view(self._row(run_no))

    def proposed(self) -> list[RunView]:
        """Waiting for a second person, oldest first."""
        return [run_view(row) for row in self.repository.in_status(["proposed"])]

    def of_incident(self, incident_no: str) -> list[RunView]:
        """Newest first."""
        return [run_view(row) for row in self.repository.of_incident(incident_no)]

    def progress(self, run_no: str) -> Progress:
        """Raises ``RunNotFound``."""
        row = self._row(run_no)
        counts = self.repository.by_status(row.id)
        number = {status: counts.get(status, (0, 0, 0, 0)) for status in ("found", "pending", "posted", "skipped")}
        return Progress(
            listed=row.found_all,
            found=number["found"][0],
            pending=number["pending"][0],
            posted=number["posted"][0],
            skipped=number["skipped"][0],
            amount=sum(each[1] for each in number.values()),
            waived=sum(each[2] for each in number.values()),
            refunded=sum(each[3] for each in number.values()),
        )

    def totals(self, run_no: str) -> Totals:
        """Raises ``RunNotFound``."""
        row = self._row(run_no)
        items, people, amount, system_caused, given_before = self.repository.sums(row.id)
        return Totals(
            items, people, amount, system_caused, given_before,
            skipped=self.repository.skipped(row.id),
            amounts=self.repository.amounts(row.id),
            due_days=self.repository.due_days(row.id),
        )  # fmt: skip

    def items(self, run_no: str, *, after: int = 0, limit: int = 100, only_given: bool = False) -> list[ItemView]:
        """In the order in which they were found, those after the item ``after``. Raises ``RunNotFound``."""
        row = self._row(run_no)
        page = self.repository.page(row.id, after, max(1, min(limit, MAX_PAGE)), only_given=only_given)
        return [item_view(item) for item in page]

    # --- listing

    def start(self, incident_no: str, by: Actor, *, again: bool = False) -> RunView:
        """The run of a confirmed incident: the open one or the last one, else a new one as of today.

        ``again``: a new one although the last is done, because the incident went on or something was reported late; what was
        given stays given. Raises ``IncidentNotFound``, ``IncidentNotConfirmed``.
        """
        incident = self.books.incident(incident_no)
        if incident.status != "confirmed":
            raise IncidentNotConfirmed("only a confirmed incident decides about money", status=incident.status)
        last = next((row for row in self.repository.of_incident(incident_no) if row.status != "rejected"), None)
        if last is not None and not (again and last.status == "done"):
            return run_view(last)
        today = self.clock.today()
        policy = self.book.policies.on(today)
        first = self.repository.next_number(today)
        for number in range(first, first + 20):
            row = RemediationRunRow(
                run_no=f"MR-{today:%Y%m%d}-{number:02d}",
                incident_no=incident_no,
                open_incident=incident_no,
                status="draft",
                as_of=today,
                policy_from=policy.valid_from,
                notice_grace_days=policy.evidence.notice_grace_days,
                found_all=False,
                created_by=by.identifier,
                created_at=self.clock.now(),
            )
            if self.repository.add_run(row):
                self._record("started", row, by)
                return run_view(row)
            other = next((row for row in self.repository.of_incident(incident_no) if row.open_incident), None)
            if other is not None:  # somebody else started it at the same moment
                return run_view(other)
        raise RunDecided("no run number is free", status="draft")

    def find_more(self, run_no: str, limit: int = 2000) -> int:
        """Notes the next instalments that the incident may have harmed; how many, 0 at the end. Raises ``RunNotFound``."""
        row = self._row(run_no, lock=True)
        if row.status != "draft" or row.found_all:
            return 0
        page = self.books.affected(self.books.incident(row.incident_no), row.as_of, row.cursor, limit)
        self.repository.add_found(row.id, page.places)
        row.cursor, row.found_all = page.next_after, page.next_after is None
        self.session.flush()
        return len(page.places)

    def examine_more(self, run_no: str, limit: int = 500) -> int:
        """Decides by the cause rules what the next found instalments get; how many, 0 when nothing is free to be examined."""
        row = self._row(run_no)
        taken = self.repository.take_found(row.id, limit) if row.status == "draft" else []
        places = {item.id: Place(item.customer_id, item.contract_no, item.instalment) for item in taken}
        found = self.books.examine(list(places.values()), row.as_of, EvidencePolicy(row.notice_grace_days))
        self.repository.examined([examined(item_id, each) for item_id, each in zip(places, found, strict=True)])
        return len(taken)

    # --- two people

    def propose(self, run_no: str, by: Actor) -> RunView:
        """Freezes what was listed. A repetition by the same person changes nothing.

        Raises ``RunNotFound``, ``ListingUnfinished``, ``NothingToGive``, ``RunDecided``.
        """
        row = self._row(run_no, lock=True)
        if row.status == "proposed" and row.proposed_by == by.identifier:
            return run_view(row)
        if row.status != "draft":
            raise RunDecided("the run is proposed or decided", status=row.status)
        if not row.found_all or self.repository.any_left(row.id, "found"):
            raise ListingUnfinished("the listing is not finished", left=self.repository.count(row.id, "found"))
        items, people, amount, _, _ = self.repository.sums(row.id)
        if items == 0:
            raise NothingToGive("nobody is to get anything")
        row.items_hash, row.items, row.people, row.amount = self._hash(row), items, people, amount
        row.status, row.proposed_by, row.proposed_at = "proposed", by.identifier, self.clock.now()
        self.session.flush()
        self._record("proposed", row, by, items=items, people=people, amount=amount)
        return run_view(row)

    def approve(self, run_no: str, by: Actor) -> RunView:
        """A supervisor who did not propose it approves what was proposed. A repetition by the same person changes nothing.

        Raises ``RunNotFound``, ``NotSupervisor``, ``SamePerson``, ``RunDecided``, ``ItemsChanged``.
        """
        row = self._to_decide(run_no, by)
        if row.status in ("approved", "posting", "done") and row.decided_by == by.identifier:
            return run_view(row)
        if row.status != "proposed":
            raise RunDecided("the run is not waiting for approval", status=row.status)
        if row.proposed_by == by.identifier:
            raise SamePerson("who proposed a remediation may not approve it")
        self._check_hash(row)
        row.status, row.decided_by, row.decided_at = "approved", by.identifier, self.clock.now()
        self.session.flush()
        self._record("approved", row, by, items=row.items, amount=row.amount)
        return run_view(row)

    def reject(self, run_no: str, by: Actor, *, reason: str) -> RunView:
        """Ends a proposed run; a new one may be started. Raises ``RunNotFound``, ``NotSupervisor``, ``RunDecided``."""
        row = self._to_decide(run_no, by)
        if row.status != "proposed":
            raise RunDecided("the run is not waiting for approval", status=row.status)
        row.status, row.decided_by, row.decided_at, row.open_incident = "rejected", by.identifier, self.clock.now(), None
        row.reason = mask(reason.strip())[:2000]
        self.session.flush()
        self._record("rejected", row, by, reason=row.reason)
        return run_view(row)

    # --- posting

    def verify(self, run_no: str) -> None:
        """Asks, before anything is posted, whether the items are still those that were approved.

        Raises ``RunNotFound``, ``NotApproved``, ``ItemsChanged``.
        """
        row = self._row(run_no)
        if row.status not in ("approved", "posting", "done"):
            raise NotApproved("a second person has not approved the run", status=row.status)
        self._check_hash(row)

    def post_more(self, run_no: str, limit: int = 500) -> int:
        """Gives the next items what they get; how many were settled, 0 when nothing is free to be posted.

        Raises ``RunNotFound``, ``NotApproved``.
        """
        row = self._row(run_no)
        if row.status == "done":
            return 0
        if row.status not in ("approved", "posting"):
            raise NotApproved("a second person has not approved the run", status=row.status)
        settled = PostingStep(self.book, self.loans, self.books, self.repository).post(row, limit)
        if settled:  # each item has its receipt in the books; one entry for the batch
            self._record("posted", row, None, items=settled)
        if settled == 0 and not self.repository.any_left(row.id, "pending"):
            self._finish(run_no)
        elif row.status == "approved":
            row = self._row(run_no, lock=True)
            if row.status == "approved":
                row.status = "posting"
                self.session.flush()
        return settled

    def _finish(self, run_no: str) -> None:
        row = self._row(run_no, lock=True)
        if row.status in ("approved", "posting"):
            row.status, row.done_at, row.open_incident = "done", self.clock.now(), None
            self.session.flush()

    # --- inside

    def _record(
        self, what: str, row: RemediationRunRow, by: Actor | None, *, reason: str | None = None, **numbers: int | None
    ) -> None:
        details = {"run": row.run_no, "incident": row.incident_no, **numbers}
        self.book.trail.record(f"remediation.{what}", None if by is None else who(by), Subject(), reason=reason, details=details)

    def _row(self, run_no: str, *, lock: bool = False) -> RemediationRunRow:
        row = self.repository.run(run_no, lock=lock)
        if row is None:
            raise RunNotFound("no such run")
        return row

    def _to_decide(self, run_no: str, by: Actor) -> RemediationRunRow:
        if by.kind != "supervisor":
            raise NotSupervisor("only a supervisor decides on a remediation")
        return self._row(run_no, lock=True)

    def _hash(self, row: RemediationRunRow) -> str:
        """Over everything that the approval is about, in a fixed order."""
        digest = hashlib.sha256(f"{row.run_no}|{row.incident_no}|{row.as_of}|{row.notice_grace_days}\n".encode())
        for item in self.repository.frozen(row.id):
            digest.update(("|".join(str(value) for value in item) + "\n").encode())
        return digest.hexdigest()

    def _check_hash(self, row: RemediationRunRow) -> None:
        if self._hash(row) != row.items_hash:
            raise ItemsChanged("the items are not those that were proposed", run_no=row.run_no)


def examined(item_id: int, finding: Finding) -> tuple[Any, ...]:
    """The row of ``RemediationRepository.examined``: what is left of the system's share, or why there is nothing."""
    evidence = finding.evidence
    amount: Fen = max(0, evidence.system_caused - finding.waived)
    reason = None
    if not evidence.days:
        reason = "no_overdue_day"
    elif evidence.system_caused == 0:
        reason = "no_system_share"
    elif amount == 0:
        reason = "already_given"
    return (
        item_id, "skipped" if reason else "pending", reason, evidence.due_on, len(evidence.days), finding.system_days,
        evidence.penalty, evidence.system_caused, finding.waived, amount, finding.entries,
    )  # fmt: skip


def run_view(row: RemediationRunRow) -> RunView:
    return RunView(
        run_no=row.run_no,
        incident_no=row.incident_no,
        status=cast(RunStatus, row.status),
        as_of=row.as_of,
        policy_from=row.policy_from,
        created_by=row.created_by,
        created_at=row.created_at,
        items=row.items,
        people=row.people,
        amount=row.amount,
        items_hash=row.items_hash,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        reason=row.reason,
        done_at=row.done_at,
    )


def item_view(row: RemediationItemRow) -> ItemView:
    return ItemView(
        item_id=row.id,
        customer_id=row.customer_id,
        contract_no=row.contract_no,
        instalment=row.instalment,
        status=cast(Any, row.status),
        reason=row.reason,
        due_on=row.due_on,
        overdue_days=row.overdue_days,
        system_days=row.system_days,
        penalty=row.penalty,
        system_caused=row.system_caused,
        given_before=row.given_before,
        amount=row.amount,
        waived=row.waived,
        refunded=row.refunded,
        receipts=tuple(number for number in (row.waiver_receipt_no, row.refund_receipt_no) if number is not None),
    )


__all__ = ["ItemView", "Progress", "RemediationService", "RunView", "Totals"]
