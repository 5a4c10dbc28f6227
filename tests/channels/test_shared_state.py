"""What replicas share of a platform: values, leases, one token for all; and listeners, which begin again when they break."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

import bot.channels.push
from bot.channels.access_token import AccessTokens, Granted
from bot.channels.connector import Callback, Connector, Kit, Received, Sink
from bot.channels.state import SharedState, leased
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.inbox.port import InboundMessage
from bot.conversations.outbox.port import Capabilities, OutgoingMessage, SendResult
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from tests.gateway import FakeRasa, Stack, running, until

MINUTE = timedelta(minutes=1)


def kit_of(database: Database, clock: FixedClock) -> Kit:
    return Kit(Settings(), clock, database)


# ── values and leases
def test_a_value_is_there_until_it_expires(each_database: Database) -> None:
    clock = FixedClock()
    with each_database.transaction() as session:
        shared = SharedState(session, clock, "wecom")
        assert shared.get("cursor:kf1") is None
        shared.put("cursor:kf1", "a")
        shared.put("token", "t", clock.now() + MINUTE)
        SharedState(session, clock, "wechat").put("cursor:kf1", "another channel's")
    clock.advance(minutes=1)
    with each_database.transaction() as session:
        shared = SharedState(session, clock, "wecom")
        assert (shared.get("cursor:kf1"), shared.lock("cursor:kf1"), shared.get("token")) == ("a", "a", None)
        assert (shared.keys("cursor:"), shared.keys("cursor%")) == (["cursor:kf1"], [])


def test_what_is_rolled_back_was_never_put(each_database: Database) -> None:
    clock = FixedClock()
    with each_database.transaction() as session:
        SharedState(session, clock, "wecom").put("cursor", "lost")
        session.rollback()
    with each_database.transaction() as session:
        assert SharedState(session, clock, "wecom").get("cursor") is None


def test_one_holder_at_a_time_and_a_dead_one_is_followed(each_database: Database) -> None:
    clock = FixedClock()
    with (
        leased(each_database, clock, "wecom", "kf1", MINUTE) as first,
        leased(each_database, clock, "wecom", "kf1", MINUTE) as second,
    ):
        assert (first, second) == (True, False)
    with leased(each_database, clock, "wecom", "kf1", MINUTE) as again:
        assert again
        clock.advance(minutes=1)
        with leased(each_database, clock, "wecom", "kf1", MINUTE) as follower:
            assert follower


# ── one access token for all
class Platform:
    """Grants t1, t2, …"""

    def __init__(self) -> None:
        self.granted = 0
        self.gate = threading.Event()
        self.gate.set()

    def grant(self) -> Granted:
        self.gate.wait(10)
        self.granted += 1
        return Granted(f"t{self.granted}", timedelta(hours=2))


def test_many_replicas_fetch_one_token(each_database: Database) -> None:
    clock, platform = FixedClock(), Platform()
    platform.gate.clear()
    replicas = [AccessTokens(kit_of(each_database, clock), "wechat", platform.grant) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(replica.token) for replica in replicas]
        platform.gate.set()
        assert {each.result(timeout=30) for each in waiting} == {"t1"}
    assert platform.granted == 1


def test_a_token_is_replaced_before_its_end_and_when_it_is_refused(each_database: Database) -> None:
    clock, platform = FixedClock(), Platform()
    tokens = AccessTokens(kit_of(each_database, clock), "wechat", platform.grant)
    assert tokens.token() == "t1"
    clock.advance(hours=1, minutes=54)
    assert tokens.token() == "t1"
    clock.advance(minutes=1)
    assert tokens.token() == "t2"
    tokens.drop("t1")
    assert tokens.token() == "t2", "somebody else had replaced the refused one"
    tokens.drop("t2")
    assert tokens.token() == "t3"


def test_a_failed_fetch_is_the_callers_and_the_next_one_tries_again(each_database: Database) -> None:
    answers: list[Any] = [ConnectionError("away"), Granted("t1", timedelta(hours=2))]

    def fetch() -> Granted:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    tokens = AccessTokens(kit_of(each_database, FixedClock()), "wechat", fetch)
    with pytest.raises(ConnectionError):
        tokens.token()
    assert tokens.token() == "t1"


# ── a connector that gets its messages by itself
class Stream:
    """A ``Connector`` and ``Listener``: what is put into ``pages`` arrives, an exception breaks the connection."""

    name = "webhook"  # a name that the settings know
    max_bytes = 1000
    description = None
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.pages: list[Received | Exception] = []
        self.begun = 0
        self.ended = threading.Event()
        self.sent: list[tuple[str, str | None]] = []

    def verify(self, callback: Callback) -> None: ...

    def parse(self, callback: Callback) -> Received:
        return Received()

    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        self.sent.append((address, message.text))
        return SendResult("taken", platform_id=message.id)

    def close(self) -> None: ...

    def listen(self, sink: Sink, stopping: threading.Event) -> None:
        self.begun += 1
        while not stopping.wait(0.01):
            if self.pages:
                page = self.pages.pop(0)
                if isinstance(page, Exception):
                    raise page
                sink.store(page)
        self.ended.set()


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    made = Stream()

    def connectors(_settings: Settings, _kit: Kit) -> Mapping[str, Connector]:
        return {made.name: made}

    monkeypatch.setattr("bot.app.connectors", connectors)
    monkeypatch.setattr(bot.channels.push, "AGAIN_SECONDS", 0.01)
    return made


@pytest.fixture
async def listening_stack(stream: Stream, gateway_settings: Settings, process_logging: None) -> AsyncIterator[Stack]:
    async with running(gateway_settings, FixedClock(), FakeRasa()) as stack:
        yield stack
    assert await asyncio.to_thread(stream.ended.wait, 10), "a listener ends with the process"


def written(number: str, text: str) -> InboundMessage:
    return InboundMessage(number, "u-1", "text", text)


async def test_what_a_listener_gets_is_answered_once_and_a_break_loses_nothing(listening_stack: Stack, stream: Stream) -> None:
    def remember(session: Any) -> None:
        SharedState(session, listening_stack.clock, "webhook").put("cursor", "2")

    stream.pages += [
        Received([written("1", "一")]),
        ConnectionError("away"),
        Received([written("1", "一"), written("2", "二")], also=remember),
    ]
    await until(lambda: len(stream.sent) == 2, 20)
    assert stream.sent == [("u-1", "听到：一"), ("u-1", "听到：二")]
    assert stream.begun == 2
    with listening_stack.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(InboxMessage)) == 2
        assert SharedState(session, listening_stack.clock, "webhook").get("cursor") == "2"
