"""Entities: phrase → what is found. The business day is Saturday 2025-11-22."""

from __future__ import annotations

from datetime import date

import pytest
from rasa.shared.nlu.training_data.message import Message

from bot.nlu import normaliser, values
from bot.nlu.entities import CareEntityExtractor, find

TODAY = date(2025, 11, 22)


def found(text: str) -> list[tuple[str, object]]:
    return [(entity.name, entity.value) for entity in find(normaliser.shared().surface(text).text, TODAY)]


AMOUNTS = {
    "五千": 500000,
    "就还五千吧": 500000,
    "1.2万": 1200000,
    "3000元": 300000,
    "320.67": 32067,
    "500块": 50000,
    "3千块": 300000,
    "五千二": 520000,
    "一万二": 1200000,
    "两千五百块": 250000,
    "5k": 500000,
    "1w": 1000000,
    "2.5w": 2500000,
    "2千5": 250000,
    "1万2": 1200000,
    "三块五": 350,
    "十二块三毛五": 1235,
    "三百二十块六毛七": 32067,
    "￥500": 50000,
    "¥1,000.50": 100050,
    "1,000.50元": 100050,
    "１０００元": 100000,
    "一千零五十": 105000,
    "10000借一年利息多少": 1000000,
    "5000": 500000,
    "那就80吧": 8000,
    "不对，是5000": 500000,
    "壹万元": 1000000,
    "二十万": 20000000,
    "每月还800": 80000,
    "一块钱": 100,
    "扣了我2000多": 200000,
    "还歀3000塊": 300000,
}


@pytest.mark.parametrize(("text", "fen"), AMOUNTS.items())
def test_an_amount_is_whole_fen(text, fen):
    assert found(text) == [("amount", fen)]


DATES = {
    "今天": "2025-11-22",
    "明天还款": "2025-11-23",
    "后天": "2025-11-24",
    "大后天": "2025-11-25",
    "昨天": "2025-11-21",
    "三天后": "2025-11-25",
    "10天以后": "2025-12-02",
    "过两天": "2025-11-24",
    "两周后": "2025-12-06",
    "一个星期后": "2025-11-29",
    "半个月后": "2025-12-07",
    "三个月后": "2026-02-22",
    "下个月15号": "2025-12-15",
    "下月十号": "2025-12-10",
    "15号": "2025-12-15",
    "22号": "2025-11-22",
    "31号": "2025-12-31",
    "二十五号扣": "2025-11-25",
    "每月15号": "2025-12-15",
    "月底": "2025-11-30",
    "下个月底": "2025-12-31",
    "下月初": "2025-12-01",
    "年底": "2025-12-31",
    "周五": "2025-11-28",
    "周六": "2025-11-22",
    "下周一": "2025-11-24",
    "下下周二": "2025-12-02",
    "礼拜三": "2025-11-26",
    "12月1号": "2025-12-01",
    "1月5日": "2026-01-05",
    "10月15号": "2025-10-15",
    "11.30号": "2025-11-30",
    "2025-12-01": "2025-12-01",
    "2025年12月5日": "2025-12-05",
    "8号晚上": "2025-12-08",
}


@pytest.mark.parametrize(("text", "day"), DATES.items())
def test_a_date_is_seen_from_the_business_day(text, day):
    assert found(text) == [("date", day)]


