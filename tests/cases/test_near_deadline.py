"""Who goes first in the agents' queue because a case is due: by the rule of the day on which the case was received."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bot.cases.book import CaseBook, Intake
from bot.cases.near import nearest_deadline
from bot.cases.policy import CasePolicies, default_policies
from bot.cases.thread import Actor
from bot.core.clock import FixedClock
from tests.cases.conftest import Desk

TODAY = FixedClock().today()
STEPS = [{"within_days": 5, "priority": 2}, {"within_days": 1, "priority": 7}]


def policies(**by_day: list[dict[str, int]]) -> CasePolicies:
    """``d2026_01_01=[…]``: from that day on the queue has these steps."""
    raw: dict[str, Any] = default_policies().on(TODAY).model_dump()
    versions = [
        {**raw, "valid_from": date(*(int(part) for part in name[1:].split("_"))), "queue_near_deadline": steps}
        for name, steps in by_day.items()
    ]
    return CasePolicies.model_validate({"versions": versions})


def receive(book: CaseBook, key: str) -> str:
    intake = Intake("complaint", "C1002", "conversation", "rest", f"我要投诉{key}", None, key)
    return book.open(intake, fingerprint=key).case_no


@pytest.mark.parametrize(("days", "priority"), [(9, 0), (10, 2), (13, 2), (14, 7), (15, 7), (20, 7)])
def test_the_nearest_step_applies_also_when_late(desk: Desk, days: int, priority: int) -> None:
    clock = FixedClock()
    book = CaseBook(desk.session, clock, policies(d2020_01_01=STEPS))
    case_no = receive(book, "a")
    clock.advance(days=days)
    near = nearest_deadline(book, "C1002")
    assert (near and (near.case.case_no, near.priority)) == ((case_no, priority) if priority else None)
    assert nearest_deadline(book, "C1001") is None


def test_a_case_keeps_the_rule_of_the_day_it_was_received(desk: Desk) -> None:
    clock = FixedClock()
    changes = clock.today().replace(day=clock.today().day + 1)
    dated = policies(d2020_01_01=[{"within_days": 15, "priority": 1}], **{f"d{changes:%Y_%m_%d}": STEPS})
    book = CaseBook(desk.session, clock, dated)
    old = receive(book, "old")
    near = nearest_deadline(book, "C1002")
    assert near is not None
    assert (near.case.case_no, near.priority) == (old, 1)
    clock.advance(days=1)
    receive(book, "new")
    assert nearest_deadline(book, "C1002") == near, "the new case has fifteen days, and its rule five"


def test_the_more_urgent_case_gives_the_place(desk: Desk) -> None:
    clock = FixedClock()
    book = CaseBook(desk.session, clock, policies(d2020_01_01=STEPS))
    first = receive(book, "first")
    clock.advance(days=4)
    second = receive(book, "second")
    clock.advance(days=10)
    near = nearest_deadline(book, "C1002")
    assert near is not None
    assert (near.case.case_no, near.priority) == (first, 7)
    book.record(book.row(first), "decided", Actor("agent", "A2001"))
    near = nearest_deadline(book, "C1002")
    assert near is not None
    assert (near.case.case_no, near.priority) == (second, 2), "what is decided has no date"


def test_without_steps_nobody_goes_ahead(desk: Desk) -> None:
    clock = FixedClock()
    book = CaseBook(desk.session, clock, policies(d2020_01_01=[]))
    receive(book, "a")
    clock.advance(days=30)
    assert nearest_deadline(book, "C1002") is None
