"""The books of one borrower, kept independently: what each event must do, from the product text and ``docs/rules.md``.

Like ``oracle.py`` it uses nothing of ``bot.loans``: no ledger and no stored balances, only lists of what happened, from which
everything is added up anew. Contract numbers begin with the product code; instalments count from 0. Amounts in 分.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.loans import oracle
from tests.loans.oracle import Part

Ref = tuple[str, int]
"""Contract number and index of the instalment."""
Claim = tuple[Ref, str, int]
"""Instalment, component, amount."""
COMPONENTS = ("penalty", "interest", "fee", "principal")


@dataclass
class Money:
    """One payment. ``received``: it lies in our account. ``postings``: the day from which something counts, and what was paid.

    ``kept``: parts that were to be taken back, but had been given back to the borrower before.
    """

    amount: int
    kind: str
    made_on: date
    refs: tuple[Ref, ...]
    status: str = "processing"
    received: bool = False
    postings: list[tuple[date, list[Claim]]] = field(default_factory=list)
    kept: int = 0
    refunded: int = 0

    @property
    def uses(self) -> list[Claim]:
        return [claim for _, claims in self.postings for claim in claims]

    @property
    def used(self) -> int:
        return sum(amount for _, _, amount in self.uses) + self.kept

    @property
    def held(self) -> int:
        """Received and neither used nor given back; negative: a claim against the borrower."""
        return (self.amount if self.received else 0) - self.used - self.refunded


@dataclass
class GivenBack:
    """A refund; ``status``: pending, paid or cancelled."""

    amount: int
    reason: str
    money: str | None
    status: str = "pending"


@dataclass
class Planned:
    """A scheduled repayment."""

    ref: Ref
    amount: int
    take_on: date
    status: str = "scheduled"
    money: str | None = None


class Books:
    """Everything of one borrower. Methods are events; each assumes that the event is possible."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.contracts: dict[str, list[Part]] = {}
        self.money: dict[str, Money] = {}
        self.debits_under_way: dict[str, Money] = {}
        self.refunds: list[GivenBack] = []
        self.schedules: dict[str, Planned] = {}
        self.closed: set[str] = set()

    # --- asking ----------------------------------------------------------------------------------------------------------

    def part(self, ref: Ref) -> Part:
        return self.contracts[ref[0]][ref[1]]

    def refs(self) -> list[Ref]:
        return [(number, index) for number, parts in self.contracts.items() for index in range(len(parts))]

    def claims(self, day: date, refs: Collection[Ref] | None = None) -> list[Claim]:
        """What is owed on ``day``: cash loans first, oldest due date first, penalty → interest/fee → principal."""
        wanted = self.refs() if refs is None else refs
        queue = sorted((number[:2] == "FQ", self.part((number, index)).due_on, number, index) for number, index in set(wanted))
        found: list[Claim] = []
        for _, _, number, index in queue:
            debts = oracle.owed_of(self.contracts[number], index, day)
            found += [((number, index), component, debts[component]) for component in COMPONENTS if debts[component]]
        return found

    def total(self, day: date, refs: Collection[Ref] | None = None) -> int:
        return sum(amount for _, _, amount in self.claims(day, refs))

    def of_contract(self, number: str) -> list[Ref]:
        return [(number, index) for index in range(len(self.contracts[number]))]

    def under_way(self, refs: Iterable[Ref]) -> bool:
        """Whether something that was sent to the bank is meant for one of ``refs`` and has no end yet."""
        wanted = set(refs)
        pending = [*(each for each in self.money.values() if each.status == "processing"), *self.debits_under_way.values()]
        return any(wanted & set(each.refs) for each in pending)

    def live_schedule(self, ref: Ref) -> bool:
        return any(plan.ref == ref and plan.status in {"scheduled", "taken"} for plan in self.schedules.values())

    def current(self, number: str) -> int | None:
        """The oldest instalment on which something is or will be owed."""
        return next((index for index in range(len(self.contracts[number])) if self.cost_at_due((number, index))), None)

    def cost_at_due(self, ref: Ref) -> int:
        """What closes an instalment on its due date, or today when that has passed."""
        parts, part = self.contracts[ref[0]], self.part(ref)
        return (
            part.principal
            - part.had("principal")
            + max(0, oracle.interest(parts, ref[1], part.due_on) - part.had("interest"))
            + max(0, oracle.fee(part, part.due_on) - part.had("fee"))
            + max(0, oracle.penalty(part, self.today) - part.had("penalty") - part.waived)
        )

    def may_schedule(self, number: str, day: date) -> bool:
        index = self.current(number)
        if index is None or self.live_schedule((number, index)) or self.under_way([(number, index)]):
            return False
        due = self.part((number, index)).due_on
        opens = due - timedelta(days=10)
        return due >= self.today >= opens and self.today <= day <= due

    def balances(self) -> dict[str, int]:
        """Every account, debits minus credits."""
        parts = [part for parts in self.contracts.values() for part in parts]
        paid = {component: sum(part.had(component) for part in parts) for component in COMPONENTS}
        waived, lent = sum(part.waived for part in parts), sum(part.principal for part in parts)
        came = sum(each.amount for each in self.money.values() if each.received)
        by_status = Counter[str]()
        for refund in self.refunds:
            by_status[refund.status] += refund.amount
        return {
            "bank": came - lent - by_status["paid"],
            "principal": lent - paid["principal"],
            "interest_income": -paid["interest"],
            "fee_income": -paid["fee"],
            "penalty_income": -paid["penalty"] - waived,
            "waiver_expense": waived,
            "unapplied": -sum(each.held for each in self.money.values()),
            "refund_payable": -by_status["pending"],
        }

    # --- money comes -----------------------------------------------------------------------------------------------------

    def reached(self, amount: int, refs: Collection[Ref] | None) -> tuple[Ref, ...]:
        """The instalments that ``amount`` gets to today."""
        found: list[Ref] = []
        for ref, _, owed in self.claims(self.today, refs):
            if amount <= 0:
                break
            amount -= owed
            if ref not in found:
                found.append(ref)
        return tuple(found)

    def settle(self, number: str, on: date | None = None) -> None:
        """The money of a payment is here (or was, when it was taken ahead) and is used as of ``on`` (the day it was made)."""
        money = self.money[number]
        money.received, money.status = True, "settled"
        left = self._use(money, money.refs, on or money.made_on)
        if left and money.kind != "auto_debit":
            self.give_back(number, left, "left_over")

    def _use(self, money: Money, refs: Collection[Ref], on: date) -> int:
        left = money.amount - money.refunded - money.used
        uses: list[Claim] = []
        for ref, component, owed in self.claims(on, refs):
            used = min(left, owed)
            if used:
                self.part(ref).paid.append((on, component, used))
                uses.append((ref, component, used))
                left -= used
        if uses:
            money.postings.append((on, uses))
        self.tidy(ref[0] for ref in refs)
        return left

    def give_back(self, number: str, amount: int, reason: str) -> None:
        self.money[number].refunded += amount
        self.refunds.append(GivenBack(amount, reason, number))

    def tidy(self, numbers: Iterable[str]) -> None:
        """After every change: charges that are more than is due now go back, and what is paid is marked."""
        for number in set(numbers):
            parts = self.contracts[number]
            for index, part in enumerate(parts):
                self._return_overcharge(parts, index)
                part.settled = self.cost_at_due((number, index)) == 0
            if all(part.settled for part in parts):
                self.closed.add(number)
            else:
                self.closed.discard(number)

    def _return_overcharge(self, parts: list[Part], index: int) -> None:
        part = parts[index]
        had = {component: part.had(component) for component in COMPONENTS}
        due = {"interest": 0, "fee": 0, "penalty": 0}
        if had["interest"]:
            due["interest"] = oracle.interest(parts, index, part.due_on)
        if had["fee"]:
            due["fee"] = oracle.fee(part, part.due_on)
        if had["penalty"]:
            due["penalty"] = max(0, oracle.penalty(part, self.today) - part.waived)
        for component, most in due.items():
            if had[component] > most:
                part.paid.append((self.today, component, most - had[component]))
                self.refunds.append(GivenBack(had[component] - most, "overcharge", None))

    # --- money goes back, and corrections --------------------------------------------------------------------------------

    def returned(self, number: str) -> None:
        """The bank sent it back: as of today it does not count; what was given to the borrower of it stays a claim."""
        money = self.money[number]
        if money.status == "processing" and not money.received:
            self.settle(number)
        for refund in self.refunds:
            if refund.money == number and refund.status == "pending":
                refund.status = "cancelled"
                money.refunded -= refund.amount
        touched: set[str] = set()
        for posting in list(reversed(money.postings)):
            touched |= self._take_back(money, posting, self.today)
        money.received, money.status = False, "returned"
        self.tidy(touched)

    def _take_back(self, money: Money, posting: tuple[date, list[Claim]], on: date) -> set[str]:
        """As of ``on``; a charge that was given back to the borrower is not there any more. The contracts it touched."""
        gone: list[Claim] = []
        for ref, component, amount in posting[1]:
            there = min(amount, self.part(ref).had(component))
            if there:
                self.part(ref).paid.append((on, component, -there))
                gone.append((ref, component, there))
        if gone:
            money.postings.remove(posting)
            money.kept += sum(amount for _, _, amount in posting[1]) - sum(amount for _, _, amount in gone)
        return {ref[0] for ref, _, _ in gone}

    def reapply(self, number: str, refs: tuple[Ref, ...]) -> None:
        """Taken from where it was used, as of then, and used for ``refs`` as of the day it was made."""
        money = self.money[number]
        for posting in list(money.postings):
            self.tidy(self._take_back(money, posting, posting[0]))
        left = self._use(money, refs, money.made_on)
        if left:
            self.give_back(number, left, "left_over")

    def waive(self, ref: Ref, amount: int) -> None:
        self.part(ref).waived += amount
        self.tidy([ref[0]])

    def refund_penalty(self, ref: Ref, amount: int) -> None:
        self.part(ref).paid.append((self.today, "penalty", -amount))
        self.part(ref).waived += amount
        self.refunds.append(GivenBack(amount, "penalty", None))

    # --- scheduled repayments --------------------------------------------------------------------------------------------

    def schedule(self, scheduled_no: str, number: str, take_on: date) -> None:
        ref = (number, self.current(number) or 0)
        self.schedules[scheduled_no] = Planned(ref, self.cost_at_due(ref), take_on)

    def to_take(self) -> list[str]:
        """The schedules whose day has come."""
        due = [no for no, plan in self.schedules.items() if plan.status == "scheduled" and plan.money is None]
        return [no for no in due if self.schedules[no].take_on <= self.today]

    def ends_without_money(self, scheduled_no: str) -> bool:
        return self.cost_at_due(self.schedules[scheduled_no].ref) == 0

    def taken_of(self, scheduled_no: str) -> int:
        """What leaves the card: no more than is owed by then, and no more than was agreed."""
        plan = self.schedules[scheduled_no]
        return min(plan.amount, self.cost_at_due(plan.ref))
