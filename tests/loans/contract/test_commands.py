"""Payments, scheduling, holds and remedies: the same results, and once only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from bot.core.clock import SHANGHAI
from bot.loans.errors import IdempotencyConflict, PaymentInProgress, PaymentNotFound
from bot.loans.port import AppError, InstalmentRef, LoanBackend
from bot.loans.servicing.overdue import OverdueService
from tests.loans.contract.conftest import Books

TODAY = date(2026, 8, 22)
NINE = datetime(2026, 8, 22, 9, tzinfo=SHANGHAI)
OVERDUE = ("FQ-20251010-1001", 10)
"""郭海's instalment with 192 分 of unpaid penalty."""


def contract_of(books: Books, customer_id: str) -> str:
    return books.loans.contracts(customer_id)[0].contract_no


def test_paying_the_quote_settles_everything(books: Books) -> None:
    total = books.loans.payoff_quote("C1002").total
    payment = books.loans.create_payment("C1002", total, key="all")
    assert (payment.status, payment.amount, payment.kind, payment.advice) == ("processing", total, "own", "wait")
    with books.behind() as world:
        world.payments.settle(payment.payment_no)
    settled = books.loans.payment("C1002", payment.payment_no)
    assert (settled.status, settled.left_over, settled.advice) == ("settled", 0, "done")
    assert sum(part.amount for part in settled.parts) == total
    assert books.loans.outstanding("C1002").payoff_total == 0
    books.prove()


def test_a_chosen_contract_is_the_only_one_paid(books: Books) -> None:
    payment = books.loans.create_payment("C1002", 161440, key="one", contract_nos=["FQ-20260528-1002"])
    assert {target.contract_no for target in payment.targets} == {"FQ-20260528-1002"}


def test_a_second_payment_waits_for_the_first(books: Books) -> None:
    first = books.loans.create_payment("C1002", 1000, key="first")
    with pytest.raises(PaymentInProgress) as caught:
        books.loans.create_payment("C1002", 1000, key="second")
    assert caught.value.details == {"payment_nos": [first.payment_no]}
    assert len(books.loans.payments("C1002")) == len({item.payment_no for item in books.loans.payments("C1002")})


def test_scheduling_and_cancelling(books: Books) -> None:
    number = contract_of(books, "C1005")
    made = books.loans.schedule_repayment("C1005", number, TODAY + timedelta(days=2), key="plan")
    assert (made.status, made.amount, made.execute_on, made.posts_on) == (
        "scheduled",
        50000,
        date(2026, 8, 24),
        date(2026, 8, 28),
    )
    assert books.loans.schedule_window("C1005", number).reason == "already_scheduled"
    cancelled = books.loans.cancel_scheduled_repayment("C1005", made.scheduled_no, key="undo")
    assert cancelled.status == "cancelled"
    assert books.loans.scheduled_repayments("C1005") == (cancelled,)
    assert books.loans.schedule_window("C1005", number).eligible


def test_a_pending_application_is_cancelled(books: Books) -> None:
    with books.behind() as world:
        number = world.origination.apply("C1002", "KD", 100000).application_no
    cancelled = books.loans.cancel_application("C1002", number, key="cancel")
    assert cancelled.status == "cancelled"
    assert books.loans.applications("C1002")[0] == cancelled


def test_a_mandate_is_ended_once_by_its_owner(books: Books) -> None:
    number = books.loans.mandates("C1002")[0].mandate_no
    ended = books.loans.revoke_mandate("C1002", number, key="end")
    assert (ended.status, ended.revoked_at, books.loans.mandate("C1002")) == ("revoked", books.clock.now(), None)
    books.clock.advance(days=1)
    assert books.loans.revoke_mandate("C1002", number, key="again") == ended


def test_a_hold_stops_the_penalty_until_the_day_of_its_release(books: Books) -> None:
    held = books.loans.hold_accrual(*OVERDUE, "dispute", key="hold")
    assert (held.held_on, held.released_on, held.reason) == (TODAY, None, "dispute")
    books.clock.advance(days=5)
    assert books.loans.contract("C1001", OVERDUE[0]).instalments[9].penalty_due == 192
    released = books.loans.release_accrual(*OVERDUE, key="release")
    assert released.released_on == TODAY + timedelta(days=5)
    assert books.loans.holds(*OVERDUE) == (released,)


def test_an_open_hold_is_returned_as_it_is(books: Books) -> None:
    first = books.loans.hold_accrual(*OVERDUE, "dispute", key="hold 1")
    books.clock.advance(days=1)
    assert books.loans.hold_accrual(*OVERDUE, "another", key="hold 2") == first


