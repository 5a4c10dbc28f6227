"""``python -m bot.migrations.run`` brings the database of ``DATABASE_URL`` to the newest schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from bot.core.settings import Settings

FOLDER = Path(__file__).resolve().parent


def alembic_config(url: str) -> Config:
    """The configuration for ``url``, independent of the working directory and of ``alembic.ini``."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    # Not the main option "sqlalchemy.url": its parser would stumble over a percent sign in a password.
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Applies all migrations up to ``revision``. Safe to repeat."""
    command.upgrade(alembic_config(url), revision)


if __name__ == "__main__":
    upgrade(Settings().database_url)
