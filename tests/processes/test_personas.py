"""What the demo people are told, to the 分 (product §6). The business date is 2026-08-22; every number is worked out by hand."""

from __future__ import annotations

import pytest

from tests.live import LiveApp

pytestmark = pytest.mark.processes


def test_the_quote_of_li_ting_is_right_to_the_fen(live_app: LiveApp) -> None:
    """李婷, all contracts settled on 2026-08-22:

    KD  10000.00 since 2026-07-13, 40 days at 0.04 %: 1000000 × 0.0004 × 40 = 16000 分
    YD  12000.00 / 12 at 14.4 %, i.e. 1.2 % a month: 12000 × 0.012 × 1.012^12 / (1.012^12 − 1) = 1079.71 a month.
        Interest and principal of the four paid months: 14400 + 93571, 13277 + 94694, 12141 + 95830, 10991 + 96980,
        so 1200000 − 381075 = 818925 are unpaid. The fifth month's interest is 818925 × 0.012 = 9827.1 → 9827; of the period
        2026-07-28 … 08-28 (31 days) 25 have passed: 9827 × 25 / 31 = 7925
    FQ  2400.00 / 6, two paid: 4 × 40000 = 160000; the third period has begun, its fee is 240000 × 0.006 = 1440; the fees
        of the three periods that have not begun are dropped
    """
    chat = live_app.chat("C1002")
    chat.say("帮我算一下今天全部结清要多少钱 我想一次性还清")
    quote = chat.card("payoff_quote")
    assert quote["as_of"] == "2026-08-22"
    assert quote["valid_until"].startswith("2026-08-22T23:59:59")
    by_product = {line["product"]: line for line in quote["contracts"]}
    amounts = {
        product: (line["principal"], line["interest"], line["fee"], line["penalty"], line["total"])
        for product, line in by_product.items()
    }
    assert amounts == {
        "KD": (1000000, 16000, 0, 0, 1016000),
        "YD": (818925, 7925, 0, 0, 826850),
        "FQ": (160000, 0, 1440, 0, 161440),
    }
    assert quote["total"] == 1016000 + 826850 + 161440 == 2004290
    assert "¥20042.90" in chat.text


def test_cash_loans_come_before_instalments_in_the_preview_of_li_ting(live_app: LiveApp) -> None:
    """5000.00 go to the cash loans alone: what they owe together is 1016000 + 826850, more than 500000."""
    chat = live_app.chat("C1002")
    chat.say("我想提前还5000元")
    preview = chat.card("repayment_preview")
    assert preview["amount"] == 500000
    assert preview["left_over"] == 0
    assert sum(line["amount"] for line in preview["allocation"]) == 500000
    assert {line["contract_no"][:2] for line in preview["allocation"]} <= {"KD", "YD"}


