"""Alembic's entry: one history for all modules, SQLite and PostgreSQL alike."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.types import TypeEngine

from bot.core.database import Base, ExactDecimal, Instant, make_engine
from bot.core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

# Every models.py of the app, at any depth, so that autogenerate and `alembic check` see all tables. (bot/nlu is Rasa's.)
for path in sorted((ROOT / "bot").rglob("models.py")):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if not module.startswith("bot.nlu."):
        importlib.import_module(module)


def render_item(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Writes our column types by name into a generated migration."""
    if kind == "type" and isinstance(item, (Instant, ExactDecimal)):
        autogen.imports.add(f"from bot.core.database import {type(item).__name__}")
        return f"{type(item).__name__}()"
    return False


def compare_type(
    _context: Any, _inspected: Any, _column: Any, _inspected_type: TypeEngine[Any], _metadata_type: TypeEngine[Any]
) -> bool | None:
    """Our decorated types reflect as their plain storage type, which is no difference."""
    return False if isinstance(_metadata_type, (Instant, ExactDecimal)) else None


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
        compare_type=compare_type,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url: str = context.config.attributes.get("url") or Settings().database_url
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            sqlite = connection.dialect.name == "sqlite"
            if sqlite:
                # SQLite changes a constraint by building the table anew, which must not take along the rows that point at it.
                # The switch works outside a transaction only, so it goes to the driver before the first statement begins one.
                connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
            run(connection)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all() if sqlite else []
            if broken:
                raise RuntimeError(f"the migration would leave rows that point nowhere: {broken[:5]}")
            connection.commit()
    finally:
        engine.dispose()
