"""Whoever waits for a human sees their place as it is now, whoever was served or left before them, in whatever process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.conversations.handoff import HandoffService
from bot.conversations.rasa import BotMessage
from tests.channels.test_socket import hello, widget
from tests.gateway import Stack, until


@pytest.fixture
async def third(stack: Stack) -> str:
    """The token of a visitor before whom two others wait."""
    for sender in ("u-1", "u-2"):
        await stack.say("你好", sender=sender)
        stack.request_human(stack.conversation(sender).id)
        stack.clock.advance(seconds=5)
    sender, token = await stack.visitor()
    await stack.say("你好", sender=sender, token=token)
    stack.request_human(stack.conversation(sender).id)
    return f"{sender} {token}"


def claim(stack: Stack, sender: str, agent_id: str = "A2001") -> None:
    """As another process does it: nobody is told but by the database."""
    with stack.database.transaction() as session:
        handoffs = HandoffService(session, stack.clock, stack.runtime.texts)
        handoffs.claim(stack.conversation(sender).id, agent_id)


def leave(stack: Stack, sender: str) -> None:
    with stack.database.transaction() as session:
        HandoffService(session, stack.clock, stack.runtime.texts).leave(stack.conversation(sender).id, announce=False)


async def test_a_page_of_the_log_tells_the_place_and_only_who_waits_has_one(stack: Stack, third: str) -> None:
    sender, token = third.split()
    page = await stack.read(sender, token)
    assert (page["owner"], page["queue_position"]) == ("queue", 3)
    claim(stack, "u-1")
    assert (await stack.read(sender, token, after=page["last_seq"]))["queue_position"] == 2
    claim(stack, sender, "A2002")
    page = await stack.read(sender, token)
    assert page["owner"] == "agent"
    assert "queue_position" not in page


async def test_a_long_poll_ends_when_the_place_changes(stack: Stack, third: str) -> None:
    sender, token = third.split()
    last = (await stack.read(sender, token))["last_seq"]
    for changes, place in ((claim, 2), (leave, 1)):
        waiting = asyncio.create_task(stack.read(sender, token, after=last, wait=20))
        await asyncio.sleep(1)
        assert not waiting.done()
        changes(stack, f"u-{3 - place}")
        async with asyncio.timeout(3):
            page = await waiting
        assert (page["messages"], page["queue_position"], page["last_seq"]) == ([], place, last)


async def test_a_socket_tells_the_new_place_without_a_message(stack: Stack, third: str) -> None:
    sender, token = third.split()
    async with widget(stack) as client:
        await client.say(hello(sender, token))
        frame = await client.hear()
        assert frame["queue_position"] == 3
        await until(lambda: bool(stack.runtime.gateway._watcher._places))
        claim(stack, "u-1")
        frame = await client.hear()
        assert (frame["messages"], frame["queue_position"]) == ([], 2)
        stack.request_human(stack.conversation("u-2").id, reason="asked")
        leave(stack, "u-2")
        frame = await client.hear()
        assert (frame["messages"], frame["queue_position"]) == ([], 1)


async def test_who_is_passed_on_is_told_where_they_really_stand(stack: Stack, third: str) -> None:
    sender, token = third.split()
    claim(stack, sender)
    stack.request_human(stack.conversation("u-1").id, reason="fraud", priority=5)
    stack.request_human(stack.conversation("u-2").id, reason="distress", priority=10)
    with stack.database.transaction() as session:
        handoff = HandoffService(session, stack.clock, stack.runtime.texts).transfer(stack.conversation(sender).id, "A2001")
    page = await stack.read(sender, token)
    told = page["messages"][-1]
    assert (page["queue_position"], told["custom"]) == (3, handoff.card())
    assert "第3位" in told["text"]
    assert "最前面" not in told["text"]


async def test_who_was_left_alone_is_told_where_they_stand(stack: Stack, third: str) -> None:
    sender, token = third.split()
    claim(stack, sender)
    with stack.database.transaction() as session:
        HandoffService(session, stack.clock, stack.runtime.texts).requeue(stack.conversation(sender).id, "A2001", priority=2)
    told = (await stack.read(sender, token))["messages"][-1]
    assert "第1位" in told["text"]
    assert told["custom"]["position"] == 1


async def test_nobody_is_woken_by_who_joins_behind_them(stack: Stack, third: str) -> None:
    sender, token = third.split()
    last = (await stack.read(sender, token))["last_seq"]
    waiting = asyncio.create_task(stack.read(sender, token, after=last, wait=2.5))
    await asyncio.sleep(1)

    async def hand_over(conversation_id: str, *_: Any) -> list[BotMessage]:
        stack.request_human(conversation_id)
        return [BotMessage("好的")]

    stack.rasa.answer = hand_over
    await stack.say("转人工", sender="u-9")
    await asyncio.sleep(1)
    assert not waiting.done()
    assert (await waiting)["queue_position"] == 3
