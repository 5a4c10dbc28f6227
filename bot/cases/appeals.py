"""Appeals: who disagrees with a decision gets it looked at anew, by somebody else (product §3, §4).

The period is that of the written review. Somebody else: who decided, approved or rejected before neither gets the case
nor decides it; it goes back to its team when they own it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, cast

from bot.cases.book import CaseBook
from bot.cases.disputes import Disputes
from bot.cases.errors import AppealTooLate, NothingDecided
from bot.cases.models import CaseRow
from bot.cases.thread import OVER, Actor, CaseKind

SYSTEM = Actor("system", "appeal")
_DECISIONS = frozenset({"decided", "approved"})


class Appeals:
    """Reopening of cases, for the borrower and for the desk."""

    def __init__(self, book: CaseBook, disputes: Disputes) -> None:
        self.book = book
        self._disputes = disputes

    def until(self, case: CaseRow) -> date | None:
        """The last day on which the decision that stands can be appealed against; ``None`` when none stands."""
        if self.book.status(case) not in ("decided", "remedied", "closed"):
            return None
        decided = [event.day for event in self.book.thread(case) if event.type in _DECISIONS]
        return decided[-1] + timedelta(days=self.book.policy(case).review_days) if decided else None

    def require(self, case: CaseRow) -> None:
        """Raises ``NothingDecided``, ``AppealTooLate``."""
        until = self.until(case)
        if until is None:
            raise NothingDecided("no decision stands", status=self.book.status(case))
        if self.book.clock.today() > until:
            raise AppealTooLate("the review period is over", until=until.isoformat())

    def reopen(
        self, case: CaseRow, actor: Actor, text: str, *, appeal: bool, data: dict[str, Any] | None = None, key: str | None = None
    ) -> None:
        """The clock starts again. What the case was about is held again, unless a newer case does."""
        was_over = self.book.status(case) in OVER
        self.book.record(case, "reopened", actor, text=text, data={"appeal": appeal, **(data or {})}, key=key)
        if was_over and "subject" in self.book.thread(case)[0].data:
            self._disputes.take_up_again(case)
        if case.owner in self.book.barred(case):
            team = self.book.policy(case).kinds[cast(CaseKind, case.kind)].owner
            moved = {"from": case.owner, "to": team, "reason": "appeal"}
            self.book.record(case, "assigned", SYSTEM, audience="internal", data=moved)
            case.owner = team
