"""不服、我要申诉: an appeal in conversation, also against a case of another channel, and only after asking once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.cases.handling import CaseHandling
from bot.cases.service import CaseService
from bot.cases.thread import Actor
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.service import SqlLoanBackend
from tests.actions.conftest import Server

Serve = Callable[[str | None], Server]
STORY = "催收员每天早上六点给我妈妈打电话，还骂人"


@pytest.fixture
def decided(seeded: Database, clock: FixedClock) -> str:
    """A case of C1002 from another channel, decided against them."""
    with seeded.transaction() as session:
        loans = SqlLoanBackend(session, clock)
        opened = CaseService(session, clock, loans).open_complaint(
            customer_id="C1002",
            conversation_id="wechat-1",
            channel="wechat",
            story=STORY,
            callback_phone=None,
            key="k",
        )
        handling = CaseHandling(session, clock, loans)
        handling.decide(opened.case.case_no, Actor("agent", "A2001"), facts="a", reasons="b", remedy="c")
        return opened.case.case_no


def status(seeded: Database, clock: FixedClock, case_no: str) -> str:
    with seeded.transaction() as session:
        return CaseService(session, clock, SqlLoanBackend(session, clock)).case("C1002", case_no).status


@pytest.mark.parametrize("words", ["我不服", "我要申诉", "这个处理结果我不认可", "不接受这个结果，你们重新处理"])
@pytest.mark.parametrize("action", ["action_answer", "action_ask_meaning"])
def test_an_appeal_is_asked_about_and_then_made(
    serve: Serve, seeded: Database, clock: FixedClock, decided: str, words: str, action: str
) -> None:
    server = serve("C1002")
    server.hear("nlu_fallback", words)
    server.run(action)
    assert decided in server.text
    assert "9月21日" in server.text
    assert status(seeded, clock, decided) == "decided"
    assert "另一位同事" in server.answer("affirm", "提出申诉")
    assert server.cards()["case"]["status"] == "reopened"
    with seeded.transaction() as session:
        events = CaseService(session, clock, SqlLoanBackend(session, clock)).thread("C1002", decided)
    assert (events[-1].type, events[-1].text, events[-1].data["appeal"]) == ("reopened", words, True)


def test_a_complaint_about_the_decision_is_an_appeal_and_no_new_case(serve: Serve, decided: str) -> None:
    server = serve("C1002")
    server.hear("file_complaint", "我对处理结果不服，我要再投诉")
    server.run("validate_complaint_form")
    assert decided in server.text
    assert server.slots["requested_slot"] is None
    server.run("action_submit_complaint")
    assert server.messages == []
    server.answer("affirm", "是的")
    assert server.cards()["case"]["case_no"] == decided


def test_no_means_no(serve: Serve, seeded: Database, clock: FixedClock, decided: str) -> None:
    server = serve("C1002")
    server.answer("dispute_overdue_fee", "我不服")
    server.answer("deny", "不要申诉")
    assert status(seeded, clock, decided) == "decided"
    server.answer("affirm", "好的")
    assert status(seeded, clock, decided) == "decided"


def test_after_the_review_period_it_is_an_ordinary_message(serve: Serve, clock: FixedClock, decided: str) -> None:
    clock.advance(days=31)
    server = serve("C1002")
    assert decided not in server.answer("ask_complaint_progress", "我不服") or "申诉" not in server.text


@pytest.mark.parametrize("customer_id", ["C1003", None])
def test_who_has_no_decision_is_answered_as_always(serve: Serve, decided: str, customer_id: str | None) -> None:
    assert decided not in serve(customer_id).answer("file_complaint", "我不服")


def test_progress_adding_and_withdrawing_reach_a_case_of_another_channel(
    serve: Serve, seeded: Database, clock: FixedClock
) -> None:
    with seeded.transaction() as session:
        cases = CaseService(session, clock, SqlLoanBackend(session, clock))
        case_no = cases.open_complaint(
            customer_id="C1002",
            conversation_id="wechat-1",
            channel="wechat",
            story=STORY,
            callback_phone=None,
            key="k",
        ).case.case_no
    server = serve("C1002")
    assert case_no in server.answer("ask_complaint_progress", "我的投诉怎么样了")
    server.hear("file_complaint", "补充一下，昨天晚上十点半又打了三个电话，录音我都留着")
    server.run("validate_complaint_form")
    server.run("action_submit_complaint")
    assert server.cards()["case"]["case_no"] == case_no
    server.hear("file_complaint", "撤回投诉")
    server.run("validate_complaint_form")
    assert case_no in server.text
    server.answer("affirm", "确定撤回")
    assert status(seeded, clock, case_no) == "withdrawn"


@pytest.mark.parametrize("number", ["12345", "1390000100", "139000010021", "00000000000", "13900001002转2转3"])
def test_a_wrong_call_back_number_is_asked_for_again(serve: Serve, seeded: Database, number: str) -> None:
    server = serve(None)
    server.hear("file_complaint", f"我要投诉，{STORY}")
    server.run("validate_complaint_form")
    server.active_form = "complaint_form"
    assert server.slots["requested_slot"] == "complaint_phone"
    server.hear("inform", number)
    server.run("validate_complaint_form")
    assert server.slots["requested_slot"] == "complaint_phone"
    assert server.slots["complaint_phone"] is None
    server.hear("inform", "13900001002", phone="13900001002")
    server.run("validate_complaint_form")
    assert server.slots["complaint_phone"] == "13900001002"
