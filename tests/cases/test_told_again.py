"""A dispute that is told again: merged, or new facts, which start its clock again and reopen a decision (product §4)."""

from __future__ import annotations

from datetime import date
from typing import Any

from bot.cases.book import Intake
from bot.cases.disputes import Disputes
from bot.cases.service import CaseService, DisputeOutcome
from bot.cases.thread import SYSTEM
from tests.cases.conftest import AGENT, AGENT_2, SUPERVISOR, Desk

NEW = "8月12日我在工商银行柜台转账518元给你们，有回执号20260812001，你们没入账，要求退还逾期费"
DECISION: dict[str, Any] = {"facts": "卡内余额不足", "reasons": "没有系统原因", "remedy": "无"}


def events(desk: Desk, told: DisputeOutcome) -> list[str]:
    return [event.type for event in desk.handling.thread(told.case.case_no)]


def test_new_facts_start_the_clock_of_an_open_dispute_again(desk: Desk) -> None:
    first = desk.dispute("C1004")
    assert first.telling == "first"
    desk.clock.advance(days=2)
    again = desk.dispute("C1004", story=NEW)
    assert (again.telling, again.case.case_no, again.case.runs_from) == ("new_facts", first.case.case_no, date(2026, 8, 24))
    assert again.case.decide_by == date(2026, 9, 8)
    assert events(desk, again)[-1] == "fact_added"
    assert desk.dispute("C1004", story=NEW).telling == "again"


def test_a_repetition_an_empty_word_and_a_button_change_no_date(desk: Desk) -> None:
    first = desk.dispute("C1004")
    desk.clock.advance(days=2)
    contract_no, instalment = first.evidence.contract_no, first.evidence.instalment
    told = [desk.dispute("C1004"), desk.dispute("C1004", story="快点处理")]
    told.append(
        CaseService(desk.session, desk.clock, desk.loans, own_words=False).open_dispute(
            customer_id="C1004",
            conversation_id="v",
            channel="rest",
            story="系统原因的逾期费用",
            contract_no=contract_no,
            instalment=instalment,
            key="button",
        )
    )
    assert [each.telling for each in told] == ["again"] * 3
    assert {each.case.decide_by for each in told} == {first.case.decide_by}
    assert events(desk, first)[-3:] == ["merged"] * 3


def test_who_answers_our_question_by_disputing_is_no_longer_waited_for(desk: Desk) -> None:
    first = desk.dispute("C1004")
    for story in ("系统扣款失败害我逾期，凭什么收我的钱", NEW):
        desk.handling.ask_borrower(first.case.case_no, AGENT, "您8月12日怎么转的账？")
        assert desk.dispute("C1004", story=story).case.status == "investigating"


def test_new_facts_reopen_a_decision_and_a_repetition_does_not(desk: Desk) -> None:
    first = desk.dispute("C1004")
    desk.handling.decide(first.case.case_no, AGENT, **DECISION, outcome="against_borrower")
    desk.clock.advance(days=3)
    again = desk.dispute("C1004")
    assert (again.telling, again.case.status, again.case.next_update_by) == ("again", "decided", None)
    reopened = desk.dispute("C1004", story=NEW)
    assert (reopened.telling, reopened.case.status) == ("reopened", "reopened")
    assert reopened.case.decide_by == date(2026, 9, 9)
    assert events(desk, first)[-2:] == ["fact_added", "reopened"]
    assert desk.instalment("C1004").accrual_held
    desk.handling.decide(first.case.case_no, AGENT_2, **DECISION)


def test_where_everything_was_given_back_nothing_is_reopened(desk: Desk) -> None:
    first = desk.dispute("C1001")
    again = desk.dispute("C1001", story=NEW)
    assert (again.telling, again.case.status, again.remedy) == ("again", "remedied", first.remedy)


def test_the_worker_tells_nothing_new(desk: Desk) -> None:
    first = desk.dispute("C1007")
    desk.clock.advance(days=1)
    intake = Intake("dispute", "C1007", "v", "rest", "8月22日的50元没有结果", None, "stuck", by=SYSTEM, own_words=False)
    contract_no, instalment = first.evidence.contract_no, first.evidence.instalment
    again = Disputes(desk.cases.book, desk.loans, desk.remedies).open_dispute(intake, "C1007", contract_no, instalment)
    assert (again.telling, again.case.decide_by) == ("again", first.case.decide_by)


def test_a_double_debit_told_again_follows_the_same_rule(desk: Desk) -> None:
    first = desk.wrong_charge()
    assert desk.wrong_charge().telling == "again"
    assert first.remedy is not None
    desk.remedies.reject(first.remedy.remedy_no, SUPERVISOR, reason="两笔是两期")
    desk.handling.decide(first.case.case_no, AGENT, **DECISION)
    decision = desk.cases.decision("C1008", first.case.case_no)
    assert decision is not None
    assert (decision.facts, decision.given, decision.receipts) == ("卡内余额不足", 0, ())
    told = desk.cases.open_wrong_charge(
        customer_id="C1008",
        conversation_id="v",
        channel="rest",
        story="银行流水显示8月19日09:00和09:01各扣一次",
        key="new",
    )
    assert (told.telling, told.case.status) == ("reopened", "reopened")
    assert desk.cases.decision("C1008", first.case.case_no) is None