OTHERS = {
    "第3期": [("period", 3)],
    "第三期没扣": [("period", 3)],
    "第十二期": [("period", 12)],
    "第二个": [("ordinal", 2)],
    "第2笔": [("ordinal", 2)],
    "2": [("ordinal", 2)],
    "FQ-20240001-01": [("contract_no", "FQ-20240001-01")],
    "fq 20240001": [("contract_no", "FQ-20240001")],
    "kd－2024 0001": [("contract_no", "KD-20240001")],
    "yd - 2024 - 01": [("contract_no", "YD-2024-01")],
    "ＸＷ－２０２４": [("contract_no", "XW-2024")],
    "C-20250101-0001处理了吗": [("case_no", "C-20250101-0001")],
    "p-20240101到账没": [("payment_no", "P-20240101")],
    "我的手机号13800138000": [("phone", "13800138000")],
    "+86 138-0013-8000": [("phone", "13800138000")],
    "400-100-3399是你们的吗": [("phone", "4001003399")],
    "95588打来电话": [("phone", "95588")],
    "6222 0212 3456 7890 123": [("bank_card", "6222021234567890123")],
    "1069 3399发的短信": [("sms_sender", "10693399")],
    "95188给我发短信": [("sms_sender", "95188")],
    "https://suixingjie.example/pay?x=1是官网吗": [("url", "https://suixingjie.example/pay?x=1")],
    "suixingjie.example": [("url", "suixingjie.example")],
    "快贷和优贷有什么区别": [("product", "KD"), ("product", "YD")],
    "小微贷": [("product", "XW")],
    "工行卡": [("bank", "中国工商银行")],
    "小米分期3000分6期": [("product", "FQ"), ("amount", 300000)],
    "15号还五千": [("date", "2025-12-15"), ("amount", 500000)],
    "昨天还的3000没入账": [("date", "2025-11-21"), ("amount", 300000)],
    "网站suixingjie.example对吗": [("url", "suixingjie.example")],
    "12378是你们的吗": [("phone", "12378")],
    "不是明天，是后天": [("date", "2025-11-24")],
    "明天不行，后天吧": [("date", "2025-11-24")],
    "别15号扣，改到20号": [("date", "2025-12-20")],
    "是不是明天还款": [("date", "2025-11-23")],
    "不是5000，是3000": [("amount", 300000)],
    "额度不是5000吗": [("amount", 500000)],
    "1000-5000元": [("amount", 500000)],
    "28": [("amount", 2800)],
    "11.27": [("amount", 1127)],
    "第二笔还500块": [("ordinal", 2), ("amount", 50000)],
}


@pytest.mark.parametrize(("text", "expected"), OTHERS.items())
def test_other_entities(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "分12期",
        "12期每期多少",
        "3到6期",
        "尾号1234的卡",
        "年利率24%",
        "百分之24",
        "千万别",
        "万一逾期了",
        "一直还款中",
        "十分不满",
        "十分钟了",
        "一次性还清",
        "一下",
        "18岁可以吗",
        "2024年借的",
        "还有3笔没还",
        "3天没到账",
        "6号线",
        "12点前",
        "验证码123456",
        "身份证110101199003078515",
        "下个月31号",
        "5g信号",
        "征信600分",
        "我们统一还",
        "-5元",
        "还-5元",
        "-5",
        "负5元",
        "提前还0",
        "0.001元",
        "12000.505",
        "2月30号",
        "4月31号",
        "2026-02-30",
        "还款日当天",
        "",
    ],
)
def test_numbers_that_are_something_else_are_no_entities(text):
    if text == "下个月31号":
        assert values.day(text, date(2025, 10, 5)) is None  # November has 30 days
    else:
        assert found(text) == []


def test_the_place_of_an_entity_is_that_in_the_message_as_it_was_typed(monkeypatch):
    monkeypatch.setenv("BUSINESS_DATE", TODAY.isoformat())
    typed = "小米\u200b贷款還款５０００元，下個月15號"
    message = Message.build(text=typed)
    CareEntityExtractor().process([message])
    amount, day = message.get("entities")
    assert typed[amount["start"] : amount["end"]] == "５０００元"
    assert (amount["value"], amount["extractor"]) == (500000, "CareEntityExtractor")
    assert typed[day["start"] : day["end"]] == "下個月15號"
    assert day["value"] == "2025-12-15"


def test_a_number_too_long_for_money_is_no_amount():
    assert values.amount("99999999999999") is None


def test_a_fraction_of_a_fen_is_no_amount():
    assert values.amount("3.145元") is None


def test_a_month_is_counted_to_its_last_day():
    assert values.day("一个月后", date(2025, 1, 31)) == date(2025, 2, 28)
