"""The penalty accrual of a day over all contracts: one INSERT … SELECT, the same rows as ``OverdueService.accrue``."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, String, and_, exists, literal, or_, select, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.loans.bulk.principal import is_held, overdue_principal_days
from bot.loans.bulk.sql import DayNumber, HalfUp, insert_rows, prefer_indexes, rates
from bot.loans.models import ContractRow, InstalmentRow
from bot.loans.servicing.models import PenaltyAccrualRow

ROW, CONTRACT = InstalmentRow, ContractRow
PENALTY_RATE = type_coerce(CONTRACT.penalty_daily_rate, String)
"""The rate's text, not the ``Decimal``."""


def accrue_all(session: Session, today: date) -> int:
    """Records ``today``'s penalty of every overdue, unsettled instalment; how many were new. Safe to repeat and to run at once.

    Ask ``sql.fits`` first.
    """
    prefer_indexes(session)
    texts = set(session.scalars(select(PENALTY_RATE).join(ROW).where(_overdue(today)).distinct()))
    if not texts:
        return 0
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    names = ["contract_no", "instalment", "accrued_on", "accrued", "held"]
    statement = insert(PenaltyAccrualRow).from_select(names, accruals(today, texts)).on_conflict_do_nothing()
    return insert_rows(session, statement)


def accruals(today: date, penalty_rates: set[str]) -> Select[Any]:
    """The rows of the day, in the order of the columns of ``penalty_accruals``."""
    due = _due(today, rates(penalty_rates, "penalty_rates"))
    stood = overdue_principal_days(due, today)
    return (
        select(
            due.c.contract_no,
            due.c.number,
            literal(today),
            HalfUp(stood.c.standing, due.c.numerator, due.c.denominator),
            is_held(due.c.contract_no, due.c.number),
        )
        .join(stood, and_(stood.c.contract_no == due.c.contract_no, stood.c.number == due.c.number))
        .where(due.c.number > 0)  # SQLite would take the conflict clause for one of the join without a WHERE
    )


def _due(today: date, exact: CTE) -> CTE:
    return (
        select(
            ROW.contract_no,
            ROW.number,
            DayNumber(ROW.due_on).label("due_day"),
            ROW.principal,
            exact.c.numerator,
            exact.c.denominator,
        )
        .join(CONTRACT, CONTRACT.contract_no == ROW.contract_no)
        .join(exact, exact.c.rate == PENALTY_RATE)
        .where(_overdue(today))
        .cte("due")
    )


def _overdue(today: date) -> ColumnElement[bool]:
    # ``settled_on`` is kept by every posting; an instalment of nothing was never posted to and is settled from the start.
    something = or_(ROW.principal > 0, ROW.interest > 0)
    # The worker asks every few seconds: what is recorded must not be calculated again.
    known = PenaltyAccrualRow
    recorded = exists().where(known.contract_no == ROW.contract_no, known.instalment == ROW.number, known.accrued_on == today)
    return and_(ROW.settled_on.is_(None), ROW.due_on < today, something, ~recorded)
