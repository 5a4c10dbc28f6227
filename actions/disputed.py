"""Which instalment a borrower disputes: the one that they name, else the one that most likely costs them something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from actions.turn import Turn
from bot.loans.port import Contract, Instalment

OVER = frozenset({"closed", "withdrawn"})


@dataclass(frozen=True)
class Disputed:
    """An instalment with overdue days. ``open``: it is overdue now; ``known``: a case about it is not over yet."""

    contract_no: str
    product: str
    instalment: int
    due_on: date
    open: bool
    known: bool


@dataclass(frozen=True)
class Choice:
    """What is meant, and what else could have been. ``empty``: the contracts that were named have nothing to dispute."""

    chosen: Disputed | None
    others: tuple[Disputed, ...] = ()
    empty: tuple[str, ...] = ()


def choose_disputed(turn: Turn) -> Choice:
    """By contract number, product and period ("第5期") of the message; one of the latter two that fits nothing is ignored.

    Without such words: the oldest overdue instalment that no case is about, then the oldest overdue one, then one that a case is
    about (it may be paid meanwhile), then the latest whose penalty was paid (product §3: "refunded if paid").
    """
    found = disputable(turn)
    numbers = {str(number) for number in turn.heard.all("contract_no")}
    if numbers:
        found = [item for item in found if item.contract_no in numbers]
        if not found:
            return Choice(None, empty=tuple(sorted(numbers)))
    for name in ("product", "period"):
        wanted = set(turn.heard.all(name))
        found = [item for item in found if (item.product if name == "product" else item.instalment) in wanted] or found
    if not found:
        return Choice(None)
    chosen = min(found, key=_rank)
    return Choice(chosen, tuple(item for item in found if item != chosen and not item.known))


def _rank(item: Disputed) -> tuple[int, int]:
    age = item.due_on.toordinal()
    if item.open:
        return (1 if item.known else 0), age
    return (2 if item.known else 3), -age


def disputable(turn: Turn) -> list[Disputed]:
    """Every instalment that is overdue, whose penalty was paid or given back, or that a case is about; oldest due date first."""
    cases = [case for case in turn.cases.cases_of(turn.customer_id) if case.kind == "dispute" and case.status not in OVER]
    known = {(case.contract_no, case.instalment) for case in cases}
    found = [
        _disputed(contract, item, known=(contract.contract_no, item.number) in known)
        for contract in turn.loans.contracts(turn.customer_id, include_settled=True)
        for item in contract.instalments
        if item.overdue_days or item.paid_penalty or item.waived_penalty
    ]
    return sorted(found, key=lambda item: item.due_on)  # stable: of one day in allocation order


def _disputed(contract: Contract, item: Instalment, *, known: bool) -> Disputed:
    return Disputed(contract.contract_no, contract.product, item.number, item.due_on, item.overdue_days > 0, known)
