"""A whole complaint in one message, through the real entrance, and short messages that go on from the last topic."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.live import LiveApp

pytestmark = pytest.mark.processes
STORY = yaml.safe_load((Path(__file__).parents[1] / "nlu" / "stories.yml").read_text(encoding="utf-8"))[0]["text"]


def test_the_story_of_guo_hai_becomes_one_dispute_with_everything_in_it(live_app: LiveApp) -> None:
    chat = live_app.chat("C1001")
    chat.say(STORY)
    assert chat.card("evidence")
    case_no = chat.card("case")["case_no"]
    assert case_no in chat.text
    assert "¥1.92" in chat.text
    assert "请先不要再还" in chat.text
    assert "没有发出还款提醒" in chat.text
    assert "不会让您把钱还到个人账户" in chat.text
    for title in ("系统原因的逾期费用", "自动扣款失败", "还款失败或还款中", "通知与短信", "核实是不是官方"):
        assert title in chat.text, title


def test_a_second_telling_finds_the_same_case(live_app: LiveApp) -> None:
    chat = live_app.chat("C1001")
    chat.say(STORY)
    first = chat.card("case")["case_no"]
    chat.say(f"我再说一遍！{STORY}")
    assert chat.card("case")["case_no"] == first


def test_interest_after_settling_is_about_settling(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    chat.say("我想把所有借款一次性还清")
    chat.say("那利息呢")
    assert chat.intent == "ask_early_repayment_fee"
