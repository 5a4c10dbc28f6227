"""Forms as Rasa drives them: what they ask, accept, refuse, correct and forget."""

from __future__ import annotations

from collections.abc import Callable

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.service import SqlLoanBackend
from tests.actions.conftest import Server

Serve = Callable[[str | None], Server]


def open_form(server: Server, form: str, intent: str, text: str | None = None, **entities: object) -> str | None:
    server.hear(intent, text, **entities)
    server.run(f"validate_{form}")
    server.active_form = form
    slot: str | None = server.slots["requested_slot"]
    return slot


def test_an_amount_in_the_opening_message_is_tried_at_once(serve: Serve) -> None:
    server = serve("C1002")
    assert open_form(server, "early_repayment_form", "ask_early_repayment", "提前还5000", amount=500000) is None
    assert server.cards()["repayment_preview"]["amount"] == 500000


def test_the_form_for_an_amount_refuses_nonsense_and_asks_again(serve: Serve) -> None:
    server = serve("C1002")
    assert open_form(server, "early_repayment_form", "ask_early_repayment", repay_mode="amount") == "early_amount"
    server.hear("nlu_fallback", "0", amount=0)
    server.run("validate_early_repayment_form")
    assert "用不了" in server.text
    assert server.slots["requested_slot"] == "early_amount"


def test_a_question_with_an_amount_is_no_answer(serve: Serve) -> None:
    server = serve("C1002")
    open_form(server, "early_repayment_form", "ask_early_repayment", repay_mode="amount")
    server.hear("ask_interest", "借5000一个月利息多少", amount=500000)
    before = dict(server.slots)
    server.run("validate_early_repayment_form")
    assert server.slots == before
    assert server.messages == []


def test_stopping_forgets_everything(serve: Serve) -> None:
    server = serve("C1002")
    open_form(server, "early_repayment_form", "ask_early_repayment", repay_mode="amount")
    server.hear("nlu_fallback", "算了不弄了")
    server.run("validate_early_repayment_form")
    assert server.slots["requested_slot"] is None
    server.run("action_submit_early_repayment")
    assert "先不办" in server.text
    assert server.slots["early_amount"] is None


def test_scheduling_needs_a_code_before_money_is_promised(serve: Serve, seeded: Database, clock: FixedClock) -> None:
    server = serve("C1005")
    assert open_form(server, "schedule_form", "schedule_repayment", "约25号", date="2026-08-25") == "schedule_confirm"
    server.hear("affirm", "好的")
    server.run("validate_schedule_form")
    assert server.slots["requested_slot"] == "schedule_step_up"
    server.run("action_ask_schedule_step_up")
    assert "step_up_required" in server.cards()
    server.run("action_submit_schedule")  # as if somebody drove Rasa directly
    with seeded.transaction() as session:
        assert SqlLoanBackend(session, clock).scheduled_repayments("C1005") == ()


def test_a_day_outside_the_window_is_refused_with_the_window(serve: Serve) -> None:
    server = serve("C1005")
    open_form(server, "schedule_form", "schedule_repayment", "约9月9号", date="2026-09-09")
    assert "8月" in server.text
    assert server.slots["requested_slot"] == "schedule_date"


def test_an_anonymous_complaint_needs_a_number_to_call(serve: Serve) -> None:
    server = serve(None)
    assert open_form(server, "complaint_form", "file_complaint", "我要投诉") == "complaint_story"
    server.hear("report_auto_debit_failed", "上个月自动扣款没成功没人管我")
    server.run("validate_complaint_form")
    assert server.slots["requested_slot"] == "complaint_phone"
    server.hear("nlu_fallback", "123", phone="123")
    server.run("validate_complaint_form")
    assert "11位" in server.text
    server.hear("nlu_fallback", "13900009999", phone="13900009999")
    server.run("validate_complaint_form")
    assert server.slots["requested_slot"] is None
    server.run("action_submit_complaint")
    assert server.cards()["case"]["kind"] == "complaint"


def test_a_complaint_told_at_once_opens_the_case_at_once(serve: Serve) -> None:
    server = serve("C1004")
    assert open_form(server, "complaint_form", "file_complaint", "我要投诉你们客服态度特别差还挂我的电话") is None
    server.run("action_submit_complaint")
    assert server.cards()["case"]["decide_by"] == "2026-09-06"
