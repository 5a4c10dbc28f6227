"""``CaseWorker``: keeps the promises of cases, one job of ``bot/worker.py``.

Each case, and each borrower with hanging payments, is one small transaction under a lock that first looks what was done already.
So the worker may be killed anywhere and run many times at once: nothing is told twice, and what was missed is made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from bot.cases.alerts import CaseAlerts
from bot.cases.book import CaseBook
from bot.cases.clock import alert_on, update_due
from bot.cases.policy import CasePolicies
from bot.cases.remedies import RemedyService
from bot.cases.stuck import StuckPayments
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.guard import Guard
from bot.core.texts import Text
from bot.loans.backends import LoanBackends

CHUNK = 500
"""Cases whose threads are read together."""
LATE_COMMITS = timedelta(hours=1)
"""An event is looked for this long after its time: a transaction may commit after we looked, with a time before it."""


class CaseWorker:
    """Any number of them may run at once."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        texts: Mapping[str, Text],
        loans: LoanBackends,
        policies: CasePolicies | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._texts = texts
        self._loans = loans
        self._policies = policies
        self._looked_at: datetime | None = None
        self.guard = Guard()

    def round(self) -> dict[str, int]:
        """How many of each were done; what broke is logged, counted under ``errors`` and tried again next round."""
        self.guard.reset()
        done = {"alerts": 0, "updates": 0, "told": 0, "informed": 0, "escalated": 0, "settled": 0}
        with self.guard.item("clocks"):
            self._clocks(done)
        with self.guard.item("stuck_payments"):
            self._stuck_payments(done)
        with self.guard.item("surplus"):
            self._surplus(done)
        return {**done, "errors": self.guard.errors}

    # --- clocks

    def _clocks(self, done: dict[str, int]) -> None:
        """All cases once a day, for clocks count in days; in between only those whose thread has grown."""
        now = self._clock.now()
        for case_id in self._standing(self._since(now.date()), now.date()):
            with self.guard.item("case", case_id):
                raised, updated = self._case(case_id)
                done["alerts"] += raised
                done["updates"] += updated
        if not self.guard.errors:
            self._looked_at = now

    def _since(self, today: date) -> datetime | None:
        looked_at = self._looked_at
        return None if looked_at is None or looked_at.date() != today else looked_at - LATE_COMMITS

    def _standing(self, since: datetime | None, today: date) -> Iterator[int]:
        """Cases that may need something, read without locks."""
        with self._database.transaction() as session:
            case_ids = CaseBook(session, self._clock, self._policies).repository.not_over_ids(since)
        for first in range(0, len(case_ids), CHUNK):
            yield from self._standing_of(case_ids[first : first + CHUNK], today)

    def _standing_of(self, case_ids: Sequence[int], today: date) -> list[int]:
        with self._database.transaction() as session:
            book = CaseBook(session, self._clock, self._policies)
            found = []
            for case, dates in book.dates_of(book.repository.by_ids(case_ids)):
                policy = book.policy(case)
                if alert_on(policy, dates, today) is not None or update_due(policy, dates, today):
                    found.append(case.id)
            return found

    def _case(self, case_id: int) -> tuple[bool, bool]:
        """Whether an alert was raised, and whether the borrower was given an update."""
        with self._database.transaction() as session:
            book = CaseBook(session, self._clock, self._policies)
            case, alerts = book.repository.by_id(case_id, lock=True), CaseAlerts(book)
            raised = alerts.raise_due(case) is not None
            return raised, alerts.update(case)

    # --- payments

    def _stuck_payments(self, done: dict[str, int]) -> None:
        with self._database.transaction() as session:
            customers = self._stuck(session).to_check()
        for customer_id in customers:
            with self.guard.item("promises", customer_id), self._database.transaction() as session:
                for what, count in self._stuck(session).follow_up(customer_id, self._texts).items():
                    done[what] += count

    def _surplus(self, done: dict[str, int]) -> None:
        """Double debits whose surplus went back by itself: their cases have their remedy."""
        with self._database.transaction() as session:
            case_ids = CaseBook(session, self._clock, self._policies).repository.open_double_debits()
        for case_id in case_ids:
            with self.guard.item("case", case_id), self._database.transaction() as session:
                book = CaseBook(session, self._clock, self._policies)
                remedies = RemedyService(session, self._clock, self._loans.open(session), book=book)
                done["settled"] += remedies.settle_gone_back(book.repository.by_id(case_id, lock=True)) is not None

    def _stuck(self, session: Session) -> StuckPayments:
        return StuckPayments(session, self._clock, self._loans.open(session), self._policies)
