"""A process that dies while it fetches or keeps a picture, and several that do it at once: one attachment, one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from anyio import CapacityLimiter
from sqlalchemy import func, select

from bot.attachments.models import AttachmentRow
from bot.channels.connector import Kit
from bot.channels.media import Media
from bot.channels.push import InboxJob
from bot.channels.registry import connectors
from bot.conversations.inbox.port import InboundMessage, Medium
from bot.conversations.inbox.processor import InboxProcessor
from bot.conversations.inbox.service import Inbox
from bot.conversations.models import Message
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.loans.backends import EmbeddedBackends
from tests.attachments import files
from tests.channels.test_webhook_replicas import Killed
from tests.gateway import FakeRasa, Stack, running, shipped_texts
from tests.wechat import WeChat, serving, with_wechat

PICTURE = InboundMessage("23000000000000001", "o-1", "media", "[图片]", medium=Medium("image", {"media_id": "img_1"}))


class Process:
    """What takes messages in one process."""

    def __init__(self, stack: Stack, settings: Settings, database: Database) -> None:
        runtime = stack.runtime
        self.platforms = connectors(settings, Kit(settings, stack.clock, database))
        self.media = Media(settings, stack.clock, runtime.gateway, runtime.texts, self.platforms, CapacityLimiter(1))
        self.inbox = InboxProcessor(settings, stack.clock, runtime.gateway, runtime.loans, self.platforms, self.media)


@contextmanager
def platform(clock: FixedClock) -> Iterator[WeChat]:
    with serving(clock) as wechat:
        wechat.shelf.files["img_1"] = files.photo()
        yield wechat


def kept(database: Database) -> tuple[int, list[str]]:
    """How many attachments, and the directions in the log."""
    with database.transaction() as session:
        count = session.scalar(select(func.count()).select_from(AttachmentRow)) or 0
        return count, list(session.scalars(select(Message.direction).order_by(Message.id)))


def dies(*_: Any, **__: Any) -> Any:
    raise Killed


@pytest.mark.parametrize("where", ["before_fetching", "after_fetching", "after_writing", "after_keeping"])
async def test_a_picture_whose_process_died_is_kept_once_by_another(
    each_database: Database, gateway_settings: Settings, process_logging: None, where: str
) -> None:
    clock = FixedClock()
    url = each_database.engine.url.render_as_string(hide_password=False)
    with platform(clock) as wechat:
        settings = with_wechat(gateway_settings.model_copy(update={"database_url": url}), wechat.url)
        async with running(settings.model_copy(update={"channels": {}}), clock, FakeRasa()) as stack:
            doomed, other = Process(stack, settings, each_database), Process(stack, settings, each_database)
            with stack.database.transaction() as session:
                Inbox(session, clock).store("wechat", [PICTURE])
            with pytest.MonkeyPatch.context() as patch:
                if where == "before_fetching":
                    patch.setattr(doomed.platforms["wechat"], "fetch", dies)
                elif where == "after_fetching":
                    patch.setattr("bot.channels.media.keep", dies)
                elif where == "after_writing":
                    patch.setattr(doomed.media, "_add", dies)
                else:
                    patch.setattr(doomed.inbox, "_settle", dies)
                with pytest.raises(Killed):
                    await doomed.inbox.drain()
            assert await other.inbox.drain() == 0, "the dead process still holds its lease"
            clock.advance(minutes=3)
            assert await other.inbox.drain() == 1
            assert kept(stack.database) == (1, ["in", "out"])
            assert len(wechat.shelf.asked) == (1 if where in ("before_fetching", "after_keeping") else 2)
            for process in (doomed, other):
                process.platforms["wechat"].close()


async def test_two_that_keep_it_at_once_keep_it_once(
    each_database: Database, gateway_settings: Settings, process_logging: None
) -> None:
    """The lease of the first ran out while it fetched."""
    clock = FixedClock()
    url = each_database.engine.url.render_as_string(hide_password=False)
    with platform(clock) as wechat:
        settings = with_wechat(gateway_settings.model_copy(update={"database_url": url}), wechat.url)
        async with running(settings.model_copy(update={"channels": {}}), clock, FakeRasa()) as stack:
            processes = [Process(stack, settings, each_database) for _ in range(4)]
            with stack.database.transaction() as session:
                Inbox(session, clock).store("wechat", [PICTURE])
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("bot.conversations.inbox.processor.MEDIUM_LEASE", -processes[0].inbox._lease)
                await asyncio.gather(*(process.inbox.drain() for process in processes))
            assert kept(stack.database) == (1, ["in", "out"])
            for process in processes:
                process.platforms["wechat"].close()


def test_the_worker_keeps_what_no_web_process_has_taken(database: Database, gateway_settings: Settings) -> None:
    clock = FixedClock()
    with platform(clock) as wechat:
        settings = with_wechat(gateway_settings, wechat.url)
        with database.transaction() as session:
            Inbox(session, clock).store("wechat", [PICTURE])
        platforms = connectors(settings, Kit(settings, clock, database))
        job = InboxJob(settings, clock, database, shipped_texts(), EmbeddedBackends(clock), platforms)
        assert job.round() == {"taken": 1, "forgotten": 0, "errors": 0}
        platforms["wechat"].close()
    assert kept(database) == (1, ["in", "out"])
