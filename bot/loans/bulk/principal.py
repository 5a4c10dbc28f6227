"""Principal that stood on each day, summed over days, for many instalments at once: ``accrual.principal_days`` in SQL.

Where the code per contract walks from change to change, SQL uses that the sum is linear: the opening counts from the first day to
the last, each repayment is taken off from its day to the last, and days of a hold count nothing.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    ScalarSelect,
    SQLColumnExpression,
    Subquery,
    and_,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    union_all,
)

from bot.loans.bulk.sql import DayNumber, at_least_zero, day, earlier, later
from bot.loans.models import AccrualHoldRow, LedgerEntryRow, LedgerTransactionRow
from bot.loans.repository import COMPONENT_ACCOUNTS

ENTRY, HEAD, HOLD = LedgerEntryRow, LedgerTransactionRow, AccrualHoldRow


def repaid() -> ColumnElement[int]:
    """分 of principal that an entry repaid; negative when it was reversed. As in ``LoanRepository.books``."""
    return case((ENTRY.credit == "principal", ENTRY.amount), else_=-ENTRY.amount)


def of_principal() -> ColumnElement[bool]:
    """Entries that change the principal of an instalment, the drawdown apart."""
    taken_back = and_(ENTRY.debit == "principal", ENTRY.credit.not_in(COMPONENT_ACCOUNTS))
    return and_(or_(ENTRY.credit == "principal", taken_back), HEAD.kind != "drawdown")


def is_held(contract_no: SQLColumnExpression[str], number: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Whether a dispute holds the accrual of the instalment now."""
    return exists().where(HOLD.contract_no == contract_no, HOLD.instalment == number, HOLD.released_on.is_(None))


def overdue_principal_days(due: CTE, today: date) -> Subquery:
    """分 × days of unpaid principal from the due date to ``today``, days of holds left out.

    ``due`` has ``contract_no``, ``number``, ``due_day``, ``principal``; the result ``contract_no``, ``number``, ``standing``.
    """
    end = day(today)
    value_day = DayNumber(HEAD.value_on)
    opening = select(due.c.contract_no, due.c.number, due.c.due_day.label("since"), due.c.principal.label("amount"))
    changes = (
        select(due.c.contract_no, due.c.number, later(value_day, due.c.due_day), -repaid())
        .select_from(due)
        .join(ENTRY, and_(ENTRY.contract_no == due.c.contract_no, ENTRY.instalment == due.c.number))
        .join(HEAD, HEAD.id == ENTRY.transaction_id)
        .where(of_principal(), HEAD.value_on < today)
    )
    parts = union_all(opening.where(due.c.due_day < end), changes.where(due.c.due_day < end)).subquery("parts")
    days = end - parts.c.since - _held_days(parts, end)
    standing = cast(func.sum(parts.c.amount * days), BigInteger).label("standing")
    return (
        select(parts.c.contract_no, parts.c.number, standing).group_by(parts.c.contract_no, parts.c.number).subquery("overdue")
    )  # fmt: skip


def _held_days(parts: Subquery, end: int) -> ScalarSelect[int]:
    """Days from ``since`` to ``end`` that lie in a hold."""
    stop = earlier(func.coalesce(DayNumber(HOLD.released_on), end), end)
    inside = at_least_zero(stop - later(DayNumber(HOLD.held_on), parts.c.since))
    query = select(func.coalesce(cast(func.sum(inside), BigInteger), 0))
    return query.where(HOLD.contract_no == parts.c.contract_no, HOLD.instalment == parts.c.number).scalar_subquery()


def repaid_before_due(candidates: CTE) -> Subquery:
    """Per candidate: ``before`` (分 repaid by the period's start) and ``ahead`` (分 × days not lent in the period).

    ``candidates`` has ``contract_no``, ``number``, ``starts_day``, ``due_day``. ``ahead`` counts the principal of the instalment
    and of all later ones: in its period it stands together (``accrued_interest``).
    """
    own = candidates
    value_day = DayNumber(HEAD.value_on)
    before = case((and_(ENTRY.instalment == own.c.number, value_day <= own.c.starts_day), repaid()), else_=0)
    missing = own.c.due_day - later(value_day, own.c.starts_day)
    ahead = case((value_day < own.c.due_day, repaid() * missing), else_=0)
    return (
        select(
            own.c.contract_no,
            own.c.number,
            cast(func.sum(before), BigInteger).label("before"),
            cast(func.sum(ahead), BigInteger).label("ahead"),
        )
        .select_from(own)
        .join(ENTRY, and_(ENTRY.contract_no == own.c.contract_no, ENTRY.instalment >= own.c.number))
        .join(HEAD, HEAD.id == ENTRY.transaction_id)
        .where(of_principal())
        .group_by(own.c.contract_no, own.c.number)
        .subquery("repaid")
    )
