"""Distress and fraud are heard also while a human is waited for or present, and the borrower reads what helps now, once."""

from __future__ import annotations

import pytest
import yaml

from bot.conversations.danger import DISTRESS, FRAUD, danger_in
from bot.conversations.handoff import HandoffService
from bot.core.settings import ROOT
from tests.gateway import Stack

PHRASES = yaml.safe_load((ROOT / "tests" / "nlu" / "safety_phrases.yml").read_text(encoding="utf-8"))
OF_DISTRESS = [phrase for group in PHRASES["recognised"] if group["distress"] for phrase in group["phrases"]]
OF_FRAUD = ["我被骗了", "我的账号被盗了", "银行卡被盗刷", "这笔不是我本人借的", "我被诈骗了8000", "上当受骗了", "/report_fraud"]
HOTLINE = "12356"


@pytest.mark.parametrize("phrase", OF_DISTRESS)
def test_the_models_phrases_of_distress_are_heard_without_it(phrase: str) -> None:
    assert danger_in(phrase) == DISTRESS


@pytest.mark.parametrize("phrase", ["我不想活了！！！！", "ＷＯ不想活了", "我想\u200b自杀", "沒有活路了", "我要跳樓", "想輕生"])
def test_in_whatever_way_it_is_written(phrase: str) -> None:
    assert danger_in(phrase) == DISTRESS


@pytest.mark.parametrize("phrase", OF_FRAUD)
def test_fraud_is_heard(phrase: str) -> None:
    assert danger_in(phrase) == FRAUD


@pytest.mark.parametrize("phrase", [*PHRASES["left_alone"], "还要多久", "", "/ask_contact_channel", "会不会被骗", "手机卡死了"])
def test_what_only_looks_like_it_is_no_danger(phrase: str) -> None:
    assert danger_in(phrase) is None


@pytest.fixture
async def waiting(stack: Stack) -> list[str]:
    """Two who wait, the second is ours."""
    for sender in ("u-2", "u-1"):
        await stack.say("你好", sender=sender)
        stack.request_human(stack.conversation(sender).id)
        stack.clock.advance(seconds=5)
    return [stack.conversation("u-1").id, stack.conversation("u-2").id]


def queue(stack: Stack) -> list[tuple[str, str, int]]:
    with stack.database.transaction() as session:
        service = HandoffService(session, stack.clock, stack.runtime.texts)
        return [(item.conversation_id, item.reason, item.priority) for item in service.queue()]


def claim(stack: Stack, conversation_id: str) -> None:
    with stack.database.transaction() as session:
        HandoffService(session, stack.clock, stack.runtime.texts).claim(conversation_id, "A2001", agent_name="小林")


def told(stack: Stack, conversation_id: str, words: str) -> list[str]:
    return [row.author for row in stack.log(conversation_id) if words in (row.text or "")]


async def test_a_higher_need_takes_over_reason_and_priority_and_a_lower_one_does_not(stack: Stack, waiting: list[str]) -> None:
    stack.request_human(waiting[0], reason="distress", priority=10)
    assert queue(stack)[0] == (waiting[0], "distress", 10)
    stack.request_human(waiting[0], reason="fraud", priority=5)
    assert queue(stack)[0] == (waiting[0], "distress", 10)


async def test_the_desk_sees_the_new_reason_and_the_skill_that_it_needs(stack: Stack, waiting: list[str]) -> None:
    await stack.say("我不想活了")
    (first, _) = (await stack.client.get("/desk/api/queue", headers=stack.agent())).json()["waiting"]
    found = (first["conversation_id"], first["reason"], first["skill"], first["priority"])
    assert found == (waiting[0], "distress", "hardship", 10)


async def test_distress_in_the_queue_goes_to_the_front_and_the_hotline_is_told_once(stack: Stack, waiting: list[str]) -> None:
    words, place = await stack.say("我不想活了", message_id="m-1")
    assert HOTLINE in words["text"]
    assert (place["custom"]["position"], place["custom"]["reason"]) == (1, "distress")
    assert await stack.say("我不想活了", message_id="m-1") == [words, place]
    assert [list(answer) for answer in await stack.say("活着没意思")] == [["recipient_id", "custom"]]
    assert told(stack, waiting[0], HOTLINE) == ["system"]
    assert told(stack, waiting[1], HOTLINE) == []
    assert queue(stack) == [(waiting[0], "distress", 10), (waiting[1], "asked", 0)]


async def test_fraud_and_distress_have_words_of_their_own(stack: Stack, waiting: list[str]) -> None:
    for said in ("我被骗了，钱转走了", "我不想活了", "我又被骗了", "我真的不想活了"):
        await stack.say(said)
    assert queue(stack)[0] == (waiting[0], "distress", 10)
    assert told(stack, waiting[0], HOTLINE) == ["system"]
    assert told(stack, waiting[0], "停止付款") == ["system"]


async def test_with_an_agent_the_words_are_told_and_the_agent_still_has_to_answer(stack: Stack, waiting: list[str]) -> None:
    claim(stack, waiting[0])
    (words,) = await stack.say("你们逼死我了", message_id="m-1")
    assert HOTLINE in words["text"]
    assert await stack.say("你们逼死我了", message_id="m-1") == [words]
    assert await stack.say("我想自杀") == []
    assert [row.state for row in stack.log(waiting[0]) if row.direction == "in"][-2:] == ["received", "received"]
    with stack.database.transaction() as session:
        service = HandoffService(session, stack.clock, stack.runtime.texts)
        assert service.transfer(waiting[0], "A2001").reason == "distress", "the next agent is found by the skill"
    assert queue(stack)[0] == (waiting[0], "distress", 10)


async def test_whom_the_bot_has_told_already_is_not_told_again(stack: Stack) -> None:
    await stack.say("你好")
    stack.request_human(stack.conversation().id, reason="distress", priority=10)
    assert [list(answer) for answer in await stack.say("我不想活了")] == [["recipient_id", "custom"]]


async def test_a_later_handoff_tells_it_again(stack: Stack, waiting: list[str]) -> None:
    await stack.say("我不想活了")
    stack.clock.advance(minutes=1)
    await stack.say("不排了")
    stack.clock.advance(minutes=1)
    stack.request_human(waiting[0])
    await stack.say("我不想活了")
    assert told(stack, waiting[0], HOTLINE) == ["system", "system"]
