"""Overdue penalty (product §1): unpaid principal × daily rate × days after the due date.

Rounded once per instalment; no compounding; the due date itself is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from bot.core.money import Fen, divided_half_up
from bot.loans.accrual import DayRange, Repaid, principal_days
from bot.loans.port import PenaltyDay

_ONE_DAY = timedelta(days=1)

# The n-th day after the due date stands on the principal left at the end of day n-1: paying on day n still costs n days.
# So the sum runs over due_on <= day < as_of, and a hold, which frees the day after `held_on` to `released_on`, leaves out
# held_on <= day < released_on.


def penalty(
    principal: Fen, repaid: Sequence[Repaid], due_on: date, as_of: date, daily_rate: Decimal, holds: Sequence[DayRange] = ()
) -> Fen:
    """The penalty accrued up to and including ``as_of``; 0 until the day after ``due_on``. ``holds`` are free of penalty."""
    return _charged(principal_days(principal, repaid, due_on, as_of, holds), daily_rate)


def _charged(days: int, daily_rate: Decimal) -> Fen:
    """``days``: 分 × days."""
    top, bottom = daily_rate.as_integer_ratio()
    return divided_half_up(days * top, bottom)


def penalty_by_day(
    principal: Fen, repaid: Sequence[Repaid], due_on: date, as_of: date, daily_rate: Decimal, holds: Sequence[DayRange] = ()
) -> tuple[PenaltyDay, ...]:
    """The same penalty as a table of days, as long as principal was unpaid; the last ``accrued`` equals ``penalty(…)``."""
    found, charged = [], 0
    for number, (day, unpaid, held) in enumerate(overdue_days(principal, repaid, due_on, as_of, holds), 1):
        charged += 0 if held else unpaid
        found.append(PenaltyDay(day, number, unpaid, held, _charged(charged, daily_rate)))
    return tuple(found)


def overdue_days(
    principal: Fen, repaid: Sequence[Repaid], due_on: date, as_of: date, holds: Sequence[DayRange] = ()
) -> list[tuple[date, Fen, bool]]:
    """The days after ``due_on`` as long as principal was unpaid: day, principal that it is charged on, whether it is held."""
    days: list[tuple[date, Fen, bool]] = []
    later = sorted(repaid, reverse=True)
    unpaid, stood_on = principal, due_on
    while stood_on < as_of:
        while later and later[-1][0] <= stood_on:
            unpaid -= later.pop()[1]
        if unpaid == 0:
            break
        held = any(start <= stood_on < stop for start, stop in holds) if holds else False
        stood_on += _ONE_DAY
        days.append((stood_on, unpaid, held))
    return days
