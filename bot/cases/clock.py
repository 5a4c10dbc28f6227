"""The dates of a case, derived from its thread (product §4). Pure; calendar days throughout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from bot.cases.policy import CasePolicy
from bot.cases.thread import CLOCK_STOPS, CaseKind, status_of


class ThreadEvent(Protocol):
    """What the clock reads of an event. ``day``: its business date."""

    @property
    def type(self) -> str: ...

    @property
    def day(self) -> date: ...

    @property
    def audience(self) -> str: ...

    @property
    def actor_kind(self) -> str: ...

    @property
    def data(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class CaseDates:
    """``runs_from``: receipt, or the latest new facts. ``next_update_by`` is ``None`` once the clock has stopped.

    ``heard_on``: the last day on which the borrower heard from us, or began the clock (and was answered).
    """

    runs_from: date
    decide_by: date
    next_update_by: date | None
    extended_to_days: int | None
    stopped: bool
    heard_on: date


def case_dates(policy: CasePolicy, kind: CaseKind, events: Sequence[ThreadEvent]) -> CaseDates:
    """The dates after these events, oldest first; the first one is the receipt.

    Day 0 is the day of receipt: received on 1 August, a 15-day decision is due on 16 August. New facts and a reopening start
    the clock again, without the extension; an extension counts from the same start as the decision. Once we have told the
    borrower that we are late, the promise of an update goes on every few days: the decision's date is no promise any more.
    """
    runs_from = events[0].day
    told_on = runs_from
    extended: int | None = None
    for event in events:
        if event.type == "reopened" or event.data.get("restarts_clock"):
            runs_from, extended = event.day, None
        if event.type == "extended":
            extended = int(event.data["days"])
        if event.audience == "borrower" and event.actor_kind != "borrower":
            told_on = event.day
    decide_by = runs_from + timedelta(days=extended or policy.kinds[kind].decision_days)
    stopped = status_of(event.type for event in events) in CLOCK_STOPS
    heard_on = max(told_on, runs_from)
    update_by = heard_on + timedelta(days=policy.update_every_days)
    if heard_on <= decide_by:
        update_by = min(update_by, decide_by)
    return CaseDates(runs_from, decide_by, None if stopped else update_by, extended, stopped, heard_on)


def update_due(policy: CasePolicy, dates: CaseDates, today: date) -> bool:
    """Whether the borrower must hear from us today: nothing was said for ``update_every_days``."""
    return not dates.stopped and today >= dates.heard_on + timedelta(days=policy.update_every_days)


def alert_on(policy: CasePolicy, dates: CaseDates, today: date) -> str | None:
    """The alert that stands today: ``overdue``, ``T-1``, ``T-3`` (the nearest that has been reached), or ``None``."""
    if dates.stopped:
        return None
    left = (dates.decide_by - today).days
    if left < 0:
        return "overdue"
    reached = [days for days in policy.alerts_before_days if left <= days]
    return f"T-{min(reached)}" if reached else None
