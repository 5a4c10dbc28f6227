"""The web process starts only when everything it needs is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic import command

from bot.app import NotStartable, create_app
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.migrations.run import alembic_config, upgrade
from tests.gateway import FakeRasa, running


async def test_an_unmigrated_database_is_refused_with_what_to_do(gateway_settings: Settings, tmp_path: Path) -> None:
    settings = gateway_settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'empty.db'}"})
    with pytest.raises(NotStartable, match=r"python -m bot\.migrations\.run"):
        async with running(settings, FixedClock(), FakeRasa()):
            pass


async def test_a_half_migrated_database_is_refused(gateway_settings: Settings, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    upgrade(url, "0001_loans")
    with pytest.raises(NotStartable, match="0001_loans"):
        async with running(gateway_settings.model_copy(update={"database_url": url}), FixedClock(), FakeRasa()):
            pass


def test_missing_texts_are_named(gateway_settings: Settings, tmp_path: Path) -> None:
    shutil.copytree(gateway_settings.data_dir / "answers", tmp_path / "data" / "answers")
    (tmp_path / "data" / "answers" / "system.yml").unlink()
    with pytest.raises(NotStartable, match="bot_unavailable"):
        create_app(gateway_settings.model_copy(update={"data_dir": tmp_path / "data"}))


def test_outside_the_demo_a_key_is_required(gateway_settings: Settings) -> None:
    with pytest.raises(RuntimeError, match="SECRET_KEY"):
        create_app(gateway_settings.model_copy(update={"demo": False, "secret_key": None}))


async def test_connections_end_with_the_process(gateway_settings: Settings) -> None:
    rasa = FakeRasa()
    async with running(gateway_settings, FixedClock(), rasa):
        assert not rasa.closed
    assert rasa.closed


def test_the_migration_can_be_undone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'both-ways.db'}"
    upgrade(url)
    command.downgrade(alembic_config(url), "base")
    database = Database(url)
    with database.engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
    database.dispose()
    assert tables == ["alembic_version"]
