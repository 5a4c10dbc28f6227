"""What agents do with cases: extensions, decisions, notes, alerts, closing and reopening (product §4)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from bot.cases.alerts import CaseAlerts
from bot.cases.errors import (
    AlertNotFound,
    CaseOver,
    DeadlinePassed,
    DecisionIncomplete,
    ExtensionNotOffered,
    NotSupervisor,
    SamePerson,
    StepNotAllowed,
)
from bot.cases.thread import EVENT_TYPES, CaseStatus, status_of
from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
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


@pytest.mark.parametrize(
    ("received", "last_second", "extended_to"),
    [
        (datetime(2026, 12, 20, 0, 0, tzinfo=SHANGHAI), datetime(2027, 1, 4, 23, 59, 59, tzinfo=SHANGHAI), date(2027, 1, 19)),
        (
            datetime(2028, 2, 14, 23, 59, 59, tzinfo=SHANGHAI),
            datetime(2028, 2, 29, 23, 59, 59, tzinfo=SHANGHAI),
            date(2028, 3, 15),
        ),
        # 00:30 in Shanghai is still the day before in UTC: the day of receipt is Shanghai's
        (datetime(2028, 2, 29, 0, 30, tzinfo=SHANGHAI), datetime(2028, 3, 15, 23, 59, 59, tzinfo=SHANGHAI), date(2028, 3, 30)),
    ],
)
def test_the_last_second_of_the_last_day_in_shanghai_is_in_time_the_next_is_not(
    seeded: Database, received: datetime, last_second: datetime, extended_to: date
) -> None:
    clock = FixedClock(received)
    with seeded.transaction() as session:
        case_no = Desk(session, clock).complain(STORY).case.case_no
    with seeded.transaction() as session:  # read back from the database, which keeps UTC
        clock.moment = last_second + timedelta(seconds=1)
        with pytest.raises(DeadlinePassed):
            Desk(session, clock).handling.request_extension(case_no, AGENT, days=30, reason="要调录音")
        clock.moment = last_second
        extended = Desk(session, clock).handling.request_extension(case_no, AGENT, days=30, reason="要调录音")
        assert extended.decide_by == extended_to


def test_new_facts_drop_a_request_for_an_extension_of_the_clock_before(desk: Desk, case_no: str) -> None:
    desk.handling.request_extension(case_no, SUPERVISOR, days=60, reason="要等外部机构")
    desk.cases.add_facts(
        customer_id="C1002", case_no=case_no, conversation_id="v", channel="rest", text="昨天早上6点20分又打了", key="f"
    )
    with pytest.raises(StepNotAllowed):
        desk.handling.approve_extension(case_no, SUPERVISOR_2)


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


def test_alerts_that_were_sent_are_acknowledged_by_whoever_is_first(desk: Desk, case_no: str) -> None:
    alerts = CaseAlerts(desk.handling.book)
    row = desk.handling.book.row(case_no, lock=True)
    desk.clock.advance(days=12)
    assert alerts.raise_due(row) == "T-3"
    assert alerts.raise_due(row) is None
    desk.clock.advance(days=2)
    alerts.raise_due(row)
    (alert,) = desk.handling.open_alerts("team-complaints")
    assert (alert.name, alert.case.case_no, alert.acknowledged_by) == ("T-1", case_no, None)
    assert desk.handling.open_alerts("A2002") == []
    assert desk.handling.acknowledge_alert(alert.alert_no, AGENT).acknowledged_by == "A2001"
    assert desk.handling.acknowledge_alert(alert.alert_no, SUPERVISOR).acknowledged_by == "A2001"
    assert desk.handling.open_alerts() == []  # T-3 has nothing to say any more
    desk.clock.advance(days=2)
    assert alerts.raise_due(row) == "overdue"
    assert [item.name for item in desk.handling.open_alerts()] == ["overdue"]
    with pytest.raises(AlertNotFound):
        desk.handling.acknowledge_alert(alert.alert_no + 100, AGENT)


def test_a_late_case_is_for_the_supervisors_and_still_for_who_had_it(desk: Desk, case_no: str) -> None:
    desk.handling.assign(case_no, SUPERVISOR, "A2002")
    desk.clock.advance(days=16)
    assert CaseAlerts(desk.handling.book).raise_due(desk.handling.book.row(case_no, lock=True)) == "overdue"
    assert [item.name for item in desk.handling.open_alerts("A2002")] == ["overdue"]
    assert [item.name for item in desk.handling.open_alerts("team-supervisors")] == ["overdue"]
    moved = next(event for event in desk.handling.thread(case_no) if event.data.get("reason") == "overdue")
    assert (moved.type, moved.audience, moved.data["from"], moved.data["to"]) == (
        "assigned",
        "internal",
        "A2002",
        "team-supervisors",
    )
    desk.handling.decide(case_no, AGENT, facts="a", reasons="b", remedy="c")
    assert desk.handling.open_alerts() == []


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
