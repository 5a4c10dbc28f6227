"""A human who takes over while Rasa works: the bot does not speak beside them, and what it has done is still told."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from bot.conversations.handoff import HandoffService
from bot.conversations.models import Conversation
from bot.conversations.rasa import BotMessage, RasaTimeout
from bot.conversations.turns import Inbound, TurnService
from tests.gateway import Stack

QUEUED = BotMessage("正在为您转人工，您现在排在第1位", custom={"type": "answer", "intent": "request_human"})
PLACE = BotMessage(custom={"type": "handoff", "state": "queued", "position": 1, "reason": "asked", "case_no": None})
PROGRESS = {"title": "看进度", "payload": "/ask_complaint_progress"}
OPENED = BotMessage("已经立案，编号C-1", (PROGRESS,), {"type": "case", "case_no": "C-1"})
CODE = BotMessage("验证码已经发出", custom={"type": "step_up_required"})


def claimed_meanwhile(stack: Stack, *answer: BotMessage) -> Any:
    """Rasa's action hands over, and before its answer is stored an agent takes the conversation."""

    async def hand_over(sender: str, _message: str, _metadata: dict[str, Any]) -> list[BotMessage]:
        stack.request_human(sender)
        with stack.database.transaction() as session:
            HandoffService(session, stack.clock, stack.runtime.texts).claim(sender, "A2001", agent_name="小林")
        if not answer:
            raise RasaTimeout("slow")
        return list(answer)

    return hand_over


def told(stack: Stack) -> list[tuple[int, str, str | None]]:
    """What stands in the log after the agent's arrival."""
    log = [(row.seq, row.author, row.text) for row in stack.log(stack.conversation().id)]
    arrived = next(place for place, row in enumerate(log) if "人工客服小林来了" in (row[2] or ""))
    return log[arrived + 1 :]


async def test_the_place_in_a_queue_that_was_left_is_not_told(stack: Stack) -> None:
    stack.rasa.answer = claimed_meanwhile(stack, QUEUED, PLACE)
    assert await stack.say("转人工", message_id="m-1") == []
    assert (stack.conversation().owner, told(stack)) == ("agent", [])
    assert await stack.say("转人工", message_id="m-1") == []
    assert await stack.say("在吗") == []
    assert [row.seq for row in stack.log(stack.conversation().id)] == [1, 2, 3, 4], "no gap in the log"


async def test_what_was_done_is_told_in_the_systems_name_and_without_buttons(stack: Stack) -> None:
    stack.rasa.answer = claimed_meanwhile(stack, OPENED, CODE, QUEUED, PLACE)
    (answer,) = await stack.say("我被骗了", message_id="m-1")
    assert answer == {"recipient_id": "u-1", "text": "已经立案，编号C-1", "custom": {"type": "case", "case_no": "C-1"}}
    assert told(stack) == [(4, "system", "已经立案，编号C-1")]
    assert await stack.say("我被骗了", message_id="m-1") == [answer]


async def test_while_the_borrower_only_waits_the_bot_says_where_they_stand(stack: Stack) -> None:
    async def hand_over(sender: str, _message: str, _metadata: dict[str, Any]) -> list[BotMessage]:
        stack.request_human(sender)
        return [QUEUED, PLACE]

    stack.rasa.answer = hand_over
    assert len(await stack.say("转人工")) == 2
    assert [row.author for row in stack.log(stack.conversation().id)] == ["borrower", "system", "bot", "bot"]


async def test_when_rasa_fails_the_human_who_has_come_answers(stack: Stack) -> None:
    stack.rasa.answer = claimed_meanwhile(stack)
    assert await stack.say("转人工", message_id="m-1") == []
    log = stack.log(stack.conversation().id)
    assert (told(stack), log[0].state, log[0].failure) == ([], "received", "timeout")
    assert await stack.say("转人工", message_id="m-1") == []
    assert len(stack.rasa.asked) == 1
    with stack.database.transaction() as session:
        HandoffService(session, stack.clock, stack.runtime.texts).reply(stack.conversation().id, "A2001", "您好")
    assert stack.log(stack.conversation().id)[0].state == "answered"


@pytest.mark.parametrize("late", [False, True], ids=["in time", "after the turn ran out"])
async def test_a_late_turn_is_as_silent(stack: Stack, late: bool) -> None:
    with stack.database.transaction() as session:
        turns = TurnService(session, stack.clock, stack.settings, stack.runtime.texts)
        ticket = turns.begin(Inbound("rest", "u-1", "转人工"), "replica").ticket
        assert ticket is not None
    await claimed_meanwhile(stack, PLACE)(ticket.conversation_id, "", {})
    if late:
        with stack.database.transaction() as session:
            session.execute(update(Conversation).values(turn_holder=None, turn_until=None))
    with stack.database.transaction() as session:
        turns = TurnService(session, stack.clock, stack.settings, stack.runtime.texts)
        assert turns.complete(ticket, [QUEUED, PLACE]) == ()
    assert told(stack) == []
