"""Overdue penalty (product §1): unpaid principal × daily rate × days after the due date.

Rounded once per instalment; no compounding; the due date itself is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from bot.core.money import Fen, round_half_up
from bot.loans.accrual import DayRange, Repaid, principal_days
from bot.loans.port import PenaltyDay

# The n-th day after the due date stands on the principal left at the end of day n-1: paying on day n still costs n days.
# So the sum runs over due_on <= day < as_of, and a hold, which frees the day after `held_on` to `released_on`, leaves out
# held_on <= day < released_on.


def penalty(
    principal: Fen, repaid: Sequence[Repaid], due_on: date, as_of: date, daily_rate: Decimal, holds: Sequence[DayRange] = ()
) -> Fen:
    """The penalty accrued up to and including ``as_of``; 0 until the day after ``due_on``. ``holds`` are free of penalty."""
    return round_half_up(Fraction(daily_rate) * principal_days(principal, repaid, due_on, as_of, holds))


def penalty_by_day(
    principal: Fen, repaid: Sequence[Repaid], due_on: date, as_of: date, daily_rate: Decimal, holds: Sequence[DayRange] = ()
) -> tuple[PenaltyDay, ...]:
    """The same penalty as a table of days, as long as principal was unpaid; the last ``accrued`` equals ``penalty(…)``."""
    days: list[PenaltyDay] = []
    for number in range(1, (as_of - due_on).days + 1):
        stood_on = due_on + timedelta(days=number - 1)
        unpaid = principal - sum(amount for day, amount in repaid if day <= stood_on)
        if unpaid == 0:
            break
        day = due_on + timedelta(days=number)
        held = any(start <= stood_on < stop for start, stop in holds)
        days.append(PenaltyDay(day, number, unpaid, held, penalty(principal, repaid, due_on, day, daily_rate, holds)))
    return tuple(days)
