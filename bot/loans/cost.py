"""Annual cost of a loan from its cash flows: the internal rate of return, exact decimals, no floats.

The yearly figure compounds (365 days, 12 months). That is the stricter of the two usual conventions, so it is the one that guards
the 24 % ceiling of product §1.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

from bot.core.money import Fen
from bot.loans.schedule import PlannedInstalment

_ROUNDS = 80
"""Bisection steps: 2^-80 is far below any figure we show."""


def monthly_irr(principal: Fen, repayments: Sequence[Fen]) -> Decimal:
    """The monthly rate at which ``repayments`` (one a month, from the first month on) are worth ``principal``.

    Raises ``ValueError`` when the repayments do not even return the principal.
    """
    if principal <= 0 or sum(repayments) < principal:
        raise ValueError("repayments below the principal have no cost")
    with localcontext(prec=34):
        low, high = Decimal(0), Decimal(1)
        for _ in range(_ROUNDS):
            middle = (low + high) / 2
            if _present_value(repayments, middle) > principal:
                low = middle
            else:
                high = middle
        return (low + high) / 2


def _present_value(repayments: Sequence[Fen], rate: Decimal) -> Decimal:
    value = Decimal(0)
    for amount in reversed(repayments):
        value = (value + amount) / (1 + rate)
    return value


def annual_cost_monthly(principal: Fen, plan: Sequence[PlannedInstalment]) -> Decimal:
    """The yearly compounded cost of a plan of monthly instalments, fees included (0.15 = 15 %)."""
    monthly = monthly_irr(principal, [item.principal + item.interest + item.fee for item in plan])
    with localcontext(prec=34):
        return (1 + monthly) ** 12 - 1


def annual_cost_by_day(daily_rate: Decimal, days: int) -> Decimal:
    """The yearly compounded cost of one sum repaid after ``days`` with interest by the day."""
    with localcontext(prec=34):
        return (1 + daily_rate * days) ** (Decimal(365) / days) - 1
