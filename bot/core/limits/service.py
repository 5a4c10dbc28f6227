"""``Limits``: asked before something is done that one person, or one address, may do only so often."""

from __future__ import annotations

import hmac
import ipaddress
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.limits.rules import LimitReached, Rule, Rules, Subject
from bot.core.limits.windows import DatabaseWindows, Full, ProcessWindows, RedisWindows, Windows, hit_in
from bot.core.origin import origin
from bot.core.settings import Settings

log = structlog.get_logger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 5.0
"""After Redis did not answer it is left alone for so long; meanwhile each process counts for itself."""


@dataclass(frozen=True)
class Hit:
    """What was counted, to be forgiven where it was."""

    windows: Windows
    key: str
    number: str


class Limits:
    """Redis when it is configured, else the database. Without Redis neither is everybody let through nor everybody refused."""

    def __init__(self, settings: Settings, clock: Clock, database: Database) -> None:
        self.rules = Rules.of(settings)
        self._clock = clock
        self._key = settings.signing_key().encode()
        self._process = ProcessWindows()
        self._database = DatabaseWindows(database)
        self._redis = RedisWindows(settings.redis_url) if settings.redis_url else None
        self._redis_from = 0.0

    async def take(self, rule: Rule, subject: Subject) -> Hit:
        """Counts one for all processes. Raises ``LimitReached``."""
        key, now = key_of(self._key, rule, subject), self._clock.now()

        async def hit(windows: Windows) -> Hit:
            return Hit(windows, key, await windows.hit(key, rule.most, rule.window, now))

        try:
            return await self._somewhere(hit)
        except Full as full:
            raise self._reached(rule, subject, full) from full

    def take_here(self, rule: Rule, subject: Subject) -> None:
        """Counts one for this process only, which costs nothing. Raises ``LimitReached``."""
        try:
            self._process.take(key_of(self._key, rule, subject), rule.most, rule.window, self._clock.now())
        except Full as full:
            raise self._reached(rule, subject, full) from full

    @asynccontextmanager
    async def failures_only(self, rule: Rule, subject: Subject) -> AsyncIterator[None]:
        """Around something that is limited only as far as it fails. Counted before, so that tries at once gain nothing.

        Raises ``LimitReached``.
        """
        hit = await self.take(rule, subject)
        yield
        await self._forgive(hit)

    async def aclose(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def _somewhere(self, work: Callable[[Windows], Awaitable[T]]) -> T:
        if self._redis is None:
            return await work(self._database)
        if time.monotonic() >= self._redis_from:
            try:
                return await work(self._redis)
            except (RedisError, OSError) as error:
                self._redis_lost(error)
        return await work(self._process)

    async def _forgive(self, hit: Hit) -> None:
        try:
            await hit.windows.forgive(hit.key, hit.number)
        except (RedisError, OSError) as error:  # one success too many is counted until the window has passed
            self._redis_lost(error)

    def _redis_lost(self, error: Exception) -> None:
        self._redis_from = time.monotonic() + RETRY_SECONDS
        log.warning("redis_unavailable", doing="limits", reason=str(error))

    def _reached(self, rule: Rule, subject: Subject, full: Full) -> LimitReached:
        log.warning("limit_reached", rule=rule.name, per=subject.per)
        return reached(rule, subject, full, self._clock.now())


def take_in(session: Session, settings: Settings, now: datetime, rule: Rule, subject: Subject) -> None:
    """Counts one in the caller's transaction, which a refusal rolls back. Raises ``LimitReached``."""
    try:
        hit_in(session, key_of(settings.signing_key().encode(), rule, subject), rule.most, rule.window, now)
    except Full as full:
        raise reached(rule, subject, full, now) from full


def reached(rule: Rule, subject: Subject, full: Full, now: datetime) -> LimitReached:
    return LimitReached(rule, subject, max(1, math.ceil((full.free_at - now).total_seconds())))


def key_of(key: bytes, rule: Rule, subject: Subject) -> str:
    """Keyed: an address or a customer cannot be found again from what is stored."""
    return hmac.new(key, f"rate:{rule.name}:{subject.per}:{subject.identifier}".encode(), "sha256").hexdigest()[:48]


def this_address() -> Subject:
    """Where the present request comes from. Of IPv6 it is the /64 network, in which one household or phone has every address."""
    given = origin().address or "unknown"
    try:
        address = ipaddress.ip_address(given)
    except ValueError:
        return Subject("address", given)
    if isinstance(address, ipaddress.IPv6Address):
        return Subject("address", str(ipaddress.ip_network((address, 64), strict=False)))
    return Subject("address", given)
