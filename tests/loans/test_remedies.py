"""Holds, waivers and refunds on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.loans.bulk.giving import Gift, give_back
from bot.loans.catalogue import Catalogue
from bot.loans.errors import (
    AmountExceedsOwed,
    ContractNotFound,
    IdempotencyConflict,
    InstalmentNotFound,
    InvalidAmount,
    NoHold,
    PaymentNotFound,
    ReceiptNotFound,
)
from bot.loans.position import positions
from tests.loans.conftest import CUSTOMER, World, make_world


@pytest.fixture
def world(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> World:
    return make_world(each_session, clock, catalogue)


@pytest.fixture
def contract_no(world: World) -> str:
    """FQ 3848.00 in 12, its first instalment (32067) 12 days overdue: penalty 192."""
    number = world.draw("FQ", 384800, "0", 12)
    world.clock.advance(days=31 + 12)
    return number


def penalty_due(world: World, contract_no: str) -> int:
    return world.loans.contract(CUSTOMER, contract_no).instalments[0].penalty_due


def test_a_hold_stops_the_penalty_from_the_next_day_until_it_is_released(world: World, contract_no: str) -> None:
    hold = world.loans.hold_accrual(contract_no, 1, "dispute C-1", key="h1")
    assert hold.released_on is None
    assert world.loans.contract(CUSTOMER, contract_no).instalments[0].accrual_held
    world.clock.advance(days=10)
    assert penalty_due(world, contract_no) == 192
    released = world.loans.release_accrual(contract_no, 1, key="h2")
    assert released.released_on == world.clock.today()
    assert penalty_due(world, contract_no) == 192
    world.clock.advance(days=2)
    assert penalty_due(world, contract_no) == 224  # 32067 × 0.0005 × 14 = 224.469
    assert not world.loans.contract(CUSTOMER, contract_no).instalments[0].accrual_held
    assert [entry.reason for entry in world.loans.holds(contract_no, 1)] == ["dispute C-1"]


def test_holding_twice_keeps_the_first_hold(world: World, contract_no: str) -> None:
    first = world.loans.hold_accrual(contract_no, 1, "dispute", key="h1")
    assert world.loans.hold_accrual(contract_no, 1, "dispute", key="h1") == first
    assert world.loans.hold_accrual(contract_no, 1, "another dispute", key="h2") == first
    assert len(world.loans.holds(contract_no, 1)) == 1


def test_releasing_is_idempotent_by_key_and_needs_a_hold(world: World, contract_no: str) -> None:
    with pytest.raises(NoHold):
        world.loans.release_accrual(contract_no, 1, key="r0")
    world.loans.hold_accrual(contract_no, 1, "dispute", key="h1")
    released = world.loans.release_accrual(contract_no, 1, key="r1")
    assert world.loans.release_accrual(contract_no, 1, key="r1") == released
    with pytest.raises(NoHold):
        world.loans.release_accrual(contract_no, 1, key="r2")


def test_a_waiver_forgives_unpaid_penalty_once_and_gives_a_receipt(world: World, contract_no: str) -> None:
    receipt = world.loans.waive_penalty(contract_no, 1, 192, reason="system_caused", key="w1")
    assert (receipt.kind, receipt.amount, receipt.refund_no) == ("waiver", 192, None)
    assert receipt.receipt_no.startswith("R-")
    assert world.loans.waive_penalty(contract_no, 1, 192, reason="system_caused", key="w1") == receipt
    assert world.loans.receipt(receipt.receipt_no) == receipt
    assert penalty_due(world, contract_no) == 0
    assert world.loans.payoff_quote(CUSTOMER).total == 384800
    with pytest.raises(IdempotencyConflict):
        world.loans.waive_penalty(contract_no, 1, 191, reason="system_caused", key="w1")
    world.check()


def test_no_more_can_be_waived_than_is_unpaid(world: World, contract_no: str) -> None:
    with pytest.raises(AmountExceedsOwed) as refused:
        world.loans.waive_penalty(contract_no, 1, 193, reason="x", key="w1")
    assert refused.value.details["owed"] == 192
    world.loans.waive_penalty(contract_no, 1, 100, reason="x", key="w2")
    with pytest.raises(AmountExceedsOwed):
        world.loans.waive_penalty(contract_no, 1, 93, reason="x", key="w3")
    with pytest.raises(InvalidAmount):
        world.loans.waive_penalty(contract_no, 1, 0, reason="x", key="w4")


def test_waiving_the_last_debt_settles_the_instalment(world: World, contract_no: str) -> None:
    world.payments.settle(world.loans.create_payment(CUSTOMER, 192, key="p1").payment_no)
    world.clock.advance(days=1)
    # 13 days: 208.4 → 208; 16 more penalty; pay the principal only
    payment = world.payments.settle(world.loans.create_payment(CUSTOMER, 16 + 32067, key="p2").payment_no)
    assert payment.applied == 32083
    assert world.loans.contract(CUSTOMER, contract_no).instalments[0].status == "settled"
    receipt = world.loans.refund_penalty(contract_no, 1, 208, reason="system_caused", key="r1")
    assert world.loans.refund_penalty(contract_no, 1, 208, reason="system_caused", key="r1") == receipt
    first = world.loans.contract(CUSTOMER, contract_no).instalments[0]
    assert (first.status, first.paid_penalty, first.waived_penalty, first.penalty_due) == ("settled", 0, 208, 0)
    (refund,) = world.loans.refunds(CUSTOMER)
    assert (refund.amount, refund.reason, refund.refund_no) == (208, "penalty", receipt.refund_no)
    with pytest.raises(AmountExceedsOwed):
        world.loans.refund_penalty(contract_no, 1, 1, reason="x", key="r2")
    world.check()


def test_unknown_contracts_instalments_payments_and_receipts_are_not_found(world: World, contract_no: str) -> None:
    with pytest.raises(ContractNotFound):
        world.loans.hold_accrual("FQ-404", 1, "x", key="k")
    with pytest.raises(InstalmentNotFound):
        world.loans.hold_accrual(contract_no, 13, "x", key="k")
    with pytest.raises(InstalmentNotFound):
        world.loans.waive_penalty(contract_no, 0, 1, reason="x", key="k")
    with pytest.raises(InstalmentNotFound):
        world.loans.penalty_days(CUSTOMER, contract_no, 13)
    with pytest.raises(PaymentNotFound):
        world.loans.refund_payment("P-404", 1, reason="x", key="k")
    with pytest.raises(ReceiptNotFound):
        world.loans.receipt("R-404")


def test_a_payment_under_way_has_nothing_to_refund(world: World, contract_no: str) -> None:
    payment = world.loans.create_payment(CUSTOMER, 100, key="p1")
    with pytest.raises(AmountExceedsOwed):
        world.loans.refund_payment(payment.payment_no, 1, reason="x", key="k")


def test_a_gift_of_many_is_never_more_than_the_penalty_that_is_unpaid(
    each_session: Session, clock: FixedClock, catalogue: Catalogue
) -> None:
    world = make_world(each_session, clock, catalogue)
    number = world.draw("FQ", 60000, "0", 6)
    clock.advance(days=41)
    (book,) = world.unit.repository.books([world.unit.any_contract(number)])
    first = positions(book, clock.today())[0]
    assert first.penalty_due == 50
    for waive, refund in ((51, 0), (0, 1)):
        with pytest.raises(AmountExceedsOwed):
            give_back(world.unit, [Gift("g", CUSTOMER, number, 1, waive, refund, "x", first)])
    assert world.loans.contract(CUSTOMER, number).instalments[0].waived_penalty == 0
    assert give_back(world.unit, [Gift("g", CUSTOMER, number, 1, 50, 0, "x", first)])[0].waiver_receipt_no
    world.check()
