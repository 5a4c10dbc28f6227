"""An independent re-calculation of what a contract costs, from the product text: it walks day by day and adds up fractions.

Nothing of ``bot.loans`` is used here. It plans and accrues in another way than the code it checks (no closed forms, no ranges of
days), so that the same mistake would have to be made twice. ``oracle_books.py`` keeps the books of one borrower with it.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Iterator
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
    """One instalment; ``paid`` lists (day, component, amount), negative where something was taken back.

    ``holds`` lists the disputes: [began on, ended on or ``None``]. ``settled`` is what was last written down.
    """

    starts_on: date
    due_on: date
    principal: int
    interest: Fraction
    fee: int
    paid: list[tuple[date, str, int]] = field(default_factory=list)
    waived: int = 0
    holds: list[list[date | None]] = field(default_factory=list)
    settled: bool = False

    def unpaid_principal(self, end_of: date) -> int:
        return self.principal - sum(amount for day, component, amount in self.paid if component == "principal" and day <= end_of)

    def had(self, component: str) -> int:
        return sum(amount for _, name, amount in self.paid if name == component)

    def free_of_penalty(self, day: date) -> bool:
        """Whether the day after ``day`` lies in a dispute: after the one that began it, up to the one that ended it."""
        return any(began is not None and began <= day and (ended is None or day < ended) for began, ended in self.holds)


def plan(product: str, principal: int, rate: str, drawn_on: date, term: int, due_day: int | None = None) -> list[Part]:
    """The parts as planned; ``EP`` stands for 等额本金, which no product of the demo has."""
    if product == "KD":
        due = drawn_on + timedelta(days=term)
        return [Part(drawn_on, due, principal, Fraction(rate) * principal * term, 0)]
    parts: list[Part] = []
    start = drawn_on
    payment = _level_payment(principal, Fraction(rate) / 12, term) if product == "YD" else 0
    left = principal
    for number in range(term):
        due = next_month(start, due_day or drawn_on.day)
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


def principal_by_day(parts: list[Part], first: date, end: date) -> Iterator[tuple[date, int]]:
    """Each day from ``first`` to the day before ``end``, and the principal of ``parts`` that was still lent at its end."""
    standing, changes = sum(part.principal for part in parts), Counter[date]()
    for part in parts:
        for day, component, amount in part.paid:
            if component == "principal":
                changes[max(day, first)] += amount
    day = first
    while day < end:
        standing -= changes[day]
        yield day, standing
        day += timedelta(days=1)


def interest(parts: list[Part], index: int, as_of: date) -> int:
    """The interest of a period up to ``as_of``: of each day only what was still lent costs."""
    part, later = parts[index], parts[index:]
    if not part.interest or as_of <= part.starts_on:
        return 0
    lent = sum(left for _, left in principal_by_day(later, part.starts_on, min(as_of, part.due_on)))
    whole = sum(item.principal for item in later) * (part.due_on - part.starts_on).days
    return nearest(part.interest * Fraction(lent, whole))


def fee(part: Part, as_of: date) -> int:
    """Owed once the period has begun with something still lent."""
    return part.fee if as_of > part.starts_on and part.unpaid_principal(part.starts_on) > 0 else 0


def penalty(part: Part, as_of: date) -> int:
    """0.05 % of what was unpaid, for each day after the due date that no dispute holds."""
    late = sum(left for day, left in principal_by_day([part], part.due_on, as_of) if not part.free_of_penalty(day))
    return nearest(late * Fraction("0.0005"))


def owed_of(parts: list[Part], index: int, as_of: date) -> dict[str, int]:
    """What closes one part on ``as_of``."""
    part = parts[index]
    return {
        "penalty": max(0, penalty(part, as_of) - part.had("penalty") - part.waived),
        "interest": max(0, interest(parts, index, as_of) - part.had("interest")),
        "fee": max(0, fee(part, as_of) - part.had("fee")),
        "principal": part.principal - part.had("principal"),
    }


def owed(parts: list[Part], as_of: date) -> list[dict[str, int]]:
    """What closes each part on ``as_of``."""
    return [owed_of(parts, index, as_of) for index in range(len(parts))]


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
