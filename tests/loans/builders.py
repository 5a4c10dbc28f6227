"""Short ways to make what the pure rules work on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from bot.loans.port import Component, ProductCode
from bot.loans.position import Book, Hold, Posted
from bot.loans.schedule import Method, make_plan

METHODS: dict[ProductCode, Method] = {
    "KD": "by_day",
    "YD": "equal_instalments",
    "XW": "interest_only",
    "FQ": "fee_per_period",
}
PENALTY = Decimal("0.0005")


def book(
    product: ProductCode, principal: int, rate: str, drawn_on: date, term: int, *posted: Posted, holds: tuple[Hold, ...] = ()
) -> Book:
    """A contract as the rules see it; its number is the product code."""
    plan = make_plan(METHODS[product], principal, Decimal(rate), drawn_on, term)
    daily = Decimal(rate) if product == "KD" else None
    return Book(product, "C1", product, PENALTY, daily, plan, posted, holds)


def paid(day: date, instalment: int, component: Component, amount: int) -> Posted:
    return Posted(day, instalment, component, amount)
