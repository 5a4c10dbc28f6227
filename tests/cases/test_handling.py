"""What agents do with cases: extensions, decisions, notes, alerts, closing and reopening (product §4)."""

from __future__ import annotations

from datetime import date

import pytest

from bot.cases.errors import (
    CaseOver,
    DeadlinePassed,
    DecisionIncomplete,
    ExtensionNotOffered,
    NotSupervisor,
    SamePerson,
    StepNotAllowed,
)
from bot.cases.thread import EVENT_TYPES, CaseStatus, status_of
from tests.cases.conftest import AGENT, CONTRACTS, SUPERVISOR, SUPERVISOR_2, Desk

STORY = "催收员每天早上六点给我妈妈打电话，还骂人"


@pytest.fixture
def case_no(desk: Desk) -> str:
    return desk.complain(STORY).case.case_no


def test_an_agent_extends_to_30_days_and_the_borrower_is_told(desk: Desk, case_no: str) -> None:
    extended = desk.handling.request_extension(case_no, AGENT, days=30, reason="要调录音")
    assert extended.decide_by == date(2026, 9, 21)
    notice = desk.cases.thread("C1002", case_no)[-1]
    assert (notice.type, notice.text) == ("extended", "要调录音")


def test_60_days_need_another_person_who_is_a_supervisor(desk: Desk, case_no: str) -> None:
    requested = desk.handling.request_extension(case_no, SUPERVISOR, days=60, reason="要等外部机构")
    assert requested.decide_by == date(2026, 9, 6)
    assert "extension_requested" not in [event.type for event in desk.cases.thread("C1002", case_no)]
    with pytest.raises(NotSupervisor):
        desk.handling.approve_extension(case_no, AGENT)
    with pytest.raises(SamePerson):
        desk.handling.approve_extension(case_no, SUPERVISOR)
    assert desk.handling.approve_extension(case_no, SUPERVISOR_2).decide_by == date(2026, 10, 21)
    with pytest.raises(StepNotAllowed):
        desk.handling.approve_extension(case_no, SUPERVISOR_2)


def test_an_extension_may_come_on_the_last_day_but_not_after_it(desk: Desk, case_no: str) -> None:
    desk.handling.request_extension(case_no, AGENT, days=60, reason="要等外部机构")
    desk.clock.advance(days=15, hours=13, minutes=59)  # 6 September, 23:59
    assert desk.handling.request_extension(case_no, AGENT, days=30, reason="要调录音").decide_by == date(2026, 9, 21)
    desk.clock.advance(days=16)
    with pytest.raises(DeadlinePassed):
        desk.handling.request_extension(case_no, AGENT, days=60, reason="还要等")


def test_an_approval_after_the_deadline_is_too_late(desk: Desk, case_no: str) -> None:
    desk.handling.request_extension(case_no, AGENT, days=60, reason="要等外部机构")
    desk.clock.advance(days=16)
    with pytest.raises(DeadlinePassed):
        desk.handling.approve_extension(case_no, SUPERVISOR)


@pytest.mark.parametrize("days", [15, 31, 90])
def test_only_the_configured_extensions_exist(desk: Desk, case_no: str, days: int) -> None:
    with pytest.raises(ExtensionNotOffered):
        desk.handling.request_extension(case_no, AGENT, days=days, reason="x")


def test_an_extension_never_shortens(desk: Desk, case_no: str) -> None:
    desk.handling.request_extension(case_no, AGENT, days=60, reason="要等外部机构")
    desk.handling.approve_extension(case_no, SUPERVISOR)
    with pytest.raises(ExtensionNotOffered):
        desk.handling.request_extension(case_no, AGENT, days=30, reason="x")


def test_a_decision_states_facts_reasons_and_remedy_and_the_ways_to_go_on(desk: Desk, case_no: str) -> None:
    with pytest.raises(DecisionIncomplete) as refused:
        desk.handling.decide(case_no, AGENT, facts="核实录音", reasons=" ", remedy="")
    assert refused.value.details["missing"] == ["reasons", "remedy"]
    ways = desk.handling.decide(case_no, AGENT, facts="核实录音", reasons="违反规定", remedy="停止致电")
    assert [(way.way, way.until, way.number) for way in ways] == [
        ("review", date(2026, 9, 21), None),
        ("mediation", None, None),
        ("hotline", None, "12378"),
        ("hotline", None, "12363"),
    ]
    decided = desk.cases.thread("C1002", case_no)[-1]
    assert decided.data["ways_on"] == ["review", "mediation", "hotline", "hotline"]
    assert desk.cases.case("C1002", case_no).next_update_by is None


