"""Disputes that the worker opened for a borrower whose report at the bureau must be corrected (product §3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.cases.book import Intake
from bot.cases.disputes import Disputes
from bot.cases.thread import SYSTEM
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.port import InstalmentRef
from bot.loans.servicing.overdue import OverdueService
from tests.cases.conftest import AGENT, CONTRACTS, SUPERVISOR, Desk
from tests.cases.test_stuck_payments import GUO, World

STORY = "8月14日的还款一直没有结果"


def report(desk: Desk, customer_id: str) -> None:
    """The bureau has been told of the customer's overdue instalment."""
    OverdueService(desk.loans.unit, bureau_after_days=1).refresh(InstalmentRef(*CONTRACTS[customer_id]))


def opened(desk: Desk) -> str:
    """C1007's dispute, as the worker opens it past a promise."""
    intake = Intake("dispute", "C1007", "v", "rest", STORY, None, "stuck:P-1", by=SYSTEM)
    case = Disputes(desk.cases.book, desk.loans, desk.remedies).open_dispute(intake, "C1007", *CONTRACTS["C1007"]).case
    return case.case_no


def test_a_hanging_payment_escalates_also_when_the_bureau_was_told(seeded: Database, clock: FixedClock) -> None:
    world = World(seeded, clock)
    with seeded.transaction() as session:
        report(Desk(session, clock), GUO)
    world.promise(GUO)
    clock.advance(hours=32)
    assert world.round() == {"escalated": 3}
    assert sorted((case.kind, case.status) for case in world.cases(GUO)) == [
        ("complaint", "acknowledged"),
        ("credit_correction", "acknowledged"),
        ("dispute", "remedied"),
    ]
    assert world.words(GUO) == ["stuck_payment_escalated_held"]
    with seeded.transaction() as session:
        handling = Desk(session, clock).handling
        assert {item.name for item in handling.open_alerts()} == {"stuck"}


def _approve(desk: Desk, case_no: str) -> None:
    proposed = desk.remedies.propose(case_no, AGENT, reason="第1天是系统故障")
    desk.remedies.approve(proposed.remedy_no, SUPERVISOR)


def _decide(desk: Desk, case_no: str) -> None:
    proposed = desk.remedies.propose(case_no, AGENT, reason="第1天是系统故障")
    desk.remedies.reject(proposed.remedy_no, SUPERVISOR, reason="另行处理")
    desk.handling.decide(case_no, AGENT, facts="扣款超时", reasons="系统原因", remedy="更正报告", outcome="partly")


@pytest.mark.parametrize("finish", [_approve, _decide])
def test_deciding_it_for_the_borrower_opens_the_correction(desk: Desk, finish: Callable[[Desk, str], None]) -> None:
    report(desk, "C1007")
    case_no = opened(desk)
    finish(desk, case_no)
    (correction,) = [case for case in desk.cases.cases_of("C1007") if case.kind == "credit_correction"]
    received = desk.handling.thread(correction.case_no)[0]
    assert (received.text, received.data["dispute"], received.actor_kind) == (STORY, case_no, "system")
