"""Confirmations of the bank in any order: no money is lost and nothing is paid twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.catalogue import Catalogue
from bot.loans.port import InstalmentRef
from tests.loans.conftest import CUSTOMER, make_world
from tests.loans.histories.counting import histories


@histories("payments confirmed in any order")
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
