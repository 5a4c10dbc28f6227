"""Whatever one may ask, both implementations say the same, value by value and type by type."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from bot.core.clock import SHANGHAI
from bot.loans.errors import ContractNotFound, CustomerNotFound, InstalmentNotFound
from bot.loans.http_backend import HttpLoanBackend, http_loan_backend
from bot.loans.http_contract import OPERATIONS
from bot.loans.http_server import OpenBackend
from bot.loans.port import Incident, InstalmentRef, LoanBackend, TouchedInstalment
from bot.loans.servicing.overdue import OverdueService
from tests.loans.contract.conftest import Books, Connect

TODAY = date(2026, 8, 22)
PEOPLE = [f"C100{number}" for number in range(1, 9)]
Ask = Callable[[LoanBackend, str], Any]


def first_contract(loans: LoanBackend, customer_id: str) -> str:
    """C1003 has none."""
    return next((item.contract_no for item in loans.contracts(customer_id, include_settled=True)), "FQ-20251010-1001")


def when_there_is_one(ask: Callable[[LoanBackend, str, str], Any]) -> Ask:
    def asked(loans: LoanBackend, customer_id: str) -> Any:
        number = first_contract(loans, customer_id)
        return ask(loans, customer_id, number) if loans.contracts(customer_id) else None

    return asked


def incidents_of(loans: LoanBackend, customer_id: str) -> tuple[Incident, ...]:
    return loans.incidents(TODAY - timedelta(days=60), TODAY, customer_id=customer_id)


READS: dict[str, Ask] = {
    "customer": lambda loans, who: loans.customer(who),
    "customers": lambda loans, who: loans.customers([who, "C0000", "C1001"]),
    "customer_by_phone": lambda loans, who: loans.customer_by_phone(loans.customer(who).phone),
    "credit_line": lambda loans, who: loans.credit_line(who),
    "applications": lambda loans, who: loans.applications(who),
    "drawdowns": lambda loans, who: loans.drawdowns(who),
    "credit_authorisations": lambda loans, who: loans.credit_authorisations(who),
    "credit_inquiries": lambda loans, who: loans.credit_inquiries(who),
    "contracts": lambda loans, who: loans.contracts(who, include_settled=True),
    "contract": when_there_is_one(lambda loans, who, number: loans.contract(who, number, TODAY - timedelta(days=3))),
    "outstanding": lambda loans, who: loans.outstanding(who, TODAY + timedelta(days=4)),
    "bills": lambda loans, who: loans.bills(who),
    "penalty_days": when_there_is_one(lambda loans, who, number: loans.penalty_days(who, number, 1)),
    "payoff_quote": lambda loans, who: loans.payoff_quote(who, TODAY + timedelta(days=30)),
    "repayment_preview": lambda loans, who: loans.repayment_preview(who, 123456),
    "schedule_window": when_there_is_one(lambda loans, who, number: loans.schedule_window(who, number)),
    "scheduled_repayments": lambda loans, who: loans.scheduled_repayments(who),
    "payments": lambda loans, who: loans.payments(who),
    "payment": lambda loans, who: [loans.payment(who, item.payment_no) for item in loans.payments(who)[:2]],
    "double_debits": lambda loans, who: loans.double_debits(who),
    "refunds": lambda loans, who: loans.refunds(who),
    "mandates": lambda loans, who: loans.mandates(who),
    "mandate": lambda loans, who: loans.mandate(who),
    "debit_attempts": lambda loans, who: loans.debit_attempts(who),
    "incidents": lambda loans, who: loans.incidents(TODAY - timedelta(days=60), TODAY, "auto_debit", customer_id=who),
    "incident": lambda loans, who: [loans.incident(item.incident_no) for item in incidents_of(loans, who)],
    "touched": lambda loans, who: [loans.touched(item.incident_no, None, 1) for item in incidents_of(loans, who)],
    "app_errors": lambda loans, who: loans.app_errors(who, TODAY - timedelta(days=60), TODAY),
    "notices": lambda loans, who: loans.notices(who),
    "overdue_flags": when_there_is_one(lambda loans, who, number: loans.overdue_flags(who, number, 1)),
    "holds": when_there_is_one(lambda loans, who, number: loans.holds(number, 1)),
}


@pytest.mark.parametrize("name", READS)
def test_over_http_every_read_gives_what_the_embedded_books_give(name: str, connect: Connect, unit: OpenBackend) -> None:
    remote = http_loan_backend(connect())
    for customer_id in PEOPLE:
        with unit() as loans:
            expected = READS[name](loans, customer_id)
        found = READS[name](remote, customer_id)
        assert found == expected
        assert type(found) is type(expected)


def test_the_table_of_reads_is_complete() -> None:
    receipts = {"receipt", "receipt_of"}  # there are none before a remedy: test_remedies.py
    assert {name for name, operation in OPERATIONS.items() if operation.safe} == set(READS) | receipts & set(OPERATIONS)


def test_the_remote_backend_has_every_method_with_the_same_signature() -> None:
    for name, member in vars(LoanBackend).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            assert inspect.signature(getattr(HttpLoanBackend, name)) == inspect.signature(member)


def moments_in(value: Any) -> list[datetime]:
    if isinstance(value, datetime):
        return [value]
    if isinstance(value, tuple):
        return [moment for item in value for moment in moments_in(item)]
    if is_dataclass(value):
        return [moment for field in fields(value) for moment in moments_in(getattr(value, field.name))]
    return []


def test_moments_come_in_shanghai_time_so_that_their_date_is_the_business_date(books: Books) -> None:
    loans = books.loans
    found = moments_in(
        (loans.debit_attempts("C1001"), loans.incidents(TODAY - timedelta(days=40), TODAY), loans.payments("C1008"),
         loans.applications("C1003"), loans.payoff_quote("C1002"), loans.credit_line("C1004"), loans.mandates("C1001"))
    )  # fmt: skip
    assert len(found) > 15
    assert {moment.utcoffset() for moment in found} == {timedelta(hours=8)}
    assert {moment.tzinfo for moment in found} == {SHANGHAI}


def test_the_history_of_the_overdue_flags(books: Books) -> None:
    number = next(item for item in books.loans.contracts("C1001") if item.status == "overdue")
    late = next(item.number for item in number.instalments if item.status == "overdue")
    with books.behind() as world:
        overdue = OverdueService(world.unit, bureau_after_days=1)
        overdue.refresh(InstalmentRef(number.contract_no, late))
        overdue.correct(InstalmentRef(number.contract_no, late), "system_fault")
    found = books.loans.overdue_flags("C1001", number.contract_no, late)
    assert [(item.flag, item.state) for item in found][-1] == ("bureau_report", "corrected")
    assert {item.flag for item in found} == {"dunning", "bureau_report"}
    assert found[-1].reason == "system_fault"
    with pytest.raises(ContractNotFound):
        books.loans.overdue_flags("C1002", number.contract_no, late)
    with pytest.raises(InstalmentNotFound):
        books.loans.overdue_flags("C1001", number.contract_no, 99)


def test_no_contracts_chosen_is_not_all_contracts(books: Books) -> None:
    assert books.loans.payoff_quote("C1002", contract_nos=()).total == 0
    assert books.loans.payoff_quote("C1002").total == 2004290
    assert books.loans.payoff_quote("C1002", contract_nos=["KD-20260713-1002"]).total == 1016000


def test_a_quote_ahead_is_that_of_its_day(books: Books) -> None:
    quote = books.loans.payoff_quote("C1002", TODAY + timedelta(days=3), ["KD-20260713-1002"])
    assert [(line.interest, line.total) for line in quote.contracts] == [(17200, 1017200)]  # 43 days × 400


def test_of_several_customers_those_that_there_are_are_told_by_id(books: Books) -> None:
    found = books.loans.customers(["C1003", "C9999", "C1001", "C1003", ""])
    assert found == (books.loans.customer("C1001"), books.loans.customer("C1003"))
    assert books.loans.customers([]) == ()


def test_an_unknown_phone_belongs_to_nobody(books: Books) -> None:
    assert books.loans.customer_by_phone("13999999999") is None


def test_values_with_odd_characters_are_only_unknown(books: Books) -> None:
    for customer_id in ("C1001/../C1002", "C1001?as_of=x", "C 1001", "郭海", "C1001%2F", "#"):
        with pytest.raises(CustomerNotFound):
            books.loans.customer(customer_id)


def test_a_past_date_gives_the_books_of_that_day(books: Books) -> None:
    before = books.loans.contract("C1001", "FQ-20251010-1001", date(2026, 8, 12))
    assert (before.instalments[9].overdue_days, before.instalments[9].penalty_due) == (2, 32)


def test_an_incident_names_everybody_whom_it_touched(books: Books) -> None:
    (lasting,) = books.loans.incidents(TODAY, TODAY)
    (item,) = books.loans.touched(lasting.incident_no).instalments
    assert (item.customer_id, item.contract_no, item.instalment) == ("C1001", "FQ-20251010-1001", 10)
    assert item.debits == tuple(books.loans.debit_attempts("C1001", item.contract_no, 10))
    assert [try_.side for try_ in item.debits] == ["system"] * 3
    assert item.payment_nos == (), "it is an incident of the auto-debit"


def test_what_an_incident_touched_comes_page_by_page(books: Books) -> None:
    start = datetime(2026, 8, 1, tzinfo=SHANGHAI)
    incident = books.loans.declare_incident("outage", "all", start, "x", key="declare")
    met: list[TouchedInstalment] = []
    after = None
    while True:
        page = books.loans.touched(incident.incident_no, after, 1)
        met += page.instalments
        after = page.next_after
        if after is None:
            break
    assert tuple(met) == books.loans.touched(incident.incident_no).instalments
    assert {item.customer_id for item in met} == {"C1001", "C1007"}
    guo = next(item for item in met if item.customer_id == "C1001")
    assert guo.payment_nos == tuple(item.payment_no for item in reversed(books.loans.payments("C1001")) if item.kind == "own")


def test_errors_that_the_app_showed_are_found_by_day(books: Books) -> None:
    found = books.loans.app_errors("C1001", TODAY - timedelta(days=9), TODAY - timedelta(days=9))
    assert [(item.at.isoformat(), item.operation, item.code, item.contract_no) for item in found] == [
        ("2026-08-13T20:15:00+08:00", "repay", "SYS_TIMEOUT", "FQ-20251010-1001")
    ]
    assert len(books.loans.app_errors("C1001", TODAY - timedelta(days=9), TODAY)) == 2
    assert books.loans.app_errors("C1001", TODAY - timedelta(days=7), TODAY) == ()
    assert books.loans.app_errors("C1002", TODAY - timedelta(days=90), TODAY) == ()
