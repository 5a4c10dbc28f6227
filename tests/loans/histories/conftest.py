"""A session with the catalogue and one customer, rolled back at the end of the test; each history in it has a savepoint."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.catalogue import Catalogue
from tests.loans.conftest import make_world


def prepared(database: Database, catalogue: Catalogue) -> Iterator[Session]:
    with database.transaction() as session:
        make_world(session, FixedClock(), catalogue)
        session.flush()
        session.expunge_all()
        yield session
        session.rollback()


@pytest.fixture
def sqlite_session(shared_sqlite: Database, catalogue: Catalogue) -> Iterator[Session]:
    yield from prepared(shared_sqlite, catalogue)


@pytest.fixture
def postgresql_session(shared_postgresql: Database, catalogue: Catalogue) -> Iterator[Session]:
    yield from prepared(shared_postgresql, catalogue)
