"""A row that is stored once, whoever else stores the same one at this moment."""

from __future__ import annotations

from collections.abc import Callable

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
