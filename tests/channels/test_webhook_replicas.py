"""Two web processes and a worker on one PostgreSQL: one delivery of a message counts, whoever gets it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.audit.service import audited
from bot.channels.connector import Kit
from bot.channels.media import Media
from bot.channels.push import InboxJob
from bot.channels.registry import connectors
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.inbox.port import InboundMessage
from bot.conversations.inbox.processor import InboxProcessor
from bot.conversations.inbox.service import Inbox
from bot.conversations.models import Conversation, Message
from bot.conversations.rasa import BotMessage
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.loans.backends import EmbeddedBackends
from tests.conftest import postgres_database
from tests.gateway import FakeRasa, running, shipped_texts, until
from tests.integrator import Connected, connected, serving, with_webhook

TIMES = 50


async def test_fifty_deliveries_at_once_to_two_processes_are_one_message_and_one_answer(
    postgres_template: str, gateway_settings: Settings, process_logging: None
) -> None:
    clock, rasa = FixedClock(), FakeRasa()
    with postgres_database(postgres_template) as database, serving(clock) as integrator:
        url = database.engine.url.render_as_string(hide_password=False)
        settings = gateway_settings.model_copy(update={"database_url": url})
        async with (
            connected(settings, clock, rasa, integrator) as first,
            connected(settings, clock, rasa, integrator) as second,
        ):
            body = json.dumps({"messages": [{"message_id": "m", "sender": "wx-1", "text": "扣款失败"}]}).encode()
            caught = integrator.headers(body)

            async def deliver(number: int, platform: Connected) -> int:
                headers = integrator.headers(body) if number % 2 else caught
                return (await platform.post(body, headers)).status_code

            platforms = [first, second]
            statuses = await asyncio.gather(*(deliver(number, platforms[number // 2 % 2]) for number in range(TIMES)))
            assert sorted(statuses) == [200] * (TIMES // 2 + 1) + [409] * (TIMES // 2 - 1)
            await until(lambda: integrator.texts() == ["听到：扣款失败"], 10)
            await first.say("再见")
        assert integrator.texts() == ["听到：扣款失败", "听到：再见"]
        assert rasa.texts == ["扣款失败", "再见"]
        with database.transaction() as session:
            counts = [session.scalar(select(func.count()).select_from(table)) for table in (Conversation, Message, InboxMessage)]
        assert counts == [1, 4, 2]


async def test_two_processes_keep_the_order_of_every_account(
    postgres_template: str, gateway_settings: Settings, process_logging: None
) -> None:
    clock, rasa = FixedClock(), FakeRasa()

    async def slowly(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        await asyncio.sleep(0.005)
        return [BotMessage(text=message)]

    rasa.answer = slowly
    with postgres_database(postgres_template) as database, serving(clock) as integrator:
        url = database.engine.url.render_as_string(hide_password=False)
        settings = gateway_settings.model_copy(update={"database_url": url, "rasa_timeout_seconds": 5})
        async with (
            connected(settings, clock, rasa, integrator) as first,
            connected(settings, clock, rasa, integrator) as second,
        ):
            for number in range(10):
                for sender in ("wx-1", "wx-2", "wx-3"):
                    message = {"message_id": f"{sender}-{number}", "sender": sender, "text": str(number)}
                    assert (await (first, second)[number % 2].deliver(message)).status_code == 200
            await until(lambda: len(integrator.got) == 30, 30)
    for sender in ("wx-1", "wx-2", "wx-3"):
        assert integrator.texts(sender) == [str(number) for number in range(10)]


class Killed(BaseException):
    """``kill -9``: nothing after it runs."""


@pytest.mark.parametrize("answered", [False, True])
async def test_a_message_whose_process_died_is_finished_by_another_once(
    each_database: Database, gateway_settings: Settings, process_logging: None, answered: bool
) -> None:
    """It dies before the turn, or after it and before the message is marked."""
    clock, rasa = FixedClock(), FakeRasa()
    url = each_database.engine.url.render_as_string(hide_password=False)
    settings = with_webhook(gateway_settings.model_copy(update={"database_url": url}), "http://127.0.0.1:9/x")
    kit = Kit(settings, clock, each_database)
    async with running(settings.model_copy(update={"channels": {}}), clock, rasa) as stack:
        platforms = connectors(settings, kit)
        runtime = stack.runtime
        media = Media(settings, clock, runtime.gateway, runtime.texts, platforms, runtime.decoders)
        processor = InboxProcessor(settings, clock, runtime.gateway, runtime.loans, platforms, media)
        with stack.database.transaction() as session:
            Inbox(session, clock).store("webhook", [InboundMessage("m", "wx-1", "text", "你好")])

        async def dies(*_: Any, **__: Any) -> None:
            raise Killed

        doomed = InboxProcessor(settings, clock, runtime.gateway, runtime.loans, platforms, media)
        setattr(*((doomed, "_settle", dies) if answered else (doomed, "_gateway", _Doomed(stack.runtime.gateway))))
        with pytest.raises(Killed):
            await doomed.drain()
        assert await processor.drain() == 0, "the dead process still holds its lease"
        clock.advance(minutes=1)
        assert await processor.drain() == 1
        assert rasa.texts == ["你好"]
        assert [row.direction for row in stack.log(stack.conversation("wx-1").id)] == ["in", "out"]
        for platform in platforms.values():
            platform.close()


class _Doomed:
    """A gateway whose process dies when the turn is to begin."""

    def __init__(self, gateway: Any) -> None:
        self.transaction = gateway.transaction

    async def handle(self, _inbound: Any) -> None:
        raise Killed


def test_the_worker_takes_what_no_web_process_has_taken(database: Database, gateway_settings: Settings) -> None:
    """Its Rasa does not run here, so the borrower is told that the message is kept."""
    clock = FixedClock()
    settings = with_webhook(gateway_settings.model_copy(update={"rasa_port": 9}), "http://127.0.0.1:9/x")
    audited(database, settings)
    with database.transaction() as session:
        Inbox(session, clock).store("webhook", [InboundMessage("m", "wx-1", "text", "你好")], nonce="a-nonce-of-the-tests")
    platforms = connectors(settings, Kit(settings, clock, database))
    job = InboxJob(settings, clock, database, shipped_texts(), EmbeddedBackends(clock), platforms)
    assert job.round() == {"taken": 1, "forgotten": 0, "errors": 0}
    clock.advance(days=2)
    assert job.round() == {"taken": 0, "forgotten": 1, "errors": 0}
    with database.transaction() as session:
        texts = session.scalars(select(Message.text).order_by(Message.seq)).all()
    assert texts[0] == "你好"
    assert "没有丢" in (texts[1] or "")
    for platform in platforms.values():
        platform.close()


def test_before_its_turn_a_message_cannot_be_read_in_the_database(each_database: Database) -> None:
    """It may be a one-time code."""
    with each_database.transaction() as session:
        Inbox(session, FixedClock()).store("webhook", [InboundMessage("m", "wx-1", "text", "246810")])
    with each_database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM inbox_messages").all()
    assert len(rows) == 1
    assert "246810" not in str(rows)
