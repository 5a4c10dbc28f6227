"""Appeals, corrections of the credit report, and what lists say of a case (product §3, §4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from bot.cases.errors import CaseNotFound, NothingDecided, RemedyOpen, SamePerson, WrongKind
from bot.cases.models import CaseRow
from bot.core.database import Database
from bot.loans.port import InstalmentRef
from bot.loans.servicing.overdue import OverdueService
from tests.cases.conftest import AGENT, AGENT_2, CONTRACTS, SUPERVISOR, SUPERVISOR_2, Desk

DECISION: dict[str, Any] = {"facts": "余额不足", "reasons": "没有系统原因", "remedy": "无"}


def report(desk: Desk, customer_id: str) -> None:
    """The bureau has been told of the customer's overdue instalment."""
    OverdueService(desk.loans.unit, bureau_after_days=1).refresh(InstalmentRef(*CONTRACTS[customer_id]))


def corrections(desk: Desk) -> list[str]:
    return [case.case_no for case in desk.handling.open_cases() if case.kind == "credit_correction"]


def appeal(desk: Desk, customer_id: str, case_no: str, key: str = "appeal") -> None:
    desk.cases.appeal(customer_id=customer_id, case_no=case_no, conversation_id="c", channel="rest", text="我不服", key=key)


def test_an_appeal_after_closing_holds_the_instalment_again(desk: Desk) -> None:
    case_no = desk.dispute("C1004").case.case_no
    desk.handling.decide(case_no, AGENT, **DECISION)
    desk.handling.close(case_no, AGENT)
    desk.clock.advance(days=1)
    appeal(desk, "C1004", case_no)
    assert desk.instalment("C1004").accrual_held
    with pytest.raises(SamePerson):
        desk.handling.decide(case_no, AGENT, **DECISION)
    desk.handling.decide(case_no, AGENT_2, **DECISION)
    appeal(desk, "C1004", case_no, key="once more")
    for person in (AGENT, AGENT_2):
        with pytest.raises(SamePerson):
            desk.handling.decide(case_no, person, **DECISION)
    desk.handling.decide(case_no, SUPERVISOR, **DECISION)


def test_who_approved_or_rejected_before_the_appeal_decides_no_more(desk: Desk) -> None:
    case_no = desk.dispute("C1007").case.case_no
    first = desk.remedies.propose(case_no, AGENT, reason="第1天是系统故障")
    with pytest.raises(RemedyOpen):
        desk.remedies.propose(case_no, AGENT_2, reason="再加", amount=3)
    desk.remedies.approve(first.remedy_no, SUPERVISOR)
    with pytest.raises(RemedyOpen):
        desk.remedies.propose(case_no, AGENT_2, reason="再加", amount=3)
    appeal(desk, "C1007", case_no)
    second = desk.remedies.propose(case_no, AGENT, reason="再加", amount=3)
    decide: Callable[[], object]
    for decide in (
        lambda: desk.remedies.approve(second.remedy_no, SUPERVISOR),
        lambda: desk.remedies.reject(second.remedy_no, SUPERVISOR, reason="x"),
    ):
        with pytest.raises(SamePerson):
            decide()
    assert desk.remedies.approve(second.remedy_no, SUPERVISOR_2).waived == 3
    assert desk.instalment("C1007").waived_penalty == 8
    desk.loans.unit.ledger.check()


def test_what_the_bot_decided_anybody_may_decide_anew(desk: Desk) -> None:
    case_no = desk.dispute("C1001").case.case_no
    appeal(desk, "C1001", case_no)
    desk.handling.decide(case_no, AGENT, **DECISION)


def test_a_mistake_of_ours_bars_nobody_and_a_foreign_case_is_not_there(desk: Desk) -> None:
    case_no = desk.dispute("C1004").case.case_no
    desk.handling.decide(case_no, AGENT, **DECISION)
    with pytest.raises(CaseNotFound):
        appeal(desk, "C1001", case_no)
    desk.handling.reopen(case_no, AGENT, reason="看错了记录")
    desk.handling.decide(case_no, AGENT, **DECISION)


def test_a_withdrawn_case_has_nothing_to_appeal_against(desk: Desk) -> None:
    case_no = desk.dispute("C1004").case.case_no
    desk.cases.withdraw(customer_id="C1004", case_no=case_no, key="w")
    with pytest.raises(NothingDecided):
        appeal(desk, "C1004", case_no)


