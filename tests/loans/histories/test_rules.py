"""Histories by the rules alone, without a database, and so in thousands: after each event they must agree with the oracle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.loans.allocation import allocate, claims
from bot.loans.port import InstalmentRef
from bot.loans.position import Book, Hold, Posted, positions
from bot.loans.quote import quote_line
from tests.loans import oracle
from tests.loans.builders import book
from tests.loans.histories.counting import histories
from tests.loans.histories.player import RATES, Loan, loans, starts
from tests.loans.oracle_books import Books


@dataclass(frozen=True)
class Step:
    """Some days pass, then one thing happens to what ``which`` names; ``share`` in thousandths of what it could be."""

    kind: str
    days: int
    which: int
    share: int


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(("pay", "pay", "pay earlier", "pay one", "waive", "hold", "release")),
        st.sampled_from((0, 1, 3, 10, 29, 31, 40)),
        st.integers(0, 99),
        st.integers(1, 1000),
    ),
    min_size=1,
    max_size=7,
)


class Rules:
    """The same borrower twice: as ``Book`` values, and in the independent books."""

    def __init__(self, start: date, drawn: list[Loan]) -> None:
        self.oracle = Books(start)
        self.books: dict[str, Book] = {}
        for place, loan in enumerate(drawn):
            number, rate = f"{loan.product}-{place}", RATES[loan.product][loan.rate]
            made = book(loan.product, loan.principal, rate, start, loan.term)  # type: ignore[arg-type]  # a product's code
            self.books[number] = replace(made, contract_no=number)
            self.oracle.contracts[number] = oracle.plan(loan.product, loan.principal, rate, start, loan.term)

    def play(self, step: Step) -> None:
        self.oracle.today += timedelta(days=step.days)
        refs = self.oracle.refs()
        ref = refs[step.which % len(refs)]
        if step.kind == "pay":
            self._pay(step.share, self.oracle.today, None)
        elif step.kind == "pay earlier":  # the bank confirms some days later
            first = self.oracle.part(refs[0]).starts_on
            self._pay(step.share, max(first, self.oracle.today - timedelta(days=step.which % 20)), None)
        elif step.kind == "pay one":
            self._pay(step.share, self.oracle.today, ref)
        elif step.kind == "waive":
            self._waive(step)
        else:
            self._hold(step.kind, ref)

    def _pay(self, share: int, day: date, ref: tuple[str, int] | None) -> None:
        only = None if ref is None else [ref]
        owed = claims(self.books.values(), day, None if ref is None else {_numbered(ref)})
        amount = max(1, sum(claim.amount for claim in owed) * share // 1000)
        lines, left = allocate(amount, owed)
        expected: list[tuple[tuple[str, int], str, int]] = []
        rest = amount
        for where, component, due in self.oracle.claims(day, only):
            if rest:
                expected.append((where, component, min(rest, due)))
                rest -= expected[-1][2]
        assert [((line.contract_no, line.instalment - 1), line.component, line.amount) for line in lines] == expected
        assert (left, sum(line.amount for line in lines) + left) == (rest, amount)
        for line in lines:
            self._post(line.contract_no, Posted(day, line.instalment, line.component, line.amount))
            self.oracle.part((line.contract_no, line.instalment - 1)).paid.append((day, line.component, line.amount))

    def _waive(self, step: Step) -> None:
        due = [claim for claim in self.oracle.claims(self.oracle.today) if claim[1] == "penalty"]
        if not due:
            return
        ref, _, owed = due[step.which % len(due)]
        amount = max(1, owed * step.share // 1000)
        self.oracle.part(ref).waived += amount
        self._post(ref[0], Posted(self.oracle.today, ref[1] + 1, "penalty", amount, waived=True))

    def _hold(self, kind: str, ref: tuple[str, int]) -> None:
        holds, own = self.oracle.part(ref).holds, self.books[ref[0]]
        held = bool(holds) and holds[-1][1] is None
        if kind == "hold" and not held:
            holds.append([self.oracle.today, None])
            holding = Hold(ref[1] + 1, self.oracle.today, None)
            self.books[ref[0]] = replace(own, holds=(*own.holds, holding))
        elif kind == "release" and held:
            holds[-1][1] = self.oracle.today
            ended = [
                replace(each, released_on=self.oracle.today)
                if each.instalment == ref[1] + 1 and each.released_on is None
                else each
                for each in own.holds
            ]
            self.books[ref[0]] = replace(own, holds=tuple(ended))

    def _post(self, number: str, posted: Posted) -> None:
        self.books[number] = replace(self.books[number], posted=(*self.books[number].posted, posted))

    def compare(self, day: date) -> None:
        for number, own in self.books.items():
            debts = oracle.owed(self.oracle.contracts[number], day)
            found = [
                {"penalty": each.penalty_due, "interest": each.interest_due, "fee": each.fee_due, "principal": each.principal_due}
                for each in positions(own, day)
            ]
            assert found == debts
            assert all(amount >= 0 for debt in found for amount in debt.values())
            line = quote_line(own, day, "")
            assert line.total == sum(sum(debt.values()) for debt in debts)


def _numbered(ref: tuple[str, int]) -> InstalmentRef:
    return InstalmentRef(ref[0], ref[1] + 1)


@histories("events by the rules alone")
@given(
    start=starts,
    drawn=st.lists(loans(6), min_size=1, max_size=2) | st.lists(loans(36), min_size=1, max_size=1),
    history=steps,
    ahead=st.integers(0, 400),
)
def test_any_history_by_the_rules_agrees_with_the_oracle_on_any_day(
    start: date, drawn: list[Loan], history: list[Step], ahead: int
) -> None:
    rules = Rules(start, drawn)
    for step in history:
        rules.play(step)
    rules.compare(rules.oracle.today)
    rules.compare(rules.oracle.today + timedelta(days=ahead))
