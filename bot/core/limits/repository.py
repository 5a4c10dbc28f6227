"""All SQL of limits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, bindparam, delete, insert, select
from sqlalchemy.orm import Session

from bot.core.limits.models import RateHit
from bot.core.once import take_turns

# Asked in every turn, so built once, and without the unit of work.
_NTH_LAST = (
    select(RateHit.at)
    .where(RateHit.key == bindparam("key"))
    .order_by(RateHit.at.desc())
    .offset(bindparam("before", type_=Integer))
    .limit(1)
)
_ADD = insert(RateHit).returning(RateHit.id)


class RateRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def take_turns(self, key: str) -> None:
        """Until this transaction ends, nobody else counts under ``key``. (On SQLite a transaction is alone from its begin.)"""
        take_turns(self.session, key)

    def nth_last(self, key: str, n: int) -> datetime | None:
        """When the ``n``-th newest hit was."""
        found: datetime | None = self.session.connection().scalar(_NTH_LAST, {"key": key, "before": n - 1})
        return found

    def add(self, key: str, at: datetime) -> int:
        """The number of the hit."""
        number: int = self.session.connection().execute(_ADD, {"key": key, "at": at}).scalar_one()
        return number

    def remove(self, number: int) -> None:
        self.session.execute(delete(RateHit).where(RateHit.id == number))

    def forget_before(self, moment: datetime) -> int:
        """How many rows there were."""
        gone = delete(RateHit).where(RateHit.at <= moment).returning(RateHit.id)
        return len(self.session.scalars(gone).all())
