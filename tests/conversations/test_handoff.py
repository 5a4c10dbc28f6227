"""One conversation has one owner, and the borrower always knows who."""

from __future__ import annotations

import pytest

from bot.conversations.errors import AlreadyClaimed, ConversationNotFound, NotInQueue, NotTheOwner
from bot.conversations.handoff import Handoff, HandoffService
from bot.conversations.rasa import BotMessage, RasaTimeout
from tests.gateway import Stack


@pytest.fixture
async def three(stack: Stack) -> list[str]:
    """Three conversations of the bot."""
    for sender in ("u-1", "u-2", "u-3"):
        await stack.say("你好", sender=sender)
    return [stack.conversation(sender).id for sender in ("u-1", "u-2", "u-3")]


def test_whoever_waits_longest_is_first_and_priority_overtakes(stack: Stack, three: list[str]) -> None:
    with stack.database.transaction() as session:
        handoffs = HandoffService(session, stack.clock, stack.runtime.texts)
        assert handoffs.request(three[0], reason="asked") == Handoff("queued", 1, "asked", None)
        stack.clock.advance(seconds=5)
        assert handoffs.request(three[1], reason="asked").position == 2
        stack.clock.advance(seconds=5)
        assert handoffs.request(three[2], reason="distress", priority=10).position == 1
        assert [(item.conversation_id, item.position) for item in handoffs.queue()] == [
            (three[2], 1),
            (three[0], 2),
            (three[1], 3),
        ]


def test_asking_again_keeps_the_place_and_may_gain_priority(stack: Stack, three: list[str]) -> None:
    with stack.database.transaction() as session:
        handoffs = HandoffService(session, stack.clock, stack.runtime.texts)
        handoffs.request(three[0], reason="asked")
        stack.clock.advance(seconds=5)
        handoffs.request(three[1], reason="asked")
        stack.clock.advance(seconds=5)
        assert handoffs.request(three[1], reason="asked").position == 2
        assert handoffs.request(three[1], reason="fraud", priority=5).position == 1
        assert handoffs.request(three[1], reason="asked", priority=0).position == 1
        assert handoffs.queue_length() == 2


async def test_while_waiting_the_bot_is_silent_and_a_card_tells_the_place(stack: Stack, three: list[str]) -> None:
    stack.request_human(three[1])
    stack.clock.advance(seconds=1)
    stack.request_human(three[0], reason="fraud")
    asked = len(stack.rasa.asked)
    card = {"type": "handoff", "state": "queued", "position": 2, "reason": "fraud", "case_no": None}
    assert await stack.say("还要多久") == [{"recipient_id": "u-1", "custom": card}]
    assert len(stack.rasa.asked) == asked
    assert "bot" not in [row.author for row in stack.log(three[0])[3:]]


async def test_with_an_agent_the_answer_is_empty_and_the_message_waits_for_a_reply(stack: Stack, three: list[str]) -> None:
    stack.request_human(three[0])
    with stack.database.transaction() as session:
        HandoffService(session, stack.clock, stack.runtime.texts).claim(three[0], "A2001", agent_name="小林")
    assert await stack.say("我被扣了两次", message_id="m-1") == []
    assert await stack.say("我被扣了两次", message_id="m-1") == []
    waiting = [row for row in stack.log(three[0]) if row.state == "received"]
    assert [row.text for row in waiting] == ["我被扣了两次"]
    with stack.database.transaction() as session:
        HandoffService(session, stack.clock, stack.runtime.texts).reply(three[0], "A2001", "我查一下")
    assert [row.state for row in stack.log(three[0]) if row.text == "我被扣了两次"] == ["answered"]


async def test_every_change_of_owner_is_a_message_in_plain_words(stack: Stack, three: list[str]) -> None:
    def step(work: str) -> None:
        with stack.database.transaction() as session:
            handoffs = HandoffService(session, stack.clock, stack.runtime.texts)
            if work == "claim":
                handoffs.claim(three[0], "A2001", agent_name="小林")
            elif work == "give back":
                handoffs.give_back(three[0], "A2001")
            else:
                handoffs.leave(three[0])

    stack.request_human(three[0])
    step("claim")
    step("give back")
    stack.request_human(three[0])
    step("leave")
    notes = [row.text or "" for row in stack.log(three[0]) if row.author == "system"]
    expected = ["人工排队", "小林", "自动客服", "满意", "人工排队", "退出"]
    assert len(notes) == len(expected)
    for note, words in zip(notes, expected, strict=True):
        assert words in note
    assert (await stack.say("在吗"))[0]["text"] == "听到：在吗"


def test_only_one_agent_can_claim(stack: Stack, three: list[str]) -> None:
    stack.request_human(three[0])
    with stack.database.transaction() as session:
        handoffs = HandoffService(session, stack.clock, stack.runtime.texts)
        handoffs.claim(three[0], "A2001")
        assert handoffs.claim(three[0], "A2001").state == "assigned"
        with pytest.raises(AlreadyClaimed):
            handoffs.claim(three[0], "A2002")
        with pytest.raises(NotInQueue):
            handoffs.claim(three[1], "A2002")
        with pytest.raises(ConversationNotFound):
            handoffs.claim("made-up", "A2002")
    assert len([row for row in stack.log(three[0]) if row.author == "system"]) == 2


