"""Trails to break: with the triggers out of the way, as somebody who owns the database would put them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, func, select, text

from bot.audit.anchor import Anchor
from bot.audit.check import Report, check_trail
from bot.audit.keys import Keyring
from bot.audit.models import AuditChainRow, AuditEntryRow
from bot.audit.service import AuditTrail, Subject, audited
from bot.core.clock import FixedClock
from bot.core.database import Base, Database
from bot.core.origin import Actor
from bot.core.settings import Settings
from tests.gateway import gateway_file, gateway_settings, process_logging, stack
from tests.secret import SECRET

__all__ = ["gateway_file", "gateway_settings", "process_logging", "stack"]

KEYS = Keyring(SECRET)
AGENT = Actor("agent", "A2001")


def record(database: Database, clock: FixedClock, times: int = 1, *, action: str = "test.done") -> None:
    """Each entry in a transaction of its own, a second later than the one before."""
    for _ in range(times):
        clock.advance(seconds=1)
        with database.transaction() as session:
            AuditTrail(session, clock).record(action, AGENT, Subject(customer_id="C1001"), details={"amount": 192})


def check(database: Database, clock: FixedClock, anchor: Anchor | None = None, keys: Keyring = KEYS) -> Report:
    """In ranges so small that there are several."""
    return check_trail(database, keys, clock, anchor=anchor, batch=3)


def one_chain(database: Database) -> None:
    """Leaves chain 1 only, so that a test knows where its entries are."""
    with database.transaction() as session:
        session.execute(delete(AuditChainRow).where(AuditChainRow.chain != 1))


def unlock(database: Database) -> None:
    """What an attacker with the database's own rights does first."""
    with database.transaction() as session:
        if database.engine.dialect.name == "sqlite":
            names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit_%'")).all()
            for name in names:
                session.execute(text(f"DROP TRIGGER {name}"))
        else:
            for table in ("audit_entries", "audit_chains"):
                session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))


def entries(database: Database) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count()).select_from(AuditEntryRow)) or 0


@pytest.fixture
def open_trail(each_database: Database) -> Database:
    """One chain, nothing guarded, on both databases."""
    unlock(each_database)
    one_chain(each_database)
    return each_database


@pytest.fixture(scope="session")
def bare() -> Iterator[Database]:
    """The two tables alone, in memory and without triggers: fast enough for random histories."""
    database = audited(Database("sqlite://"), Settings(secret_key=SecretStr(SECRET)))
    tables = [Base.metadata.tables[name] for name in ("audit_entries", "audit_chains")]
    Base.metadata.create_all(database.engine, tables=tables)
    yield database
    database.dispose()
