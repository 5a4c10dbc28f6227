"""Payments on SQLite and PostgreSQL: idempotency, the block on paying twice, allocation, refunds of what is too much."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.core.errors import InvalidInput
from bot.loans.catalogue import Catalogue
from bot.loans.codes import side_of
from bot.loans.errors import (
    AmountExceedsOwed,
    ContractNotFound,
    ContractSettled,
    CustomerNotFound,
    IdempotencyConflict,
    InvalidAmount,
    InvalidDate,
    NothingOwed,
    PaymentInProgress,
    PaymentNotFound,
    PaymentResolved,
)
from bot.loans.port import AllocationLine, InstalmentRef
from tests.loans.conftest import CUSTOMER, World, make_world


@pytest.fixture
def world(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> World:
    return make_world(each_session, clock, catalogue)


def test_paying_the_quote_settles_everything_and_leaves_zero(world: World) -> None:
    world.draw("YD", 300000, "0.12", 3)
    world.draw("KD", 100000, "0.0004", 60)
    world.draw("FQ", 60000, "0.006", 6)
    world.clock.advance(days=17)
    total = world.loans.payoff_quote(CUSTOMER).total
    payment = world.loans.create_payment(CUSTOMER, total, key="all")
    assert payment.status == "processing"
    assert world.payments.settle(payment.payment_no).applied == total
    assert world.loans.contracts(CUSTOMER) == ()
    assert world.loans.outstanding(CUSTOMER).payoff_total == 0
    assert world.loans.refunds(CUSTOMER) == ()
    assert {contract.status for contract in world.loans.contracts(CUSTOMER, include_settled=True)} == {"settled"}
    assert world.loans.credit_line(CUSTOMER).used == 0
    world.check()


def test_the_same_key_pays_once(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    first = world.loans.create_payment(CUSTOMER, 10000, key="k1")
    assert world.loans.create_payment(CUSTOMER, 10000, key="k1") == first
    assert len(world.loans.payments(CUSTOMER)) == 1


def test_the_same_key_with_another_amount_or_operation_is_an_error(world: World) -> None:
    contract_no = world.draw("FQ", 60000, "0", 6)
    world.loans.create_payment(CUSTOMER, 10000, key="k1")
    with pytest.raises(IdempotencyConflict):
        world.loans.create_payment(CUSTOMER, 10001, key="k1")
    with pytest.raises(IdempotencyConflict):
        world.loans.hold_accrual(contract_no, 1, "dispute", key="k1")


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_must_have_a_sensible_length(world: World, key: str) -> None:
    world.draw("FQ", 60000, "0", 6)
    with pytest.raises(InvalidInput):
        world.loans.create_payment(CUSTOMER, 10000, key=key)


def test_a_second_payment_for_the_same_instalment_is_blocked_while_one_is_processing(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    first = world.loans.create_payment(CUSTOMER, 10000, key="k1")
    with pytest.raises(PaymentInProgress) as blocked:
        world.loans.create_payment(CUSTOMER, 5000, key="k2")
    assert blocked.value.details["payment_nos"] == [first.payment_no]
    assert len(world.loans.payments(CUSTOMER)) == 1


def test_after_a_failure_one_may_pay_again(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    first = world.loans.create_payment(CUSTOMER, 10000, key="k1")
    world.payments.fail(first.payment_no, "INSUFFICIENT_FUNDS")
    assert world.loans.payment(CUSTOMER, first.payment_no).advice == "failed_check_card"
    second = world.loans.create_payment(CUSTOMER, 10000, key="k2")
    world.payments.fail(second.payment_no, "SYS_ERROR")
    failed = world.loans.payment(CUSTOMER, second.payment_no)
    assert (failed.advice, failed.side, failed.left_over) == ("failed_our_fault", "system", 0)
    world.check()


def test_a_payment_on_one_contract_touches_no_other(world: World) -> None:
    cash = world.draw("KD", 100000, "0.0004", 60)
    purchase = world.draw("FQ", 60000, "0", 6)
    payment = world.loans.create_payment(CUSTOMER, 60000, key="k1", contract_nos=[purchase])
    world.payments.settle(payment.payment_no)
    assert world.loans.contract(CUSTOMER, purchase).status == "settled"
    assert world.loans.contract(CUSTOMER, cash).outstanding_principal == 100000
    world.check()


def test_confirming_twice_changes_nothing(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    payment = world.loans.create_payment(CUSTOMER, 10000, key="k1")
    world.payments.settle(payment.payment_no)
    world.payments.settle(payment.payment_no)
    assert world.loans.outstanding(CUSTOMER).payoff_total == 50000
    with pytest.raises(PaymentResolved):
        world.payments.fail(payment.payment_no, "SYS_ERROR")
    world.check()


def test_a_failed_payment_cannot_settle(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    payment = world.loans.create_payment(CUSTOMER, 10000, key="k1")
    world.payments.fail(payment.payment_no, "SYS_ERROR")
    world.payments.fail(payment.payment_no, "SYS_ERROR")
    with pytest.raises(PaymentResolved):
        world.payments.settle(payment.payment_no)


def test_what_a_payment_paid_is_on_record(world: World) -> None:
    number = world.draw("FQ", 60000, "0.006", 6)
    world.clock.advance(days=3)
    payment = world.loans.create_payment(CUSTOMER, 400, key="k1")
    world.payments.settle(payment.payment_no)
    # the period's fee is 360; 40 go to principal
    assert world.loans.payment(CUSTOMER, payment.payment_no).parts == (
        AllocationLine(number, 1, "fee", 360),
        AllocationLine(number, 1, "principal", 40),
    )


def test_a_payment_that_settles_late_counts_from_the_day_it_was_made(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=31)  # 22 September: the first instalment is due
    payment = world.loans.create_payment(CUSTOMER, 10000, key="k1")
    world.clock.advance(days=20)
    assert world.loans.contract(CUSTOMER, number).instalments[0].penalty_due == 100  # 10000 × 0.0005 × 20
    world.payments.settle(payment.payment_no)
    first = world.loans.contract(CUSTOMER, number).instalments[0]
    assert (first.status, first.penalty, first.penalty_due) == ("settled", 0, 0)
    world.check()


def test_penalty_paid_while_an_older_payment_was_hanging_goes_back(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=31)  # 22 September, the first due date
    ref = [InstalmentRef(number, 1)]
    hanging = world.payments.record(CUSTOMER, 10000, ref, kind="own")
    world.clock.advance(days=20)
    again = world.payments.record(CUSTOMER, 10100, ref, kind="own")
    world.payments.settle(again.payment_no)
    assert world.loans.contract(CUSTOMER, number).instalments[0].paid_penalty == 100
    world.payments.settle(hanging.payment_no)
    # the instalment was paid by the second already, so the older 10000 was not needed; the penalty was owed on its day
    (refund,) = world.loans.refunds(CUSTOMER)
    assert (refund.amount, refund.reason, refund.payment_no) == (10000, "left_over", hanging.payment_no)
    world.check()


def test_penalty_paid_with_part_of_the_money_goes_back_when_an_older_payment_settles(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=31)
    ref = [InstalmentRef(number, 1)]
    hanging = world.payments.record(CUSTOMER, 10000, ref, kind="own")
    world.clock.advance(days=20)
    small = world.payments.record(CUSTOMER, 100, ref, kind="own")
    world.payments.settle(small.payment_no)  # pays 100 of penalty
    world.payments.settle(hanging.payment_no)  # counts from the due date: there never was a penalty
    (refund,) = world.loans.refunds(CUSTOMER)
    assert (refund.amount, refund.reason) == (100, "overcharge")
    assert world.loans.contract(CUSTOMER, number).instalments[0].status == "settled"
    world.check()


def test_overpayment_that_arrives_is_refunded(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    payment = world.payments.record(CUSTOMER, 10500, [InstalmentRef(number, 1)], kind="own")
    world.payments.settle(payment.payment_no)
    (refund,) = world.loans.refunds(CUSTOMER)
    assert (refund.amount, refund.status) == (500, "pending")
    assert world.loans.payment(CUSTOMER, payment.payment_no).advice == "done_with_refund"
    row = world.unit.repository.refund(refund.refund_no)
    assert row is not None
    world.payments.posting.pay_refund(row)
    world.payments.posting.pay_refund(row)
    assert world.loans.refunds(CUSTOMER)[0].status == "paid"
    assert world.unit.ledger.balance("refund_payable") == 0
    world.check()


def test_advice_turns_from_waiting_to_stuck_after_a_day(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    payment = world.loans.create_payment(CUSTOMER, 10000, key="k1")
    assert payment.advice == "wait"
    world.clock.advance(hours=23, minutes=59)
    assert world.loans.payment(CUSTOMER, payment.payment_no).advice == "wait"
    world.clock.advance(minutes=1)
    assert world.loans.payment(CUSTOMER, payment.payment_no).advice == "stuck_do_not_pay_again"


def test_telling_the_borrower_is_noted_once(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    payment = world.loans.create_payment(CUSTOMER, 10000, key="k1")
    world.payments.settle(payment.payment_no)
    world.payments.mark_informed(payment.payment_no, key="told")
    first = world.loans.payment(CUSTOMER, payment.payment_no).informed_at
    world.clock.advance(hours=1)
    world.payments.mark_informed(payment.payment_no, key="told again")
    assert first is not None
    assert world.loans.payment(CUSTOMER, payment.payment_no).informed_at == first


@pytest.mark.parametrize("amount", [0, -1, 10**18])
def test_an_impossible_amount_is_refused(world: World, amount: int) -> None:
    world.draw("FQ", 60000, "0", 6)
    with pytest.raises(InvalidAmount):
        world.loans.create_payment(CUSTOMER, amount, key="k1")
    with pytest.raises(InvalidAmount):
        world.loans.repayment_preview(CUSTOMER, amount)
    assert world.loans.payments(CUSTOMER) == ()


def test_more_than_is_owed_is_refused_with_what_is_owed(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    with pytest.raises(AmountExceedsOwed) as refused:
        world.loans.create_payment(CUSTOMER, 60001, key="k1")
    assert refused.value.details["owed"] == 60000


def test_somebody_elses_contract_or_payment_does_not_exist(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    payment = world.loans.create_payment(CUSTOMER, 10000, key="k1")
    world.open_customer("C9002")
    for call in (
        lambda: world.loans.contract("C9002", number),
        lambda: world.loans.payoff_quote("C9002", None, [number]),
        lambda: world.loans.repayment_preview("C9002", 100, None, [number]),
        lambda: world.loans.create_payment("C9002", 100, key="k2", contract_nos=[number]),
        lambda: world.loans.schedule_window("C9002", number),
        lambda: world.loans.penalty_days("C9002", number, 1),
        lambda: world.loans.debit_attempts("C9002", number),
        lambda: world.loans.notices("C9002", number),
    ):
        with pytest.raises(ContractNotFound):
            call()
    with pytest.raises(PaymentNotFound):
        world.loans.payment("C9002", payment.payment_no)


def test_unknown_customers_are_not_found(world: World) -> None:
    for call in (world.loans.customer, world.loans.credit_line, world.loans.contracts, world.loans.payments, world.loans.refunds):
        with pytest.raises(CustomerNotFound):
            call("C404")
    with pytest.raises(CustomerNotFound):
        world.loans.create_payment("C404", 100, key="k")


def test_a_settled_contract_cannot_be_quoted_or_paid(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.payments.settle(world.loans.create_payment(CUSTOMER, 60000, key="k1").payment_no)
    with pytest.raises(ContractSettled):
        world.loans.payoff_quote(CUSTOMER, None, [number])
    with pytest.raises(ContractSettled):
        world.loans.create_payment(CUSTOMER, 1, key="k2", contract_nos=[number])
    with pytest.raises(NothingOwed):
        world.loans.create_payment(CUSTOMER, 1, key="k3")


@pytest.mark.parametrize("days", [-1, 31])
def test_a_quote_is_for_today_to_thirty_days_ahead(world: World, days: int) -> None:
    world.draw("KD", 100000, "0.0004", 60)
    with pytest.raises(InvalidDate):
        world.loans.payoff_quote(CUSTOMER, world.clock.today() + timedelta(days=days))
    assert world.loans.payoff_quote(CUSTOMER, world.clock.today() + timedelta(days=30)).total == 100000 + 30 * 40


def test_a_due_day_run_debits_what_is_due_and_a_double_debit_is_found_and_refunded(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=31)
    (attempt,) = world.debits.run()
    assert (attempt.result_code, attempt.amount) == ("SUCCESS", 10000)
    assert world.debits.run() == []
    mandate = world.unit.repository.mandates(CUSTOMER)[0]
    world.debits.record(mandate, InstalmentRef(number, 1), 10000, "SUCCESS")
    (double,) = world.loans.double_debits(CUSTOMER)
    assert (double.surplus, double.refund_no) == (10000, None)
    receipt = world.loans.refund_payment(double.surplus_payment_no, 10000, reason="double_debit", key="r1")
    assert world.loans.refund_payment(double.surplus_payment_no, 10000, reason="double_debit", key="r1") == receipt
    assert receipt.receipt_no.startswith("R-")
    assert world.loans.double_debits(CUSTOMER)[0].refund_no == receipt.refund_no
    with pytest.raises(AmountExceedsOwed):
        world.loans.refund_payment(double.surplus_payment_no, 1, reason="double_debit", key="r2")
    world.check()


def test_no_debit_without_a_mandate_or_while_the_borrower_is_paying(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=31)
    world.loans.create_payment(CUSTOMER, 10000, key="k1")
    assert world.debits.run() == []
    assert world.debits.run_one(number, 1) is None
    world.open_customer("C9002")
    world.draw("FQ", 60000, "0", 6, "C9002")
    for mandate in world.unit.repository.mandates("C9002"):
        mandate.revoked_at = world.clock.now()
    world.clock.advance(days=31)
    assert [attempt.customer_id for attempt in world.debits.run()] == [CUSTOMER]  # its second instalment


def test_an_overdue_instalment_is_debited_with_its_penalty(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=31)
    world.bank.script[(number, 1, world.clock.now())] = "SYS_TIMEOUT"
    (failed,) = world.debits.run()
    assert (failed.side, failed.payment_no) == ("system", None)
    world.clock.advance(days=4)
    (attempt,) = world.debits.run()
    assert attempt.amount == 10020  # 10000 × 0.0005 × 4
    assert world.loans.contract(CUSTOMER, number).instalments[0].status == "settled"
    world.check()


@pytest.mark.parametrize(
    ("code", "side"),
    [
        ("SUCCESS", "none"),
        ("INSUFFICIENT_FUNDS", "borrower"),
        ("SYS_TIMEOUT", "system"),
        ("NEVER_HEARD_OF", "system"),
        (None, "none"),
    ],
)
def test_a_code_that_nobody_knows_counts_as_ours(code: str | None, side: str) -> None:
    assert side_of(code) == side


def test_outstanding_splits_overdue_due_today_and_ahead(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=61)  # 22 October: the second is due today, the first 30 days ago
    outstanding = world.loans.outstanding(CUSTOMER)
    assert outstanding.overdue_amount == 10150  # 10000 + 10000 × 0.0005 × 30
    assert (outstanding.overdue_days, outstanding.penalty) == (30, 150)
    assert outstanding.due_now == 20150
    assert (outstanding.next_due_on, outstanding.next_due_amount) == (date(2026, 11, 22), 10000)
