"""Sixteen threads pay one contract on PostgreSQL while workers are killed and connections are cut: the books stay exact.

Who gets through is for the database to decide and differs from run to run; what must hold does not. The dice of each round
(amounts, keys, moments of death) have a fixed seed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.loans.catalogue import Catalogue
from bot.loans.errors import AmountExceedsOwed, ContractSettled, IdempotencyConflict, NothingOwed, PaymentInProgress
from bot.loans.ledger_check import check_ledger
from bot.loans.service import SqlLoanBackend
from tests.conftest import postgres_database
from tests.loans import oracle
from tests.loans.bank_process import TABLE, worker
from tests.loans.conftest import CUSTOMER, World, make_world

THREADS = 16
TURNS = 5
MOST_TURNS = 150
DEATHS = 3
"""The threads go on until so many workers were killed."""
START_SECONDS = 60
PRINCIPAL = 600_000
REFUSED = (PaymentInProgress, AmountExceedsOwed, NothingOwed, ContractSettled)


@dataclass
class Round:
    """What the threads know: the number that each key got, and the sum it was for."""

    database: Database
    clock: FixedClock
    contract_no: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    results: dict[str, set[str]] = field(default_factory=dict)
    amounts: dict[str, int] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    broken: list[BaseException] = field(default_factory=list)
    worker_ready: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return self.database.engine.url.render_as_string(hide_password=False)

    @property
    def deaths(self) -> int:
        return self.happened["killed"] + self.happened["died between two steps"]

    def note(self, what: str) -> None:
        with self.lock:
            self.happened[what] += 1


@pytest.fixture
def round_of(postgres_template: str, clock: FixedClock, catalogue: Catalogue) -> Iterator[Round]:
    """YD of 6000.00 in 12, a month and five days after the drawdown: one instalment overdue, the second under way."""
    with postgres_database(postgres_template) as database:
        with database.transaction() as session:
            session.execute(text(TABLE))
            contract_no = make_world(session, clock, catalogue).draw("YD", PRINCIPAL, "0.144", 12)
        clock.advance(days=36)
        yield Round(database, clock, contract_no)
        _wait_until_alone(database)


def _wait_until_alone(database: Database) -> None:
    """The server notices only after a while that a killed worker is gone; until then the database cannot be dropped."""
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    pause = threading.Event()
    for _ in range(START_SECONDS * 10):
        with database.transaction() as session:
            if not session.execute(others).all():
                return
        database.dispose()
        pause.wait(0.1)
    raise AssertionError("connections to the database of the test stay open")


def pay(round_: Round, dice: random.Random) -> None:
    """Some commands of one thread: new ones, retries of others' keys, others' keys with other sums, confirmations by a second
    front end. A cut connection is what an app sees when its server dies: it does not know, and tries the same key again."""
    round_.worker_ready.wait(START_SECONDS)
    pause = threading.Event()
    for turn in range(MOST_TURNS):
        if turn >= TURNS and round_.deaths >= DEATHS:
            return
        pause.wait(dice.uniform(0, 0.1))
        key = f"k{dice.randrange(THREADS * 4)}"  # some threads share a key
        with round_.lock:
            amount = round_.amounts.setdefault(key, dice.randrange(500, 60_000))
        _command(round_, key, amount + (turn % 4 == 3))


def _command(round_: Round, key: str, amount: int, tries: int = 6) -> None:
    for _ in range(tries):
        try:
            with round_.database.transaction() as session:
                loans = SqlLoanBackend(session, round_.clock)
                number = loans.create_payment(CUSTOMER, amount, key=key, contract_nos=[round_.contract_no]).payment_no
        except IdempotencyConflict:
            round_.note("conflict")
            return
        except REFUSED as error:
            round_.note(error.code)
            return
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            round_.note("cut")
            continue
        with round_.lock:
            round_.results.setdefault(key, set()).add(number)
        round_.note("paid")
        return


def cut_connections(round_: Round, dice: random.Random, stop: threading.Event) -> None:
    """Ends a random other connection to the test's database now and then, in the middle of whatever it does."""
    engine = create_engine(round_.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        next_at = 0
        while not stop.wait(0.02):
            if round_.happened.total() < next_at:  # by what was done, not by time: on a slow machine nothing would ever get done
                continue
            next_at = round_.happened.total() + dice.randrange(3, 12)
            found = sorted(connection.scalars(others))
            if found:
                connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": dice.choice(found)})
                round_.note("terminated")
    engine.dispose()


@contextmanager
def workers(round_: Round) -> Iterator[Callable[[int, int], int]]:
    """Starts workers on demand: ``start(deadly, seed)`` returns the process number of one."""
    command = [sys.executable, "-m", "tests.loans.bank_process", round_.url, round_.clock.now().isoformat()]
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL  # what they log of cut connections is not of interest
    process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=quiet, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    to, answers = process.stdin, process.stdout
    assert answers.readline() == "ready\n"

    def start(deadly: int, seed: int) -> int:
        to.write(f"{deadly} {seed}\n")
        to.flush()
        return int(answers.readline())

    try:
        yield start
    finally:
        process.communicate()


def keep_killing(round_: Round, dice: random.Random, stop: threading.Event) -> None:
    """Workers one after the other: each dies by itself between two steps of an order, or is killed at a random moment."""
    with workers(round_) as start:
        round_.worker_ready.set()
        while not stop.is_set():
            number, pause = start(12, dice.randrange(10**6)), threading.Event()
            for _ in range(dice.randrange(20, 80)):
                pause.wait(0.02)
                if not _alive(number):
                    break
            round_.note("killed" if _kill(number) else "died between two steps")


def _alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def _kill(number: int) -> bool:
    """Whether it lived until then."""
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def guarded(round_: Round, work: Callable[..., None], *arguments: object) -> None:
    """Runs one thread's work; what breaks it fails the test."""
    try:
        work(round_, *arguments)
    except Exception as error:  # noqa: BLE001  # it is kept and fails the test
        with round_.lock:
            round_.broken.append(error)


def dice_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # no secret: the same dice in every run


def thread_of(round_: Round, work: Callable[..., None], *arguments: object) -> threading.Thread:
    return threading.Thread(target=guarded, args=(round_, work, *arguments))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_duplicates_and_kills_every_movement_happened_once(round_of: Round, seed: int) -> None:
    dice, stop = dice_of(seed), threading.Event()
    payers = [thread_of(round_of, pay, dice_of(dice.randrange(10**6))) for _ in range(THREADS)]
    others = [
        thread_of(round_of, work, dice_of(dice.randrange(10**6)), stop) for work in (keep_killing, keep_killing, cut_connections)
    ]
    for thread in (*others, *payers):
        thread.start()
    for thread in payers:
        thread.join()
    stop.set()
    for thread in others:
        thread.join()
    assert round_of.broken == []
    assert round_of.happened["paid"] > 0
    assert round_of.happened["terminated"] > 0
    assert round_of.deaths >= DEATHS
    finish(round_of, seed)
    prove(round_of)


def finish(round_: Round, seed: int) -> None:
    """A worker that is left alone brings everything to its end."""
    last = worker(round_.database, round_.clock, dice_of(seed))
    for _ in range(12):
        round_.clock.advance(minutes=11)  # older orders are asked about every ten minutes
        assert last.round()["errors"] == 0


def prove(round_: Round) -> None:
    assert all(len(numbers) == 1 for numbers in round_.results.values()), "one key made two payments"
    assert check_ledger(round_.database, lambda _count: None) == []
    with round_.database.transaction() as session:
        world = World(session, round_.clock)
        world.check()
        rows = world.unit.repository.payments(CUSTOMER)
        executed = {row[0]: (row[1], row[2]) for row in session.execute(text("SELECT number, kind, amount FROM bank_executed"))}
        # What the bank did, we booked; what we booked, the bank did; each once.
        taken = {number: amount for number, (kind, amount) in executed.items() if kind == "taken"}
        assert {row.payment_no: row.amount for row in rows} == taken
        assert {row.status for row in rows} == {"settled"}
        receipts = text("SELECT payment_no, count(*) FROM ledger_transactions WHERE kind = 'receipt' GROUP BY payment_no")
        assert {row[0]: row[1] for row in session.execute(receipts)} == dict.fromkeys(taken, 1)
        paid_out = {number: amount for number, (kind, amount) in executed.items() if kind == "paid out"}
        assert {each.refund_no: each.amount for each in world.loans.refunds(CUSTOMER)} == paid_out
        known = {number for numbers in round_.results.values() for number in numbers}
        assert known <= set(taken)
        by_key = text("SELECT key, result FROM loan_idempotency_keys WHERE operation = 'create_payment'")
        stored = {row[0]: row[1] for row in session.execute(by_key)}
        own = {row.payment_no for row in rows if row.kind == "own"}
        assert set(stored.values()) == own
        assert len(stored) == len(own)
        assert set(stored) <= set(round_.amounts)
        assert sum(taken.values()) == sum(row.applied + row.refunded for row in rows) - world.unit.ledger.balance("unapplied")
        _agrees_with_the_oracle(world, round_)


def _agrees_with_the_oracle(world: World, round_: Round) -> None:
    """All were made on one day for one contract, so the sum used is all that matters: it fills the instalments in order."""
    contract = world.loans.contract(CUSTOMER, round_.contract_no)
    part = oracle.plan("YD", PRINCIPAL, "0.144", contract.drawn_on, 12)
    used = sum(row.applied for row in world.unit.repository.payments(CUSTOMER))
    left = oracle.pay({round_.contract_no: part}, used, round_.clock.today())
    assert left == 0
    assert [(each.paid_penalty, each.paid_interest, each.paid_principal) for each in contract.instalments] == [
        (each.had("penalty"), each.had("interest"), each.had("principal")) for each in part
    ]
