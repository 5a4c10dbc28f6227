"""A worker over a database of the test's own, with a bank and a sender that outlive it when it is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.catalogue import Catalogue
from bot.loans.servicing.driver import ChannelDriver
from bot.loans.servicing.policy import Policy
from bot.loans.servicing.simulated import SimulatedSender
from bot.loans.simulated_bank import SimulatedBank
from bot.loans.worker import Ports, Worker
from tests.loans.conftest import World, make_world

T = TypeVar("T")
DRAWN = datetime(2026, 8, 22, 10, 0, tzinfo=SHANGHAI)


class Servicing:
    """The database, the clock, the bank, and fresh workers on demand."""

    def __init__(self, database: Database, clock: FixedClock, policy: Policy) -> None:
        self.database = database
        self.clock = clock
        self.policy = policy
        self.bank = SimulatedBank(clock=clock)
        self.sender = SimulatedSender()
        self.texts = Texts.load(ROOT / "data" / "answers").dialogue

    def worker(self) -> Worker:
        """A new process: it remembers nothing."""
        return Worker(self.database, self.clock, Ports(self.bank, self.sender, self.texts), self.policy)

    def driver(self) -> ChannelDriver:
        return ChannelDriver(self.database, self.clock, self.bank, self.policy)

    def round(self) -> dict[str, int]:
        done = self.worker().round()
        assert done["errors"] == 0
        return done

    @contextmanager
    def world(self) -> Iterator[World]:
        with self.database.transaction() as session:
            yield World(session, self.clock)

    def ask(self, question: Callable[[World], T]) -> T:
        with self.world() as world:
            return question(world)

    def at(self, *, days: int, clock_time: str = "10:00") -> None:
        """Moves the clock to so many days after the drawdown."""
        day = DRAWN.date() + timedelta(days=days)
        self.clock.moment = datetime.fromisoformat(f"{day}T{clock_time}:00").replace(tzinfo=SHANGHAI)

    def check(self) -> None:
        with self.world() as world:
            world.check()


@pytest.fixture(scope="session")
def policy() -> Policy:
    return Policy.load(ROOT / "data" / "catalogue")


def start(database: Database, clock: FixedClock, catalogue: Catalogue, policy: Policy) -> Servicing:
    """FQ of 600 yuan in 6, free of charges, drawn on 22 August 2026: 100.00 due on the 22nd of each month, day 31 first."""
    with database.transaction() as session:
        make_world(session, clock, catalogue).draw("FQ", 60000, "0", 6)
    return Servicing(database, clock, policy)


@pytest.fixture
def servicing(each_database: Database, clock: FixedClock, catalogue: Catalogue, policy: Policy) -> Servicing:
    return start(each_database, clock, catalogue, policy)


@pytest.fixture
def contract_no(servicing: Servicing) -> str:
    return servicing.ask(lambda world: world.loans.contracts("C9001")[0].contract_no)
