"""Repayment plans: due dates and the parts of each instalment. Pure arithmetic, no database (product §1; docs/rules.md)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from bot.core.money import Fen, round_half_up
from bot.loans.errors import InvalidAmount, InvalidTerms

Method = Literal["by_day", "equal_instalments", "equal_principal", "interest_only", "fee_per_period"]
"""By the day (KD), 等额本息 (YD), 等额本金, 先息后本 (XW), interest-free or with a fee per period (FQ)."""
MAX_MONTHS = 36
MAX_DAYS = 365


@dataclass(frozen=True)
class PlannedInstalment:
    """One period as first planned. It runs from ``starts_on`` (the drawdown or the due date before) to ``due_on``."""

    number: int
    starts_on: date
    due_on: date
    principal: Fen
    interest: Fen
    fee: Fen


@dataclass(frozen=True)
class Period:
    """The dates of one instalment."""

    number: int
    starts_on: date
    due_on: date


def month_day(year: int, month: int, day: int) -> date:
    """That day of the month, or the month's last day when it has fewer; ``month`` may exceed 12 or fall below 1."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(day, monthrange(year, month)[1]))


def monthly_periods(drawn_on: date, count: int, due_day: int | None = None) -> tuple[Period, ...]:
    """``count`` monthly periods; the first is due in the month after the drawdown, on ``due_day`` (default: the drawdown's day).

    A day that a month does not have becomes its last day, and the next month goes back to the full day (31 Jan, 28 Feb, 31 Mar).
    """
    day = due_day or drawn_on.day
    dues = [month_day(drawn_on.year, drawn_on.month + number, day) for number in range(1, count + 1)]
    starts = [drawn_on, *dues[:-1]]
    return tuple(Period(number, start, due) for number, (start, due) in enumerate(zip(starts, dues, strict=True), 1))


def by_day(principal: Fen, daily_rate: Decimal, drawn_on: date, term_days: int) -> tuple[PlannedInstalment, ...]:
    """KD: one instalment at maturity. The drawdown day bears interest, the repayment day does not; rounded once."""
    interest = round_half_up(by_day_interest(principal, daily_rate, term_days))
    return (PlannedInstalment(1, drawn_on, drawn_on + timedelta(days=term_days), principal, interest, 0),)


def by_day_interest(principal: Fen, daily_rate: Decimal, days: int) -> Fraction:
    """Exact interest in 分, not yet rounded."""
    return principal * Fraction(daily_rate) * days


def equal_instalments(principal: Fen, annual_rate: Decimal, periods: Sequence[Period]) -> tuple[PlannedInstalment, ...]:
    """YD, 等额本息: the same amount every month at a twelfth of the annual rate; the last instalment absorbs the rounding."""
    rate = Fraction(annual_rate) / 12
    count = len(periods)
    growth = (1 + rate) ** count
    payment = round_half_up(principal * rate * growth / (growth - 1)) if rate else round_half_up(Fraction(principal, count))
    plan: list[PlannedInstalment] = []
    remaining = principal
    for period in periods:
        interest = round_half_up(remaining * rate)
        part = remaining if period.number == count else min(payment - interest, remaining)
        plan.append(PlannedInstalment(period.number, period.starts_on, period.due_on, part, interest, 0))
        remaining -= part
    return tuple(plan)


def equal_principal(principal: Fen, annual_rate: Decimal, periods: Sequence[Period]) -> tuple[PlannedInstalment, ...]:
    """等额本金: principal / n rounded half up, the last takes the rest; each month's interest is on what is left."""
    rate = Fraction(annual_rate) / 12
    plan: list[PlannedInstalment] = []
    remaining = principal
    for period, part in zip(periods, _equal_parts(principal, len(periods)), strict=True):
        interest = round_half_up(remaining * rate)
        plan.append(PlannedInstalment(period.number, period.starts_on, period.due_on, part, interest, 0))
        remaining -= part
    return tuple(plan)


def interest_only(principal: Fen, annual_rate: Decimal, periods: Sequence[Period]) -> tuple[PlannedInstalment, ...]:
    """XW, 先息后本: a twelfth of the annual interest each month, the principal with the last instalment."""
    interest = round_half_up(principal * Fraction(annual_rate) / 12)
    last = len(periods)
    return tuple(
        PlannedInstalment(period.number, period.starts_on, period.due_on, principal if period.number == last else 0, interest, 0)
        for period in periods
    )


def fee_per_period(principal: Fen, fee_rate: Decimal, periods: Sequence[Period]) -> tuple[PlannedInstalment, ...]:
    """FQ: principal / n rounded half up, the last instalment takes the rest; each period's fee is on the original principal."""
    fee = round_half_up(principal * Fraction(fee_rate))
    return tuple(
        PlannedInstalment(period.number, period.starts_on, period.due_on, part, 0, fee)
        for period, part in zip(periods, _equal_parts(principal, len(periods)), strict=True)
    )


def _equal_parts(principal: Fen, count: int) -> list[Fen]:
    """``count`` parts of principal / count rounded half up; the last absorbs the rest. Parts of very small sums may be 0."""
    share = round_half_up(Fraction(principal, count))
    parts: list[Fen] = []
    for _ in range(count - 1):
        parts.append(min(share, principal))
        principal -= parts[-1]
    return [*parts, principal]


def make_plan(
    method: Method, principal: Fen, rate: Decimal, drawn_on: date, term: int, due_day: int | None = None
) -> tuple[PlannedInstalment, ...]:
    """The plan of a new contract. ``term`` is in days for ``by_day``, else in months; ``rate`` is the method's own rate.

    Raises ``InvalidAmount`` (principal below 1 分), ``InvalidTerms`` (a term outside 1–36 months or 1–365 days, a negative rate).
    """
    longest = MAX_DAYS if method == "by_day" else MAX_MONTHS
    if principal < 1:
        raise InvalidAmount(f"principal {principal} is below 1")
    if not 1 <= term <= longest or rate < 0:
        raise InvalidTerms(f"{method}: term {term} is not 1…{longest}, or rate {rate} is negative")
    if method == "by_day":
        return by_day(principal, rate, drawn_on, term)
    periods = monthly_periods(drawn_on, term, due_day)
    if method == "equal_instalments":
        return equal_instalments(principal, rate, periods)
    if method == "equal_principal":
        return equal_principal(principal, rate, periods)
    if method == "interest_only":
        return interest_only(principal, rate, periods)
    return fee_per_period(principal, rate, periods)
