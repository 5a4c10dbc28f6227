"""Random histories: the service, the ledger and an independent day-by-day calculation must agree to the 分."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.loans.catalogue import Catalogue
from bot.loans.port import InstalmentRef
from tests.loans import oracle
from tests.loans.conftest import CUSTOMER, World, make_world

RATES = {"KD": ("0.0004", 90), "YD": ("0.144", 6), "XW": ("0.12", 4), "FQ": ("0.006", 6)}


@dataclass(frozen=True)
class Loan:
    product: str
    principal: int
    term: int


@dataclass(frozen=True)
class Step:
    """Wait some days, then pay a share (in thousandths) of everything owed, once or twice under the same key."""

    days: int
    share: int
    repeated: bool


loans = st.lists(
    st.builds(
        Loan,
        product=st.sampled_from(["KD", "YD", "XW", "FQ"]),
        principal=st.integers(10_000, 2_000_000),
        term=st.integers(3, 24),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda loan: loan.product,
)
steps = st.lists(
    st.builds(Step, days=st.integers(0, 45), share=st.integers(1, 1000), repeated=st.booleans()), min_size=1, max_size=6
)
starts = st.dates(date(2026, 1, 1), date(2028, 12, 31))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(start=starts, drawn=loans, history=steps)
def test_any_history_of_payments_agrees_with_the_independent_calculation(
    shared_sqlite: Database, catalogue: Catalogue, start: date, drawn: list[Loan], history: list[Step]
) -> None:
    clock = FixedClock(datetime.combine(start, time(10), SHANGHAI))
    with shared_sqlite.transaction() as session:
        world = make_world(session, clock, catalogue)
        expected = {}
        for loan in drawn:
            number = world.draw(loan.product, loan.principal, RATES[loan.product][0], loan.term)
            expected[number] = oracle.plan(loan.product, loan.principal, RATES[loan.product][0], start, loan.term)
        for turn, step in enumerate(history):
            clock.advance(days=step.days)
            _pay_and_compare(world, expected, step, f"key-{turn}")
        _settle_everything(world)
        session.rollback()


def _pay_and_compare(world: World, expected: dict[str, list[oracle.Part]], step: Step, key: str) -> None:
    today = world.clock.today()
    quote = world.loans.payoff_quote(CUSTOMER)
    for line in quote.contracts:
        debts = oracle.owed(expected[line.contract_no], today)
        assert (line.penalty, line.interest, line.fee, line.principal) == tuple(
            sum(debt[part] for debt in debts) for part in ("penalty", "interest", "fee", "principal")
        )
    amount = max(1, quote.total * step.share // 1000)
    if quote.total == 0:
        return
    preview = world.loans.repayment_preview(CUSTOMER, amount)
    payment = world.loans.create_payment(CUSTOMER, amount, key=key)
    world.payments.settle(payment.payment_no)
    if step.repeated:
        assert world.loans.create_payment(CUSTOMER, amount, key=key).payment_no == payment.payment_no
        world.payments.settle(payment.payment_no)
    assert world.loans.payment(CUSTOMER, payment.payment_no).parts == preview.allocation
    assert oracle.pay(expected, amount, today) == 0
    for contract in world.loans.contracts(CUSTOMER, include_settled=True):
        parts = expected[contract.contract_no]
        assert [item.paid_principal for item in contract.instalments] == [part.had("principal") for part in parts]
        assert [item.paid_penalty for item in contract.instalments] == [part.had("penalty") for part in parts]
        assert [item.paid_interest for item in contract.instalments] == [part.had("interest") for part in parts]
    world.check()


def _settle_everything(world: World) -> None:
    total = world.loans.payoff_quote(CUSTOMER).total
    if total:
        world.payments.settle(world.loans.create_payment(CUSTOMER, total, key="the rest").payment_no)
    assert world.loans.contracts(CUSTOMER) == ()
    world.clock.advance(days=400)
    assert world.loans.outstanding(CUSTOMER).payoff_total == 0
    assert world.unit.ledger.balance("principal") == 0
    assert world.unit.ledger.balance("unapplied") == 0
    world.check()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    order=st.permutations([0, 1, 2, 3]),
    gaps=st.lists(st.integers(0, 20), min_size=4, max_size=4),
    amounts=st.lists(st.integers(1, 12_000), min_size=4, max_size=4),
)
def test_payments_may_settle_in_any_order_and_nothing_is_lost(
    shared_sqlite: Database, catalogue: Catalogue, order: list[int], gaps: list[int], amounts: list[int]
) -> None:
    """Whatever the order, money in = applied + refunded, the ledger holds, and no instalment is overpaid."""

    clock = FixedClock()
    with shared_sqlite.transaction() as session:
        world = make_world(session, clock, catalogue)
        number = world.draw("FQ", 60000, "0.006", 6)
        clock.advance(days=25)
        made = []
        for gap, amount in zip(gaps, amounts, strict=True):
            clock.advance(days=gap)
            made.append(world.payments.record(CUSTOMER, amount, [InstalmentRef(number, 1)], kind="own"))
        for index in order:
            world.payments.settle(made[index].payment_no)
        world.check()
        first = world.loans.contract(CUSTOMER, number).instalments[0]
        paid = first.paid_principal + first.paid_fee + first.paid_penalty
        assert paid + sum(refund.amount for refund in world.loans.refunds(CUSTOMER)) == sum(amounts)
        assert first.paid_penalty <= first.penalty
        assert first.paid_principal <= 10000
        assert world.unit.ledger.balance("unapplied") == 0
        session.rollback()
