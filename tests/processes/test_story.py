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


NARRATIVES = (
    "您好，我在你们这儿分期买的手机，一直按时还，前面九期从没出过岔子。这个月十号那天自动扣款失败了，一天里扣了三次都没成，"
    "可我卡上的钱一分没少地放在那儿。我怕出事，自己手动还了三回，每一回都停在还款中，到今天也没变。扣款失败那几天我一条短信都没收到，"
    "是我自己打开App才看见已经算逾期了，利息还一天天往上涨。打客服电话，那边只会叫我再等等。昨天更离谱，有个不认识的人发来一个银行账户，"
    "6222 0212 0000 4321 998，说把钱转到这里就能马上消掉逾期。请你们把事情查清楚，不该我出的逾期利息给我免掉。",
    "那个我跟你讲一下啊我那个小米分期十号要扣钱的嘛它自动扣款失败了我卡里是有钱的然后我就自己去还还了三遍全都卡在还款中动也不动"
    "也没有短信通知我等我发现都逾期了逾期利息还在涨打电话问客服说让我等着等了十几天了昨天还有个陌生人加我发了个银行账号"
    "让我把钱转到6222021200004321998说转了就没逾期了你说这个逾期的利息凭什么要我出啊给我退了",
)
STRANGER = "6222021200004321998"


@pytest.mark.parametrize("narrative", NARRATIVES, ids=["written", "spoken"])
def test_the_whole_story_of_guo_hai_in_one_message(live_app: LiveApp, narrative: str) -> None:
    """32067 × 0.0005 × 12 = 192.402 → 192 分 granted, the three repayments, the missing reminder, and the stranger's account."""
    live_app.start_over()
    chat = live_app.chat("C1001")
    chat.say(narrative)
    evidence, remedy, case = chat.card("evidence"), chat.card("remedy"), chat.card("case")
    assert (evidence["penalty"], evidence["system_caused"], evidence["borrower_caused"]) == (192, 192, 0)
    assert (remedy["status"], remedy["amount"]) == ("granted", 192)
    assert case["case_no"] in chat.text
    assert [item["amount"] for item in chat.card("payment_status")["payments"]] == [32067] * 3
    assert "请先不要再还" in chat.text
    assert "没有发出还款提醒" in chat.text
    assert chat.card("official_check") == {"type": "official_check", "kind": "bank_account", "result": "unknown"}
    assert "不在我们的官方登记里" in chat.text
    assert "4321" not in chat.text


@pytest.mark.parametrize("narrative", NARRATIVES, ids=["written", "spoken"])
def test_the_whole_story_from_nobody_known_warns_and_shows_nothing(live_app: LiveApp, narrative: str) -> None:
    live_app.start_over()
    chat = live_app.chat()
    chat.say(narrative)
    assert chat.intent == "dispute_overdue_fee"
    assert set(chat.kinds()) == {"answer", "login_required", "official_check"}
    assert chat.card("official_check")["result"] == "unknown"
    assert "不在我们的官方登记里" in chat.text
    for private in ("¥1.92", "¥320.67", "FQ-", "郭海", "4321"):
        assert private not in chat.text
    chat.say("转人工")
    assert chat.card("handoff")["state"] == "queued"
