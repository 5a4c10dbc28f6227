"""How one payment is used (product §1): cash loans first, oldest due date first, penalty → interest/fee → principal. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from bot.core.money import Fen
from bot.loans.port import AllocationLine, Component, InstalmentRef
from bot.loans.position import Book, Position, positions


def claims(books: Iterable[Book], as_of: date, only: Collection[InstalmentRef] | None = None) -> tuple[AllocationLine, ...]:
    """Everything owed on ``as_of`` in the order in which it is paid; ``only`` restricts it to those instalments."""
    found: list[tuple[tuple[bool, date, str, int], Book, Position]] = []
    for book in books:
        for position in positions(book, as_of):
            if only is None or InstalmentRef(book.contract_no, position.number) in only:
                order = (not book.is_cash_loan, position.due_on, book.contract_no, position.number)
                found.append((order, book, position))
    found.sort(key=lambda entry: entry[0])
    return tuple(
        AllocationLine(book.contract_no, position.number, component, amount)
        for _, book, position in found
        for component, amount in _parts(position)
        if amount > 0
    )


def _parts(position: Position) -> tuple[tuple[Component, Fen], ...]:
    return (
        ("penalty", position.penalty_due),
        ("interest", position.interest_due),
        ("fee", position.fee_due),
        ("principal", position.principal_due),
    )


def allocate(amount: Fen, owed: Sequence[AllocationLine]) -> tuple[tuple[AllocationLine, ...], Fen]:
    """Pays ``owed`` from ``amount`` in order; returns the lines that were paid, wholly or in part, and what is left over."""
    lines: list[AllocationLine] = []
    left = amount
    for claim in owed:
        if left == 0:
            break
        part = min(left, claim.amount)
        lines.append(AllocationLine(claim.contract_no, claim.instalment, claim.component, part))
        left -= part
    return tuple(lines), left
