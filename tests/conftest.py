"""Databases and a clock for all tests.

``database``: a migrated SQLite file; ``seeded``: the same with the demo people on ``clock``'s day; ``each_database``: migrated
SQLite, then PostgreSQL. Each of these is the test's own copy of a template that is built once. ``each_session`` is rolled back
instead, which is faster. Nothing of ours is imported at the top: ``tests/nlu`` runs in Rasa's environment, which has another
SQLAlchemy.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.secret import SECRET

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from bot.core.clock import FixedClock
    from bot.core.database import Database

pytest_plugins = ["tests.live"]


POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")


@pytest.fixture
def clock() -> FixedClock:
    """10:00 on 22 August 2026; move it with ``advance``."""
    from bot.core.clock import FixedClock  # noqa: PLC0415

    return FixedClock()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with the newest schema."""
    from bot.migrations.run import upgrade  # noqa: PLC0415

    path = tmp_path_factory.mktemp("template") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def seeded_file(migrated_file: Path) -> Path:
    """The same with the demo people as of the day of ``FixedClock``."""
    from bot.core.clock import FixedClock  # noqa: PLC0415
    from bot.loans.demo import seed_if_empty  # noqa: PLC0415

    path = migrated_file.with_name("seeded.db")
    shutil.copy(migrated_file, path)
    database = _open(path)
    assert seed_if_empty(database, FixedClock())
    database.dispose()
    return path


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A migrated, empty SQLite database of this test's own."""
    yield from _copy(migrated_file, tmp_path)


@pytest.fixture
def seeded(seeded_file: Path, tmp_path: Path) -> Iterator[Database]:
    """The demo people on SQLite."""
    yield from _copy(seeded_file, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def each_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session on an empty database, SQLite and then PostgreSQL, that is rolled back: fast, for tests that need no commit."""
    database = request.getfixturevalue(f"shared_{request.param}")
    with database.transaction() as session:
        yield session
        session.rollback()


@pytest.fixture(scope="session")
def shared_sqlite(migrated_file: Path) -> Iterator[Database]:
    """Never committed to."""
    path = migrated_file.with_name("shared.db")
    shutil.copy(migrated_file, path)
    database = _open(path)
    yield database
    database.dispose()


@pytest.fixture(scope="session")
def shared_postgresql(postgres_template: str) -> Iterator[Database]:
    """Never committed to."""
    with postgres_database(postgres_template) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def each_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A migrated, empty database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    template = request.getfixturevalue("postgres_template")
    with postgres_database(template) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def each_seeded(request: pytest.FixtureRequest) -> Iterator[Database]:
    """The demo people, on SQLite and on PostgreSQL. On the latter a commit ends a savepoint and the test is rolled back: fast."""
    if request.param == "sqlite":
        yield request.getfixturevalue("seeded")
        return
    from tests.rolled_back import RolledBack  # noqa: PLC0415

    with RolledBack.of(request.getfixturevalue("postgres_seeded")) as database:
        yield database


@pytest.fixture(scope="session")
def postgres_seeded(postgres_template: str) -> Iterator[Database]:
    """The demo people as of the day of ``FixedClock``; never committed to afterwards."""
    from bot.core.clock import FixedClock  # noqa: PLC0415
    from bot.loans.demo import seed_if_empty  # noqa: PLC0415

    with postgres_database(postgres_template) as database:
        assert seed_if_empty(database, FixedClock())
        yield database


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The name of a migrated PostgreSQL database. Skips when no server answers, unless ``REQUIRE_SERVICES=1`` forbids that."""
    from sqlalchemy import create_engine, make_url, text  # noqa: PLC0415
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    from bot.migrations.run import upgrade  # noqa: PLC0415

    name = f"suixing_template_{uuid.uuid4().hex[:12]}"
    server = create_engine(POSTGRES_URL, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    try:
        with server.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
    except OperationalError as error:
        server.dispose()
        if os.environ.get("REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"PostgreSQL does not answer at {make_url(POSTGRES_URL)!r}: {error.orig}")
    try:
        upgrade(make_url(POSTGRES_URL).set(database=name).render_as_string(hide_password=False))
        yield name
    finally:
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        server.dispose()


@contextmanager
def postgres_database(template: str) -> Iterator[Database]:
    """A copy of the template for one test, dropped afterwards."""
    from sqlalchemy import create_engine, make_url, text  # noqa: PLC0415

    name = f"suixing_test_{uuid.uuid4().hex[:12]}"
    server = create_engine(POSTGRES_URL, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    database = audited_for_tests(make_url(POSTGRES_URL).set(database=name).render_as_string(hide_password=False))
    try:
        yield database
    finally:
        database.dispose()
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        server.dispose()


def _copy(template: Path, folder: Path) -> Iterator[Database]:
    path = folder / "test.db"
    shutil.copy(template, path)
    database = _open(path)
    yield database
    database.dispose()


def audited_for_tests(url: str) -> Database:
    """The database at ``url`` with the key that all tests share."""
    from pydantic import SecretStr  # noqa: PLC0415

    from bot.audit.service import audited  # noqa: PLC0415
    from bot.core.database import Database  # noqa: PLC0415
    from bot.core.settings import Settings  # noqa: PLC0415

    return audited(Database(url), Settings(secret_key=SecretStr(SECRET)))


def _open(path: Path) -> Database:

    return audited_for_tests(f"sqlite:///{path}")
