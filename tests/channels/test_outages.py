"""A platform that hangs holds up its own messages only."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests import integrator, wechat
from tests.gateway import FakeRasa, Stack, listening, running

AT_ONCE = 5.0
"""Seconds; one call of the platform that hangs takes as many, and five people wait for it."""


@pytest.fixture
def hanging() -> Iterator[socket.socket]:
    """A server that lets everybody in and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def write_to(stack: Stack, channel: str, address: str) -> None:
    with stack.database.transaction() as session:
        conversation = ConversationService(session, stack.clock).open(channel, address, "")
        ConversationRepository(session).append(
            conversation.id, stack.clock.now(), direction="out", author="bot", text="您好", state="queued"
        )


async def test_a_platform_that_hangs_does_not_hold_up_the_messages_of_another(
    gateway_settings: Settings, process_logging: None, hanging: socket.socket
) -> None:
    clock, rasa = FixedClock(), FakeRasa()
    url = f"http://127.0.0.1:{hanging.getsockname()[1]}/"
    with wechat.serving(clock) as platform:
        both = (integrator.with_webhook(gateway_settings, url), wechat.with_wechat(gateway_settings, platform.url))
        channels = {name: options for each in both for name, options in each.channels.items()}
        async with (
            running(gateway_settings.model_copy(update={"channels": channels}), clock, rasa) as stack,
            listening(stack.app) as address,
            httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as client,
        ):
            for number in range(5):
                write_to(stack, "webhook", f"wx-{number}")
            hanging.settimeout(10)
            calling, _ = await asyncio.to_thread(hanging.accept)
            with calling:
                began = time.monotonic()
                assert await wechat.Connected(stack, platform, client).say("在吗") == ["听到：在吗"]
                assert time.monotonic() - began < AT_ONCE
                hanging.close()  # else the end of the process waits for its calls