def test_unpaid_penalty_is_waived_with_a_receipt(books: Books) -> None:
    receipt = books.loans.waive_penalty(*OVERDUE, 192, reason="C-1", key="waive")
    assert (receipt.kind, receipt.amount, receipt.customer_id, receipt.refund_no) == ("waiver", 192, "C1001", None)
    assert books.loans.receipt(receipt.receipt_no) == receipt
    assert books.loans.contract("C1001", OVERDUE[0]).instalments[9].penalty_due == 0
    books.prove()


def test_paid_penalty_goes_back(books: Books) -> None:
    number = contract_of(books, "C1004")
    owed = books.loans.contract("C1004", number).instalments[2]
    payment = books.loans.create_payment("C1004", owed.amount_due, key="pay")
    with books.behind() as world:
        world.payments.settle(payment.payment_no)
    receipt = books.loans.refund_penalty(number, 3, owed.penalty_due, reason="C-2", key="refund")
    assert (receipt.kind, receipt.amount) == ("refund", owed.penalty_due)
    assert [(item.refund_no, item.amount) for item in books.loans.refunds("C1004")] == [(receipt.refund_no, owed.penalty_due)]
    books.prove()


def test_the_surplus_of_a_double_debit_goes_back(books: Books) -> None:
    (double,) = books.loans.double_debits("C1008")
    receipt = books.loans.refund_payment(double.surplus_payment_no, double.surplus, reason="C-3", key="surplus")
    (after,) = books.loans.double_debits("C1008")
    assert after.refund_no == receipt.refund_no is not None
    books.prove()


def test_it_is_noted_once_that_the_borrower_heard_how_a_payment_ended(books: Books) -> None:
    number = books.loans.create_payment("C1002", 1000, key="pay").payment_no
    assert books.loans.mark_informed(number, key="too early").informed_at is None
    with books.behind() as world:
        world.payments.fail(number, "SYS_TIMEOUT")
    told = books.loans.mark_informed(number, key="too early")
    assert told.informed_at == books.clock.now()
    books.clock.advance(days=1)
    assert books.loans.mark_informed(number, key="again").informed_at == told.informed_at
    assert books.loans.payment("C1002", number).informed_at == told.informed_at
    with pytest.raises(PaymentNotFound):
        books.loans.mark_informed("P-none", key="none")


def test_a_payment_that_came_back_must_be_heard_of_anew(books: Books) -> None:
    number = books.loans.create_payment("C1002", 1000, key="pay").payment_no
    with books.behind() as world:
        world.payments.settle(number)
    books.loans.mark_informed(number, key="settled")
    with books.behind() as world:
        world.payments.give_back(number, "ACCOUNT_CLOSED")
    assert books.loans.mark_informed(number, key="settled").informed_at is None, "the old word was about another end"
    assert books.loans.mark_informed(number, key="returned").informed_at == books.clock.now()


def test_a_remedys_receipt_is_found_by_the_key_of_its_command(books: Books) -> None:
    assert books.loans.receipt_of("remedy") is None
    receipt = books.loans.waive_penalty(*OVERDUE, 5, reason="C-1", key="remedy")
    books.loans.hold_accrual(*OVERDUE, "dispute", key="hold")
    assert books.loans.receipt_of("remedy") == receipt
    assert books.loans.receipt_of("hold") is None


def test_an_incident_is_declared_confirmed_and_ended(books: Books) -> None:
    made = books.loans.declare_incident("delay", "own_repayment", NINE, "回执晚到", key="d", bank_name="招商银行")
    assert (made.kind, made.status, made.starts_at, made.ends_at, made.detected) == ("delay", "suspected", NINE, None, False)
    confirmed = books.loans.confirm_incident(made.incident_no, "S2101", key="c")
    assert (confirmed.status, confirmed.confirmed_by) == ("confirmed", "S2101")
    ended = books.loans.end_incident(made.incident_no, key="e")
    assert ended.ends_at == books.clock.now()
    assert books.loans.incident(made.incident_no) == ended


def test_an_error_that_the_app_showed_is_noted_once(books: Books) -> None:
    noted = [books.loans.report_app_error("C1002", "login", "E-4711", NINE, key="report 1") for _ in range(2)]
    assert noted == [AppError(NINE, "login", "E-4711", None)] * 2
    assert books.loans.app_errors("C1002", TODAY, TODAY) == (noted[0],)


def reported(books: Books) -> None:
    """The bureau has been told that the instalment is overdue."""
    with books.behind() as world:
        OverdueService(world.unit, bureau_after_days=1).refresh(InstalmentRef(*OVERDUE))


def test_a_wrong_report_to_the_credit_bureau_is_taken_back_once(books: Books) -> None:
    reported(books)
    flag = books.loans.correct_bureau_report(*OVERDUE, reason="C-1", key="correct")
    assert (flag.flag, flag.state, flag.reason) == ("bureau_report", "corrected", "C-1")
    assert books.loans.correct_bureau_report(*OVERDUE, reason="C-1", key="correct") == flag
    assert books.loans.correct_bureau_report(*OVERDUE, reason="C-9", key="another") == flag
    states = [item.state for item in books.loans.overdue_flags("C1001", *OVERDUE) if item.flag == "bureau_report"]
    assert states == ["on", "corrected"]
    with pytest.raises(IdempotencyConflict):
        books.loans.correct_bureau_report(*OVERDUE, reason="C-2", key="correct")


