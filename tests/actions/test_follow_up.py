""" "那利息呢", "另外一笔呢", "快贷那笔呢": a short message inherits the topic."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from actions.follow_up import follow_ups
from bot.core.settings import ROOT
from tests.actions.conftest import Server

Serve = Callable[[str | None], Server]
INTENTS = {item["name"] for item in yaml.safe_load((ROOT / "data/catalogue/intents.yml").read_text(encoding="utf-8"))["intents"]}


def test_every_intent_of_the_data_file_exists() -> None:
    for subject in follow_ups().subjects:
        assert {*subject.after.keys(), *subject.after.values()} <= INTENTS
        assert subject.means is None or subject.means in INTENTS


@pytest.mark.parametrize(
    ("text", "topic", "intent"),
    [
        ("那利息呢", "settle_all", "ask_early_repayment_fee"),
        ("那利息呢？", "ask_credit_limit", "ask_interest"),
        ("那利息呢", "ask_overdue_consequence", "ask_overdue_consequence"),
        ("利息呢", "dispute_overdue_fee", "dispute_overdue_fee"),
        ("那手续费要多少呢", "settle_all", "ask_early_repayment_fee"),
        ("那征信呢", "ask_how_to_apply", "ask_credit_inquiry"),
        ("征信呢", "report_auto_debit_failed", "ask_credit_report_impact"),
        ("那额度呢", "settle_all", "ask_reborrow"),
        ("那要多久呢", "report_fraud", "ask_complaint_progress"),
        ("如果逾期了呢", "ask_repayment_date", "ask_overdue_consequence"),
    ],
)
def test_the_topic_decides_what_is_meant(text: str, topic: str, intent: str) -> None:
    rest = follow_ups().elliptic(text)
    assert rest is not None
    assert follow_ups().meaning(rest, topic) == intent


@pytest.mark.parametrize(
    "text", ["利息多少", "我想提前还款", "借一万一个月利息多少", "你好", "在吗", "那你们客服电话是多少呢", "还没到账呢"]
)
def test_what_stands_for_itself_is_left_alone(text: str) -> None:
    rest = follow_ups().elliptic(text)
    assert rest is None or follow_ups().meaning(rest, "settle_all") is None


def test_interest_after_settling_everything_is_what_settling_saves(serve: Serve) -> None:
    server = serve("C1002")
    server.answer("settle_all", "全部还清要多少")
    server.answer("ask_interest", "那利息呢")
    assert server.messages[0]["custom"]["intent"] == "ask_early_repayment_fee"


def test_a_message_nobody_understood_may_go_on_from_the_topic(serve: Serve) -> None:
    server = serve("C1002")
    server.answer("ask_interest", "随星借快贷的利息多少", product="KD")
    server.hear("nlu_fallback", "另外的呢")
    text = "\n".join(message.get("text") or "" for message in server.run("action_ask_meaning"))
    assert "YD-" in text
    assert "FQ-" in text
    assert "KD-" not in text


def test_naming_another_loan_repeats_the_question_about_it(serve: Serve) -> None:
    server = serve("C1002")
    server.answer("ask_bill", "快贷的账单", product="KD")
    server.hear("ask_product_info", "那优贷呢")
    server.latest["entities"] = [{"entity": "product", "value": "YD", "start": 1, "end": 3}]
    text = "\n".join(message.get("text") or "" for message in server.run("action_answer"))
    assert "YD-" in text
    assert "KD-" not in text


def test_without_a_topic_nothing_is_inherited(serve: Serve) -> None:
    server = serve("C1002")
    server.answer("ask_interest", "那利息呢")
    assert server.messages[0]["custom"]["intent"] == "ask_interest"
