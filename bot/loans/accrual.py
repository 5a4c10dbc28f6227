"""Interest that has accrued in a period, and the sum of principal over days that interest and penalty share. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction

from bot.core.money import Fen, divided_half_up

Repaid = tuple[date, Fen]
"""Principal that was repaid, and from which day on it no longer counts."""
DayRange = tuple[date, date]
"""Days from the first up to, not including, the second."""


def principal_days(opening: Fen, repaid: Iterable[Repaid], first: date, end: date, without: Sequence[DayRange] = ()) -> int:
    """The sum of the principal standing on each day of ``first`` ≤ day < ``end``, in 分 × days.

    The principal starts as ``opening`` and falls by each repayment on its day. Days inside a range of ``without`` count nothing;
    those ranges must not overlap each other.
    """
    if first >= end:
        return 0
    changes = sorted(change for change in repaid if change[0] < end)
    total, standing, since = 0, opening, first
    for day, amount in changes:
        if day > since:
            total += standing * _days(since, day, without)
            since = day
        standing -= amount
    return total + standing * _days(since, end, without)


def _days(first: date, end: date, without: Sequence[DayRange]) -> int:
    """Days of the range that are not in ``without``."""
    if not without:
        return (end - first).days
    left_out = sum(max(0, (min(end, stop) - max(first, start)).days) for start, stop in without)
    return (end - first).days - left_out


def accrued_interest(full: Fraction, opening: Fen, repaid: Iterable[Repaid], starts_on: date, due_on: date, as_of: date) -> Fen:
    """The interest of a period up to ``as_of``, rounded once.

    ``full`` is what the whole period costs while ``opening`` stands. Without repayments this is ``full`` × days elapsed / days in
    the period, the rule of early settlement (product §1); principal repaid ahead stops costing interest on the day it is repaid.
    """
    if not full or not opening:
        return 0
    standing = principal_days(opening, repaid, starts_on, min(as_of, due_on))
    return divided_half_up(full.numerator * standing, full.denominator * opening * (due_on - starts_on).days)
