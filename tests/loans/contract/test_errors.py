"""Every error that a method may raise, from both implementations: class, code and details; and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime, timedelta
from typing import Any, cast

import pytest

from bot.core.clock import SHANGHAI
from bot.core.errors import CareError, InvalidInput
from bot.loans import errors as e
from bot.loans.http_backend import http_loan_backend
from bot.loans.http_contract import ERROR_CLASSES
from bot.loans.port import LoanBackend
from tests.loans.contract.conftest import Books, Connect, Server

TODAY = date(2026, 8, 22)
FQ, YD, KD = "FQ-20251010-1001", "YD-20260328-1002", "KD-20260713-1002"
TOMORROW = datetime(2026, 8, 23, 9, tzinfo=SHANGHAI)
Ask = Callable[[Books], object]


def an_incident(books: Books) -> str:
    return books.loans.incidents(TODAY, TODAY)[0].incident_no


def settled_kd(books: Books) -> str:
    payment = books.loans.create_payment("C1002", 1016000, key="settle", contract_nos=[KD])
    with books.behind() as world:
        world.payments.settle(payment.payment_no)
    return KD


def decided_application(books: Books) -> str:
    return books.loans.applications("C1003")[0].application_no


def cancelled_schedule(books: Books) -> str:
    number = books.loans.contracts("C1005")[0].contract_no
    made = books.loans.schedule_repayment("C1005", number, TODAY, key="plan").scheduled_no
    books.loans.cancel_scheduled_repayment("C1005", made, key="undo")
    return made


def pay_twice(books: Books) -> object:
    books.loans.create_payment("C1002", 1000, key="1")
    return books.loans.create_payment("C1002", 1000, key="2")


def schedule(books: Books, customer_id: str, day: date) -> object:
    return books.loans.schedule_repayment(customer_id, books.loans.contracts(customer_id)[0].contract_no, day, key="k")


CASES: list[tuple[str, type[CareError], Ask]] = [
    ("unknown customer", e.CustomerNotFound, lambda b: b.loans.customer("C9999")),
    ("empty customer", e.CustomerNotFound, lambda b: b.loans.bills("")),
    ("line of an unknown customer", e.CustomerNotFound, lambda b: b.loans.credit_line("C9999")),
    ("unknown contract", e.ContractNotFound, lambda b: b.loans.contract("C1002", "KD-0")),
    ("foreign contract", e.ContractNotFound, lambda b: b.loans.contract("C1002", FQ)),
    ("foreign contract in a quote", e.ContractNotFound, lambda b: b.loans.payoff_quote("C1002", contract_nos=[FQ])),
    ("foreign contract in a payment", e.ContractNotFound,
     lambda b: b.loans.create_payment("C1002", 100, key="k", contract_nos=[FQ])),
    ("foreign contract in attempts", e.ContractNotFound, lambda b: b.loans.debit_attempts("C1002", FQ)),
    ("hold of an unknown contract", e.ContractNotFound, lambda b: b.loans.hold_accrual("KD-0", 1, "r", key="k")),
    ("unknown instalment", e.InstalmentNotFound, lambda b: b.loans.penalty_days("C1001", FQ, 13)),
    ("instalment 0", e.InstalmentNotFound, lambda b: b.loans.waive_penalty(FQ, 0, 1, reason="r", key="k")),
    ("negative instalment", e.InstalmentNotFound, lambda b: b.loans.penalty_days("C1001", FQ, -1)),
    ("unknown application", e.ApplicationNotFound, lambda b: b.loans.cancel_application("C1002", "A-0", key="k")),
    ("foreign application", e.ApplicationNotFound,
     lambda b: b.loans.cancel_application("C1002", decided_application(b), key="k")),
    ("decided application", e.ApplicationDecided,
     lambda b: b.loans.cancel_application("C1003", decided_application(b), key="k")),
    ("unknown payment", e.PaymentNotFound, lambda b: b.loans.payment("C1002", "P-0")),
    ("foreign payment", e.PaymentNotFound, lambda b: b.loans.payment("C1002", b.loans.payments("C1008")[0].payment_no)),
    ("refund of an unknown payment", e.PaymentNotFound, lambda b: b.loans.refund_payment("P-0", 1, reason="r", key="k")),
    ("unknown schedule", e.ScheduledNotFound, lambda b: b.loans.cancel_scheduled_repayment("C1005", "S-0", key="k")),
    ("cancelled schedule", e.NotCancellable,
     lambda b: b.loans.cancel_scheduled_repayment("C1005", cancelled_schedule(b), key="k")),
    ("unknown mandate", e.MandateNotFound, lambda b: b.loans.revoke_mandate("C1002", "M-0", key="k")),
    ("foreign mandate", e.MandateNotFound,
     lambda b: b.loans.revoke_mandate("C1002", b.loans.mandates("C1001")[0].mandate_no, key="k")),
    ("unknown receipt", e.ReceiptNotFound, lambda b: b.loans.receipt("R-0")),
    ("amount 0", e.InvalidAmount, lambda b: b.loans.create_payment("C1002", 0, key="k")),
    ("negative amount", e.InvalidAmount, lambda b: b.loans.repayment_preview("C1002", -1)),
    ("amount 1e18", e.InvalidAmount, lambda b: b.loans.create_payment("C1002", 10**18, key="k")),
    ("amount 1e30", e.InvalidAmount, lambda b: b.loans.refund_penalty(FQ, 10, 10**30, reason="r", key="k")),
    ("past date", e.InvalidDate, lambda b: b.loans.payoff_quote("C1002", TODAY - timedelta(days=1))),
    ("31 days ahead", e.InvalidDate, lambda b: b.loans.repayment_preview("C1002", 100, TODAY + timedelta(days=31))),
    ("more than owed", e.AmountExceedsOwed, lambda b: b.loans.create_payment("C1002", 2004291, key="k")),
    ("more penalty than unpaid", e.AmountExceedsOwed, lambda b: b.loans.waive_penalty(FQ, 10, 193, reason="r", key="k")),
    ("more penalty than paid", e.AmountExceedsOwed, lambda b: b.loans.refund_penalty(FQ, 10, 1, reason="r", key="k")),
    ("nothing owed", e.NothingOwed, lambda b: b.loans.create_payment("C1003", 100, key="k")),
    ("settled contract", e.ContractSettled, lambda b: b.loans.payoff_quote("C1002", contract_nos=[settled_kd(b)])),
    ("payment in progress", e.PaymentInProgress, pay_twice),
    ("too early to schedule", e.NotSchedulable, lambda b: schedule(b, "C1006", TODAY)),
    ("outside the window", e.NotSchedulable, lambda b: schedule(b, "C1005", TODAY + timedelta(days=60))),
    ("unknown incident", e.IncidentNotFound, lambda b: b.loans.incident("I-404")),
    ("what an unknown incident touched", e.IncidentNotFound, lambda b: b.loans.touched("I-404")),
    ("a place that no page gave", InvalidInput, lambda b: b.loans.touched(an_incident(b), "x")),
    ("a page of no instalment", InvalidInput, lambda b: b.loans.touched(an_incident(b), None, 0)),
    ("a page too long", InvalidInput, lambda b: b.loans.touched(an_incident(b), None, 1001)),
    ("confirming an unknown incident", e.IncidentNotFound, lambda b: b.loans.confirm_incident("I-404", "S2101", key="k")),
    ("confirmed by nobody", e.InvalidText, lambda b: b.loans.confirm_incident(an_incident(b), " ", key="k")),
    ("ending an unknown incident", e.IncidentNotFound, lambda b: b.loans.end_incident("I-404", key="k")),
    ("an incident ahead", e.InvalidDate, lambda b: b.loans.declare_incident("outage", "all", TOMORROW, "x", key="k")),
    ("an app error ahead", e.InvalidDate, lambda b: b.loans.report_app_error("C1001", "repay", "E", TOMORROW, key="k")),
    ("an app error of nobody", e.CustomerNotFound, lambda b: b.loans.report_app_error("C9999", "repay", "E", TOMORROW, key="k")),
    ("an app error of a foreign contract", e.ContractNotFound,
     lambda b: b.loans.report_app_error("C1002", "repay", "E", TOMORROW - timedelta(days=1), key="k", contract_no=FQ)),
    ("report that was never made", e.NotReported, lambda b: b.loans.correct_bureau_report(FQ, 10, reason="r", key="k")),
    ("correction of an unknown instalment", e.InstalmentNotFound,
     lambda b: b.loans.correct_bureau_report(FQ, 99, reason="r", key="k")),
    ("no hold", e.NoHold, lambda b: b.loans.release_accrual(FQ, 10, key="k")),
    ("empty key", InvalidInput, lambda b: b.loans.create_payment("C1002", 100, key="")),
    ("key with a line break", InvalidInput, lambda b: b.loans.create_payment("C1002", 100, key="\r\nX-Injected: 1")),
    ("overlong key", InvalidInput, lambda b: b.loans.create_payment("C1002", 100, key="k" * 201)),
]  # fmt: skip


@pytest.mark.parametrize(("error", "ask"), [pytest.param(error, ask, id=name) for name, error, ask in CASES])
def test_bad_input_has_its_own_error_and_writes_nothing(books: Books, error: type[CareError], ask: Ask) -> None:
    with pytest.raises(error) as caught:
        ask(books)
    assert type(caught.value) is error
    books.prove()
    with pytest.raises(error):  # and not because of anything that the first try left behind
        ask(books)


def test_a_refused_command_leaves_its_key_unused(books: Books) -> None:
    with pytest.raises(e.AmountExceedsOwed):
        books.loans.create_payment("C1002", 2004291, key="k")
    assert books.loans.create_payment("C1002", 2004290, key="k").status == "processing"


def test_details_keep_their_types(books: Books) -> None:
    with pytest.raises(e.AmountExceedsOwed) as exceeds:
        books.loans.create_payment("C1002", 2004291, key="k")
    assert exceeds.value.details == {"owed": 2004290}
    with pytest.raises(e.NotSchedulable) as early:
        schedule(books, "C1006", TODAY)
    opens = TODAY + timedelta(days=5)
    assert early.value.details == {
        "reason": "too_early", "opens_on": opens, "first_day": opens, "last_day": TODAY + timedelta(days=15)
    }  # fmt: skip
    with pytest.raises(e.ContractSettled) as settled:
        books.loans.payoff_quote("C1002", contract_nos=[settled_kd(books)])
    assert settled.value.details == {"contract_no": KD, "settled_on": TODAY}


def test_every_class_of_error_is_in_the_contract() -> None:
    everywhere = {member for member in vars(e).values() if isinstance(member, type) and issubclass(member, CareError)}
    ours = {member for member in everywhere if member.__module__ == e.__name__}
    assert set(ERROR_CLASSES.values()) == (ours - {e.LoanBackendUnavailable, e.LoanBackendMisbehaved}) | {InvalidInput}


class Refusing:
    """A backend that refuses everything in one way."""

    def __init__(self, error: CareError) -> None:
        self.error = error

    def customer(self, customer_id: str) -> Any:
        raise self.error


@pytest.mark.parametrize("code", sorted(ERROR_CLASSES))
def test_every_code_comes_back_as_its_class(code: str, server: Server, connect: Connect) -> None:
    details = {"owed": 7, "posts_on": TODAY, "contracts": ["KD-1"]}

    def refusing() -> AbstractContextManager[LoanBackend]:
        return nullcontext(cast(LoanBackend, Refusing(ERROR_CLASSES[code]("why", **details))))

    server.open_backend = refusing
    with pytest.raises(ERROR_CLASSES[code]) as caught:
        http_loan_backend(connect()).customer("C1001")
    assert type(caught.value) is ERROR_CLASSES[code]
    assert (caught.value.message, caught.value.details) == ("why", details)
    assert len(server.faults.paths) == 1, "an answer is not asked for again"
