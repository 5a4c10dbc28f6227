"""Payoff quotes: what settles contracts on a day (product §1). Pure; a payment of a quote's total leaves nothing owed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time

from bot.core.clock import SHANGHAI
from bot.loans.port import PayoffQuote, QuoteLine
from bot.loans.position import Book, positions

MAX_DAYS_AHEAD = 30


def end_of_day(day: date) -> datetime:
    """The last second of ``day``: quotes are valid until midnight."""
    return datetime.combine(day, time(23, 59, 59), SHANGHAI)


def payoff_quote(books: Iterable[Book], as_of: date, names: Mapping[str, str]) -> PayoffQuote:
    """One line per contract, in the order given; ``names`` are the products' names."""
    lines = tuple(quote_line(book, as_of, names[book.product]) for book in books)
    return PayoffQuote(as_of, end_of_day(as_of), lines, sum(line.total for line in lines))


def quote_line(book: Book, as_of: date, product_name: str) -> QuoteLine:
    """Unpaid principal, accrued interest and fee, unpaid penalty of all instalments of ``book``."""
    stand = positions(book, as_of)
    principal = sum(item.principal_due for item in stand)
    interest = sum(item.interest_due for item in stand)
    fee = sum(item.fee_due for item in stand)
    penalty = sum(item.penalty_due for item in stand)
    total = principal + interest + fee + penalty
    return QuoteLine(book.contract_no, book.product, product_name, principal, interest, fee, penalty, total)
