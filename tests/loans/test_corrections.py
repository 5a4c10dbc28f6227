"""Reversals: linked to what they undo, never an edit; balances of any past day, as known now and as known then."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.catalogue import Catalogue
from bot.loans.corrections import CorrectionService
from bot.loans.errors import IdempotencyConflict, NotReversible, PostingNotFound
from bot.loans.ledger import ACCOUNTS, Entry
from bot.loans.models import LedgerEntryRow, LedgerTransactionRow
from bot.loans.port import InstalmentRef
from tests.loans.conftest import CUSTOMER, World, make_world
from tests.loans.histories.counting import histories


@pytest.fixture
def world(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> World:
    return make_world(each_session, clock, catalogue)


@pytest.fixture
def corrections(world: World) -> CorrectionService:
    return CorrectionService(world.unit)


def postings(world: World, kind: str) -> list[int]:
    head = LedgerTransactionRow
    return list(world.session.scalars(select(head.id).where(head.kind == kind).order_by(head.id)))


def rows(world: World) -> list[tuple[object, ...]]:
    """The whole ledger as it was written."""
    tables = (LedgerTransactionRow.__table__, LedgerEntryRow.__table__)
    return [tuple(row) for table in tables for row in world.session.execute(select(table).order_by(table.c.id))]


def test_a_reversal_stands_the_other_way_round_and_names_its_original(world: World) -> None:
    ledger, day = world.unit.ledger, world.clock.today()
    original = ledger.post("receipt", CUSTOMER, [Entry("bank", "unapplied", 700)], value_on=day)
    before = rows(world)
    world.clock.advance(days=3)
    reversal = ledger.reverse(original, note="wrong account")
    assert (reversal.transaction_id, reversal.kind, reversal.undone) == (original, "receipt", (Entry("bank", "unapplied", 700),))
    head = world.session.get_one(LedgerTransactionRow, reversal.reversal_id)
    assert (head.kind, head.reverses, head.note, head.value_on) == ("reversal", original, "wrong account", day)
    assert ledger.balance("bank") == ledger.balance("unapplied") == 0
    assert [row for row in rows(world) if row in before] == before


def test_a_posting_is_reversed_once_and_a_reversal_never(world: World) -> None:
    ledger = world.unit.ledger
    original = ledger.post("receipt", CUSTOMER, [Entry("bank", "unapplied", 700)], value_on=world.clock.today())
    reversal = ledger.reverse(original, note="x")
    for number in (original, reversal.reversal_id):
        with pytest.raises(NotReversible):
            ledger.reverse(number, note="y")
    with pytest.raises(PostingNotFound):
        ledger.reverse(10**30, note="y")


@pytest.mark.parametrize(
    "columns",
    ["'reversal', NULL, 'why'", "'reversal', 1, NULL", "'receipt', 1, NULL", "'receipt', NULL, 'why'"],
)
def test_the_schema_wants_a_reversal_to_name_its_original_and_say_why(world: World, columns: str) -> None:
    world.unit.ledger.post("receipt", CUSTOMER, [Entry("bank", "unapplied", 700)], value_on=world.clock.today())
    statement = (
        "INSERT INTO ledger_transactions (customer_id, value_on, posted_at, kind, reverses, note) "
        "VALUES ('C9001', '2026-08-22', '2026-08-22 00:00:00', " + columns + ")"
    )
    with pytest.raises(IntegrityError):
        world.session.execute(text(statement))
    world.session.rollback()


def test_a_balance_can_be_read_as_it_is_known_now_and_as_it_was_known_then(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=10)
    payment = world.loans.create_payment(CUSTOMER, 10000, key="p")
    made_on = world.clock.today()
    world.clock.advance(days=2)
    the_day_after_next = world.clock.now()
    world.clock.advance(hours=1)
    world.payments.settle(payment.payment_no)
    ledger = world.unit.ledger
    assert ledger.balance("principal", as_of=made_on) == 50000  # it counts from the day it was made
    assert ledger.balance("principal", as_of=made_on, known_at=the_day_after_next) == 60000  # the bank had not said so yet
    assert ledger.balance("principal", contract_no=number, instalment=1, as_of=made_on) == 0
    assert ledger.balance("principal", contract_no=number, instalment=2, as_of=made_on) == 10000
    assert ledger.balance("principal", contract_no=number, as_of=date(2026, 8, 31)) == 60000
    assert ledger.balance("principal", contract_no="FQ-404") == 0


def test_the_trial_balance_sums_to_nothing_on_every_day(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=40)
    world.payments.settle(world.loans.create_payment(CUSTOMER, 10000, key="p").payment_no)
    for day in (date(2026, 8, 21), date(2026, 8, 22), date(2026, 9, 30), date(2026, 10, 1)):
        trial = world.unit.ledger.trial_balance(as_of=day)
        assert sum(trial.values()) == 0
        assert trial == {account: world.unit.ledger.balance(account, as_of=day) for account in ACCOUNTS}
    # nine days late: 10000 × 0.0005 × 9 = 45 of penalty, then 9955 of principal
    assert trial["bank"] == -50000
    assert (trial["principal"], trial["penalty_income"]) == (50045, -45)
    assert set(world.unit.ledger.trial_balance(customer_id="C404").values()) == {0}


def test_a_waiver_granted_by_mistake_is_taken_back(world: World, corrections: CorrectionService) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=41)  # 10 days late: 50 of penalty
    world.loans.waive_penalty(number, 1, 50, reason="system_caused", key="w")
    (waiver,) = postings(world, "waiver")
    reversal = corrections.reverse_waiver(waiver, reason="another customer was meant", key="c")
    first = world.loans.contract(CUSTOMER, number).instalments[0]
    assert (first.waived_penalty, first.penalty_due) == (0, 50)
    world.check()
    assert corrections.reverse_waiver(waiver, reason="another customer was meant", key="c") == reversal
    with pytest.raises(IdempotencyConflict):
        corrections.reverse_waiver(waiver, reason="another reason", key="c")
    with pytest.raises(NotReversible):
        corrections.reverse_waiver(waiver, reason="x", key="c2")
    assert len(postings(world, "reversal")) == 1


def test_a_payment_used_for_the_wrong_contract_is_moved(world: World, corrections: CorrectionService) -> None:
    first, second = world.draw("FQ", 60000, "0", 6), world.draw("FQ", 30000, "0", 6)
    world.clock.advance(days=31)
    payment = world.loans.create_payment(CUSTOMER, 10000, key="p", contract_nos=[first]).payment_no
    world.payments.settle(payment)
    assert world.loans.contract(CUSTOMER, first).paid_periods == 1
    world.clock.advance(days=5)
    moved = corrections.reapply(payment, [InstalmentRef(second, 1)], reason="the borrower meant the other one", key="c")
    assert (moved.applied, moved.refunded) == (5000, 5000)
    assert world.loans.contract(CUSTOMER, first).paid_periods == 0
    assert world.loans.contract(CUSTOMER, second).instalments[0].status == "settled"  # paid on its due date, so no penalty
    shown = world.loans.payment(CUSTOMER, payment)
    assert [(part.contract_no, part.component, part.amount) for part in shown.parts] == [(second, "principal", 5000)]
    assert [(refund.amount, refund.reason) for refund in world.loans.refunds(CUSTOMER)] == [(5000, "left_over")]
    world.check()
    corrections.reapply(payment, [InstalmentRef(second, 1)], reason="the borrower meant the other one", key="c")
    assert len(postings(world, "reversal")) == 1
    back = corrections.reapply(payment, [InstalmentRef(first, 1)], reason="no, the first", key="c2")
    assert (back.applied, back.refunded) == (5000, 5000)
    assert world.loans.contract(CUSTOMER, first).instalments[0].paid_principal == 5000
    world.check()


@histories("corrections")
@given(
    payments=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30_000)), min_size=1, max_size=4),
    moves=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6), st.integers(0, 20)), max_size=4),
)
def test_after_any_corrections_the_books_agree_and_no_money_is_lost(
    shared_sqlite: Database, catalogue: Catalogue, payments: list[tuple[int, int]], moves: list[tuple[int, int, int]]
) -> None:
    clock = FixedClock()
    with shared_sqlite.transaction() as session:
        world = make_world(session, clock, catalogue)
        corrections = CorrectionService(world.unit)
        contracts = [world.draw("FQ", 60000, "0.006", 6), world.draw("YD", 60000, "0.144", 6)]
        made = []
        for index, (days, amount) in enumerate(payments):
            clock.advance(days=days)
            ref = InstalmentRef(contracts[index % 2], 1 + index)
            made.append(world.payments.settle(world.payments.record(CUSTOMER, amount, [ref], kind="own").payment_no).payment_no)
            world.check()
        for turn, (which, instalment, days) in enumerate(moves):
            clock.advance(days=days)
            ref = InstalmentRef(contracts[turn % 2], instalment)
            corrections.reapply(made[which % len(made)], [ref], reason="test", key=f"move-{turn}")
            world.check()
        rows = world.unit.repository.payments(CUSTOMER)
        assert sum(row.applied + row.refunded for row in rows) == sum(amount for _, amount in payments)
        for contract in world.loans.contracts(CUSTOMER, include_settled=True):
            owed = world.unit.ledger.balance("principal", contract_no=contract.contract_no)
            assert owed == contract.outstanding_principal
            assert all(0 <= item.paid_principal <= item.principal for item in contract.instalments)
        session.rollback()


def test_of_a_moved_payment_a_charge_that_was_given_back_stays_where_it_was(world: World) -> None:
    """Found by the generated histories: the paid penalty would have become negative."""
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=51)  # 20 days late: 10000 × 0.0005 × 20 = 100 of penalty
    payment_no = world.loans.create_payment(CUSTOMER, 5100, key="p").payment_no
    world.payments.settle(payment_no)
    world.loans.refund_penalty(number, 1, 60, reason="system_caused", key="r")
    moved = CorrectionService(world.unit).reapply(payment_no, [InstalmentRef(number, 2)], reason="the borrower's wish", key="c")
    first, second = world.loans.contract(CUSTOMER, number).instalments[:2]
    # 60 of the 5100 are the borrower's again; the other 5040 go to the second instalment.
    assert (first.paid_penalty, first.paid_principal, first.waived_penalty) == (0, 0, 60)
    assert second.paid_principal == 5040
    assert (moved.applied, moved.refunded) == (5100, 0)
    assert [(refund.amount, refund.reason) for refund in world.loans.refunds(CUSTOMER)] == [(60, "penalty")]
    world.check()


def test_a_payment_of_nothing_but_charges_that_were_given_back_cannot_be_moved(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=51)
    payment_no = world.loans.create_payment(CUSTOMER, 100, key="p").payment_no
    world.payments.settle(payment_no)
    world.loans.refund_penalty(number, 1, 100, reason="system_caused", key="r")
    moved = CorrectionService(world.unit).reapply(payment_no, [InstalmentRef(number, 2)], reason="the borrower's wish", key="c")
    assert (moved.applied, moved.refunded) == (100, 0)
    assert postings(world, "reversal") == []
    assert world.loans.contract(CUSTOMER, number).instalments[1].paid_principal == 0
    world.check()


def test_a_payment_that_was_moved_and_then_returned_is_undone_once(world: World) -> None:
    """What the correction reversed is not reversed again."""
    first, second = world.draw("FQ", 60000, "0", 6), world.draw("FQ", 60000, "0", 6)
    payment_no = world.loans.create_payment(CUSTOMER, 10000, key="p", contract_nos=[first]).payment_no
    world.payments.settle(payment_no)
    CorrectionService(world.unit).reapply(payment_no, [InstalmentRef(second, 1)], reason="wrong contract", key="c")
    world.payments.give_back(payment_no, "BANK_RETURNED")
    world.session.flush()
    assert [world.unit.instalment(number, 1).paid_principal for number in (first, second)] == [0, 0]
    assert [world.unit.ledger.balance(account) for account in ("bank", "unapplied", "principal")] == [-120000, 0, 120000]
    world.check()
