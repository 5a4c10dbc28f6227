"""Annual cost of a loan: the internal rate of return of its actual cash flows, compounded over a year (product §1).

An instalment one month after another is exactly a twelfth of a year later, whatever the month's length: 1 % a month always
costs 1.01^12 − 1. Days that make the first period longer or shorter than a month are 1/365 of a year each; a loan by the day is
counted in days alone. The root is found by ``mpmath`` in arbitrary precision, so no binary float comes near money.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from mpmath import MPContext

from bot.core.money import Fen
from bot.loans.schedule import PlannedInstalment, month_day

_DIGITS = 40
_PLACES = Decimal("1e-12")
"""The figure is rounded here: a million millionth of the principal is far below one 分."""


class _Arithmetic(threading.local):
    """A context of each thread's own: ``mpmath`` changes the precision of its context while it looks for a root."""

    def __init__(self) -> None:
        self.mp = MPContext()
        self.mp.dps = _DIGITS


_arithmetic = _Arithmetic()


@dataclass(frozen=True)
class CashFlows:
    """What is lent, and what comes back: ``repayments[i]`` (分) after ``first + i × step`` years."""

    principal: Fen
    repayments: tuple[Fen, ...]
    first: Fraction
    step: Fraction = Fraction(1, 12)


def cash_flows(plan: Sequence[PlannedInstalment], *, by_day: bool) -> CashFlows:
    """The flows of a plan as it was made, fees included; ``by_day`` counts days where others count months."""
    drawn_on, due_on = plan[0].starts_on, plan[0].due_on
    days = (due_on - drawn_on).days if by_day else _odd_days(drawn_on, due_on)
    first = Fraction(days, 365) + (0 if by_day else Fraction(1, 12))
    repayments = tuple(item.principal + item.interest + item.fee for item in plan)
    return CashFlows(sum(item.principal for item in plan), repayments, first)


def _odd_days(drawn_on: date, first_due: date) -> int:
    """By how many days the first period is longer than a month (negative: shorter).

    0 when it ends on the day of the drawdown, also where the month's end has moved that day (31 January → 28 February). Else a
    month is counted back from the due date, and the days between that and the drawdown are odd.
    """
    if first_due == month_day(drawn_on.year, drawn_on.month + 1, drawn_on.day):
        return 0
    return (month_day(first_due.year, first_due.month - 1, first_due.day) - drawn_on).days


@lru_cache(maxsize=8192)
def annual_cost(flows: CashFlows) -> Decimal:
    """The yearly compounded rate at which ``repayments`` are worth ``principal``, to 12 decimal places (0.15 = 15 %).

    Raises ``ValueError`` when the repayments do not even return the principal, or come before it was lent.
    """
    if flows.principal <= 0 or sum(flows.repayments) < flows.principal:
        raise ValueError("repayments below the principal have no cost")
    if flows.first <= 0 or flows.step <= 0:
        raise ValueError("repayments come after the drawdown")
    mp = _arithmetic.mp
    step, first = (mp.mpf(years.numerator) / years.denominator for years in (flows.step, flows.first))

    # The present value falls and is convex in the continuously compounded rate, and is too high at 0: Newton's method from there
    # comes nearer with every step and never overshoots.

    def excess(rate: Any) -> Any:
        return mp.exp(-rate * first) * mp.polyval(flows.repayments, mp.exp(-rate * step), asc=True) / flows.principal - 1

    def slope(rate: Any) -> Any:
        discount = mp.exp(-rate * step)
        worth, change = mp.polyval(flows.repayments, discount, asc=True, derivative=True)
        return -mp.exp(-rate * first) * (first * worth + step * discount * change) / flows.principal

    root = mp.findroot(excess, 0, solver="newton", df=slope, maxsteps=100)
    return Decimal(mp.nstr(mp.expm1(root), 30)).quantize(_PLACES)


def plan_cost(plan: Sequence[PlannedInstalment], *, by_day: bool) -> Decimal:
    """``annual_cost`` of a plan."""
    return annual_cost(cash_flows(plan, by_day=by_day))