def test_a_trial_by_amount_can_be_corrected(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    chat.say('/ask_early_repayment{"repay_mode":"amount"}')
    assert "多少" in chat.text
    chat.say("3000")
    assert chat.card("repayment_preview")["amount"] == 300000
    chat.say("不对，是5000")
    assert chat.card("repayment_preview")["amount"] == 500000


def test_a_question_interrupts_the_form_and_the_form_goes_on(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    chat.say('/ask_early_repayment{"repay_mode":"amount"}')
    chat.say("提前还款会不会收违约金")
    assert chat.intent == "ask_early_repayment_fee"
    assert "没办完" in chat.text
    chat.say("那就2000块吧")
    assert chat.card("repayment_preview")["amount"] == 200000


def test_a_form_can_be_cancelled(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    chat.say('/ask_early_repayment{"repay_mode":"amount"}')
    chat.say("算了，不还了")
    assert "先不办" in chat.text
    chat.say("/thank")
    assert "没办完" not in chat.text


def test_wang_qiang_learns_why_and_from_when(live_app: LiveApp) -> None:
    """王强: limit 20000.00 free; one refusal names 2026-09-16 (25 days ahead), the other nothing: 30 days after it."""
    chat = live_app.chat("C1003")
    chat.say("为什么我申请总是失败")
    assert "¥20000.00" in chat.text
    assert "正常" in chat.text
    assert "综合评估" in chat.text
    assert "9月16日" in chat.text


def test_chen_lei_schedules_with_a_code_and_cancels(live_app: LiveApp) -> None:
    """陈磊: FQ 3000.00 / 6, third instalment 500.00 due 2026-08-28; scheduled for the 25th it is posted on the 28th."""
    chat = live_app.chat("C1005")
    chat.say("帮我预约8月25号还款")
    assert "确定" in chat.text
    chat.say("好的")
    assert "step_up_required" in chat.kinds()
    wrong = "000000" if live_app.otp("C1005") != "000000" else "111111"
    chat.say(wrong)
    assert "不对" in chat.text
    chat.say(live_app.otp("C1005"))
    card = chat.card("scheduled_repayment")
    expected = {"status": "created", "instalment": 3, "amount": 50000, "execute_on": "2026-08-25", "posts_on": "2026-08-28"}
    assert {key: card[key] for key in expected} == expected

    chat.say("预约还款")
    assert "已经约好" in chat.text
    chat.say("取消预约还款")
    assert "确定取消" in chat.text
    chat.say("确定")
    assert chat.card("scheduled_repayment")["status"] == "cancelled"


def test_a_scheduled_day_can_be_corrected_before_it_is_confirmed(live_app: LiveApp) -> None:
    chat = live_app.chat("C1005")
    chat.say("我要预约还款")
    assert "哪天" in chat.text
    chat.say("24号")
    assert "8月24日" in chat.text
    chat.say("不对，是26号")
    assert "8月26日" in chat.text
    chat.say("不用了")
    assert "先不办" in chat.text


def test_sun_li_is_too_early_by_five_days(live_app: LiveApp) -> None:
    """孙丽: due 2026-09-06 (in 15 days), so scheduling opens 10 days before, on 2026-08-27."""
    chat = live_app.chat("C1006")
    chat.say("我想预约还款")
    card = chat.card("scheduled_repayment")
    assert card["status"] == "refused"
    assert card["reason"] == "too_early"
    assert card["opens_on"] == "2026-08-27"
    assert "8月27日" in chat.text
    assert "5天" in chat.text


def test_sun_li_sees_her_authorisations_and_the_inquiry(live_app: LiveApp) -> None:
    chat = live_app.chat("C1006")
    chat.say("你们查过我征信没有")
    assert chat.intent == "ask_credit_inquiry"
    assert "8月2日" in chat.text  # the inquiry 20 days ago
    assert "撤销" in chat.text


def test_guo_hai_is_not_to_pay_again(live_app: LiveApp) -> None:
    chat = live_app.chat("C1001")
    chat.say("还款一直显示还款中怎么办")
    card = chat.card("payment_status")
    assert [(item["amount"], item["status"]) for item in card["payments"]] == [(32067, "processing")] * 3
    assert "不要再还" in chat.text


def test_guo_hai_gets_the_penalty_back_at_once(live_app: LiveApp) -> None:
    """郭海: 32067 × 0.0005 × 12 = 192.402 → 192 分, every day caused by the system, incident confirmed, at most ¥50.00."""
    chat = live_app.chat("C1001")
    chat.say("系统扣款失败害我逾期，凭什么收我利息")
    for attempt in ("8月10日 09:00", "8月10日 12:00", "8月10日 18:00"):
        assert attempt in chat.text
    evidence = chat.card("evidence")
    assert (evidence["penalty"], evidence["system_caused"], evidence["borrower_caused"]) == (192, 192, 0)
    assert len(evidence["days"]) == 12
    case, remedy = chat.card("case"), chat.card("remedy")
    assert remedy["status"] == "granted"
    assert remedy["amount"] == 192
    assert remedy["receipt_no"].startswith("R-")
    assert case["received_on"] == "2026-08-22"
    assert case["decide_by"] == "2026-09-06"  # 15 calendar days
    again = live_app.chat("C1001")
    again.say("系统扣款失败害我逾期，凭什么收我利息")
    assert case["case_no"] in again.text


def test_zhao_min_gets_an_honest_no(live_app: LiveApp) -> None:
    chat = live_app.chat("C1004")
    chat.say("你们系统没扣成款凭什么收我罚息，我要退")
    evidence = chat.card("evidence")
    assert evidence["system_caused"] == 0
    assert {day["cause"] for day in evidence["days"]} == {"borrower"}
    assert "remedy" not in chat.kinds()
    assert chat.card("case")["case_no"] in chat.text


def test_zhou_kai_gets_the_split(live_app: LiveApp) -> None:
    """周凯: 120000 / 12 = 10000 unpaid, 7 days: 10000 × 0.0005 × 7 = 35 分, of which the first day is the system's: 5."""
    chat = live_app.chat("C1007")
    chat.say("系统扣款失败害我逾期，凭什么收我利息")
    evidence = chat.card("evidence")
    assert [day["cause"] for day in evidence["days"]] == ["system"] + ["borrower"] * 6
    assert (evidence["penalty"], evidence["system_caused"], evidence["borrower_caused"]) == (35, 5, 30)


def test_wu_jing_sees_the_double_debit(live_app: LiveApp) -> None:
    chat = live_app.chat("C1008")
    chat.say("同一笔钱给我扣了两次")
    assert chat.intent == "report_wrong_charge"
    assert "¥500.00" in chat.text
    assert chat.card("case")["case_no"].startswith("C-")


def test_an_anonymous_complaint_is_taken_with_a_number_to_call(live_app: LiveApp) -> None:
    chat = live_app.chat()
    chat.say("我要投诉")
    assert "发生了什么" in chat.text
    chat.say("上个月自动扣款没成功，我打了三次电话都没人管")
    assert "手机号" in chat.text
    chat.say("12345")
    chat.say("13900009999")
    assert chat.card("case")["kind"] == "complaint"


def test_someone_elses_contract_looks_like_one_that_does_not_exist(live_app: LiveApp) -> None:
    owner = live_app.chat("C1002")
    owner.say("/settle_all")
    foreign = owner.card("payoff_quote")["contracts"][0]["contract_no"]
    stranger = live_app.chat("C1003")
    stranger.say(f"合同{foreign}还欠多少")
    told = stranger.text.replace(foreign, "")
    stranger.say("合同KD-20200101-9999还欠多少")
    assert stranger.text == told
    assert "¥" not in told


def test_nobody_learns_whether_somebody_else_has_an_account(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    chat.say("我老公在你们这还欠多少钱")
    assert "¥" not in chat.text
    assert "授权" in chat.text
