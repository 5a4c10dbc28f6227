"""Where a contract stands on a day: what each instalment costs, what was paid, what is still owed. Pure, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

from bot.core.money import Fen
from bot.loans.accrual import DayRange, Repaid, accrued_interest
from bot.loans.penalty import penalty
from bot.loans.port import Component, ProductCode
from bot.loans.schedule import PlannedInstalment, by_day_interest

CASH_LOANS: frozenset[ProductCode] = frozenset({"KD", "YD", "XW"})
"""Paid before purchase instalments (product §1, fact 2)."""
MAX_PERIODS = 36
"""No contract has more instalments (``contracts.periods``)."""


@dataclass(frozen=True)
class Posted:
    """A part of a posting as the ledger has it. ``waived``: forgiven, not paid. Reversed or refunded parts are negative."""

    value_on: date
    instalment: int
    component: Component
    amount: Fen
    waived: bool = False


@dataclass(frozen=True)
class Hold:
    """Penalty stands still from the day after ``held_on`` up to and including ``released_on`` (``None``: still held)."""

    instalment: int
    held_on: date
    released_on: date | None


@dataclass(frozen=True)
class Book:
    """Everything that the rules need to know of one contract. ``daily_rate`` is set for KD only."""

    contract_no: str
    customer_id: str
    product: ProductCode
    penalty_daily_rate: Decimal
    daily_rate: Decimal | None
    plan: tuple[PlannedInstalment, ...]
    posted: tuple[Posted, ...] = ()
    holds: tuple[Hold, ...] = ()

    @property
    def is_cash_loan(self) -> bool:
        return self.product in CASH_LOANS

    def repaid(self, first: int, last: int) -> list[Repaid]:
        """The principal repaid on instalments ``first``…``last``."""
        return [(p.value_on, p.amount) for p in self.posted if p.component == "principal" and first <= p.instalment <= last]

    def hold_ranges(self, instalment: int) -> list[DayRange]:
        """The holds of an instalment as ranges of days that count nothing (see ``penalty.py``)."""
        return [(h.held_on, h.released_on or date.max) for h in self.holds if h.instalment == instalment]


@dataclass(frozen=True)
class Position:
    """One instalment as of a day.

    ``interest`` and ``fee`` have accrued by that day; ``…_at_due`` is what they come to on the due date if nothing more is paid
    before. The paid parts count every posting, whatever its value date, so that nothing can be paid twice.
    """

    number: int
    starts_on: date
    due_on: date
    principal: Fen
    interest: Fen
    interest_at_due: Fen
    fee: Fen
    fee_at_due: Fen
    penalty: Fen
    paid_principal: Fen
    paid_interest: Fen
    paid_fee: Fen
    paid_penalty: Fen
    waived_penalty: Fen

    @property
    def principal_due(self) -> Fen:
        return self.principal - self.paid_principal

    @property
    def interest_due(self) -> Fen:
        return max(0, self.interest - self.paid_interest)

    @property
    def fee_due(self) -> Fen:
        return max(0, self.fee - self.paid_fee)

    @property
    def penalty_due(self) -> Fen:
        return max(0, self.penalty - self.paid_penalty - self.waived_penalty)

    @property
    def total_due(self) -> Fen:
        """What closes it on this day: principal, accrued interest and fee, penalty."""
        return self.principal_due + self.interest_due + self.fee_due + self.penalty_due

    @property
    def total_at_due(self) -> Fen:
        """What closes it on its due date (or on this day, if that is later)."""
        interest = max(0, self.interest_at_due - self.paid_interest)
        return self.principal_due + interest + max(0, self.fee_at_due - self.paid_fee) + self.penalty_due

    @property
    def settled(self) -> bool:
        return self.total_at_due == 0


def positions(book: Book, as_of: date) -> tuple[Position, ...]:
    """Every instalment of ``book`` on ``as_of``, in order."""
    openings = list(accumulate(reversed([item.principal for item in book.plan])))[::-1]
    return tuple(position_in(book, item, opening, as_of) for item, opening in zip(book.plan, openings, strict=True))


def position_in(book: Book, item: PlannedInstalment, opening: Fen, as_of: date) -> Position:
    """``item`` alone; ``book`` need not have what was posted before it. ``opening``: the principal from it to the end."""
    own = [posted for posted in book.posted if posted.instalment == item.number]
    repaid = book.repaid(item.number, item.number)
    standing = book.repaid(item.number, MAX_PERIODS)
    full = _full_interest(book, item)
    at_due = accrued_interest(full, opening, standing, item.starts_on, item.due_on, item.due_on)
    rate, holds = book.penalty_daily_rate, book.hold_ranges(item.number)
    return Position(
        number=item.number,
        starts_on=item.starts_on,
        due_on=item.due_on,
        principal=item.principal,
        interest=at_due
        if as_of >= item.due_on
        else accrued_interest(full, opening, standing, item.starts_on, item.due_on, as_of),
        interest_at_due=at_due,
        fee=_fee(item, repaid) if as_of > item.starts_on else 0,
        fee_at_due=_fee(item, repaid),
        penalty=penalty(item.principal, repaid, item.due_on, as_of, rate, holds),
        paid_principal=_sum(own, "principal"),
        paid_interest=_sum(own, "interest"),
        paid_fee=_sum(own, "fee"),
        paid_penalty=_sum(own, "penalty"),
        waived_penalty=sum(posted.amount for posted in own if posted.waived),
    )


def _full_interest(book: Book, item: PlannedInstalment) -> Fraction:
    """What the whole period costs: exact for KD, whose interest is rounded once per contract, else the planned whole 分."""
    if book.daily_rate is None:
        return Fraction(item.interest)
    return by_day_interest(item.principal, book.daily_rate, (item.due_on - item.starts_on).days)


def _fee(item: PlannedInstalment, repaid: Sequence[Repaid]) -> Fen:
    """The period's fee, dropped when the instalment's principal was repaid before the period began (product §1, FQ).

    A period begins the day after the due date before it (the first: the day after the drawdown).
    """
    paid_before = sum(amount for day, amount in repaid if day <= item.starts_on)
    return 0 if paid_before >= item.principal else item.fee


def _sum(posted: Sequence[Posted], component: Component) -> Fen:
    return sum(part.amount for part in posted if part.component == component and not part.waived)