def test_a_case_is_not_decided_over_an_open_proposal(desk: Desk) -> None:
    case_no = desk.dispute("C1007").case.case_no
    with pytest.raises(StepNotAllowed):
        desk.handling.decide(case_no, AGENT, facts="a", reasons="b", remedy="c")


def test_an_internal_note_stays_inside(desk: Desk, case_no: str) -> None:
    desk.handling.note(case_no, AGENT, "客户情绪激动", audience="internal")
    desk.handling.note(case_no, AGENT, "我们正在调取录音", audience="borrower")
    assert [event.text for event in desk.cases.thread("C1002", case_no) if event.type == "note"] == ["我们正在调取录音"]
    assert [event.text for event in desk.handling.thread(case_no) if event.type == "note"] == ["客户情绪激动", "我们正在调取录音"]


def test_an_answer_to_our_question_lets_the_work_go_on(desk: Desk, case_no: str) -> None:
    assert desk.handling.ask_borrower(case_no, AGENT, "大概几点打的？").status == "waiting_for_borrower"
    answered = desk.cases.add_facts(
        customer_id="C1002", case_no=case_no, conversation_id="v", channel="rest", text="早上6点10分，打了两次", key="a"
    )
    assert answered.case.status == "investigating"


def test_assigning_changes_the_owner_and_stays_inside(desk: Desk, case_no: str) -> None:
    assert desk.handling.assign(case_no, SUPERVISOR, "A2002").owner == "A2002"
    assert desk.handling.thread(case_no)[-1].data == {"from": "team-complaints", "to": "A2002"}


def test_alerts_list_what_is_near_or_late_most_urgent_first(desk: Desk, case_no: str) -> None:
    assert desk.handling.alerts() == []
    desk.clock.advance(days=3)
    later = desk.complain("结清证明两个星期没有发到邮箱", "C1003").case.case_no
    desk.clock.advance(days=13)
    assert [(alert.name, alert.case.case_no) for alert in desk.handling.alerts()] == [("overdue", case_no), ("T-3", later)]
    desk.handling.decide(case_no, AGENT, facts="a", reasons="b", remedy="c")
    assert [alert.case.case_no for alert in desk.handling.alerts()] == [later]


def test_closing_a_dispute_ends_the_hold_and_reopening_brings_it_back(desk: Desk) -> None:
    case_no = desk.dispute("C1004").case.case_no
    with pytest.raises(StepNotAllowed):
        desk.handling.close(case_no, AGENT)
    desk.handling.decide(case_no, AGENT, facts="余额不足", reasons="没有系统原因", remedy="无")
    desk.handling.close(case_no, AGENT)
    assert not desk.instalment("C1004").accrual_held
    desk.clock.advance(days=1)
    assert desk.handling.reopen(case_no, AGENT, reason="申请核查").status == "reopened"
    assert desk.instalment("C1004").accrual_held
    assert desk.dispute("C1004").case.case_no == case_no
    assert [hold.released_on for hold in desk.loans.holds(*CONTRACTS["C1004"])] == [date(2026, 8, 22), None]


def test_reopening_does_not_take_the_hold_from_a_newer_case(desk: Desk) -> None:
    first = desk.dispute("C1004").case.case_no
    desk.cases.withdraw(customer_id="C1004", case_no=first, key="w")
    second = desk.dispute("C1004").case.case_no
    desk.handling.reopen(first, AGENT, reason="误撤回")
    assert desk.dispute("C1004").case.case_no == second


def test_a_closed_case_takes_no_more_steps(desk: Desk, case_no: str) -> None:
    desk.handling.decide(case_no, AGENT, facts="a", reasons="b", remedy="c")
    desk.handling.close(case_no, AGENT)
    with pytest.raises(CaseOver):
        desk.handling.investigate(case_no, AGENT)
    assert case_no not in [case.case_no for case in desk.handling.open_cases()]
    desk.handling.reopen(case_no, AGENT, reason="复核")
    assert case_no in [case.case_no for case in desk.handling.open_cases()]


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (["received"], "received"),
        (["received", "acknowledged"], "acknowledged"),
        (["received", "acknowledged", "note", "assigned", "merged", "extended"], "acknowledged"),
        (["received", "investigating", "asked_borrower"], "waiting_for_borrower"),
        (["received", "investigating", "asked_borrower", "fact_added"], "investigating"),
        (["received", "proposed", "rejected"], "investigating"),
        (["received", "proposed", "approved"], "decided"),
        (["received", "proposed", "approved", "remedied"], "remedied"),
        (["received", "decided", "remedied", "closed"], "closed"),
        (["received", "withdrawn"], "withdrawn"),
        (["received", "decided", "reopened"], "reopened"),
    ],
)
def test_the_status_follows_from_the_thread(events: list[str], status: CaseStatus) -> None:
    assert set(events) <= set(EVENT_TYPES)
    assert status_of(events) == status
