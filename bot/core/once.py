"""What happens once, whoever else does the same at this moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.core.database import Base


def add_once(session: Session, row: Base, earlier: Callable[[], object | None]) -> bool:
    """Stores ``row`` unless one with its unique key exists; says whether it was stored.

    Waits for the transaction that adds the same one. ``earlier`` finds the one that is there; without one, something else is
    wrong with ``row``. Raises ``IntegrityError``.
    """
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        if earlier() is None:
            raise
        return False
    return True


def take_turns(session: Session, key: str) -> None:
    """Until this transaction ends, nobody else passes here with ``key``; what they committed before is seen by the next query.

    Who needs several keys takes them in one order. On SQLite a transaction is alone from its begin.
    """
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
        session.execute(select(func.pg_advisory_xact_lock(number)))
