"""The due-day run with its retries, scheduled repayments, double debits: what the worker does with the calendar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from bot.loans.codes import SUCCESS
from bot.loans.errors import NotCancellable
from bot.loans.port import InstalmentRef
from bot.loans.simulated_bank import Behaviour
from tests.loans.conftest import CUSTOMER, World
from tests.loans.servicing.conftest import Servicing

DUE = 31
"""Days after the drawdown."""


def attempts(servicing: Servicing) -> list[tuple[int, int, str]]:
    """Days after the drawdown, hour and result of each try."""
    found = servicing.ask(lambda world: world.loans.debit_attempts(CUSTOMER))
    return [((each.attempted_at.date() - date(2026, 8, 22)).days, each.attempted_at.hour, each.result_code) for each in found]


def test_the_money_is_taken_on_the_due_day_once(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=DUE - 1)
    servicing.round()
    servicing.at(days=DUE, clock_time="08:59")
    servicing.round()
    assert attempts(servicing) == []
    for clock_time in ("09:00", "09:01", "12:00", "18:00"):
        servicing.at(days=DUE, clock_time=clock_time)
        servicing.round()
    assert attempts(servicing) == [(DUE, 9, SUCCESS)]
    assert servicing.ask(lambda world: world.loans.contract(CUSTOMER, contract_no).instalments[0].status) == "settled"
    assert servicing.bank.taken == 10000
    servicing.check()


@pytest.mark.parametrize(
    ("code", "side"), [("SYS_TIMEOUT", "system"), ("INSUFFICIENT_FUNDS", "borrower"), ("NEVER_SEEN", "system")]
)
def test_a_failure_is_tried_again_three_times_that_day_and_once_on_each_of_five_more(
    servicing: Servicing, code: str, side: str
) -> None:
    servicing.bank.default = Behaviour(code=code)
    for day in range(DUE, DUE + 9):
        for hour in range(8, 21):
            servicing.at(days=day, clock_time=f"{hour:02}:00")
            servicing.round()
    hours = [(DUE, 9), (DUE, 12), (DUE, 18), *((day, 9) for day in range(DUE + 1, DUE + 6))]
    assert attempts(servicing) == [(day, hour, code) for day, hour in hours]
    assert {each.side for each in servicing.ask(lambda world: world.loans.debit_attempts(CUSTOMER))} == {side}


def test_a_worker_that_was_down_makes_up_for_the_latest_try_only(servicing: Servicing) -> None:
    servicing.bank.default = Behaviour(code="SYS_ERROR")
    servicing.at(days=DUE, clock_time="19:00")
    servicing.round()
    servicing.round()
    assert attempts(servicing) == [(DUE, 19, "SYS_ERROR")]


def test_a_closed_card_is_not_tried_again_until_there_is_a_new_mandate(servicing: Servicing) -> None:
    servicing.bank.default = Behaviour(code="CARD_CLOSED")
    for clock_time in ("09:00", "12:00"):
        servicing.at(days=DUE, clock_time=clock_time)
        servicing.round()
    assert len(attempts(servicing)) == 1
    servicing.ask(lambda world: world.records.sign_mandate(CUSTOMER))
    servicing.bank.default = Behaviour()
    servicing.at(days=DUE, clock_time="18:00")
    servicing.round()
    assert [code for _, _, code in attempts(servicing)] == ["CARD_CLOSED", SUCCESS]


def test_an_overdue_instalment_in_dispute_is_not_debited(servicing: Servicing, contract_no: str) -> None:
    servicing.bank.default = Behaviour(code="SYS_ERROR")
    servicing.at(days=DUE, clock_time="18:00")
    servicing.round()
    servicing.ask(lambda world: world.loans.hold_accrual(contract_no, 1, "dispute", key="h"))
    servicing.at(days=DUE + 1, clock_time="09:00")
    servicing.round()
    assert len(attempts(servicing)) == 1
    servicing.ask(lambda world: world.loans.release_accrual(contract_no, 1, key="r"))
    servicing.at(days=DUE + 2, clock_time="09:00")
    servicing.round()
    assert len(attempts(servicing)) == 2


def test_a_debit_without_an_answer_blocks_the_next_try_and_counts_from_its_day(servicing: Servicing, contract_no: str) -> None:
    servicing.bank.default = Behaviour(after=timedelta(days=2))
    for day in (DUE, DUE + 1):
        servicing.at(days=day, clock_time="12:00")
        servicing.round()
    assert len(servicing.bank.asked) == 1
    assert servicing.ask(lambda world: world.loans.contract(CUSTOMER, contract_no).instalments[0].penalty_due) == 5
    servicing.at(days=DUE + 2, clock_time="12:00")
    servicing.round()
    first = servicing.ask(lambda world: world.loans.contract(CUSTOMER, contract_no).instalments[0])
    assert (first.status, first.penalty) == ("settled", 0)
    servicing.check()


def test_a_debit_planned_before_the_borrower_paid_is_dropped_unsent(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=DUE, clock_time="09:00")
    with servicing.world() as world:
        hanging = world.payments.record(CUSTOMER, 10000, [InstalmentRef(contract_no, 1)], kind="own").payment_no
        world.payments.fail(hanging, "SYS_ERROR")
    assert servicing.worker().order_debits() == 1
    with servicing.world() as world:
        number = world.payments.record(CUSTOMER, 10000, [InstalmentRef(contract_no, 1)], kind="own").payment_no
        world.payments.settle(number)
    servicing.driver().send_created()
    assert servicing.bank.asked == []
    servicing.check()


def test_a_scheduled_repayment_is_taken_in_the_evening_and_posted_on_the_due_date(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=25)
    day = date(2026, 8, 22) + timedelta(days=25)
    scheduled = servicing.ask(lambda world: world.loans.schedule_repayment(CUSTOMER, contract_no, day, key="s"))
    servicing.round()
    assert servicing.bank.asked == []
    servicing.bank.default = Behaviour(after=timedelta(hours=1))
    servicing.at(days=25, clock_time="18:00")
    servicing.round()
    with pytest.raises(NotCancellable), servicing.world() as world:
        world.loans.cancel_scheduled_repayment(CUSTOMER, scheduled.scheduled_no, key="c")
    servicing.at(days=25, clock_time="19:00")
    servicing.round()
    states = servicing.ask(lambda world: [item.status for item in world.loans.scheduled_repayments(CUSTOMER)])
    assert states == ["taken"]
    servicing.at(days=DUE, clock_time="09:00")
    servicing.round()
    assert servicing.ask(lambda world: [item.status for item in world.loans.scheduled_repayments(CUSTOMER)]) == ["posted"]
    assert servicing.bank.taken == 10000
    assert servicing.ask(lambda world: world.loans.contract(CUSTOMER, contract_no).instalments[0].status) == "settled"
    servicing.check()


def test_a_scheduled_repayment_that_comes_back_is_owed_again(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=25)
    day = date(2026, 8, 22) + timedelta(days=25)
    servicing.ask(lambda world: world.loans.schedule_repayment(CUSTOMER, contract_no, day, key="s"))
    servicing.bank.default = Behaviour(returned_after=timedelta(days=2))
    servicing.at(days=25, clock_time="18:00")
    servicing.round()
    servicing.at(days=28)
    servicing.driver().receive(servicing.bank.callbacks())
    assert servicing.ask(lambda world: [item.status for item in world.loans.scheduled_repayments(CUSTOMER)]) == ["failed"]
    assert servicing.ask(lambda world: world.unit.ledger.balance("unapplied")) == 0
    servicing.check()


def test_a_double_debit_nobody_asked_about_goes_back_after_five_days(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=DUE, clock_time="09:00")
    servicing.round()
    with servicing.world() as world:
        mandate = world.unit.repository.mandates(CUSTOMER)[0]
        world.debits.record(mandate, InstalmentRef(contract_no, 1), 10000, SUCCESS)
    servicing.at(days=DUE + 4, clock_time="09:00")
    servicing.round()
    (double,) = servicing.ask(lambda world: world.loans.double_debits(CUSTOMER))
    assert (double.surplus, double.refund_no) == (10000, None)
    servicing.at(days=DUE + 5, clock_time="09:00")
    for _ in range(2):
        servicing.round()
    (refund,) = servicing.ask(lambda world: world.loans.refunds(CUSTOMER))
    assert (refund.amount, refund.reason, refund.status) == (10000, "double_debit", "paid")
    assert servicing.bank.paid_out == {refund.refund_no: 10000}
    servicing.check()


def end_the_mandate(world: World, contract_no: str) -> None:
    mandate = world.loans.mandate(CUSTOMER)
    assert mandate is not None
    world.loans.revoke_mandate(CUSTOMER, mandate.mandate_no, key="end")


def pay_elsewhere(world: World, contract_no: str) -> None:
    """Through another front end, which is not stopped by the debit under way."""
    number = world.payments.record(CUSTOMER, 10000, [InstalmentRef(contract_no, 1)], kind="own").payment_no
    world.payments.settle(number)


def pay_a_part_elsewhere(world: World, contract_no: str) -> None:
    number = world.payments.record(CUSTOMER, 1, [InstalmentRef(contract_no, 1)], kind="own").payment_no
    world.payments.settle(number)


def dispute(world: World, contract_no: str) -> None:
    world.loans.hold_accrual(contract_no, 1, "dispute", key="h")


@pytest.mark.parametrize("change", [end_the_mandate, pay_elsewhere, pay_a_part_elsewhere, dispute])
def test_a_debit_the_bank_never_got_is_given_up_when_it_may_not_be_taken_any_more(
    servicing: Servicing, contract_no: str, change: Callable[[World, str], None]
) -> None:
    servicing.at(days=DUE + 1, clock_time="09:00")
    servicing.bank.default = Behaviour(lost_orders=1)
    with servicing.world() as world:
        world.debits.plan_one(InstalmentRef(contract_no, 1), servicing.policy.debit)
    servicing.driver().send_created()
    with servicing.world() as world:
        change(world, contract_no)
    servicing.clock.advance(minutes=20)
    assert servicing.driver().poll() == 1
    assert servicing.driver().poll() == 0
    assert servicing.bank.taken == 0
    assert attempts(servicing) == []
    servicing.check()


def test_a_debit_the_bank_never_got_is_sent_again_while_nothing_has_changed(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=DUE, clock_time="09:00")
    servicing.bank.default = Behaviour(lost_orders=1)
    with servicing.world() as world:
        world.debits.plan_one(InstalmentRef(contract_no, 1), servicing.policy.debit)
    servicing.driver().send_created()
    servicing.at(days=DUE + 3)  # more is owed by now, but the money counts from the day it was sent
    servicing.driver().poll()
    assert servicing.bank.taken == 10000
    assert servicing.ask(lambda world: world.loans.contract(CUSTOMER, contract_no).instalments[0].status) == "settled"
    servicing.check()
