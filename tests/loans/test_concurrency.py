"""Several workers at once on PostgreSQL and on SQLite: the database decides, nothing is done twice."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.catalogue import Catalogue
from bot.loans.errors import IdempotencyConflict, PaymentInProgress
from bot.loans.origination import LoanTerms
from bot.loans.service import SqlLoanBackend
from tests.loans.conftest import CUSTOMER, World, make_world


@pytest.fixture
def contract_no(each_database: Database, clock: FixedClock, catalogue: Catalogue) -> str:
    with each_database.transaction() as session:
        return make_world(session, clock, catalogue).draw("FQ", 60000, "0", 6)


@pytest.mark.usefixtures("contract_no")
def test_eight_retries_of_one_command_make_one_payment(each_database: Database, clock: FixedClock) -> None:
    def attempt(_: int) -> str:
        with each_database.transaction() as session:
            return SqlLoanBackend(session, clock).create_payment(CUSTOMER, 10000, key="same").payment_no

    with ThreadPoolExecutor(8) as pool:
        numbers = set(pool.map(attempt, range(8)))
    assert len(numbers) == 1


@pytest.mark.usefixtures("contract_no")
def test_of_eight_different_payments_for_one_instalment_one_gets_through(each_database: Database, clock: FixedClock) -> None:
    def attempt(number: int) -> bool:
        try:
            with each_database.transaction() as session:
                SqlLoanBackend(session, clock).create_payment(CUSTOMER, 10000, key=f"k{number}")
        except PaymentInProgress:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_confirming_a_payment_from_eight_workers_applies_it_once(
    each_database: Database, clock: FixedClock, contract_no: str
) -> None:
    with each_database.transaction() as session:
        payment_no = SqlLoanBackend(session, clock).create_payment(CUSTOMER, 10000, key="p").payment_no

    def confirm(_: int) -> None:
        with each_database.transaction() as session:
            world = World(session, clock)
            world.loans.contract(CUSTOMER, contract_no)  # read before the lock, as an action does
            world.payments.settle(payment_no)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(confirm, range(8)))
    with each_database.transaction() as session:
        world = World(session, clock)
        assert world.loans.contract(CUSTOMER, contract_no).outstanding_principal == 50000
        world.check()


def test_one_key_used_for_two_customers_at_once_is_refused_to_the_later(
    each_database: Database, clock: FixedClock, catalogue: Catalogue
) -> None:
    with each_database.transaction() as session:
        world = make_world(session, clock, catalogue)
        world.open_customer("C9002")
        for customer_id in (CUSTOMER, "C9002"):
            world.draw("FQ", 60000, "0", 6, customer_id)

    def attempt(customer_id: str) -> bool:
        try:
            with each_database.transaction() as session:
                SqlLoanBackend(session, clock).create_payment(customer_id, 10000, key="same")
                time.sleep(0.2)  # so that the other one meets a key that is not committed yet
        except IdempotencyConflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, (CUSTOMER, "C9002"))) == [False, True]


@pytest.mark.usefixtures("contract_no")
def test_one_declaration_sent_several_times_at_once_is_one_incident(each_database: Database, clock: FixedClock) -> None:
    def declare(_: int) -> str:
        with each_database.transaction() as session:
            loans = SqlLoanBackend(session, clock)
            number = loans.declare_incident("outage", "all", clock.now(), "x", key="same").incident_no
            time.sleep(0.05)
            return number

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(declare, range(4)))) == 1


def test_one_drawdown_sent_several_times_at_once_lends_once(each_database: Database, clock: FixedClock, contract_no: str) -> None:
    terms = LoanTerms("FQ", 60000, Decimal(0), 6, "0001")

    def draw(_: int) -> str:
        with each_database.transaction() as session:
            return World(session, clock).origination.draw_down(CUSTOMER, terms, key="same").contract_no

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(draw, range(4)))) == 1
    with each_database.transaction() as session:
        assert World(session, clock).unit.ledger.balance("bank") == -120000
