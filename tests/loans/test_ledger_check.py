"""``make ledger-check``: a planted disagreement is found and its contract named, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
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
    (found,) = wrong(each_session)
    assert (found.subject, found.balance, found.stored - found.derived) == (CUSTOMER, "refunds pending", 3)


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
