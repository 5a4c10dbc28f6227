"""Who waits is woken by what any process writes: through the database always, through Redis sooner."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import pytest
from redis import Redis
from redis.exceptions import RedisError

from bot.conversations.fanout import CHANNEL, EVERYTHING, LogWatcher, RedisFanout
from bot.conversations.locks import Wakeups
from tests.gateway import until

REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")


class Log:
    """The messages of a database, as the watcher asks for them."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, str]] = []

    async def grown(self, after_id: int) -> Sequence[tuple[int, str]]:
        if after_id < 0:
            return self.rows[-1:] or [(0, "")]
        return [row for row in self.rows if row[0] > after_id]


async def test_the_watcher_wakes_those_whose_conversation_has_grown_and_no_others() -> None:
    log, wakeups = Log(), Wakeups()
    watcher = LogWatcher(log.grown, wakeups, pause=60)
    log.rows = [(7, "old")]
    await watcher.look()
    with wakeups.listen("a") as a, wakeups.listen("b") as b, wakeups.listen(EVERYTHING) as everything:
        log.rows.append((8, "a"))
        await watcher.look()
        assert (a.is_set(), b.is_set(), everything.is_set()) == (True, False, True)
        a.clear()
        everything.clear()
        await watcher.look()
        assert not a.is_set(), "told once"
        assert not everything.is_set()


async def test_a_message_committed_late_with_an_earlier_id_is_not_missed() -> None:
    log, wakeups = Log(), Wakeups()
    watcher = LogWatcher(log.grown, wakeups, pause=60)
    await watcher.look()
    log.rows = [(12, "a")]
    await watcher.look()
    with wakeups.listen("b") as b:
        log.rows = [(11, "b"), (12, "a")]
        await watcher.look()
        assert b.is_set()


async def test_nothing_is_asked_while_nobody_waits() -> None:
    log, wakeups, asked = Log(), Wakeups(), 0

    async def grown(after_id: int) -> Sequence[tuple[int, str]]:
        nonlocal asked
        asked += 1
        return await log.grown(after_id)

    running = asyncio.create_task(LogWatcher(grown, wakeups, pause=0.001).run())
    await asyncio.sleep(0.05)
    assert asked == 0
    with wakeups.listen("a") as a:
        await until(lambda: asked > 1)
        log.rows.append((1, "a"))
        await until(a.is_set)
    running.cancel()


@pytest.fixture
def redis() -> Redis:
    client = Redis.from_url(REDIS_URL, socket_connect_timeout=1)
    try:
        client.ping()
    except RedisError as error:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"Redis does not answer at {REDIS_URL}: {error}")
    return client


async def test_redis_tells_the_other_processes_and_coming_back_it_tells_again(redis: Redis) -> None:
    here, there = Wakeups(), Wakeups()
    fanouts = [RedisFanout(REDIS_URL, here), RedisFanout(REDIS_URL, there)]
    running = [asyncio.create_task(fanout.run()) for fanout in fanouts]

    def both_listen() -> bool:
        return redis.pubsub_numsub(CHANNEL)[0][1] >= 2

    await until(both_listen)
    with there.listen("a") as a, there.listen(EVERYTHING) as everything:
        fanouts[0].publish("a")
        await until(a.is_set)
        await until(everything.is_set)
        a.clear()
        redis.client_kill_filter(_type="pubsub")

        def told_again() -> bool:
            fanouts[0].publish("a")  # what is said while nobody listens is lost: the watcher finds that
            return a.is_set()

        await until(told_again, seconds=10)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_without_redis_publishing_neither_waits_nor_breaks() -> None:
    fanout = RedisFanout("redis://127.0.0.1:1/0", Wakeups())
    running = asyncio.create_task(fanout.run())
    for _ in range(20_000):
        fanout.publish("a")
    await asyncio.sleep(0.05)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
