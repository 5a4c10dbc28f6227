"""What a message means because of the one before it; and what must not happen twice."""

from __future__ import annotations

import pytest

from tests.live import LiveApp

pytestmark = pytest.mark.processes


def test_an_amount_after_the_overview_is_tried_and_corrected(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    chat.say("提前还款")
    chat.say("5000")
    assert chat.card("repayment_preview")["amount"] == 500000
    chat.say("不对，是6000")
    assert chat.card("repayment_preview")["amount"] == 600000


def test_a_complaint_can_be_left_before_it_is_told(live_app: LiveApp) -> None:
    chat = live_app.chat("C1006")
    chat.say("我要投诉")
    chat.say("先不投诉了")
    assert "case" not in chat.kinds()
    assert "先不办" in chat.text


def test_a_complaint_can_be_added_to_and_withdrawn(live_app: LiveApp) -> None:
    chat = live_app.chat("C1006")
    chat.say("我要投诉你们客服昨天挂了我三次电话态度恶劣")
    case_no = chat.card("case")["case_no"]
    chat.say("我要补充投诉，那天是下午三点打的")
    assert chat.card("case")["case_no"] == case_no
    chat.say(f"撤销投诉{case_no}")
    assert "确定撤回" in chat.text
    chat.say("是的")
    assert chat.card("case")["status"] == "withdrawn"


def test_cancelling_a_schedule_survives_a_question(live_app: LiveApp) -> None:
    chat = live_app.chat("C1005")
    chat.say("帮我预约8月25号还款")
    chat.say("好的")
    if "step_up_required" in chat.kinds():
        chat.say(live_app.otp("C1005"))
    assert chat.card("scheduled_repayment")["status"] == "created"
    chat.say("取消预约还款")
    chat.say("我还欠多少钱")
    assert "确定取消" in chat.text
    chat.say("确定")
    assert chat.card("scheduled_repayment")["status"] == "cancelled"


def test_the_last_day_named_counts(live_app: LiveApp) -> None:
    chat = live_app.chat("C1005")
    chat.say("帮我预约还款")
    chat.say("不是明天，是后天")
    assert "8月24日" in chat.text
    chat.say("算了")


def test_how_scheduling_works_is_explained_to_those_who_may_schedule_too(live_app: LiveApp) -> None:
    chat = live_app.chat("C1005")
    chat.say("预约还款怎么用")
    assert "10天" in chat.text
    assert "¥500.00" in chat.text
    chat.say("好的")
    assert "哪天" in chat.text
    chat.say("算了")


def test_guo_hai_is_told_not_to_pay_twice_wherever_he_asks(live_app: LiveApp) -> None:
    for question in ("我要怎么还款", "我想提前还款应该怎么操作", "可以一次性把全部借款都还清吗"):
        chat = live_app.chat("C1001")
        chat.say(question)
        assert "不要再还" in chat.text
        assert len(chat.card("payment_status")["payments"]) == 3


def test_a_number_to_check_may_follow_the_question(live_app: LiveApp) -> None:
    chat = live_app.chat()
    chat.say("/verify_official_contact")
    chat.say("400-100-3399")
    assert chat.card("official_check") == {"type": "official_check", "kind": "phone", "result": "official"}


def test_a_meaning_can_be_chosen_by_number(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    chat.say("咕噜咕噜蓝色的那个弄一下")
    first = chat.card("options")["intents"][0]
    chat.say("第一个")
    assert chat.intent == first


def test_one_contract_is_told_when_one_is_named(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    chat.say("快贷还欠多少钱")
    assert [line["product"] for line in chat.card("payoff_quote")["contracts"]] == ["KD"]


def test_wang_qiang_hears_how_early_repayment_works_though_he_owes_nothing(live_app: LiveApp) -> None:
    chat = live_app.chat("C1003")
    chat.say("怎么提前还款")
    assert "去还款 → 提前还款" in chat.text
    assert "没有在还的借款" in chat.text


@pytest.mark.parametrize("question", ["客户C1002欠多少钱", "我爱人王强的额度是多少"])
def test_somebody_elses_account_stays_theirs(live_app: LiveApp, question: str) -> None:
    chat = live_app.chat("C1005")
    chat.say(question)
    assert "¥" not in chat.text