def test_a_granted_dispute_opens_the_correction_of_what_was_reported(desk: Desk) -> None:
    report(desk, "C1001")
    dispute = desk.dispute("C1001").case.case_no
    (number,) = corrections(desk)
    correction = desk.cases.case("C1001", number)
    assert (correction.decide_by, correction.contract_no) == (date(2026, 9, 11), CONTRACTS["C1001"][0])
    assert desk.handling.thread(number)[0].data["dispute"] == dispute
    assert desk.dispute("C1001").case.case_no == dispute
    assert corrections(desk) == [number]
    done = desk.handling.correct_report(number, AGENT)
    assert done.status == "remedied"
    assert desk.loans.overdue_flags("C1001", *CONTRACTS["C1001"])[-1].state == "corrected"
    assert desk.handling.correct_report(number, AGENT_2) == done
    assert [event.type for event in desk.cases.thread("C1001", number)][-2:] == ["decided", "remedied"]


def nothing(desk: Desk) -> None:
    desk.dispute("C1001")


def borrower_caused(desk: Desk) -> None:
    report(desk, "C1004")
    case_no = desk.dispute("C1004").case.case_no
    desk.handling.decide(case_no, AGENT, **DECISION, outcome="for_borrower")


def decided_against(desk: Desk) -> None:
    report(desk, "C1007")
    case_no = desk.dispute("C1007").case.case_no
    remedy = desk.remedies.propose(case_no, AGENT, reason="x")
    desk.remedies.reject(remedy.remedy_no, SUPERVISOR, reason="x")
    desk.handling.decide(case_no, AGENT, **DECISION, outcome="against_borrower")


@pytest.mark.parametrize("story", [nothing, borrower_caused, decided_against])
def test_no_correction_without_a_report_a_system_day_and_a_decision_for_the_borrower(
    desk: Desk, story: Callable[[Desk], None]
) -> None:
    story(desk)
    assert corrections(desk) == []


def test_only_a_credit_correction_corrects_the_report(desk: Desk) -> None:
    report(desk, "C1001")
    with pytest.raises(WrongKind):
        desk.handling.correct_report(desk.dispute("C1001").case.case_no, SUPERVISOR)


def test_lists_say_what_the_threads_say(desk: Desk) -> None:
    """After each step of a life with everything in it."""
    report(desk, "C1007")
    case_no = desk.dispute("C1007").case.case_no
    number = desk.remedies.propose(case_no, AGENT, reason="x").remedy_no
    complaint = desk.complain("催收员每天早上六点给我妈妈打电话，还骂人").case.case_no
    steps: list[Callable[[], object]] = [
        lambda: desk.remedies.approve(number, SUPERVISOR),
        lambda: desk.handling.close(case_no, AGENT),
        lambda: appeal(desk, "C1007", case_no),
        lambda: desk.handling.request_extension(case_no, AGENT_2, days=30, reason="x"),
        lambda: desk.handling.ask_borrower(complaint, AGENT, "几点？"),
        lambda: desk.cases.add_facts(
            customer_id="C1002", case_no=complaint, conversation_id="v", channel="rest", text="早上6点10分，打了两次", key="f"
        ),
        lambda: desk.cases.withdraw(customer_id="C1002", case_no=complaint, key="w"),
        lambda: desk.handling.reopen(complaint, AGENT, reason="误撤回"),
    ]
    for step in steps:
        desk.clock.advance(days=1)
        step()
        for row in desk.session.scalars(select(CaseRow)):
            view = desk.handling.book.view(row)
            assert (row.status, row.decide_by) == (view.status, view.decide_by), view.case_no


def test_the_migration_gives_existing_cases_status_and_deadline(seeded: Database) -> None:
    """The frozen copy of the rules in migration 0011 says of every thread what the code of today says."""
    from importlib import import_module  # noqa: PLC0415 a module whose name begins with a digit

    from bot.core.clock import FixedClock  # noqa: PLC0415

    derived = import_module("bot.migrations.versions.0015_attachments")._derived
    with seeded.transaction() as session:
        desk = Desk(session, FixedClock())
        test_lists_say_what_the_threads_say(desk)
        for row in session.scalars(select(CaseRow)):
            thread = [(event.type, event.at, event.data) for event in desk.handling.book.thread(row)]
            assert derived(row.kind, thread) == (row.status, row.decide_by)
