"""Sliding windows: exact in each of the three places, and shared where they say so."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.limits.cleanup import OldHits
from bot.core.limits.models import RateHit
from bot.core.limits.rules import LimitReached, Rule, Subject
from bot.core.limits.service import Limits, this_address
from bot.core.limits.windows import DatabaseWindows, Full, ProcessWindows, RedisWindows, Windows, hit_in
from bot.core.origin import Origin, coming_from
from bot.core.settings import Settings
from tests.secret import SECRET

REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
NOBODY_THERE = "redis://127.0.0.1:1/0"
MINUTE = timedelta(minutes=1)
START = FixedClock().now()

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def redis_answers() -> None:
    """Skips when no server answers, unless ``REQUIRE_SERVICES=1`` forbids that."""
    client = Redis.from_url(REDIS_URL, socket_connect_timeout=1)
    try:
        client.ping()
    except RedisError as error:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"Redis does not answer at {REDIS_URL}: {error}")
    finally:
        client.close()


@pytest.fixture(params=["process", "sqlite", "postgresql", "redis"])
async def windows(request: pytest.FixtureRequest) -> AsyncIterator[Windows]:
    match request.param:
        case "process":
            yield ProcessWindows()
        case "redis":
            redis_answers()
            redis = RedisWindows(REDIS_URL, seconds=2)
            yield redis
            await redis.aclose()
        case backend:
            database: Database = request.getfixturevalue(f"shared_{backend}_for_windows")
            yield DatabaseWindows(database)


@pytest.fixture
def shared_sqlite_for_windows(database: Database) -> Database:
    return database


@pytest.fixture
def shared_postgresql_for_windows(postgres_template: str) -> Iterator[Database]:
    from tests.conftest import postgres_database  # noqa: PLC0415

    with postgres_database(postgres_template) as database:
        yield database


async def attempt(windows: Windows, key: str, most: int, now: datetime) -> datetime | None:
    """``None`` when it was let through, else when it is worth trying again."""
    try:
        await windows.hit(key, most, MINUTE, now)
    except Full as full:
        return full.free_at
    return None


async def test_as_many_as_allowed_then_none_until_the_first_has_left(windows: Windows) -> None:
    key = secrets.token_hex(8)
    for second in (0, 10, 20):
        assert await attempt(windows, key, 3, START + timedelta(seconds=second)) is None
    free_at = START + MINUTE
    for second in (20, 59):
        assert await attempt(windows, key, 3, START + timedelta(seconds=second)) == free_at
    assert await attempt(windows, key, 3, free_at) is None
    assert await attempt(windows, key, 3, free_at) == START + timedelta(seconds=70)
    assert await attempt(windows, secrets.token_hex(8), 3, free_at) is None, "another key has a window of its own"


async def test_what_is_forgiven_does_not_count(windows: Windows) -> None:
    key = secrets.token_hex(8)
    hit = await windows.hit(key, 1, MINUTE, START)
    assert await attempt(windows, key, 1, START) is not None
    await windows.forgive(key, hit)
    assert await attempt(windows, key, 1, START) is None


async def test_tries_at_once_gain_nothing(windows: Windows) -> None:
    key = secrets.token_hex(8)
    answers = await asyncio.gather(*(attempt(windows, key, 5, START) for _ in range(15)))
    assert answers.count(None) == 5


@given(st.lists(st.integers(0, 50), min_size=1, max_size=120), st.integers(1, 6))
def test_no_window_of_any_position_holds_more_than_allowed(pauses: list[int], most: int) -> None:
    """And nobody is refused without need: a refusal means that the window before it is full."""
    windows, now = ProcessWindows(), START
    taken: list[datetime] = []
    for pause in pauses:
        now += timedelta(seconds=pause)
        recent = [each for each in taken if each > now - MINUTE]
        try:
            windows.take("key", most, MINUTE, now)
        except Full as full:
            assert (len(recent), full.free_at) == (most, recent[0] + MINUTE)  # noqa: PT017 both ways out are checked
        else:
            assert len(recent) < most
            taken.append(now)


def test_several_processes_share_the_windows_of_the_database(each_database: Database) -> None:
    """Each thread with an engine of its own, as a replica has."""

    def replica(_: int) -> bool:
        own = Database(each_database.engine.url.render_as_string(hide_password=False))
        try:
            with own.transaction() as session:
                hit_in(session, "shared", 4, MINUTE, START)
        except Full:
            return False
        finally:
            own.dispose()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(replica, range(12))) == 4


def test_a_process_forgets_the_keys_used_longest_ago() -> None:
    windows = ProcessWindows(max_keys=2)
    for key in ("a", "b", "a", "c"):
        windows.take(key, 5, MINUTE, START)
    with pytest.raises(Full):
        windows.take("a", 2, MINUTE, START)
    windows.take("b", 1, MINUTE, START)


def limits(database: Database, clock: FixedClock, redis_url: str | None = None) -> Limits:
    return Limits(Settings(secret_key=SecretStr(SECRET), redis_url=redis_url), clock, database)


RULE, WHO = Rule("tests", 2, MINUTE), Subject("customer", "C1001")


async def test_a_refusal_says_how_long_to_wait(database: Database, clock: FixedClock) -> None:
    asked = limits(database, clock)
    await asked.take(RULE, WHO)
    clock.advance(seconds=15)
    await asked.take(RULE, WHO)
    with pytest.raises(LimitReached) as refused:
        await asked.take(RULE, WHO)
    assert (refused.value.status, refused.value.code) == (429, "too_many_requests")
    assert refused.value.details == {"limit": 2, "window": 60, "per": "customer", "retry_after": 45}
    await asked.take(RULE, Subject("customer", "C1002"))
    clock.advance(seconds=45)
    await asked.take(RULE, WHO)


async def test_without_redis_neither_everybody_nor_nobody_gets_through(database: Database, clock: FixedClock) -> None:
    asked = limits(database, clock, NOBODY_THERE)
    for _ in range(2):
        await asked.take(RULE, WHO)
    with pytest.raises(LimitReached):
        await asked.take(RULE, WHO)
    with database.transaction() as session:
        assert session.query(RateHit).count() == 0, "the database is not burdened instead"
    await asked.aclose()


async def test_processes_share_what_redis_counts(database: Database, clock: FixedClock) -> None:
    redis_answers()
    first, second, who = (
        limits(database, clock, REDIS_URL),
        limits(database, clock, REDIS_URL),
        Subject("visitor", secrets.token_hex(8)),
    )
    await first.take(RULE, who)
    await second.take(RULE, who)
    for each in (first, second):
        with pytest.raises(LimitReached):
            await each.take(RULE, who)
        await each.aclose()


async def test_only_failures_stay_counted(database: Database, clock: FixedClock) -> None:
    asked = limits(database, clock)
    for _ in range(5):
        async with asked.failures_only(RULE, WHO):
            pass
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with asked.failures_only(RULE, WHO):
                raise ZeroDivisionError
    with pytest.raises(LimitReached):
        async with asked.failures_only(RULE, WHO):
            pass


async def test_whose_hits_they_are_cannot_be_read_from_the_table_and_old_ones_go(database: Database, clock: FixedClock) -> None:
    asked = limits(database, clock)
    await asked.take(RULE, WHO)
    with database.transaction() as session:
        assert "C1001" not in session.query(RateHit).one().key
    job = OldHits(database, clock, Settings(secret_key=SecretStr(SECRET)))
    assert job.round() == {"removed": 0, "errors": 0}
    clock.advance(hours=1)
    assert job.round() == {"removed": 1, "errors": 0}


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        (None, "unknown"),
        ("a unix socket", "a unix socket"),
    ],
)
def test_of_ipv6_the_network_is_counted(address: str | None, counted: str) -> None:
    with coming_from(Origin("http", address)):
        assert this_address() == Subject("address", counted)
