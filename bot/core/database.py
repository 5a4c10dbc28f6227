"""Engine, sessions and the column types that every table shares. SQLite by default, PostgreSQL by ``DATABASE_URL``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from sqlalchemy import JSON, URL, BigInteger, DateTime, Dialect, Engine, Integer, MetaData, String, create_engine, event, make_url
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, sessionmaker
from sqlalchemy.types import TypeDecorator

from bot.core.clock import SHANGHAI

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class ExactDecimal(TypeDecorator[Decimal]):
    """A ``Decimal`` kept as text: SQLite would store NUMERIC as a binary float."""

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """A moment with zone. Stored in UTC, returned in Shanghai time; a naive value is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone reached the database")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(SHANGHAI)


class Base(DeclarativeBase):
    """Declarative base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: Instant, Decimal: ExactDecimal, dict[str, Any]: JSON, list[Any]: JSON}


Serial = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]
"""The key of a table that numbers its rows; SQLite counts only in an INTEGER column."""


def make_engine(url: str) -> Engine:
    """An engine with the pragmas that make SQLite safe for three processes (WAL, foreign keys, waiting for locks).

    SQLite transactions begin IMMEDIATE: a reader that later writes would otherwise fail with "database is locked"
    instead of waiting. So never hold a transaction open while calling another process that needs the database.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, **_sqlite_options(parsed))

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        # With recursive triggers INSERT OR REPLACE meets the triggers of append-only tables, too.
        for pragma in (
            "journal_mode=WAL",
            "foreign_keys=ON",
            "recursive_triggers=ON",
            "busy_timeout=15000",
            "synchronous=NORMAL",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _sqlite_options(url: URL) -> dict[str, Any]:
    """As many connections as the event loop has threads: making one costs more than what it is made for."""
    pool = {"pool_size": 40} if url.database not in {None, "", ":memory:"} else {}
    return {"connect_args": {"timeout": 15, "isolation_level": None}, **pool}


def make_reading_engine(engine: Engine) -> Engine:
    """The same database for who only reads: on SQLite beside a writer instead of after it. It refuses to write."""
    if engine.dialect.name != "sqlite":
        return engine.execution_options(postgresql_readonly=True)
    if engine.url.database in {None, "", ":memory:"}:
        return engine  # lives in its one connection
    reading = create_engine(engine.url, **_sqlite_options(engine.url))

    @event.listens_for(reading, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        for pragma in ("busy_timeout=15000", "query_only=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(reading, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return reading


class Database:
    """The engine and its session factory. ``transaction()`` is the request boundary: services never commit."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._reading_engine = make_reading_engine(self.engine)
        self.session_info: dict[Any, Any] = {}
        """What every session finds in its ``info``."""
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, info=self.session_info)
        self._reading_sessions = sessionmaker(self._reading_engine, expire_on_commit=False, info=self.session_info)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end of the block and rolls back when it raises."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads, all of it from one moment's books on SQLite. Writing raises ``DBAPIError``."""
        with self._reading_sessions.begin() as session:
            yield session

    def dispose(self) -> None:
        self._reading_engine.dispose()
        self.engine.dispose()
