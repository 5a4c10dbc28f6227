"""An independent re-calculation of what a contract costs, from the product text: it walks day by day and adds up fractions.

Nothing of ``bot.loans`` is used here. It plans and accrues in another way than the code it checks (no closed forms, no ranges of
days), so that the same mistake would have to be made twice.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

_EXACT = Context(prec=200)


def nearest(value: Fraction) -> int:
    """Half up, by way of a long decimal. Only exact halves of terminating decimals matter, and those are exact at this length."""
    decimal = _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))
    return int(decimal.quantize(Decimal(1), rounding=ROUND_HALF_UP, context=_EXACT))


def next_month(day: date, wanted: int) -> date:
    first = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return first.replace(day=min(wanted, calendar.monthrange(first.year, first.month)[1]))


@dataclass
class Part:
    """One instalment; ``paid`` lists (day, component, amount)."""

    starts_on: date
    due_on: date
    principal: int
    interest: Fraction
    fee: int
    paid: list[tuple[date, str, int]] = field(default_factory=list)

    def unpaid_principal(self, end_of: date) -> int:
        return self.principal - sum(amount for day, component, amount in self.paid if component == "principal" and day <= end_of)

    def had(self, component: str) -> int:
        return sum(amount for _, name, amount in self.paid if name == component)


def plan(product: str, principal: int, rate: str, drawn_on: date, term: int) -> list[Part]:
    """The parts as planned; ``EP`` stands for 等额本金, which no product of the demo has."""
    if product == "KD":
        due = drawn_on + timedelta(days=term)
        return [Part(drawn_on, due, principal, Fraction(rate) * principal * term, 0)]
    parts: list[Part] = []
    start = drawn_on
    payment = _level_payment(principal, Fraction(rate) / 12, term) if product == "YD" else 0
    left = principal
    for number in range(term):
        due = next_month(start, drawn_on.day)
        last = number == term - 1
        if product == "YD":
            interest = nearest(left * Fraction(rate) / 12)
            share, fee = (left if last else payment - interest), 0
        elif product == "EP":
            interest = nearest(left * Fraction(rate) / 12)
            share, fee = (left if last else nearest(Fraction(principal, term))), 0
        elif product == "XW":
            interest, share, fee = nearest(principal * Fraction(rate) / 12), (principal if last else 0), 0
        else:
            interest, share, fee = 0, (left if last else nearest(Fraction(principal, term))), nearest(principal * Fraction(rate))
        parts.append(Part(start, due, share, Fraction(interest), fee))
        left -= share
        start = due
    return parts


def _level_payment(principal: int, monthly: Fraction, term: int) -> int:
    """Principal divided by the present value of one 分 a month."""
    worth = Fraction(0)
    for month in range(1, term + 1):
        worth += 1 / (1 + monthly) ** month
    return nearest(principal / worth)


def owed(parts: list[Part], as_of: date) -> list[dict[str, int]]:
    """What closes each part on ``as_of``."""
    found: list[dict[str, int]] = []
    for index, part in enumerate(parts):
        later = parts[index:]
        opening = sum(item.principal for item in later)
        lent, late = 0, 0
        day = part.starts_on
        while day < as_of:
            if day < part.due_on:
                lent += sum(item.unpaid_principal(day) for item in later)
            else:
                late += part.unpaid_principal(day)
            day += timedelta(days=1)
        interest = part.interest * Fraction(lent, opening * (part.due_on - part.starts_on).days)
        penalty = late * Fraction("0.0005")
        begun = as_of > part.starts_on and part.unpaid_principal(part.starts_on) > 0
        found.append(
            {
                "penalty": max(0, nearest(penalty) - part.had("penalty")),
                "interest": max(0, nearest(interest) - part.had("interest")),
                "fee": max(0, (part.fee if begun else 0) - part.had("fee")),
                "principal": part.principal - part.had("principal"),
            }
        )
    return found


def pay(contracts: dict[str, list[Part]], amount: int, day: date) -> int:
    """Uses ``amount`` in the order of the rules; returns what is left."""
    queue = [
        (number[:2] == "FQ", part.due_on, number, index)
        for number, parts in contracts.items()
        for index, part in enumerate(parts)
    ]
    debts = {number: owed(parts, day) for number, parts in contracts.items()}
    for _, _, number, index in sorted(queue):
        for component in ("penalty", "interest", "fee", "principal"):
            used = min(amount, debts[number][index][component])
            if used:
                contracts[number][index].paid.append((day, component, used))
                amount -= used
    return amount
