"""Workers in processes of their own that can really be killed: ``python -m tests.loans.bank_process URL MOMENT``.

Each line ``DEADLY SEED`` on its input starts one, whose process number it answers.

The bank must outlive its customers' processes, so it keeps what it executed in a table of the same PostgreSQL server, committed
on a connection of its own before it answers, and executes an order number once: a stand-in for the edge that we do not own.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from datetime import datetime
from typing import NoReturn

import structlog
from sqlalchemy import Engine, text

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.servicing.channel import ChannelResult, ChannelTimeout, PaymentOrder
from bot.loans.servicing.policy import Policy
from bot.loans.servicing.simulated import SimulatedSender
from bot.loans.worker import Ports, Worker
from tests.conftest import audited_for_tests

TABLE = "CREATE TABLE bank_executed (number text PRIMARY KEY, kind text NOT NULL, amount bigint NOT NULL, times int NOT NULL)"
"""``times``: how often it was sent; it is executed at the first."""
_EXECUTE = text(
    "INSERT INTO bank_executed VALUES (:number, :kind, :amount, 1)"
    " ON CONFLICT (number) DO UPDATE SET times = bank_executed.times + 1 WHERE bank_executed.amount = excluded.amount"
    " RETURNING times"
)


class LastingBank:
    """``dice``: it loses an answer now and then; ``deadly``: so often in a hundred times it kills the process that asks."""

    def __init__(self, engine: Engine, dice: random.Random, deadly: int = 0) -> None:
        self._engine, self._dice, self._deadly = engine, dice, deadly

    def submit(self, order: PaymentOrder) -> ChannelResult:
        self._perhaps_die()  # between "being sent" and the sending
        self._execute(order.order_no, "taken", order.amount)
        self._perhaps_die()  # between the sending and the answer's being booked
        if self._dice.randrange(100) < 15:
            raise ChannelTimeout(f"{order.order_no}: no answer")
        return ChannelResult(order.order_no, "settled", "SUCCESS")

    def query(self, order_no: str) -> ChannelResult:
        with self._engine.begin() as connection:
            known = connection.execute(text("SELECT 1 FROM bank_executed WHERE number = :number"), {"number": order_no}).first()
        self._perhaps_die()
        return ChannelResult(order_no, "unknown") if known is None else ChannelResult(order_no, "settled", "SUCCESS")

    def pay_out(self, refund_no: str, customer_id: str, amount: int) -> None:
        self._execute(refund_no, "paid out", amount)
        self._perhaps_die()

    def _execute(self, number: str, kind: str, amount: int) -> None:
        with self._engine.begin() as connection:
            found = connection.execute(_EXECUTE, {"number": number, "kind": kind, "amount": amount}).first()
        if found is None:
            raise ValueError(f"{number} was sent with another amount")

    def _perhaps_die(self) -> None:
        if self._dice.randrange(100) < self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def worker(database: Database, clock: FixedClock, dice: random.Random, deadly: int = 0) -> Worker:
    """A worker over that database and its lasting bank."""
    bank = LastingBank(database.engine, dice, deadly)
    texts = Texts.load(ROOT / "data" / "answers").dialogue
    return Worker(database, clock, Ports(bank, SimulatedSender(), texts), Policy.load(ROOT / "data" / "catalogue"))


def main(arguments: list[str]) -> None:
    url, moment = arguments
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output speaks to the test
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are reaped at once
    _say("ready")
    for line in sys.stdin:
        deadly, seed = line.split()
        child = os.fork()  # importing everything anew for each worker would take longer than its life
        if child == 0:
            _work(url, FixedClock(datetime.fromisoformat(moment)), int(deadly), int(seed))
        _say(str(child))


def _work(url: str, clock: FixedClock, deadly: int, seed: int) -> NoReturn:
    """Rounds until it is killed."""
    made, pause = worker(audited_for_tests(url), clock, random.Random(seed), deadly), threading.Event()  # noqa: S311  # no secret
    while True:
        made.round()
        pause.wait(0.01)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
