"""The ledger cannot be changed, and stored balances that differ from it are found."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.loans.catalogue import Catalogue
from bot.loans.errors import LedgerMismatch
from bot.loans.ledger import ACCOUNTS, Entry
from bot.loans.models import ACCOUNTS as TABLE_ACCOUNTS
from tests.loans.conftest import CUSTOMER, World, make_world


@pytest.fixture
def world(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> World:
    return make_world(each_session, clock, catalogue)


@pytest.fixture
def filled(world: World) -> World:
    """A book with a drawdown, a payment and a receipt."""
    number = world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=40)
    world.payments.settle(world.loans.create_payment(CUSTOMER, 10, key="p").payment_no)
    world.loans.waive_penalty(number, 1, 1, reason="test", key="w")
    world.session.flush()
    return world


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount = amount + 1",
        "DELETE FROM ledger_entries",
        "UPDATE ledger_transactions SET value_on = '2020-01-01'",
        "DELETE FROM ledger_transactions",
        "UPDATE receipts SET amount = 1",
        "DELETE FROM receipts",
    ],
)
def test_the_database_refuses_to_change_what_was_written(filled: World, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        filled.session.execute(text(statement))


def test_the_module_and_the_schema_name_the_same_accounts() -> None:
    assert set(ACCOUNTS) == set(TABLE_ACCOUNTS)


@pytest.mark.parametrize(
    "entry",
    [
        Entry("bank", "unapplied", 0),
        Entry("bank", "unapplied", -5),
        Entry("bank", "bank", 5),
        Entry("bank", "unapplied", 5, "FQ-1"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_by_the_schema(world: World, entry: Entry) -> None:
    with pytest.raises(IntegrityError):
        world.unit.ledger.post("receipt", CUSTOMER, [entry], value_on=world.clock.today())
    world.session.rollback()


def test_a_balance_can_be_read_as_of_a_past_day(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=10)
    world.payments.settle(world.loans.create_payment(CUSTOMER, 10000, key="p").payment_no)
    ledger = world.unit.ledger
    assert ledger.balance("principal", as_of=date(2026, 8, 21)) == 0
    assert ledger.balance("principal", as_of=date(2026, 8, 31)) == 60000
    assert ledger.balance("principal", customer_id=CUSTOMER) == 50000
    assert ledger.balance("bank") == -50000
    assert ledger.balance("principal", customer_id="C404") == 0


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE instalments SET paid_principal = paid_principal + 1 WHERE number = 2", "#2 principal"),
        ("UPDATE instalments SET waived_penalty = waived_penalty + 1 WHERE number = 1", "#1 waived"),
        ("UPDATE payments SET applied = applied - 1", "P-.* applied: stored 9, ledger 10"),
    ],
)
def test_a_stored_balance_that_was_tampered_with_is_named(filled: World, statement: str, named: str) -> None:
    filled.check()
    filled.session.execute(text(statement))
    filled.session.expire_all()
    with pytest.raises(LedgerMismatch, match=named):
        filled.check()


def test_a_refund_that_the_ledger_does_not_know_is_named(filled: World) -> None:
    filled.session.execute(
        text(
            "INSERT INTO refunds (refund_no, customer_id, amount, reason, status, created_at) "
            "VALUES ('RF-1', 'C9001', 5, 'penalty', 'pending', '2026-08-22 00:00:00')"
        )
    )
    with pytest.raises(LedgerMismatch, match="C9001 refunds pending: stored 5, ledger 0"):
        filled.check()
