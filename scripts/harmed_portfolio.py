"""Life stories of contracts whose one instalment fell due in an incident of the auto-debit; loaded by ``loan_portfolio.load``."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from bot.core.clock import SHANGHAI
from bot.loans.allocation import claims
from bot.loans.port import InstalmentRef, ProductCode
from bot.loans.position import Book, positions
from bot.loans.schedule import Method, make_plan
from scripts.loan_portfolio import NOON, PENALTY, TODAY, Story, post_drawdown, post_payment

FIRST_DAY, LAST_DAY = TODAY - timedelta(days=12), TODAY - timedelta(days=10)
STARTS_AT = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, 8, tzinfo=SHANGHAI)
ENDS_AT = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, 20, tzinfo=SHANGHAI)
PRODUCTS: tuple[tuple[ProductCode, Method, str], ...] = (
    ("FQ", "fee_per_period", "0"), ("FQ", "fee_per_period", "0.006"), ("YD", "equal_instalments", "0.144"),
)  # fmt: skip
ENDS = ("unpaid", "paid_late", "part_paid", "mixed", "own_fault")
SHARES = (70, 10, 8, 7, 5)
"""How the instalment went on, in percent."""


def harmed_story(chance: random.Random) -> Story:
    """Instalments before it were paid on the day; it was not taken on the due date, and then …"""
    product, method, rate = chance.choice(PRODUCTS)
    due_on = FIRST_DAY + timedelta(days=chance.randint(0, 2))
    number, term, principal = chance.randint(1, 4), chance.choice((6, 9, 12)), chance.randint(5, 200) * 100_00
    plan = make_plan(method, principal, Decimal(rate), date(due_on.year, due_on.month - number, due_on.day), term)
    made, book = Story(), Book(f"{product}-@", "C#", product, PENALTY, None, plan)
    post_drawdown(made, book)
    for before in range(1, number):
        book = _pay(made, book, before, plan[before - 1].due_on, 100)
    book = _go_on(made, book, number, due_on, chance)
    stand = positions(book, TODAY)
    made.add("contracts", book.contract_no, "C#", product, principal, plan[0].starts_on, due_on.day, term, rate, PENALTY, None)
    for item, planned in zip(stand, plan, strict=True):
        paid = (item.paid_principal, item.paid_interest, item.paid_fee, item.paid_penalty, item.waived_penalty)
        settled_on = max((p.value_on for p in book.posted if p.instalment == item.number), default=None) if item.settled else None
        made.add(
            "instalments", book.contract_no, item.number, item.starts_on, item.due_on, planned.principal, planned.interest,
            planned.fee, *paid, settled_on,
        )  # fmt: skip
    return made


def _go_on(made: Story, book: Book, number: int, due_on: date, chance: random.Random) -> Book:
    end = chance.choices(ENDS, SHARES)[0]
    code, side = ("INSUFFICIENT_FUNDS", "borrower") if end == "own_fault" else ("SYS_TIMEOUT", "system")
    for hour in (9, 12, 18):
        _attempt(made, book, number, due_on, hour, code, side)
    if end == "mixed":
        retry_on = LAST_DAY + timedelta(days=chance.randint(1, 4))
        _attempt(made, book, number, retry_on, 9, "INSUFFICIENT_FUNDS", "borrower")
        notice = made.serial("notices"), "C#", book.contract_no, number, "debit_failed", "sms"
        made.add("notices", *notice, f"{retry_on} {NOON}", "delivered", f"{retry_on} {NOON}")
    if end in ("paid_late", "part_paid"):
        return _pay(made, book, number, due_on + timedelta(days=chance.randint(3, 9)), 100 if end == "paid_late" else 40)
    return book


def _attempt(made: Story, book: Book, number: int, day: date, hour: int, code: str, side: str) -> None:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=SHANGHAI).astimezone(UTC)
    of = made.serial("debit_attempts"), "M#", "C#", book.contract_no, number
    made.add("debit_attempts", *of, 100, at.isoformat(), code, side, None)


def _pay(made: Story, book: Book, number: int, day: date, percent: int) -> Book:
    owed = sum(line.amount for line in claims([book], day, {InstalmentRef(book.contract_no, number)}))
    return post_payment(made, book, number, day, owed * percent // 100)
