"""Tells the waiting clients of this process that a log has grown, whoever wrote it.

The database is the guarantee: ``LogWatcher`` asks it for new messages, one query for all clients, and finds what other processes
wrote (a replica, the action server, the worker). With ``REDIS_URL``, ``RedisFanout`` says it sooner; losing Redis only makes
things as slow as one look of the watcher.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from bot.conversations.locks import Wakeups

log = structlog.get_logger(__name__)

EVERYTHING = "*"
"""Who listens for this key hears of every conversation: the desk."""
CHANNEL = "suixing:log-grown"
LOOK_BACK = 500
"""So many ids are looked at again: they are given out before they are committed, so an older one may appear after a newer one."""
_RECONNECT_SECONDS = 2.0

Grown = Callable[[int], Awaitable[Sequence[tuple[int, str]]]]
"""Messages with a larger id: (id, conversation id), oldest first. An empty conversation id: whoever waits has been told."""


Queue = Callable[[], Awaitable[Sequence[str]]]
"""The conversations that wait for a human, the next one first."""


class Fanout(Protocol):
    """What a process does so that the others hear of its messages."""

    def publish(self, conversation_id: str) -> None: ...

    async def run(self) -> None:
        """Until it is cancelled."""
        ...


class NoFanout:
    """One process, or several that only look into the database."""

    def publish(self, conversation_id: str) -> None:
        """The watchers will see it."""

    async def run(self) -> None:
        """Nothing to do."""


class LogWatcher:
    """Looks every ``pause`` seconds; nothing is asked while nobody waits.

    Who waits for a human is woken as well when their place in the ``queue`` has changed: whoever was served, or left, has a log
    of their own.
    """

    def __init__(self, grown: Grown, wakeups: Wakeups, pause: float, queue: Queue | None = None) -> None:
        self._grown = grown
        self._wakeups = wakeups
        self._pause = pause
        self._queue = queue
        self._head: int | None = None
        self._seen: set[int] = set()
        self._places: dict[str, int] = {}

    async def run(self) -> None:
        """Until it is cancelled. A database that does not answer is asked again."""
        while True:
            with suppress(SQLAlchemyError):  # the request boundary reports what is broken; here we only try again
                if len(self._wakeups):
                    await self.look()
                    await self.look_at_queue()
                else:
                    self._head = None
            await asyncio.sleep(self._pause)

    async def look(self) -> None:
        """Wakes whoever waits for a conversation with new messages. The first look only learns where the log ends."""
        first = self._head is None
        rows = await self._grown(-1 if self._head is None else max(0, self._head - LOOK_BACK))
        new = [(number, conversation_id) for number, conversation_id in rows if number not in self._seen]
        self._head = max([self._head or 0, *(number for number, _ in rows)])
        self._seen = {number for number, _ in rows if number > self._head - LOOK_BACK}
        if first:
            self._wakeups.notify_all()  # somebody began to wait before we knew the end
            return
        grown = {conversation_id for _, conversation_id in new if conversation_id}
        for conversation_id in grown:
            self._wakeups.notify(conversation_id)
        if grown:
            self._wakeups.notify(EVERYTHING)

    async def look_at_queue(self) -> None:
        """Wakes whoever has another place than at the last look. Who has just joined, or left, was told by a message."""
        if self._queue is None:
            return
        before, self._places = self._places, {number: place for place, number in enumerate(await self._queue())}
        for conversation_id, place in self._places.items():
            if before.get(conversation_id, place) != place:
                self._wakeups.notify(conversation_id)


class RedisFanout:
    """Publishes and listens on one channel. What is lost is found by the watcher."""

    def __init__(self, url: str, wakeups: Wakeups) -> None:
        self._redis: Redis = Redis.from_url(url, socket_connect_timeout=2)
        self._wakeups = wakeups
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(maxsize=10_000)

    def publish(self, conversation_id: str) -> None:
        with suppress(asyncio.QueueFull):  # Redis is down; the watchers see it
            self._outgoing.put_nowait(conversation_id)

    async def run(self) -> None:
        try:
            await asyncio.gather(self._forever("publish", self._send), self._forever("listen", self._listen))
        finally:
            with suppress(RedisError):
                await self._redis.aclose()

    async def _forever(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (RedisError, OSError) as error:
                log.warning("redis_unavailable", doing=name, reason=str(error))
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _send(self) -> None:
        while True:
            await self._redis.publish(CHANNEL, await self._outgoing.get())

    async def _listen(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(CHANNEL)
            async for message in pubsub.listen():
                if message["type"] == "message":
                    self._wakeups.notify(message["data"].decode("ascii", "replace"))
                    self._wakeups.notify(EVERYTHING)


def make_fanout(redis_url: str | None, wakeups: Wakeups) -> Fanout:
    return RedisFanout(redis_url, wakeups) if redis_url else NoFanout()
