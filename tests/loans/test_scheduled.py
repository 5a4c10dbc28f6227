"""Scheduled repayment: the window, taking on the day, posting on the due date (product §1 fact 4)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.loans.catalogue import Catalogue
from bot.loans.errors import IdempotencyConflict, NotCancellable, NotSchedulable, PaymentInProgress, ScheduledNotFound
from tests.loans.conftest import CUSTOMER, World, make_world

DUE = date(2026, 9, 22)


@pytest.fixture
def world(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> World:
    return make_world(each_session, clock, catalogue)


@pytest.fixture
def contract_no(world: World) -> str:
    """FQ of 600 yuan in 6 with a fee of 3.60, drawn on 22 August; the clock stands 6 days before the first due date."""
    number = world.draw("FQ", 60000, "0.006", 6)
    world.clock.advance(days=25)
    return number


@pytest.mark.parametrize(("days_before", "eligible"), [(11, False), (10, True), (1, True), (0, True)])
def test_the_window_opens_ten_days_before_the_due_date(world: World, days_before: int, eligible: bool) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=31 - days_before)
    window = world.loans.schedule_window(CUSTOMER, number)
    assert (window.eligible, window.opens_on, window.last_day) == (eligible, date(2026, 9, 12), DUE)
    assert window.first_day == max(world.clock.today(), date(2026, 9, 12))


def test_the_money_is_taken_on_the_day_and_posted_on_the_due_date(world: World, contract_no: str) -> None:
    chosen = date(2026, 9, 18)
    scheduled = world.loans.schedule_repayment(CUSTOMER, contract_no, chosen, key="s1")
    assert (scheduled.amount, scheduled.execute_on, scheduled.posts_on, scheduled.status) == (10360, chosen, DUE, "scheduled")
    assert world.scheduled.take_due(world.bank) == []  # too early
    world.clock.advance(days=2)
    (taken,) = world.scheduled.take_due(world.bank)
    assert taken.status == "taken"
    (payment,) = world.loans.payments(CUSTOMER)
    assert (payment.status, payment.advice) == ("processing", "taken_posts_on_due_date")
    assert world.loans.contract(CUSTOMER, contract_no).instalments[0].status == "open"
    assert world.unit.ledger.balance("unapplied") == -10360
    world.check()
    assert world.scheduled.post_due() == []
    world.clock.advance(days=4)
    assert world.debits.run() == []  # the due-day run leaves it alone
    (posted,) = world.scheduled.post_due()
    assert posted.status == "posted"
    assert world.loans.contract(CUSTOMER, contract_no).instalments[0].status == "settled"
    assert world.loans.payments(CUSTOMER)[0].advice == "done"
    world.check()


def test_scheduling_twice_with_the_same_key_schedules_once(world: World, contract_no: str) -> None:
    first = world.loans.schedule_repayment(CUSTOMER, contract_no, DUE, key="s1")
    assert world.loans.schedule_repayment(CUSTOMER, contract_no, DUE, key="s1") == first
    with pytest.raises(IdempotencyConflict):
        world.loans.schedule_repayment(CUSTOMER, contract_no, DUE - timedelta(days=1), key="s1")
    assert len(world.loans.scheduled_repayments(CUSTOMER)) == 1


def test_an_instalment_has_one_schedule_at_a_time(world: World, contract_no: str) -> None:
    first = world.loans.schedule_repayment(CUSTOMER, contract_no, DUE, key="s1")
    with pytest.raises(NotSchedulable) as refused:
        world.loans.schedule_repayment(CUSTOMER, contract_no, DUE, key="s2")
    assert refused.value.details["reason"] == "already_scheduled"
    world.loans.cancel_scheduled_repayment(CUSTOMER, first.scheduled_no, key="c1")
    assert world.loans.schedule_repayment(CUSTOMER, contract_no, DUE, key="s3").status == "scheduled"


@pytest.mark.parametrize("days", [-1, 7])
def test_a_day_outside_the_window_is_refused_with_the_window(world: World, contract_no: str, days: int) -> None:
    with pytest.raises(NotSchedulable) as refused:
        world.loans.schedule_repayment(CUSTOMER, contract_no, world.clock.today() + timedelta(days=days), key="s1")
    assert refused.value.details["reason"] == "outside_window"
    assert (refused.value.details["first_day"], refused.value.details["last_day"]) == (world.clock.today(), DUE)


def test_an_overdue_instalment_or_one_being_paid_cannot_be_scheduled(world: World, contract_no: str) -> None:
    world.loans.create_payment(CUSTOMER, 10360, key="p1")
    assert world.loans.schedule_window(CUSTOMER, contract_no).reason == "payment_processing"
    world.clock.advance(days=7)
    assert world.loans.schedule_window(CUSTOMER, contract_no).reason == "overdue"
    with pytest.raises(NotSchedulable):
        world.loans.schedule_repayment(CUSTOMER, contract_no, world.clock.today(), key="s1")


def test_a_settled_contract_has_no_window(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.payments.settle(world.loans.create_payment(CUSTOMER, 60000, key="p1").payment_no)
    window = world.loans.schedule_window(CUSTOMER, number)
    assert (window.eligible, window.reason, window.instalment, window.due_on) == (False, "settled", 0, None)


def test_it_can_be_cancelled_until_it_is_taken(world: World, contract_no: str) -> None:
    scheduled = world.loans.schedule_repayment(CUSTOMER, contract_no, world.clock.today(), key="s1")
    world.scheduled.take_due(world.bank)
    with pytest.raises(NotCancellable):
        world.loans.cancel_scheduled_repayment(CUSTOMER, scheduled.scheduled_no, key="c1")


def test_cancelling_is_idempotent_and_the_owners_alone(world: World, contract_no: str) -> None:
    scheduled = world.loans.schedule_repayment(CUSTOMER, contract_no, DUE, key="s1")
    world.open_customer("C9002")
    with pytest.raises(ScheduledNotFound):
        world.loans.cancel_scheduled_repayment("C9002", scheduled.scheduled_no, key="c0")
    with pytest.raises(ScheduledNotFound):
        world.loans.cancel_scheduled_repayment(CUSTOMER, "S-404", key="c0")
    cancelled = world.loans.cancel_scheduled_repayment(CUSTOMER, scheduled.scheduled_no, key="c1")
    assert cancelled.status == "cancelled"
    assert world.loans.cancel_scheduled_repayment(CUSTOMER, scheduled.scheduled_no, key="c1") == cancelled
    with pytest.raises(NotCancellable):
        world.loans.cancel_scheduled_repayment(CUSTOMER, scheduled.scheduled_no, key="c2")
    assert world.scheduled.take_due(world.bank) == []


def test_a_card_without_funds_fails_the_schedule_and_moves_nothing(world: World, contract_no: str) -> None:
    world.loans.schedule_repayment(CUSTOMER, contract_no, world.clock.today(), key="s1")
    world.bank.script[(contract_no, 1, world.clock.now())] = "INSUFFICIENT_FUNDS"
    (row,) = world.scheduled.take_due(world.bank)
    assert row.status == "failed"
    assert world.loans.payments(CUSTOMER)[0].advice == "failed_check_card"
    assert world.unit.ledger.balance("unapplied") == 0
    world.check()


def test_a_schedule_whose_instalment_was_paid_meanwhile_ends_without_taking_money(world: World, contract_no: str) -> None:
    world.loans.schedule_repayment(CUSTOMER, contract_no, DUE, key="s1")
    world.payments.settle(world.loans.create_payment(CUSTOMER, 10360, key="p1").payment_no)
    world.clock.advance(days=6)
    (row,) = world.scheduled.take_due(world.bank)
    assert row.status == "cancelled"
    assert world.bank.asked == []


def test_only_what_is_still_owed_is_taken_when_a_part_was_paid_meanwhile(world: World, contract_no: str) -> None:
    world.loans.schedule_repayment(CUSTOMER, contract_no, DUE, key="s1")
    world.payments.settle(world.loans.create_payment(CUSTOMER, 10300, key="p1").payment_no)
    world.clock.advance(days=6)
    (row,) = world.scheduled.take_due(world.bank)
    assert (row.status, row.amount, world.bank.taken) == ("taken", 60, 60)
    world.scheduled.post_due()
    assert world.loans.contract(CUSTOMER, contract_no).instalments[0].status == "settled"
    assert world.loans.refunds(CUSTOMER) == ()
    world.check()


def test_no_more_is_taken_than_the_borrower_agreed_to(world: World, contract_no: str) -> None:
    paid = world.payments.settle(world.loans.create_payment(CUSTOMER, 10000, key="p1").payment_no)
    agreed = world.loans.schedule_repayment(CUSTOMER, contract_no, DUE, key="s1").amount
    world.payments.give_back(paid.payment_no, "BANK_RETURNED")
    world.clock.advance(days=6)
    world.scheduled.take_due(world.bank)
    assert world.bank.taken == agreed == 360
    world.check()


def test_paying_what_was_taken_already_is_blocked(world: World, contract_no: str) -> None:
    world.loans.schedule_repayment(CUSTOMER, contract_no, world.clock.today(), key="s1")
    world.scheduled.take_due(world.bank)
    with pytest.raises(PaymentInProgress):
        world.loans.create_payment(CUSTOMER, 10360, key="p1")
