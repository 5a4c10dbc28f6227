from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.desk.demo import seed_agents
from tests.gateway import FakeRasa, Stack, gateway_file, gateway_settings, process_logging, running, stack

__all__ = ["gateway_file", "gateway_settings", "process_logging", "stack"]


@pytest.fixture
async def demo(seeded: Database, gateway_settings: Settings, process_logging: None) -> AsyncIterator[Stack]:
    """The application over the demo people and their contracts."""
    settings = gateway_settings.model_copy(update={"database_url": str(seeded.engine.url)})
    with seeded.transaction() as session:
        seed_agents(session, settings)
    async with running(settings, FixedClock(), FakeRasa()) as started:
        yield started