# --- idempotency -----------------------------------------------------------------------------------------------------------

Command = Callable[[LoanBackend, str, bool], Any]
"""Called with a key; with ``other`` it differs in one parameter."""


def pay(loans: LoanBackend, key: str, other: bool) -> Any:
    return loans.create_payment("C1002", 2000 if other else 1000, key=key)


def schedule(loans: LoanBackend, key: str, other: bool) -> Any:
    number = loans.contracts("C1005")[0].contract_no
    return loans.schedule_repayment("C1005", number, TODAY + timedelta(days=2 if other else 1), key=key)


def hold(loans: LoanBackend, key: str, other: bool) -> Any:
    return loans.hold_accrual(*OVERDUE, "other" if other else "dispute", key=key)


def release(loans: LoanBackend, key: str, other: bool) -> Any:
    loans.hold_accrual(*OVERDUE, "dispute", key="before")
    return loans.release_accrual(OVERDUE[0], 9 if other else 10, key=key)


def waive(loans: LoanBackend, key: str, other: bool) -> Any:
    return loans.waive_penalty(*OVERDUE, 101 if other else 100, reason="C-1", key=key)


def refund_surplus(loans: LoanBackend, key: str, other: bool) -> Any:
    number = loans.double_debits("C1008")[0].surplus_payment_no
    return loans.refund_payment(number, 50000, reason="C-4" if other else "C-3", key=key)


def cancel_schedule(loans: LoanBackend, key: str, other: bool) -> Any:
    number = loans.contracts("C1005")[0].contract_no
    made = loans.schedule_repayment("C1005", number, TODAY + timedelta(days=1), key="before")
    return loans.cancel_scheduled_repayment("C1005", "S-other" if other else made.scheduled_no, key=key)


def declare(loans: LoanBackend, key: str, other: bool) -> Any:
    return loans.declare_incident("outage", "all", NINE, "y" if other else "x", key=key, ends_at=NINE, bank_name="招商银行")


def confirm(loans: LoanBackend, key: str, other: bool) -> Any:
    made = loans.declare_incident("outage", "all", NINE, "x", key="before")
    return loans.confirm_incident(made.incident_no, "S2102" if other else "S2101", key=key)


def end(loans: LoanBackend, key: str, other: bool) -> Any:
    made = loans.declare_incident("outage", "all", NINE, "x", key="before")
    return loans.end_incident(made.incident_no, None if other else NINE, key=key)


def revoke(loans: LoanBackend, key: str, other: bool) -> Any:
    customer_id = "C1002" if other else "C1001"
    return loans.revoke_mandate(customer_id, loans.mandates(customer_id)[0].mandate_no, key=key)


def report_app_error(loans: LoanBackend, key: str, other: bool) -> Any:
    return loans.report_app_error("C1001", "login" if other else "repay", "E-1", NINE, key=key, contract_no=OVERDUE[0])


def inform(loans: LoanBackend, key: str, other: bool) -> Any:
    hanging = [item.payment_no for item in loans.payments("C1008")]
    return loans.mark_informed(hanging[1 if other else 0], key=key)


COMMANDS: list[Command] = [
    pay, inform, schedule, cancel_schedule, hold, release, waive, refund_surplus, declare, confirm, end, report_app_error,
    revoke,
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_key_gives_the_first_result_and_does_nothing_more(books: Books, command: Command) -> None:
    first = command(books.loans, "the key", False)
    assert command(books.loans, "the key", False) == first
    books.prove()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_same_key_with_other_parameters_is_an_error(books: Books, command: Command) -> None:
    command(books.loans, "the key", False)
    with pytest.raises(IdempotencyConflict):
        command(books.loans, "the key", True)


def test_a_key_used_for_another_command_is_an_error(books: Books) -> None:
    pay(books.loans, "the key", False)
    with pytest.raises(IdempotencyConflict):
        books.loans.create_payment("C1001", 1000, key="the key")
    with pytest.raises(IdempotencyConflict):
        waive(books.loans, "the key", False)


@pytest.mark.parametrize("key", ["争议：郭海/第10期 #1", "a:b.c~d-e_f%41", " blank ", "é" * 200, "k" * 200])
def test_any_key_of_up_to_200_characters_works(books: Books, key: str) -> None:
    first = books.loans.waive_penalty(*OVERDUE, 1, reason="x", key=key)
    assert books.loans.waive_penalty(*OVERDUE, 1, reason="x", key=key) == first
    assert books.loans.waive_penalty(*OVERDUE, 1, reason="x", key="another").receipt_no != first.receipt_no
