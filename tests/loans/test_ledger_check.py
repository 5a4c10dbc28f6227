"""``make ledger-check``: a planted disagreement is found and its contract named, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.loans.audit import Disagreement, audit
from bot.loans.catalogue import Catalogue
from bot.loans.ledger import Entry, Ledger
from bot.loans.ledger_check import NoBooks, check_ledger, size
from bot.loans.port import InstalmentRef
from tests.loans.conftest import CUSTOMER, make_world


def fill(session: Session, clock: FixedClock, catalogue: Catalogue) -> list[str]:
    """Three contracts; the first has a payment, a waiver and a double debit that was refunded."""
    world = make_world(session, clock, catalogue)
    numbers = [world.draw("FQ", 60000, "0.006", 6) for _ in range(3)]
    clock.advance(days=40)
    world.payments.settle(world.loans.create_payment(CUSTOMER, 40, key="p", contract_nos=numbers[:1]).payment_no)
    world.loans.waive_penalty(numbers[0], 1, 1, reason="test", key="w")
    world.debits.run()
    mandate = world.unit.repository.mandates(CUSTOMER)[0]
    last = world.unit.repository.debit_attempts(CUSTOMER, numbers[0], 1)[-1]
    twice = world.debits.record(mandate, InstalmentRef(numbers[0], 1), last.amount, "SUCCESS")
    world.loans.refund_payment(twice.payment_no or "", last.amount, reason="twice", key="r")
    session.flush()
    return sorted(numbers)


@pytest.fixture
def contracts(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> list[str]:
    return fill(each_session, clock, catalogue)


def wrong(session: Session) -> list[Disagreement]:
    """What the check finds, in ranges so small that there are several."""
    return [each for checked in audit(session, batch=2) for each in checked.wrong]


def plant(session: Session, statement: str, **values: object) -> None:
    session.execute(text(statement), values)


def test_books_that_agree_are_found_in_order_and_counted(
    each_database: Database, clock: FixedClock, catalogue: Catalogue
) -> None:
    with each_database.transaction() as session:
        contracts = fill(session, clock, catalogue)
    counted: list[int] = []
    assert check_ledger(each_database, counted.append, batch=2) == []
    assert sum(counted) == size(each_database) == len(contracts) + 5


@pytest.mark.parametrize(
    ("statement", "balance", "stored", "derived"),
    [
        ("UPDATE instalments SET paid_principal = paid_principal + 1 WHERE contract_no = :no AND number = 3",
         "principal", 9999, 10000),
        ("UPDATE instalments SET paid_interest = 0, interest = 5, paid_fee = paid_fee + 7, fee = fee + 7 "
         "WHERE contract_no = :no AND number = 3", "fee", 7, 0),
        ("UPDATE instalments SET paid_penalty = paid_penalty + 2 WHERE contract_no = :no AND number = 3", "penalty", 2, 0),
        ("UPDATE instalments SET waived_penalty = 9 WHERE contract_no = :no AND number = 3", "waived", 9, 0),
        ("UPDATE instalments SET settled_on = '2026-09-30' WHERE contract_no = :no AND number = 3",
         "principal although settled", 0, 10000),
        ("UPDATE contracts SET principal = principal + 1 WHERE contract_no = :no", "lent", 60001, 60000),
    ],
)  # fmt: skip
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_planted_disagreement_names_the_contract_and_both_figures(
    each_session: Session, contracts: list[str], which: int, statement: str, balance: str, stored: int, derived: int
) -> None:
    plant(each_session, statement, no=contracts[which])
    (found,) = wrong(each_session)
    assert (found.contract_no, found.balance, found.stored, found.derived) == (contracts[which], balance, stored, derived)
    assert str(found).startswith(contracts[which])


def test_every_contract_that_disagrees_is_named(each_session: Session, contracts: list[str]) -> None:
    plant(each_session, "UPDATE instalments SET waived_penalty = waived_penalty + 1 WHERE number = 6")
    assert [found.contract_no for found in wrong(each_session)] == contracts


def test_a_posting_that_nobody_stored_is_found(each_session: Session, contracts: list[str], clock: FixedClock) -> None:
    entry = Entry("unapplied", "fee_income", 30, contracts[1], 2)
    Ledger(each_session, clock).post("allocation", CUSTOMER, [entry], value_on=clock.today())
    (found,) = wrong(each_session)
    assert str(found) == f"{contracts[1]} #2 fee: stored 0, ledger 30"


@pytest.mark.parametrize(
    ("statement", "balances"),
    [
        ("UPDATE payments SET applied = applied - 1 WHERE kind = 'own'", ["applied"]),
        ("UPDATE payments SET applied = applied - 1, refunded = refunded + 1 WHERE kind = 'own'", ["applied", "refunded"]),
        ("UPDATE payments SET status = 'failed' WHERE kind = 'own'", ["received"]),
        ("UPDATE payments SET amount = amount + 4 WHERE kind = 'own'", ["received"]),
    ],
)
@pytest.mark.usefixtures("contracts")
def test_a_payment_that_disagrees_is_named_with_its_contract(each_session: Session, statement: str, balances: list[str]) -> None:
    plant(each_session, statement)
    found = wrong(each_session)
    assert [each.balance for each in found] == balances
    assert all(each.contract_no and each.contract_no in each.subject and " P-" in each.subject for each in found)


@pytest.mark.usefixtures("contracts")
def test_a_refund_that_the_ledger_does_not_owe_is_found(each_session: Session) -> None:
    plant(each_session, "UPDATE refunds SET amount = amount + 3")
    of_payment, of_customer = wrong(each_session)
    assert (of_payment.balance, of_payment.stored - of_payment.derived) == ("refunds", 3)
    assert (of_customer.subject, of_customer.balance, of_customer.stored - of_customer.derived) == (
        CUSTOMER,
        "refunds pending",
        3,
    )


@pytest.fixture
def returned(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> str:
    """A contract with two returned payments: of one a refund had been paid out and a penalty given back, of the other nothing."""
    world = make_world(each_session, clock, catalogue)
    number = world.draw("FQ", 60000, "0.006", 6)
    clock.advance(days=40)
    first = world.payments.record(CUSTOMER, 30_000, [InstalmentRef(number, 1)], kind="own").payment_no
    second = world.payments.record(CUSTOMER, 20_000, [InstalmentRef(number, 2)], kind="own").payment_no
    for payment_no in (first, second):
        world.payments.settle(payment_no)
    world.loans.refund_penalty(number, 1, 7, reason="test", key="r")
    for refund in world.unit.repository.pending_refunds(first):
        world.payments.posting.pay_refund(refund)
    assert world.unit.repository.pending_refunds(second)
    for payment_no in (first, second):
        world.payments.give_back(payment_no, "BANK_RETURNED")
    each_session.flush()
    return first


@pytest.mark.usefixtures("returned")
def test_returned_payments_agree_also_when_not_all_could_be_taken_back(each_session: Session) -> None:
    assert wrong(each_session) == []
    left = each_session.execute(text("SELECT applied, refunded FROM payments ORDER BY refunded")).all()
    assert left[0] == (0, 0)
    assert left[1][0] == 7
    assert left[1][1] > 0


@pytest.mark.parametrize(
    ("statement", "balances"),
    [
        ("UPDATE payments SET status = 'settled' WHERE payment_no = :no", ["received"]),
        ("UPDATE payments SET applied = applied + 1 WHERE payment_no = :no", ["applied"]),
        ("UPDATE payments SET refunded = refunded - 1 WHERE payment_no = :no", ["refunded"]),
        ("UPDATE refunds SET cancelled_at = NULL WHERE cancelled_at IS NOT NULL", ["refunds", "refunds pending"]),
        ("UPDATE refunds SET cancelled_at = created_at WHERE payment_no = :no", ["refunds"]),
        ("UPDATE instalments SET paid_principal = 1 WHERE number = 1", ["principal"]),
    ],
)
def test_a_disagreement_of_a_returned_payment_is_found(
    each_session: Session, returned: str, statement: str, balances: list[str]
) -> None:
    plant(each_session, statement, **({"no": returned} if ":no" in statement else {}))
    assert list(dict.fromkeys(each.balance.partition(" of posting")[0] for each in wrong(each_session))) == balances


def test_a_return_that_left_principal_paid_is_found(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> None:
    """Only refunds that were paid out and charges that were given back may be left of a returned payment."""
    world = make_world(each_session, clock, catalogue)
    number = world.draw("FQ", 60000, "0", 6)
    payment = world.payments.record(CUSTOMER, 10_000, [InstalmentRef(number, 1)], kind="own")
    world.payments.settle(payment.payment_no)
    (posting,) = world.unit.repository.live_allocations(payment.payment_no)
    (receipt,) = world.unit.repository.live_postings(payment.payment_no, "receipt")
    (entry,) = world.unit.ledger.entries(posting)
    world.unit.ledger.reverse(posting, note="test", parts=[replace(entry, amount=9_999)])
    world.unit.ledger.reverse(receipt.id, note="test")
    world.unit.instalment(number, 1).paid_principal = 1
    world.unit.instalment(number, 1).settled_on = None
    payment.applied, payment.status = 1, "returned"
    each_session.flush()
    (found,) = wrong(each_session)
    assert (found.contract_no, found.balance, found.derived) == (number, f"reversal of posting {posting}", 1)


def test_a_reversal_that_undoes_only_a_part_is_found(each_session: Session, contracts: list[str], clock: FixedClock) -> None:
    ledger = Ledger(each_session, clock)
    original = ledger.post("waiver", CUSTOMER, [Entry("waiver_expense", "penalty_income", 9, contracts[2], 1)],
                           value_on=clock.today())  # fmt: skip
    half = [Entry("penalty_income", "waiver_expense", 5, contracts[2], 1)]
    ledger.post("reversal", CUSTOMER, half, value_on=clock.today(), reverses=original, note="test")
    found = wrong(each_session)
    assert {each.contract_no for each in found} == {contracts[2]}
    assert [(each.balance, each.derived - each.stored) for each in found] == [
        ("waived", 4),
        (f"reversal of posting {original}", 4),
    ]


def run(database_url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/ledger_check.py"],
        cwd=ROOT, env={**os.environ, "DATABASE_URL": database_url}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_command_ends_with_0_when_all_agrees_and_names_the_contract_with_1(
    each_database: Database, clock: FixedClock, catalogue: Catalogue
) -> None:
    with each_database.transaction() as session:
        contracts = fill(session, clock, catalogue)
    url = each_database.engine.url.render_as_string(hide_password=False)
    clean = run(url)
    assert (clean.returncode, clean.stdout) == (0, "all balances agree with the ledger\n")
    assert "8/8" in clean.stderr  # the progress bar
    with each_database.transaction() as session:
        plant(session, "UPDATE instalments SET waived_penalty = 5 WHERE contract_no = :no AND number = 2", no=contracts[1])
    found = run(url)
    assert found.returncode == 1
    assert found.stdout.splitlines() == [
        f"{contracts[1]} #2 waived: stored 5, ledger 0",
        "1 balances disagree, in 1 contracts",
    ]


def test_the_command_ends_with_2_where_there_are_no_books(tmp_path: Path) -> None:
    missing = tmp_path / "none.db"
    assert run(f"sqlite:///{missing}").returncode == 2
    assert not missing.exists()
    empty = Database(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(NoBooks):
        size(empty)
    empty.dispose()
    ended = run(f"sqlite:///{tmp_path}/empty.db")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "no loan books" in ended.stderr


@pytest.mark.parametrize(
    ("statement", "stored", "derived"),
    [
        ("UPDATE contracts SET settled_on = drawn_on WHERE contract_no = :no", 0, 6),
        ("UPDATE instalments SET settled_on = due_on WHERE contract_no = :no", 1, 0),
    ],
)
def test_a_contract_that_is_closed_though_it_owes_or_open_though_it_does_not_is_found(
    each_session: Session, clock: FixedClock, catalogue: Catalogue, statement: str, stored: int, derived: int
) -> None:
    number = make_world(each_session, clock, catalogue).draw("FQ", 60000, "0", 6)
    plant(each_session, statement, no=number)
    found = [each for each in wrong(each_session) if each.balance == "instalments open"]
    assert [(each.contract_no, each.stored, each.derived) for each in found] == [(number, stored, derived)]
