"""Alerts that are sent: T-3, T-1 and overdue of each case and start of its clock, each once (product §4).

What stands is the nearest date that was reached. Where a worker comes back after days, the alerts in between are not made up: on
the day before the decision T-1 says all that T-3 would have said, and an overdue case is overdue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import structlog

from bot.cases.book import CaseBook
from bot.cases.clock import alert_on, update_due
from bot.cases.errors import AlertNotFound
from bot.cases.models import CaseAlertRow, CaseRow
from bot.cases.thread import SYSTEM, Actor, CaseStatus
from bot.cases.views import CaseView

log = structlog.get_logger(__name__)
OVERDUE, STUCK = "overdue", "stuck"

UPDATES: dict[CaseStatus, str] = {
    "received": "update_received",
    "acknowledged": "update_received",
    "investigating": "update_investigating",
    "reopened": "update_investigating",
    "proposed": "update_proposed",
    "waiting_for_borrower": "update_waiting_for_borrower",
}
"""What can truthfully be said of a case by its status, when nobody has said more for some days."""


@dataclass(frozen=True)
class AlertView:
    """One alert for the desk. ``name``: ``T-3``, ``T-1``, ``overdue`` or ``stuck``. ``owner`` had the case when it was raised."""

    alert_no: int
    name: str
    case: CaseView
    decide_by: date
    owner: str
    raised_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None


class CaseAlerts:
    """Raises and shows them. Never commits."""

    def __init__(self, book: CaseBook) -> None:
        self.book = book
        self._repository = book.repository

    # --- raising (the caller has locked the case)

    def raise_due(self, case: CaseRow) -> str | None:
        """The alert that stands today, if it was not raised before; its name. A late case goes to the supervisors."""
        name = alert_on(self.book.policy(case), self.book.dates(case), self.book.clock.today())
        if name is None or not self.raise_once(case, name):
            return None
        if name == OVERDUE:
            self._escalate(case)
        return name

    def raise_once(self, case: CaseRow, name: str) -> bool:
        """For the owner of the case; false when it was raised for this clock before."""
        dates = self.book.dates(case)
        if self._repository.alert(case.id, dates.runs_from, dates.decide_by, name) is not None:
            return False
        self._repository.save(
            CaseAlertRow(
                case_id=case.id,
                runs_from=dates.runs_from,
                decide_by=dates.decide_by,
                kind=name,
                owner=case.owner,
                raised_at=self.book.clock.now(),
            )
        )
        log.warning("case_alert", case_no=case.case_no, alert=name, owner=case.owner, decide_by=dates.decide_by.isoformat())
        return True

    def _escalate(self, case: CaseRow) -> None:
        """The supervisors get it, and the borrower is told honestly that we are late."""
        to = self.book.policy(case).escalation_owner
        if case.owner != to:
            data = {"from": case.owner, "to": to, "reason": OVERDUE}
            self.book.record(case, "assigned", SYSTEM, audience="internal", data=data)
            case.owner = to
        self.book.record(case, "note", SYSTEM, data={"notice": "late"})

    def update(self, case: CaseRow) -> bool:
        """The promised word to the borrower when nobody has said anything for some days; whether it was due."""
        dates, today = self.book.dates(case), self.book.clock.today()
        if not update_due(self.book.policy(case), dates, today):
            return False
        notice = "update_late" if today > dates.decide_by else UPDATES[self.book.status(case)]
        self.book.record(case, "note", SYSTEM, data={"notice": notice})
        return True

    # --- the desk

    def open(self, owner: str | None = None) -> list[AlertView]:
        """Not acknowledged, of clocks that still run, the most urgent first; of each clock only the latest date reached.

        Who acknowledges that one has seen all that the earlier ones said.
        ``owner``: only alerts of cases that they have, or had when it was raised (an overdue case has moved on).
        """
        rows = self._repository.open_alerts()
        cases = {row.id: row for row in self._repository.by_ids({row.case_id for row in rows})}
        views = dict(zip(cases, self.book.views(list(cases.values())), strict=True))
        raised = [row for row in self._repository.alerts_of(cases) if self._runs(row, views[row.case_id])]
        latest = {(row.case_id, row.kind == STUCK): row.id for row in raised}
        shown = [row for row in rows if latest.get((row.case_id, row.kind == STUCK)) == row.id]
        found = [_view(row, views[row.case_id]) for row in shown]
        return [item for item in found if owner is None or owner in (item.owner, item.case.owner)]

    def acknowledge(self, alert_no: int, actor: Actor) -> AlertView:
        """Somebody has seen it. Who was first stays on record. Raises ``AlertNotFound``."""
        row = self._repository.alert_by_id(alert_no, lock=True)
        if row is None:
            raise AlertNotFound("no such alert")
        if row.acknowledged_at is None:
            row.acknowledged_by, row.acknowledged_at = actor.identifier, self.book.clock.now()
            self._repository.save(row)
        return _view(row, self.book.view(self._repository.by_id(row.case_id)))

    @staticmethod
    def _runs(row: CaseAlertRow, case: CaseView) -> bool:
        if case.next_update_by is None:
            return False  # the clock has stopped
        return row.kind == STUCK or (row.runs_from, row.decide_by) == (case.runs_from, case.decide_by)


def _view(row: CaseAlertRow, case: CaseView) -> AlertView:
    return AlertView(row.id, row.kind, case, row.decide_by, row.owner, row.raised_at, row.acknowledged_by, row.acknowledged_at)