def test_only_the_owner_replies_and_gives_back(stack: Stack, three: list[str]) -> None:
    stack.request_human(three[0])
    with stack.database.transaction() as session:
        handoffs = HandoffService(session, stack.clock, stack.runtime.texts)
        with pytest.raises(NotTheOwner):
            handoffs.reply(three[0], "A2001", "抢答")
        handoffs.claim(three[0], "A2001")
        with pytest.raises(NotTheOwner):
            handoffs.reply(three[0], "A2002", "抢答")
        with pytest.raises(NotTheOwner):
            handoffs.give_back(three[0], "A2002")
        with pytest.raises(NotInQueue):
            handoffs.leave(three[0])


def test_a_reply_sent_twice_under_one_id_is_stored_once(stack: Stack, three: list[str]) -> None:
    stack.request_human(three[0])
    with stack.database.transaction() as session:
        handoffs = HandoffService(session, stack.clock, stack.runtime.texts)
        handoffs.claim(three[0], "A2001")
        first = handoffs.reply(three[0], "A2001", "您好", message_id="r-1")
        assert handoffs.reply(three[0], "A2001", "您好", message_id="r-1") == first
    assert [row.text for row in stack.log(three[0]) if row.author == "agent"] == ["您好"]


async def test_a_turn_that_ends_in_the_queue_still_delivers_rasas_answer(stack: Stack) -> None:
    async def hand_over(sender: str, _message: str, _metadata: object) -> list[BotMessage]:
        stack.request_human(sender)
        return [BotMessage(text="这就帮您转")]

    stack.rasa.answer = hand_over
    assert [answer["text"] for answer in await stack.say("转人工")] == ["这就帮您转"]
    assert stack.conversation().owner == "queue"


async def test_when_rasa_fails_after_handing_over_the_borrower_sees_the_place_in_the_queue(stack: Stack) -> None:
    async def hand_over_and_hang(sender: str, _message: str, _metadata: object) -> list[BotMessage]:
        stack.request_human(sender)
        raise RasaTimeout("slow")

    stack.rasa.answer = hand_over_and_hang
    (answer,) = await stack.say("我要投诉")
    assert answer["custom"]["type"] == "handoff"
    assert "text" not in answer


def test_the_card_names_the_case_that_the_handoff_is_about(stack: Stack, three: list[str]) -> None:
    with stack.database.transaction() as session:
        handoffs = HandoffService(session, stack.clock, stack.runtime.texts)
        asked = handoffs.request(three[0], reason="fraud", priority=5, case_no="C-20260822-0001")
        assert asked.card()["case_no"] == "C-20260822-0001"
        assert handoffs.request(three[0], reason="asked").case_no == "C-20260822-0001"
        assert handoffs.request(three[1], reason="asked").case_no is None
        assert handoffs.request(three[1], reason="fraud", case_no="C-20260822-0002").case_no == "C-20260822-0002"
        assert handoffs.claim(three[1], "A2001").case_no == "C-20260822-0002"


@pytest.mark.parametrize(
    "words", ["取消排队", "不排了", "不等了。", " 退出排队！", "返回机器人", "回到机器人", "找机器人", "不用人工了"]
)
async def test_the_borrower_leaves_the_queue_by_saying_so(stack: Stack, three: list[str], words: str) -> None:
    stack.request_human(three[0])
    asked = len(stack.rasa.asked)
    (answer,) = await stack.say(words, message_id="m-1")
    assert "退出人工排队" in answer["text"]
    assert answer["buttons"] == [{"title": "再转人工", "payload": "/request_human"}]
    assert (stack.conversation().owner, len(stack.rasa.asked)) == ("bot", asked)
    assert await stack.say(words, message_id="m-1") == [answer]
    assert len([row for row in stack.log(three[0]) if "退出人工排队" in (row.text or "")]) == 1
    with stack.database.transaction() as session:
        assert HandoffService(session, stack.clock, stack.runtime.texts).queue_length() == 0
    assert (await stack.say("在吗"))[0]["text"] == "听到：在吗"


@pytest.mark.parametrize("words", ["/ask_contact_channel", "怎么取消排队", "我不等了你们快点"])
async def test_other_words_do_not_leave_the_queue(stack: Stack, three: list[str], words: str) -> None:
    stack.request_human(three[0])
    (answer,) = await stack.say(words)
    assert answer["custom"]["state"] == "queued"
    assert stack.conversation().owner == "queue"


async def test_outside_the_queue_these_words_are_ordinary(stack: Stack, three: list[str]) -> None:
    assert (await stack.say("不等了"))[0]["text"] == "听到：不等了"
    stack.request_human(three[0])
    with stack.database.transaction() as session:
        HandoffService(session, stack.clock, stack.runtime.texts).claim(three[0], "A2001")
    assert await stack.say("不等了") == []
    assert stack.conversation().owner == "agent"
