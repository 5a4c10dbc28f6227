"""The dates of a case (product §4): calendar days, new facts, extensions, alerts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.cases.clock import CaseDates, alert_on, case_dates, update_due
from bot.cases.errors import PolicyMissing
from bot.cases.policy import CasePolicies, default_policies
from bot.cases.thread import CaseKind
from bot.cases.views import EventView
from bot.core.clock import FixedClock

POLICY = default_policies().on(date(2026, 8, 22))


def event(type_: str, day: date, *, by: str = "borrower", audience: str = "borrower", **data: Any) -> EventView:
    moment = FixedClock().moment.replace(year=day.year, month=day.month, day=day.day)
    return EventView(1, type_, moment, day, by, by, audience, None, data)  # type: ignore[arg-type]


def dates(received: date, *more: EventView, kind: CaseKind = "complaint") -> CaseDates:
    return case_dates(POLICY, kind, [event("received", received), event("acknowledged", received, by="bot"), *more])


@pytest.mark.parametrize(
    ("received", "decide_by"),
    [
        (date(2026, 8, 1), date(2026, 8, 16)),
        (date(2026, 12, 20), date(2027, 1, 4)),  # across the year end
        (date(2026, 12, 31), date(2027, 1, 15)),
        (date(2028, 2, 20), date(2028, 3, 6)),  # leap year: 29 February is a day like any other
        (date(2027, 2, 20), date(2027, 3, 7)),
        (date(2028, 2, 29), date(2028, 3, 15)),
        (date(2026, 10, 1), date(2026, 10, 16)),  # public holidays count: calendar days
    ],
)
def test_a_decision_is_due_15_calendar_days_after_receipt(received: date, decide_by: date) -> None:
    assert dates(received).decide_by == decide_by


def test_a_credit_correction_is_due_after_20_days() -> None:
    assert dates(date(2026, 8, 1), kind="credit_correction").decide_by == date(2026, 8, 21)


@pytest.mark.parametrize("days", [30, 60])
def test_an_extension_counts_from_receipt_not_from_the_day_it_was_given(days: int) -> None:
    received = date(2027, 12, 30)
    extended = dates(received, event("extended", received + timedelta(days=15), by="agent", days=days))
    assert extended.decide_by == received + timedelta(days=days)
    assert extended.extended_to_days == days


def test_new_facts_restart_the_clock_and_take_the_extension_back() -> None:
    received = date(2026, 8, 1)
    restarted = dates(
        received,
        event("extended", date(2026, 8, 10), by="agent", days=30),
        event("fact_added", date(2026, 8, 12), restarts_clock=True),
    )
    assert (restarted.runs_from, restarted.decide_by, restarted.extended_to_days) == (date(2026, 8, 12), date(2026, 8, 27), None)


def test_a_repetition_does_not_restart_the_clock() -> None:
    assert dates(date(2026, 8, 1), event("merged", date(2026, 8, 9))).decide_by == date(2026, 8, 16)


def test_a_reopened_case_runs_from_the_day_it_was_reopened() -> None:
    reopened = dates(
        date(2026, 8, 1), event("decided", date(2026, 8, 9), by="agent"), event("reopened", date(2026, 8, 20), by="agent")
    )
    assert (reopened.decide_by, reopened.stopped) == (date(2026, 9, 4), False)


def test_the_next_update_follows_the_last_word_to_the_borrower_and_never_passes_the_decision() -> None:
    received = date(2026, 8, 1)
    assert dates(received).next_update_by == date(2026, 8, 4)
    told = event("note", date(2026, 8, 5), by="agent")
    assert dates(received, told).next_update_by == date(2026, 8, 8)
    inside = event("note", date(2026, 8, 5), by="agent", audience="internal")
    assert dates(received, inside).next_update_by == date(2026, 8, 4)
    from_borrower = event("merged", date(2026, 8, 5))
    assert dates(received, from_borrower).next_update_by == date(2026, 8, 4)
    late = event("note", date(2026, 8, 15), by="agent")
    assert dates(received, late).next_update_by == date(2026, 8, 16)


def test_once_the_borrower_was_told_that_we_are_late_updates_go_on_every_three_days() -> None:
    late = dates(date(2026, 8, 1), event("note", date(2026, 8, 17), by="system"))
    assert (late.decide_by, late.next_update_by) == (date(2026, 8, 16), date(2026, 8, 20))


@pytest.mark.parametrize(("day", "due"), [(1, False), (3, False), (4, True), (20, True)])
def test_an_update_is_due_when_nothing_was_said_for_three_days(day: int, due: bool) -> None:
    received = date(2026, 8, 1)
    assert update_due(POLICY, dates(received), received.replace(day=day)) is due
    ended = dates(received, event("withdrawn", received))
    assert not update_due(POLICY, ended, received.replace(day=day))


@pytest.mark.parametrize(
    ("hour", "day", "at"), [(0, 22, "08:00"), (7, 22, "08:00"), (8, 22, "08:00"), (21, 22, "21:00"), (22, 23, "08:00")]
)
def test_what_the_worker_says_by_itself_waits_for_the_morning(hour: int, day: int, at: str) -> None:
    moment = POLICY.daytime.next(FixedClock().moment.replace(hour=hour, minute=0))
    assert (moment.day, f"{moment:%H:%M}") == (day, at)


@pytest.mark.parametrize("end", ["decided", "closed", "withdrawn"])
def test_nothing_is_pending_once_the_clock_has_stopped(end: str) -> None:
    ended = dates(date(2026, 8, 1), event(end, date(2026, 8, 3), by="agent"))
    assert (ended.stopped, ended.next_update_by) == (True, None)
    assert alert_on(POLICY, ended, date(2026, 9, 30)) is None


@pytest.mark.parametrize(
    ("left", "alert"), [(15, None), (4, None), (3, "T-3"), (2, "T-3"), (1, "T-1"), (0, "T-1"), (-1, "overdue"), (-40, "overdue")]
)
@pytest.mark.parametrize("received", [date(2026, 8, 1), date(2026, 12, 20), date(2028, 2, 20)])
def test_alerts_stand_three_days_and_one_day_before_and_when_late(received: date, left: int, alert: str | None) -> None:
    running = dates(received)
    assert alert_on(POLICY, running, running.decide_by - timedelta(days=left)) == alert


@settings(max_examples=60, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2040, 12, 31)), st.sampled_from([None, 30, 60]))
def test_every_day_of_receipt_gives_exactly_the_configured_number_of_days(received: date, days: int | None) -> None:
    more = [] if days is None else [event("extended", received, by="agent", days=days)]
    assert dates(received, *more).decide_by - received == timedelta(days=days or 15)


def version(valid_from: str, decision_days: int) -> dict[str, Any]:
    raw = POLICY.model_dump()
    raw["valid_from"] = date.fromisoformat(valid_from)
    raw["kinds"]["complaint"]["decision_days"] = decision_days
    return raw


def test_a_case_keeps_the_rules_of_the_day_it_was_received() -> None:
    policies = CasePolicies.model_validate({"versions": [version("2026-01-01", 15), version("2027-01-01", 10)]})
    assert policies.on(date(2026, 12, 31)).kinds["complaint"].decision_days == 15
    assert policies.on(date(2027, 1, 1)).kinds["complaint"].decision_days == 10
    with pytest.raises(PolicyMissing):
        policies.on(date(2025, 12, 31))


@pytest.mark.parametrize(
    "versions",
    [
        [],
        [version("2027-01-01", 15), version("2026-01-01", 15)],
        [version("2026-01-01", 15), version("2026-01-01", 15)],
        [version("2026-01-01", 30)],  # an extension to 30 days would then cut the clock
        [version("2026-01-01", 0)],
        [{**version("2026-01-01", 15), "surprise": 1}],
        [
            {
                **version("2026-01-01", 15),
                "queue_near_deadline": [{"within_days": 1, "priority": 5}, {"within_days": 3, "priority": 3}],
            }
        ],
        [
            {
                **version("2026-01-01", 15),
                "queue_near_deadline": [{"within_days": 3, "priority": 5}, {"within_days": 1, "priority": 3}],
            }
        ],
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(versions: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        CasePolicies.model_validate({"versions": versions})


def test_the_numbers_of_product_4_are_configured() -> None:
    assert POLICY.kinds["complaint"].decision_days == 15
    assert [(item.days, item.approval) for item in POLICY.extensions] == [(30, "agent"), (60, "supervisor")]
    assert POLICY.alerts_before_days == (3, 1)
    assert [(way.way, way.days, way.number) for way in POLICY.ways_on] == [
        ("review", 30, None),
        ("mediation", None, None),
        ("hotline", None, "12378"),
        ("hotline", None, "12363"),
    ]
    assert POLICY.credit_correction_days == POLICY.kinds["credit_correction"].decision_days == 20
    assert POLICY.evidence.notice_grace_days == 3
    assert POLICY.remedies.grant_at_once_limit == 5000
