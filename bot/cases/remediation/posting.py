"""One batch of a run: amounts checked against the books of this moment, posted, told. One transaction.

Locks are taken in one order, as everywhere: items, cases, numbers of new cases, customers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bot.cases.book import CaseBook
from bot.cases.credit import CreditCorrections
from bot.cases.evidence import EvidencePolicy
from bot.cases.models import CaseRow
from bot.cases.remediation.books import Books, Place, Share, Stand
from bot.cases.remediation.models import RemediationRunRow
from bot.cases.remediation.repository import RemediationRepository
from bot.cases.remediation.threads import CaseThreads
from bot.cases.remedies import RemedyService
from bot.core.money import Fen, format_yuan
from bot.core.settings import ROOT
from bot.core.texts import Text, Texts
from bot.loans.bulk.giving import Given
from bot.loans.port import InstalmentRef, LoanBackend
from bot.notifications.service import Notifications


@dataclass(frozen=True)
class Decision:
    """What an item gets now, in 分. ``reason``: why nothing (``already_given``, ``nothing_left``), or why less (``reduced``)."""

    waive: Fen
    refund: Fen
    reason: str | None

    @property
    def amount(self) -> Fen:
        return self.waive + self.refund


def decide(approved: Fen, share: Fen, stand: Stand) -> Decision:
    """Never more than was approved, than is left of the system's ``share``, and than the books have of penalty.

    What is unpaid is waived first, the rest was paid and is refunded (product §3). What an interrupted try gave stays as it is.
    """
    left, there = share - stand.waived, stand.penalty_due + stand.paid_penalty
    amount = max(0, min(approved, left, there))
    if stand.waived_by_us is not None:
        waive = stand.waived_by_us
    elif stand.refunded_by_us is not None:
        waive = max(0, amount - stand.refunded_by_us)
    else:
        waive = min(amount, stand.penalty_due)
    amount = max(amount, waive, stand.refunded_by_us or 0)
    refund = amount - waive if stand.refunded_by_us is None else stand.refunded_by_us
    if waive + refund == 0:
        return Decision(0, 0, "already_given" if left <= 0 else "nothing_left")
    return Decision(waive, refund, "reduced" if waive + refund < approved else None)


class PostingStep:
    """The services of one transaction."""

    def __init__(self, book: CaseBook, loans: LoanBackend, books: Books, repository: RemediationRepository) -> None:
        self.book = book
        self.loans = loans
        self.books = books
        self.repository = repository
        self.threads = CaseThreads(book, RemedyService(book.session, book.clock, loans, book=book))

    def post(self, run: RemediationRunRow, limit: int) -> int:
        """How many items were settled."""
        taken = self.repository.take_pending(run.id, limit)
        if not taken:
            return 0
        places = [Place(item.customer_id, item.contract_no, item.instalment) for item in taken]
        cases = self.threads.lock(places)
        self._correct_reports(run, [place for item, place in zip(taken, places, strict=True) if item.amount], cases)
        keys = [f"remediation:{run.run_no}:{place.contract_no}:{place.instalment}" for place in places]
        stands = self.books.stands(list(zip(places, keys, strict=True)))
        shares = self._shares(run, taken, places, stands)
        decisions = [decide(item.amount, *each) for item, each in zip(taken, zip(shares, stands, strict=True), strict=True)]
        giving = [
            (place, Share(place, decision.waive, decision.refund, run.run_no, key))
            for place, key, decision in zip(places, keys, decisions, strict=True)
            if decision.amount
        ]
        receipts = dict(zip([place for place, _ in giving], self.books.give([share for _, share in giving]), strict=True))
        now = self.book.clock.now()
        rows: list[tuple[Any, ...]] = []
        for item, place, decision in zip(taken, places, decisions, strict=True):
            given = receipts.get(place, Given(None, None))
            status = "posted" if decision.amount else "skipped"
            rows.append(
                (
                    item.id,
                    status,
                    decision.reason,
                    decision.waive,
                    decision.refund,
                    *_numbers(given),
                    now if decision.amount else None,
                )
            )
            if decision.amount and place in cases:
                self.threads.tell(cases[place], run.run_no, decision.waive, decision.refund, given)
        self.repository.settled(rows)
        self._tell_people(run, {place.customer_id for place in places})
        return len(taken)

    def _correct_reports(self, run: RemediationRunRow, places: Sequence[Place], cases: Mapping[Place, CaseRow]) -> None:
        """What the bureau was told of them is corrected (product §3), also when the penalty itself was given back meanwhile.

        Before the customers are locked: new cases take their number before that too, and two orders of locks could deadlock.
        """
        credit = CreditCorrections(self.book, self.loans)
        for place in sorted(self.books.reported(places)):
            values = {"run_no": run.run_no, "contract_no": place.contract_no, "instalment": str(place.instalment)}
            ref = InstalmentRef(place.contract_no, place.instalment)
            credit.after_remediation(run.run_no, place.customer_id, ref, cases.get(place), _correction_story().render(**values))

    def _shares(self, run: RemediationRunRow, taken: list[Any], places: list[Place], stands: list[Stand]) -> list[Fen]:
        """The system's share of each: as listed while the books have not changed since, else examined again as of that day."""
        changed = [
            place for item, place, stand in zip(taken, places, stands, strict=True)
            if stand.entries is None or stand.entries != item.entries
        ]  # fmt: skip
        found = self.books.examine(changed, run.as_of, EvidencePolicy(run.notice_grace_days))
        anew = {each.place: each.evidence.system_caused for each in found}
        return [min(item.system_caused, anew.get(place, item.system_caused)) for item, place in zip(taken, places, strict=True)]

    def _tell_people(self, run: RemediationRunRow, customer_ids: set[str]) -> None:
        """One word for each borrower, when the last of their items is settled; the locked customer makes that one moment."""
        words = []
        for customer_id, count, waived, refunded in self.repository.finished_people(run.id, customer_ids):
            kind = "both" if waived and refunded else "waived" if waived else "refunded"
            values = {
                "count": str(count), "amount": format_yuan(waived + refunded),
                "waived": format_yuan(waived), "refunded": format_yuan(refunded),
            }  # fmt: skip
            words.append((f"remediation:{run.run_no}:{customer_id}", customer_id, f"remediation_{kind}", values))
        Notifications(self.book.session, self.book.clock).tell_all(words)


def _numbers(given: Given) -> tuple[str | None, str | None]:
    return given.waiver_receipt_no, given.refund_receipt_no


@lru_cache(maxsize=1)
def _correction_story() -> Text:
    """Stands in the case of a borrower who said nothing; read once."""
    return Texts.load(ROOT / "data" / "answers").dialogue["remediation_correction_story"]
