"""What a disputing borrower is told: what was found, what is held, number and dates, what comes next (product §3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.cases.handling import CaseHandling
from bot.cases.remedies import RemedyService
from bot.cases.service import CaseService
from bot.cases.thread import Actor
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.service import SqlLoanBackend
from tests.actions.conftest import Server

Serve = Callable[[str | None], Server]
STORY = "系统扣款失败害我逾期，凭什么收我利息"


@pytest.mark.parametrize("customer", ["C1001", "C1004", "C1007"])
def test_everybody_hears_what_is_held_and_the_number_and_dates(serve: Serve, customer: str) -> None:
    server = serve(customer)
    text = server.answer("dispute_overdue_fee", STORY)
    case = server.cards()["case"]
    assert case["case_no"] in text
    assert "8月22日受理" in text
    assert "9月6日" in text
    assert "从现在起" in text
    assert "不催收、不报征信" in text
    assert {"evidence", "case"} <= set(server.cards())


def test_guo_hai_hears_first_that_it_was_us_then_the_days_then_the_receipt(serve: Serve) -> None:
    server = serve("C1001")
    text = server.answer("dispute_overdue_fee", STORY)
    in_order = [
        "逾期的12天都是我们系统造成的",
        "8月10日 09:00",
        "8月10日 18:00",
        "8月11日–8月12日（2天）：我们的原因",
        "8月13日–8月22日（10天）：我们的原因",
        "已经免除¥1.92",
        server.cards()["remedy"]["receipt_no"],
        "请不要再还一次",
    ]
    places = [text.find(part) for part in in_order]
    assert -1 not in places, list(zip(in_order, places, strict=True))
    assert places == sorted(places)


def test_zhao_min_hears_the_reason_and_the_ways_to_appeal(serve: Serve) -> None:
    text = serve("C1004").answer("dispute_overdue_fee", STORY)
    assert "8月13日–8月22日（10天）：没有查到我们的原因，8月12日扣款时卡内余额不足" in text
    assert "收到结果后30天内申请上级书面核查、申请调解、拨打12378、拨打12363" in text
    assert "随时补充" in text


def test_zhou_kai_hears_the_split(serve: Serve) -> None:
    text = serve("C1007").answer("dispute_overdue_fee", STORY)
    assert "8月16日（1天）：我们的原因" in text
    assert "8月17日–8月22日（6天）：没有查到我们的原因，8月17日再次扣款时卡内余额不足" in text
    assert "1天是我们造成的，¥0.05由我们承担；另外6天、¥0.30" in text


def decide(seeded: Database, clock: FixedClock, case_no: str) -> None:
    with seeded.transaction() as session:
        handling = CaseHandling(session, clock, SqlLoanBackend(session, clock))
        words = {"facts": "三次扣款时卡内余额不足", "reasons": "没有系统原因", "remedy": "逾期费用不变"}
        handling.decide(case_no, Actor("agent", "A2001"), **words, outcome="against_borrower")


def test_after_the_decision_the_same_again_is_answered_with_it_and_the_appeal(
    serve: Serve, seeded: Database, clock: FixedClock
) -> None:
    server = serve("C1004")
    server.answer("dispute_overdue_fee", STORY)
    case_no = server.cards()["case"]["case_no"]
    decide(seeded, clock, case_no)
    clock.advance(days=20)
    text = server.answer("dispute_overdue_fee", STORY)
    for said in ("8月22日已经有结果", "查到的事实：三次扣款时卡内余额不足", "处理：逾期费用不变", "9月21日前都可以申诉"):
        assert said in text
    assert "答复您" not in text
    assert "9月6日" not in text
    assert server.cards()["case"]["status"] == "decided"
    assert "另一位同事" in server.answer("affirm", "提出申诉")
    assert server.cards()["case"]["status"] == "reopened"


def test_after_the_review_period_the_decision_still_stands_and_new_facts_are_heard(
    serve: Serve, seeded: Database, clock: FixedClock
) -> None:
    server = serve("C1004")
    server.answer("dispute_overdue_fee", STORY)
    decide(seeded, clock, server.cards()["case"]["case_no"])
    clock.advance(days=31)
    text = server.answer("dispute_overdue_fee", f"{STORY}，第3期", period=3)  # the 4th is overdue by now
    assert "申诉期已经过了" in text
    assert "申请调解、拨打12378、拨打12363" in text
    text = server.answer("dispute_overdue_fee", "我找到银行流水了，8月12日余额3000元，第3期的罚息退给我", period=3)
    assert "已经重新打开" in text
    assert "最晚10月7日" in text
    assert server.cards()["case"]["status"] == "reopened"


def test_new_facts_before_the_decision_say_that_the_time_runs_again(serve: Serve, clock: FixedClock) -> None:
    server = serve("C1004")
    server.answer("dispute_overdue_fee", STORY)
    clock.advance(days=1)
    text = server.answer("dispute_overdue_fee", "8月12日我在柜台转了518元，回执号20260812001")
    assert "时间从今天重新算，最晚9月7日" in text


def test_what_was_given_back_is_told_again_with_its_receipt_and_no_date(serve: Serve, clock: FixedClock) -> None:
    server = serve("C1001")
    server.answer("dispute_overdue_fee", STORY)
    receipt_no = server.cards()["remedy"]["receipt_no"]
    clock.advance(days=20)
    text = server.answer("dispute_overdue_fee", f"{STORY}，第10期", period=10)  # the 11th is overdue by now
    assert f"¥1.92已经还给您，凭证号{receipt_no}" in text
    assert "9月6日" not in text
    assert "请不要再还一次" in text
    assert "申诉" not in text


def test_a_refused_double_debit_told_again_shows_the_decision(serve: Serve, seeded: Database, clock: FixedClock) -> None:
    server = serve("C1008")
    server.answer("report_wrong_charge", "一笔500块扣了我两次")
    case_no = server.cards()["case"]["case_no"]
    with seeded.transaction() as session:
        (remedy,) = CaseService(session, clock, SqlLoanBackend(session, clock)).remedies("C1008", case_no)
        RemedyService(session, clock, SqlLoanBackend(session, clock)).reject(
            remedy.remedy_no, Actor("supervisor", "S2101"), reason="待查"
        )
    decide(seeded, clock, case_no)
    text = server.answer("report_wrong_charge", "一笔500块扣了我两次")
    assert "8月22日已经有结果" in text
    assert "9月21日前都可以申诉" in text
    assert "主管复核后退回" not in text
