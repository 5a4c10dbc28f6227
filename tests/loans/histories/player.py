"""Plays a history twice: through the services, and in the independent books of ``oracle_books.py``; then compares everything.

An event is three small numbers. Which kind of event the first one means depends on what is possible at that moment, so that
short histories are full of consequences; ``log`` tells what happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.core.clock import SHANGHAI, FixedClock
from bot.loans.corrections import CorrectionService
from bot.loans.errors import IdempotencyConflict, NotSchedulable, PaymentInProgress
from bot.loans.origination import LoanTerms
from bot.loans.port import InstalmentRef
from bot.loans.posting import Posting
from bot.loans.servicing.channel import ChannelResult
from bot.loans.servicing.orders import OrderService
from bot.loans.simulated_bank import Behaviour
from tests.loans import oracle
from tests.loans.conftest import CUSTOMER, World
from tests.loans.oracle_books import COMPONENTS, Books, Money, Planned, Ref

RATES = {
    "KD": ("0.0005", "0.0004", "0"),
    "YD": ("0.18", "0.144", "0.072"),
    "XW": ("0.15", "0.12", "0"),
    "FQ": ("0.006", "0.0045", "0"),
}
MAX_CONTRACTS = 3


@dataclass(frozen=True)
class Loan:
    product: str
    principal: int
    rate: int
    term: int


@dataclass(frozen=True)
class Event:
    """Some days pass, then something happens; ``share`` in thousandths of whatever may be paid, waived or given back."""

    days: int
    kind: int
    which: int
    share: int


def loans(longest: int) -> st.SearchStrategy[Loan]:
    return st.builds(
        Loan, st.sampled_from(sorted(RATES)), st.integers(10_000, 2_000_000), st.integers(0, 2), st.integers(3, longest)
    )


days = st.sampled_from((0, 0, 0, 1, 1, 2, 5, 9, 14, 20, 28, 30, 31, 45))
events = st.builds(Event, days, st.integers(0, 9_999), st.integers(0, 999), st.integers(1, 1000))
starts = st.dates(date(2026, 1, 1), date(2028, 12, 31)) | st.sampled_from(
    (date(2026, 1, 31), date(2026, 8, 31), date(2027, 12, 31), date(2028, 1, 30), date(2028, 2, 29))
)


class Player:
    """One history over one session."""

    def __init__(self, session: Session, start: date) -> None:
        self.clock = FixedClock(datetime.combine(start, time(10), SHANGHAI))
        self.world = World(session, self.clock)
        self.orders = OrderService(self.world.unit)
        self.corrections = CorrectionService(self.world.unit)
        self.books = Books(start)
        self.log: list[str] = []
        self.keys = 0
        self.made: dict[str, tuple[str, int]] = {}
        self.hanging: list[str] = []
        self.waivers: list[tuple[int, Ref, int]] = []
        self.failed: list[str] = []
        self.late_debits: dict[str, Money | None] = {}
        """Debits that failed, as they would count if the bank executed them after all."""
        self.unordered: set[str] = set()
        """Debits that the bank executed without an order of ours."""

    # --- playing ---------------------------------------------------------------------------------------------------------

    def draw(self, loan: Loan) -> str:
        number, rate = f"{loan.product}-{len(self.books.contracts):04d}", RATES[loan.product][loan.rate]
        terms = LoanTerms(loan.product, loan.principal, Decimal(rate), loan.term, "0001")
        self.world.origination.draw_down(CUSTOMER, terms, key=f"draw:{number}", contract_no=number)
        self.books.contracts[number] = oracle.plan(loan.product, loan.principal, rate, self.books.today, loan.term)
        self.log.append(f"{self.books.today} {loan}")
        return number

    def play(self, event: Event) -> None:
        self.clock.advance(days=event.days)
        self.books.today = self.clock.today()
        possible = [kind for kind, found in self.kinds().items() for _ in range(found)]
        kind = possible[event.kind % len(possible)]
        self.log.append(f"{self.books.today} {kind.__name__} {event}")
        kind(event)

    def kinds(self) -> dict[Callable[[Event], None], int]:
        """What may happen now, and how often it should, compared with the others."""
        refs, money = [ref for ref in self.books.refs() if not self.books.part(ref).settled], self.books.money
        parts = [self.books.part(ref) for ref in refs]
        settled = [each for each in money.values() if each.status == "settled"]
        found: dict[Callable[[Event], None], int] = {
            self.pay: 4 * bool(refs),
            self.pay_without_success: 2 * bool(refs),
            self.debit: 3 * any(part.due_on <= self.books.today for part in parts),
            self.debit_twice: 1,
            self.answer: 3 * bool(self.hanging),
            self.execute_after_failure: 2 * bool(self.failed),
            self.send_back: 2 * bool(self.returnable()),
            self.give_back_surplus: 3 * any(each.held > 0 for each in settled),
            self.hold: 2 * bool(refs),
            self.release: 2 * any(self._held(ref) for ref in self.books.refs()),
            self.waive: 3 * any(part.due_on < self.books.today for part in parts),
            self.take_back_waiver: bool(self.waivers),
            self.refund_penalty: 3 * any(self.books.part(ref).had("penalty") for ref in self.books.refs()),
            self.pay_out: 2 * any(refund.status == "pending" for refund in self.books.refunds),
            self.schedule: 3 * bool(refs),
            self.cancel: any(plan.status == "scheduled" and not plan.money for plan in self.books.schedules.values()),
            self.run_schedules: 4 * any(plan.status in {"scheduled", "taken"} for plan in self.books.schedules.values()),
            self.reapply: 2 * bool(settled),
            self.repeat: bool(self.made),
            self.draw_more: len(self.books.contracts) < MAX_CONTRACTS,
        }
        return found

    def key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    # --- the borrower pays -----------------------------------------------------------------------------------------------

    def _create(self, event: Event) -> str | None:
        """An own payment of a share of everything, or of one contract; ``None`` when it must be refused and was."""
        books, numbers = self.books, None
        if event.which % 3 == 0:
            open_ones = sorted(set(books.contracts) - books.closed)
            numbers = [open_ones[event.which % len(open_ones)]]
        refs = None if numbers is None else books.of_contract(numbers[0])
        total = books.total(books.today, refs)
        if not total:
            return None
        amount, key = max(1, total * event.share // 1000), self.key()
        reached = books.reached(amount, refs)
        if books.under_way(reached):
            try:
                self.world.payments.create(CUSTOMER, amount, key=key, contract_nos=numbers)
            except PaymentInProgress:
                return None
            raise AssertionError("a second payment for the same instalments was not refused")
        number = self.world.payments.create(CUSTOMER, amount, key=key, contract_nos=numbers).payment_no
        books.money[number] = Money(amount, "own", books.today, reached)
        if numbers is None:
            self.made[number] = (key, amount)
        return number

    def _report(self, number: str, state: str, code: str) -> None:
        outcome = self.orders.apply(ChannelResult(number, state, code))  # type: ignore[arg-type]  # a state of the port
        assert outcome == "applied"

    def pay(self, event: Event) -> None:
        number = self._create(event)
        if number is not None:
            self._report(number, "settled", "SUCCESS")
            self.books.settle(number)

    def pay_without_success(self, event: Event) -> None:
        number = self._create(event)
        if number is None:
            return
        if event.which % 2:
            self.hanging.append(number)
        else:
            self._fail(number)

    def _fail(self, number: str) -> None:
        self._report(number, "failed", "SYS_TIMEOUT")
        under_way = self.books.debits_under_way.pop(number, None)
        if under_way is None:
            self.books.money[number].status = "failed"
        for plan in self.books.schedules.values():
            if plan.money == number:
                plan.status = "failed"
        self.failed.append(number)
        self.late_debits[number] = under_way

    def answer(self, event: Event) -> None:
        """The bank says at last how a payment ended that hung since some days."""
        number = self.hanging.pop(event.which % len(self.hanging))
        if event.share % 3 == 0:
            self._fail(number)
            return
        self._report(number, "settled", "SUCCESS")
        self._settled(number)

    def _settled(self, number: str) -> None:
        debit = self.books.debits_under_way.pop(number, None)
        if debit is not None:
            self.books.money[number] = debit
        plan = next((plan for plan in self.books.schedules.values() if plan.money == number), None)
        if plan is None:
            self.books.settle(number)
        else:
            plan.status, self.books.money[number].received = "taken", True

    def execute_after_failure(self, event: Event) -> None:
        """What had failed was executed by the bank after all."""
        number = self.failed.pop(event.which % len(self.failed))
        self._report(number, "settled", "SUCCESS")
        debit = self.late_debits[number]
        if debit is not None:
            self.books.money[number] = debit
            self.books.settle(number)
            return
        first = self.books.money[number]
        self.books.money[f"{number}-L"] = Money(first.amount, first.kind, first.made_on, first.refs)
        self.books.settle(f"{number}-L")

    def returnable(self) -> list[str]:
        return [number for number, each in self.books.money.items() if each.status == "settled" or each.received]

    def send_back(self, event: Event) -> None:
        """The bank returns money that had come."""
        candidates = self.returnable()
        number = candidates[event.which % len(candidates)]
        if number in self.unordered:
            self.world.payments.give_back(number, "BANK_RETURNED")
        else:
            self._report(number.removesuffix("-L"), "returned", "BANK_RETURNED")
        for plan in self.books.schedules.values():
            if plan.money == number.removesuffix("-L"):
                plan.status = "failed"
        self.books.returned(number)

    def repeat(self, event: Event) -> None:
        """The same command again is the same payment; the same key with another amount is an error."""
        number = list(self.made)[event.which % len(self.made)]
        key, amount = self.made[number]
        assert self.world.payments.create(CUSTOMER, amount, key=key).payment_no == number
        try:
            self.world.payments.create(CUSTOMER, amount + 1, key=key)
        except IdempotencyConflict:
            return
        raise AssertionError("the key was accepted for another amount")

    # --- debits and scheduled repayments ---------------------------------------------------------------------------------

    def debit(self, event: Event) -> None:
        """The due-day run tries one instalment: it is taken, refused, or the bank is silent. What is disputed is left alone."""
        books = self.books
        due = [ref for ref in books.refs() if not books.part(ref).settled and books.part(ref).due_on <= books.today]
        ref = due[event.which % len(due)]
        amount = books.total(books.today, [ref])
        disputed = books.part(ref).due_on < books.today and self._held(ref)
        blocked = books.under_way([ref]) or books.live_schedule(ref) or not amount or disputed
        fate = ("taken", "taken", "refused", "silent")[event.share % 4]
        behaviours = {"refused": Behaviour(code="INSUFFICIENT_FUNDS"), "silent": Behaviour(lost_replies=1)}
        self.world.bank.default = behaviours.get(fate, Behaviour())
        before = len(self.world.bank.asked)
        attempt = self.world.debits.run_one(ref[0], ref[1] + 1)
        asked = self.world.bank.asked[before:]
        if blocked:
            assert (attempt, asked) == (None, [])
            return
        assert [order.amount for order in asked] == [amount]
        number, money = asked[0].order_no, Money(amount, "auto_debit", books.today, (ref,))
        if fate == "silent":
            books.debits_under_way[number] = money
            self.hanging.append(number)
        elif fate == "refused":
            self.failed.append(number)
            self.late_debits[number] = money
        else:
            books.money[number] = money
            books.settle(number)

    def debit_twice(self, event: Event) -> None:
        """The bank reports a debit that nobody ordered: what the instalment does not need waits until it is given back."""
        refs = self.books.refs()
        ref = refs[event.which % len(refs)]
        mandate = self.world.unit.repository.mandates(CUSTOMER)[0]
        amount = max(1, self.books.part(ref).principal * event.share // 900)
        number = self.world.debits.record(mandate, _ref(ref), amount, "SUCCESS").payment_no
        assert number is not None
        self.unordered.add(number)
        self.books.money[number] = Money(amount, "auto_debit", self.books.today, (ref,))
        self.books.settle(number)

    def give_back_surplus(self, event: Event) -> None:
        candidates = [no for no, each in self.books.money.items() if each.status == "settled" and each.held > 0]
        number = candidates[event.which % len(candidates)]
        amount = max(1, self.books.money[number].held * event.share // 1000)
        self.world.remedies.refund_payment(number, amount, reason="double", key=self.key())
        self.books.give_back(number, amount, "double_debit")

    def schedule(self, event: Event) -> None:
        numbers = sorted(set(self.books.contracts) - self.books.closed)
        number = numbers[event.which % len(numbers)]
        index = self.books.current(number)
        last = self.books.today if index is None else max(self.books.today, self.books.part((number, index)).due_on)
        day = self.books.today + timedelta(days=event.share % (min(12, (last - self.books.today).days) + 1))
        possible = self.books.may_schedule(number, day)
        try:
            row = self.world.scheduled.schedule(CUSTOMER, number, day, key=self.key())
        except NotSchedulable:
            assert not possible
            return
        assert possible
        self.books.schedule(row.scheduled_no, number, day)
        assert row.amount == self.books.schedules[row.scheduled_no].amount

    def cancel(self, event: Event) -> None:
        waiting = [no for no, plan in self.books.schedules.items() if plan.status == "scheduled" and not plan.money]
        number = waiting[event.which % len(waiting)]
        self.world.scheduled.cancel(CUSTOMER, number, key=self.key())
        self.books.schedules[number].status = "cancelled"

    def run_schedules(self, event: Event) -> None:
        """The two daily runs; the bank takes the money, refuses, or is silent."""
        books, fate = self.books, ("taken", "taken", "taken", "refused", "silent")[event.share % 5]
        behaviours = {"refused": Behaviour(code="INSUFFICIENT_FUNDS"), "silent": Behaviour(lost_replies=1)}
        self.world.bank.default = behaviours.get(fate, Behaviour())
        due = books.to_take()
        self.world.scheduled.take_due(self.world.bank)
        for number in due:
            plan = books.schedules[number]
            if books.ends_without_money(number):
                plan.status = "cancelled"
            elif not books.under_way([plan.ref]):
                self._taken(number, plan, fate)
        self.world.scheduled.post_due()
        for plan in books.schedules.values():
            if plan.status == "taken" and books.part(plan.ref).due_on <= books.today:
                books.settle(plan.money or "", books.part(plan.ref).due_on)
                plan.status = "posted"

    def _taken(self, number: str, plan: Planned, fate: str) -> None:
        row = self.world.unit.repository.scheduled(number)
        assert row is not None
        assert row.payment_no is not None
        plan.money = row.payment_no
        plan.amount = self.books.taken_of(number)
        assert row.amount == plan.amount
        money = self.books.money[plan.money] = Money(plan.amount, "scheduled", self.books.today, (plan.ref,))
        if fate == "silent":
            self.hanging.append(plan.money)
        elif fate == "refused":
            plan.status, money.status = "failed", "failed"
            self.failed.append(plan.money)
            self.late_debits[plan.money] = None
        else:
            plan.status, money.received = "taken", True

    # --- the lender ------------------------------------------------------------------------------------------------------

    def draw_more(self, event: Event) -> None:
        product = sorted(RATES)[event.which % 4]
        self.draw(Loan(product, 10_000 + event.share * 1_237 + event.which, event.which % 3, 3 + event.share % 4))

    def _held(self, ref: Ref) -> bool:
        return any(ended is None for _, ended in self.books.part(ref).holds)

    def hold(self, event: Event) -> None:
        refs = [ref for ref in self.books.refs() if not self.books.part(ref).settled]
        ref = refs[event.which % len(refs)]
        self.world.remedies.hold(ref[0], ref[1] + 1, "dispute", key=self.key())
        if not self._held(ref):
            self.books.part(ref).holds.append([self.books.today, None])

    def release(self, event: Event) -> None:
        refs = [ref for ref in self.books.refs() if self._held(ref)]
        ref = refs[event.which % len(refs)]
        self.world.remedies.release(ref[0], ref[1] + 1, key=self.key())
        self.books.part(ref).holds[-1][1] = self.books.today

    def waive(self, event: Event) -> None:
        due = [claim for claim in self.books.claims(self.books.today) if claim[1] == "penalty"]
        if not due:
            return
        ref, _, owed = due[event.which % len(due)]
        amount = max(1, owed * event.share // 1000)
        self.world.remedies.waive_penalty(ref[0], ref[1] + 1, amount, reason="goodwill", key=self.key())
        self.books.waive(ref, amount)
        newest = text("SELECT max(id) FROM ledger_transactions WHERE kind = 'waiver'")
        self.waivers.append((self.world.session.execute(newest).scalar_one(), ref, amount))

    def take_back_waiver(self, event: Event) -> None:
        posting, ref, amount = self.waivers.pop(event.which % len(self.waivers))
        self.corrections.reverse_waiver(posting, reason="by mistake", key=self.key())
        self.books.waive(ref, -amount)

    def refund_penalty(self, event: Event) -> None:
        paid = [ref for ref in self.books.refs() if self.books.part(ref).had("penalty")]
        ref = paid[event.which % len(paid)]
        amount = max(1, self.books.part(ref).had("penalty") * event.share // 1000)
        self.world.remedies.refund_penalty(ref[0], ref[1] + 1, amount, reason="system", key=self.key())
        self.books.refund_penalty(ref, amount)

    def pay_out(self, _event: Event) -> None:
        """Everything that is owed to the borrower leaves."""
        for row in self.world.unit.repository.pending_refunds():
            Posting(self.world.unit).pay_refund(row)
        for refund in self.books.refunds:
            if refund.status == "pending":
                refund.status = "paid"

    def reapply(self, event: Event) -> None:
        """A payment was used for the wrong instalments."""
        numbers = [no for no, each in self.books.money.items() if each.status == "settled"]
        number, refs = numbers[event.which % len(numbers)], self.books.refs()
        targets = {refs[event.share % len(refs)], refs[event.which % len(refs)]}
        self.corrections.reapply(number, [_ref(ref) for ref in targets], reason="misplaced", key=self.key())
        self.books.reapply(number, tuple(sorted(targets)))

    # --- comparing -------------------------------------------------------------------------------------------------------

    def compare(self, days_ahead: int) -> None:
        """Stored balances, ledger, payments, refunds and a quote, each against the independent books, to the 分."""
        self.world.session.flush()
        self._compare_instalments()
        self._compare_ledger()
        self._compare_payments()
        self._compare_quote(self.books.today + timedelta(days=days_ahead))

    def _compare_instalments(self) -> None:
        query = text(
            "SELECT contract_no, number, paid_penalty, paid_interest, paid_fee, paid_principal, waived_penalty, settled_on"
            " FROM instalments ORDER BY contract_no, number"
        )
        stored = [(*row[:7], row[7] is not None) for row in self.world.session.execute(query)]
        expected = [
            (number, index + 1, *(part.had(component) for component in COMPONENTS), part.waived, part.settled)
            for number, parts in sorted(self.books.contracts.items())
            for index, part in enumerate(parts)
        ]
        assert stored == expected
        assert all(amount >= 0 for row in stored for amount in row[2:7])
        closed = text("SELECT contract_no FROM contracts WHERE settled_on IS NOT NULL")
        assert set(self.world.session.scalars(closed)) == self.books.closed

    def _compare_ledger(self) -> None:
        """The sums of the entries, of each account and of each instalment."""
        query = text(
            "SELECT contract_no, instalment, debit, credit, sum(amount) FROM ledger_entries"
            " GROUP BY contract_no, instalment, debit, credit"
        )
        accounts, principal, given = Counter[str](), Counter[Ref](), Counter[tuple[Ref, str]]()
        for number, instalment, debit, credit, amount in self.world.session.execute(query):
            accounts[debit] += int(amount)
            accounts[credit] -= int(amount)
            if number is None:
                continue
            ref = (number, instalment - 1)
            for account, signed in ((debit, int(amount)), (credit, -int(amount))):
                principal[ref] += signed * (account == "principal")
                given[ref, account] -= signed
        assert {name: amount for name, amount in accounts.items() if amount} == {
            name: amount for name, amount in self.books.balances().items() if amount
        }
        for ref in self.books.refs():
            part = self.books.part(ref)
            assert principal[ref] == part.principal - part.had("principal")
            assert given[ref, "interest_income"] == part.had("interest")
            assert given[ref, "fee_income"] == part.had("fee")
            assert given[ref, "penalty_income"] == part.had("penalty") + part.waived
            assert -given[ref, "waiver_expense"] == part.waived

    def _compare_payments(self) -> None:
        repository, books = self.world.unit.repository, self.books
        rows = {row.payment_no: row for row in repository.payments(CUSTOMER)}
        assert {number: (row.amount, _public(row.status), row.applied, row.refunded) for number, row in rows.items()} == {
            number: (each.amount, each.status, each.used, each.refunded) for number, each in books.money.items()
        }
        parts = repository.payment_parts(list(rows))
        for number, each in books.money.items():
            if each.status == "settled":  # in the order of allocation
                used = [((line.contract_no, line.instalment - 1), line.component, line.amount) for line in parts[number]]
                assert used == each.uses
        query = text("SELECT amount, reason, status, cancelled_at FROM refunds")
        refunds = [(row[0], row[1], "cancelled" if row[3] else row[2]) for row in self.world.session.execute(query)]
        assert sorted(refunds) == sorted((each.amount, each.reason, each.status) for each in books.refunds)
        schedules = {row.scheduled_no: row.status for row in repository.scheduled_repayments(CUSTOMER)}
        assert schedules == {number: plan.status for number, plan in books.schedules.items()}

    def _compare_quote(self, day: date) -> None:
        quote = self.world.loans.payoff_quote(CUSTOMER, day)
        lines = {line.contract_no: (line.penalty, line.interest, line.fee, line.principal) for line in quote.contracts}
        expected = {}
        for number in set(self.books.contracts) - self.books.closed:
            debts = oracle.owed(self.books.contracts[number], day)
            expected[number] = tuple(sum(debt[component] for debt in debts) for component in COMPONENTS)
        assert lines == expected
        assert quote.total == sum(sum(line) for line in expected.values())


def _ref(ref: Ref) -> InstalmentRef:
    return InstalmentRef(ref[0], ref[1] + 1)


def _public(status: str) -> str:
    return "processing" if status == "created" else status


def savepoint(session: Session) -> AbstractContextManager[Session]:
    """What happens inside is undone, and the session forgets it."""
    return _Savepoint(session)


class _Savepoint(AbstractContextManager[Session]):
    def __init__(self, session: Session) -> None:
        self.session = session

    def __enter__(self) -> Session:
        self._nested = self.session.begin_nested()
        return self.session

    def __exit__(self, *_: object) -> None:
        self._nested.rollback()
        self.session.expunge_all()
