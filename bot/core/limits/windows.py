"""Sliding windows in the three places where they may be kept: this process, the database, Redis.

Exact: within no window of the rule's length are there more hits than it allows. What is refused is not counted, so whoever keeps
trying gets in as soon as the window has moved on.

Kept libraries were looked at: limits 5.8 (and slowapi on top of it) reads the wall clock instead of ours, has no SQL storage, and
when Redis is lost either fails or asks it again for every request.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from anyio import to_thread
from redis.asyncio import Redis
from sqlalchemy.orm import Session

from bot.core.database import Database
from bot.core.limits.repository import RateRepository

T = TypeVar("T")


class Full(Exception):
    """The window is full. ``free_at``: when the oldest hit in it leaves."""

    def __init__(self, free_at: datetime) -> None:
        super().__init__("the window is full")
        self.free_at = free_at


class Windows(Protocol):
    async def hit(self, key: str, most: int, window: timedelta, now: datetime) -> str:
        """Counts one; gives what ``forgive`` takes. Raises ``Full``."""

    async def forgive(self, key: str, hit: str) -> None:
        """Takes the hit back."""


class ProcessWindows:
    """Of this process. At most ``max_keys`` are kept: then those that were used longest ago are forgotten."""

    def __init__(self, max_keys: int = 50_000) -> None:
        self._hits: OrderedDict[str, deque[tuple[datetime, str]]] = OrderedDict()
        self._max_keys = max_keys
        self._lock = threading.Lock()
        self._number = 0

    def take(self, key: str, most: int, window: timedelta, now: datetime) -> str:
        """As ``Windows.hit``, without waiting."""
        with self._lock:
            hits = self._hits.setdefault(key, deque())
            self._hits.move_to_end(key)
            while hits and hits[0][0] <= now - window:
                hits.popleft()
            if len(hits) >= most:
                raise Full(hits[len(hits) - most][0] + window)
            self._number += 1
            hits.append((now, str(self._number)))
            if len(self._hits) > self._max_keys:
                self._hits.popitem(last=False)
            return str(self._number)

    async def hit(self, key: str, most: int, window: timedelta, now: datetime) -> str:
        return self.take(key, most, window, now)

    async def forgive(self, key: str, hit: str) -> None:
        with self._lock:
            hits = self._hits.get(key, deque())
            for entry in hits:
                if entry[1] == hit:
                    hits.remove(entry)
                    return


def hit_in(session: Session, key: str, most: int, window: timedelta, now: datetime) -> str:
    """As ``Windows.hit``, in the caller's transaction: rolled back with it."""
    repository = RateRepository(session)
    repository.take_turns(key)
    nth_last = repository.nth_last(key, most)
    if nth_last is not None and nth_last > now - window:
        raise Full(nth_last + window)
    return str(repository.add(key, now))


class DatabaseWindows:
    """Of all processes on one database. Old hits are deleted by the worker (cleanup.py)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hit(self, key: str, most: int, window: timedelta, now: datetime) -> str:
        return await self._transaction(lambda session: hit_in(session, key, most, window, now))

    async def forgive(self, key: str, hit: str) -> None:
        await self._transaction(lambda session: RateRepository(session).remove(int(hit)))

    async def _transaction(self, work: Callable[[Session], T]) -> T:
        def run() -> T:
            with self._database.transaction() as session:
                return work(session)

        return await to_thread.run_sync(run)


_HIT = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  return redis.call('ZRANGE', KEYS[1], -tonumber(ARGV[3]), -tonumber(ARGV[3]), 'WITHSCORES')[2]
end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return false
"""
"""KEYS: the window. ARGV: now and the window's length in milliseconds, how many it holds, a name for this hit."""


class RedisWindows:
    """Of all processes on one Redis. Raises ``RedisError`` or ``OSError`` when it does not answer within ``seconds``."""

    def __init__(self, url: str, seconds: float = 0.25) -> None:
        self._redis: Redis = Redis.from_url(url, socket_connect_timeout=seconds, socket_timeout=seconds)

    async def hit(self, key: str, most: int, window: timedelta, now: datetime) -> str:
        milliseconds, length = int(now.timestamp() * 1000), int(window.total_seconds() * 1000)
        name = secrets.token_hex(8)
        arguments = [str(value) for value in (milliseconds, length, most, name)]
        answer = await self._redis.eval(_HIT, 1, _redis_key(key), *arguments)
        if answer is not None:
            raise Full(datetime.fromtimestamp(float(answer) / 1000, now.tzinfo) + window)
        return name

    async def forgive(self, key: str, hit: str) -> None:
        await self._redis.zrem(_redis_key(key), hit)

    async def aclose(self) -> None:
        await self._redis.aclose()


def _redis_key(key: str) -> str:
    return f"suixing:rate:{key}"
