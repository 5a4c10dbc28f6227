"""A payment made on a quote settles exactly what it promised: by contract and all at once, today and up to 30 days ahead."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from tests.loans.conftest import CUSTOMER
from tests.loans.histories.counting import histories
from tests.loans.histories.player import Event, Loan, Player, days, loans, savepoint, starts

quiet = st.builds(Event, days, st.integers(0, 9_999), st.integers(0, 999), st.integers(1, 1000))
"""What may have happened before: payments, holds, releases, waivers."""


@histories("quote, then pay")
@given(
    start=starts,
    drawn=st.lists(loans(12), min_size=1, max_size=2),
    before=st.lists(quiet, max_size=2),
    ahead=st.integers(0, 30),
    one_contract=st.booleans(),
    bank_days=st.integers(0, 3),
)
def test_what_is_paid_on_a_quote_leaves_nothing(
    sqlite_session: Session,
    start: date,
    drawn: list[Loan],
    before: list[Event],
    ahead: int,
    one_contract: bool,
    bank_days: int,
) -> None:
    with savepoint(sqlite_session):
        player = Player(sqlite_session, start)
        numbers = [player.draw(loan) for loan in drawn]
        for event in before:
            player.clock.advance(days=event.days)
            player.books.today = player.clock.today()
            if player.books.closed < set(numbers):
                (player.pay, player.hold, player.pay, player.waive)[event.kind % 4](event)
        world, books = player.world, player.books
        open_ones = sorted(set(numbers) - books.closed)
        if not open_ones:
            return
        chosen = open_ones[:1] if one_contract else None
        day = books.today + timedelta(days=ahead)
        quote = world.loans.payoff_quote(CUSTOMER, day, chosen)
        refs = None if chosen is None else books.of_contract(chosen[0])
        assert quote.total == books.total(day, refs)
        player.clock.advance(days=ahead)
        payment = world.loans.create_payment(CUSTOMER, quote.total, key="on the quote", contract_nos=chosen)
        player.clock.advance(days=bank_days)  # the bank answers later: it still counts from the day of the quote
        world.payments.settle(payment.payment_no)
        row = world.unit.repository.payment(payment.payment_no)
        assert row is not None
        assert (row.applied, row.refunded) == (quote.total, 0)
        left = world.loans.contracts(CUSTOMER)
        assert {each.contract_no for each in left} == (set(open_ones[1:]) if one_contract else set())
        player.clock.advance(days=200)
        settled = [world.loans.contract(CUSTOMER, number) for number in chosen or open_ones]
        assert all(item.penalty_due == 0 and item.status == "settled" for each in settled for item in each.instalments)
        assert all(each.outstanding_principal == 0 for each in settled)
        if not one_contract:
            assert world.unit.ledger.balance("principal") == 0
            assert world.loans.outstanding(CUSTOMER).payoff_total == 0
        assert world.unit.ledger.balance("unapplied") == 0
