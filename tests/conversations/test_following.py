"""Whoever waits for a log looks once for each wake-up, and misses nothing that comes while it looks."""

from __future__ import annotations

import asyncio

from bot.conversations.following import LogFollower
from bot.conversations.locks import Wakeups
from bot.conversations.service import EMPTY_PAGE, LogEntry, LogPage
from bot.core.clock import FixedClock
from tests.gateway import Stack, until

PERSON = ("rest", "u-1")


class Log:
    """One log of ``length`` messages; counts the looks. ``conversation_id``: none before the first message."""

    def __init__(self, wakeups: Wakeups, conversation_id: str | None = "c-1") -> None:
        self.conversation_id = conversation_id
        self.length = 0
        self.looks = 0
        self.closing = False
        self.grow_while_looking = 0
        self.wakeups = wakeups
        self.follower = LogFollower(self.look, wakeups, PERSON, lambda: self.closing)

    async def look(self, after: int) -> LogPage:
        self.looks += 1
        entries = tuple(entry(seq) for seq in range(after + 1, self.length + 1))
        conversation_id = self.conversation_id
        if self.grow_while_looking:
            self.grow_while_looking -= 1
            self.grow()
        await asyncio.sleep(0)
        return EMPTY_PAGE if conversation_id is None else LogPage(conversation_id, entries, self.length, "bot")

    def grow(self) -> None:
        self.length += 1
        self.wakeups.notify(self.conversation_id)


def entry(seq: int) -> LogEntry:
    return LogEntry(seq, seq, "bot", FixedClock().now(), "好", None, None, None, "queued")


def seqs(page: LogPage) -> list[int]:
    return [item.seq for item in page.entries]


async def test_each_wake_up_costs_one_look() -> None:
    log = Log(Wakeups())
    with log.follower as follower:
        await follower.news(0, 0)
        waiting = asyncio.create_task(follower.news(0, 60))
        await until(lambda: log.looks == 2)  # listen first, then look once more
        for seq in range(1, 11):
            log.grow()
            assert seqs(await waiting) == [seq]
            waiting = asyncio.create_task(follower.news(seq, 60))
            await asyncio.sleep(0.01)
        assert log.looks == 2 + 10
        waiting.cancel()


async def test_what_comes_while_it_looks_is_found() -> None:
    log = Log(Wakeups())
    with log.follower as follower:
        await follower.news(0, 0)
        log.grow_while_looking = 1
        async with asyncio.timeout(3):
            assert seqs(await follower.news(0, 60)) == [1]


async def test_who_has_no_conversation_yet_hears_of_the_first_message() -> None:
    log = Log(Wakeups(), conversation_id=None)
    with log.follower as follower:
        waiting = asyncio.create_task(follower.news(0, 60))
        await until(lambda: log.looks == 1)
        log.conversation_id, log.length = "c-9", 1
        log.wakeups.notify(PERSON)
        async with asyncio.timeout(3):
            assert seqs(await waiting) == [1]
        waiting = asyncio.create_task(follower.news(1, 60))
        await asyncio.sleep(0.01)
        log.grow()
        async with asyncio.timeout(3):
            assert seqs(await waiting) == [2]
    assert len(log.wakeups) == 0


async def test_an_ending_process_lets_go() -> None:
    log = Log(Wakeups())
    with log.follower as follower:
        waiting = asyncio.create_task(follower.news(0, 60))
        await until(lambda: log.looks == 2)
        log.closing = True
        log.wakeups.notify_all()
        async with asyncio.timeout(3):
            assert seqs(await waiting) == []


async def test_what_this_process_has_told_is_not_told_again_by_the_watcher(stack: Stack) -> None:
    await stack.say("一")
    gateway, conversation = stack.runtime.gateway, stack.conversation().id
    assert {key for _, key in await gateway._grown(0)} == {""}
    stack.request_human(conversation)  # another process
    assert [key for _, key in await gateway._grown(0)] == ["", "", conversation]
