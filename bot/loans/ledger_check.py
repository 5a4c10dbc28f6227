"""The nightly check of the books, a range at a time, each in a unit of work of its own: nobody waits long for it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import inspect

from bot.core.database import Database
from bot.loans.audit import BATCH, Disagreement, checks, how_many
from bot.loans.models import LedgerEntryRow


class NoBooks(Exception):
    """The database has no loan books: it was never migrated."""


def check_ledger(database: Database, advance: Callable[[int], object], batch: int = BATCH) -> list[Disagreement]:
    """Every stored balance that the ledger does not confirm; ``advance`` is told how many contracts or payments were checked.

    Raises ``NoBooks``.
    """
    require_books(database)
    found: list[Disagreement] = []
    for check in checks(batch):
        after: str | None = ""
        while after is not None:
            with database.transaction() as session:
                checked, after = check(session, after)
            advance(checked.count)
            found += checked.wrong
    return found


def size(database: Database) -> int:
    """How many contracts and payments there are to check. Raises ``NoBooks``."""
    require_books(database)
    with database.transaction() as session:
        return how_many(session)


def require_books(database: Database) -> None:
    """Raises ``NoBooks`` unless the ledger's tables are there."""
    if not inspect(database.engine).has_table(LedgerEntryRow.__tablename__):
        raise NoBooks(f"no loan books at {database.engine.url!r}")
