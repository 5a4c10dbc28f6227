"""WeCom with two web processes on one PostgreSQL: a callback counts once, a page is fetched by one, and who dies is followed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.cases.models import CaseRow
from bot.cases.service import CaseService
from bot.channels.connector import Kit
from bot.channels.state import SharedState
from bot.channels.wecom import fetching
from bot.channels.wecom.connector import make
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.models import Conversation, Message
from bot.conversations.rasa import BotMessage
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.sealing import sealer
from bot.core.settings import Settings
from tests.channels.wecom_fetcher import StoringSink
from tests.conftest import postgres_database
from tests.gateway import FakeRasa, until
from tests.wecom import KF, Connected, WeCom, connected, options, serving

TIMES = 50
STORY = "扣款失败了还收我逾期费，我要投诉"


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LOOK_SECONDS", 0.02)


@pytest.fixture
def shared(postgres_template: str) -> Iterator[Database]:
    with postgres_database(postgres_template) as database:
        yield database


def on(database: Database, settings: Settings) -> Settings:
    return settings.model_copy(update={"database_url": database.engine.url.render_as_string(hide_password=False)})


async def test_fifty_callbacks_at_once_to_two_processes_are_one_message_one_answer_and_one_case(
    shared: Database, gateway_settings: Settings, process_logging: None
) -> None:
    clock, rasa = FixedClock(), FakeRasa()
    with serving(clock) as wecom:
        settings = on(shared, gateway_settings)
        async with connected(settings, clock, rasa, wecom) as first, connected(settings, clock, rasa, wecom) as second:

            async def complains(sender: str, message: str, _metadata: Any) -> list[BotMessage]:
                with shared.transaction() as session:
                    opened = CaseService(session, clock, first.stack.runtime.loans.open(session)).open_complaint(
                        customer_id=None,
                        conversation_id=sender,
                        channel="wecom",
                        story=f"{message}（第{len(rasa.asked)}次说）",
                        callback_phone="13800000000",
                        key=f"turn-{len(rasa.asked)}",
                    )
                return [BotMessage(text=f"编号{opened.case.case_no}已经登记")]

            rasa.answer = complains
            wecom.write(STORY)
            caught = wecom.notice()

            async def deliver(number: int, platform: Connected) -> int:
                return (await platform.call_back(*(wecom.notice() if number % 2 else caught))).status_code

            platforms = [first, second]
            statuses = await asyncio.gather(*(deliver(number, platforms[number // 2 % 2]) for number in range(TIMES)))
            assert sorted(statuses) == [200] * (TIMES // 2 + 1) + [409] * (TIMES // 2 - 1)
            await until(lambda: len(wecom.got) == 1, 30)
            await first.say("再见")
        assert rasa.texts == [STORY, "再见"]
        assert len(wecom.texts()) == 2
        with shared.transaction() as session:
            tables = (Conversation, InboxMessage, Message)
            assert [session.scalar(select(func.count()).select_from(table)) for table in tables] == [1, 2, 4]
            assert [case.channel for case in session.scalars(select(CaseRow))] == ["wecom"]


async def test_two_processes_fetch_every_page_once_and_keep_the_order(
    shared: Database, gateway_settings: Settings, process_logging: None
) -> None:
    clock, rasa = FixedClock(), FakeRasa()
    others = [f"{KF}:wm{number}" for number in range(4)]
    with serving(clock, page=7) as wecom:
        settings = on(shared, gateway_settings)
        async with connected(settings, clock, rasa, wecom) as first, connected(settings, clock, rasa, wecom) as second:
            for number in range(5):
                for address in others:
                    wecom.write(str(number), address=address)
                await asyncio.gather(first.notify(), second.notify())
            await until(lambda: len(wecom.got) == 20, 60)
    for address in others:
        assert wecom.texts(address) == [f"听到：{number}" for number in range(5)]


# ── kill -9
MESSAGES = 9


def fetching_process(database: Database, wecom: WeCom, *more: str) -> subprocess.Popen[bytes]:
    url = database.engine.url.render_as_string(hide_password=False)
    return subprocess.Popen([sys.executable, "-m", "tests.channels.wecom_fetcher", url, wecom.url, *more])


def stored(database: Database) -> list[str | None]:
    """The texts in their order, unsealed; ``None`` for an event."""
    with database.transaction() as session:
        texts = session.scalars(select(InboxMessage.text).order_by(InboxMessage.id)).all()
        return [None if text is None else sealer(session).opened(text) for text in texts]


def cursor(database: Database, clock: FixedClock) -> str | None:
    with database.transaction() as session:
        return SharedState(session, clock, "wecom").get(f"cursor:{KF}")


@pytest.mark.parametrize("dies", ["before the second page", "before its commit"])
def test_a_process_that_is_killed_between_pages_loses_nothing(shared: Database, dies: str) -> None:
    clock = FixedClock()
    with serving(clock, page=3) as wecom:
        for number in range(MESSAGES):
            wecom.write(str(number))
        started: list[subprocess.Popen[bytes]] = []

        def kill() -> None:
            started[0].send_signal(signal.SIGKILL)
            started[0].wait(timeout=30)

        if dies == "before the second page":
            wecom.trouble["kf/sync_msg"] = deque([None, kill])
        started.append(fetching_process(shared, wecom, *(["2"] if dies == "before its commit" else [])))
        assert started[0].wait(timeout=60) == -signal.SIGKILL
        assert stored(shared) == ["0", "1", "2"]
        assert cursor(shared, clock) == "cursor_3"

        follow(shared, wecom, clock, lambda: False)
        assert stored(shared) == ["0", "1", "2"], "the dead process still holds its lease"
        clock.advance(seconds=31)
        follow(shared, wecom, clock, lambda: len(stored(shared)) == MESSAGES)
    assert stored(shared) == [str(number) for number in range(MESSAGES)]
    assert cursor(shared, clock) == f"cursor_{MESSAGES}"


def follow(database: Database, wecom: WeCom, clock: FixedClock, done: Callable[[], bool]) -> None:
    """Another process listens until ``done``, or has looked often enough."""
    connector: Any = make(options(wecom.url), Kit(Settings(), clock, database))
    stopping = Looks(done)
    try:
        connector.listen(StoringSink(database, clock), stopping)
    finally:
        connector.close()


class Looks(threading.Event):
    """Ends the listener after so many looks, or when there is nothing left to wait for."""

    def __init__(self, done: Callable[[], bool]) -> None:
        super().__init__()
        self._done = done
        self._left = 20

    def wait(self, timeout: float | None = None) -> bool:
        self._left -= 1
        return self._left < 0 or self._done()


def test_a_page_that_comes_again_changes_nothing(shared: Database) -> None:
    """The cursor is unknown to WeCom: three days come again."""
    clock = FixedClock()
    with serving(clock, page=4) as wecom:
        for number in range(6):
            wecom.write(str(number))
        wecom.enter(address=f"{KF}:wmX")
        wecom.notice()
        note(shared, wecom, clock)
        follow(shared, wecom, clock, lambda: len(stored(shared)) == 7)
        wecom.forgotten.add("cursor_7")
        wecom.write("6")
        note(shared, wecom, clock)
        follow(shared, wecom, clock, lambda: len(stored(shared)) == 8)
        assert [text for text in stored(shared) if text is not None] == [str(number) for number in range(7)]
        assert cursor(shared, clock) == "cursor_8"


def note(database: Database, wecom: WeCom, clock: FixedClock) -> None:
    """What the callback does."""
    connector: Any = make(options(wecom.url), Kit(Settings(), clock, database))
    with database.transaction() as session:
        connector._fetching.want(KF, next(reversed(wecom.callback_tokens)))(session)
    connector.close()


def test_a_new_installation_answers_nobody_who_wrote_long_ago(shared: Database) -> None:
    clock = FixedClock()
    with serving(clock, page=2) as wecom:
        for number in range(5):
            wecom.write(f"早{number}")
        clock.advance(hours=2)
        wecom.write("现在")
        wecom.notice()
        note(shared, wecom, clock)
        follow(shared, wecom, clock, lambda: bool(stored(shared)))
        assert stored(shared) == ["现在"]
        clock.advance(days=1)
        wecom.write("第二天")
        wecom.notice()
        note(shared, wecom, clock)
        follow(shared, wecom, clock, lambda: len(stored(shared)) == 2)
    assert stored(shared) == ["现在", "第二天"]


@pytest.mark.parametrize("trouble", [b"{", b'{"errcode": 0, "msg_list": 7}', "broken", 45009, -1, 40014, 95007])
def test_a_page_that_wecom_does_not_give_is_asked_for_again(
    shared: Database, monkeypatch: pytest.MonkeyPatch, trouble: Any
) -> None:
    clock = FixedClock()
    monkeypatch.setattr(fetching, "PAUSES", (0.0,))
    with serving(clock) as wecom:
        wecom.write("你好")
        wecom.notice()
        wecom.trouble["kf/sync_msg"] = deque([trouble, trouble])
        note(shared, wecom, clock)
        follow(shared, wecom, clock, lambda: bool(stored(shared)))
    assert stored(shared) == ["你好"]


def test_an_expired_callback_token_is_left_out(shared: Database) -> None:
    clock = FixedClock()
    with serving(clock) as wecom:
        wecom.write("你好")
        wecom.notice()
        note(shared, wecom, clock)
        clock.advance(minutes=10)
        follow(shared, wecom, clock, lambda: bool(stored(shared)))
        assert ["token" in body for path, body in wecom.calls if path == "kf/sync_msg"] == [False]


def test_two_that_fetch_the_same_page_move_the_cursor_once(shared: Database) -> None:
    """The first is so slow that its lease runs out while WeCom answers."""
    clock = FixedClock()
    with serving(clock) as wecom:
        wecom.write("你好")
        wecom.notice()
        note(shared, wecom, clock)

        def overtaken() -> None:
            clock.advance(seconds=31)
            follow(shared, wecom, clock, lambda: bool(stored(shared)))

        wecom.trouble["kf/sync_msg"] = deque([overtaken])
        follow(shared, wecom, clock, lambda: len([path for path, _ in wecom.calls if path == "kf/sync_msg"]) == 2)
    assert stored(shared) == ["你好"]
    assert cursor(shared, clock) == "cursor_1"
