"""Retries, timeouts, repeated, late and overtaking reports in any interleaving: the end is that of one clean run.

Three things go to the bank on one day: an own payment, the auto-debit of an instalment due, and a scheduled repayment. The
bank is the simulated one with a script; the driver sends, asks and hears it, each step in a (nested) transaction of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.loans.origination import LoanTerms
from bot.loans.servicing.channel import ChannelTimeout
from bot.loans.servicing.driver import ChannelDriver
from bot.loans.servicing.orders import OrderService
from bot.loans.servicing.policy import Policy
from bot.loans.simulated_bank import Behaviour, SimulatedBank
from tests.loans.conftest import CUSTOMER, World
from tests.loans.histories.counting import histories
from tests.loans.histories.player import RATES, savepoint

START = datetime(2027, 1, 31, 9, 0, tzinfo=SHANGHAI)
POLICY = Policy.load(ROOT / "data" / "catalogue")
FATES: dict[str, dict[str, Any]] = {
    "settled": {},
    "failed": {"code": "SYS_TIMEOUT"},
    "returned": {"returned_after": timedelta(minutes=30)},
}


class Nested:
    """A database whose transactions are savepoints of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self._session.begin_nested():
            yield self._session


@dataclass(frozen=True)
class Noise:
    """How the bank misbehaves about one order."""

    lost_orders: int = 0
    lost_replies: int = 0
    callbacks: int = 1
    minutes: int = 0


class Day:
    """The due day of three contracts, and everything that went to the bank on it."""

    def __init__(self, session: Session, fates: tuple[str, str, str], noise: tuple[Noise, Noise, Noise]) -> None:
        self.clock = FixedClock(START)
        self.world = World(session, self.clock)
        self.bank = SimulatedBank(clock=self.clock)
        self.driver = ChannelDriver(cast(Database, Nested(session)), self.clock, self.bank, POLICY)
        for product, number in (("FQ", "FQ-1"), ("XW", "XW-1"), ("YD", "YD-1")):
            terms = LoanTerms(product, 120_000, Decimal(RATES[product][1]), 3, "0001")
            self.world.origination.draw_down(CUSTOMER, terms, key=f"draw:{number}", contract_no=number)
        self.clock.moment = START.replace(month=2, day=28)  # the due day: the 31st of a month of 28 days
        self.orders = self._order()
        for order, fate, trouble in zip(self.orders, fates, noise, strict=True):
            self.bank.by_order[order] = Behaviour(
                after=timedelta(minutes=trouble.minutes),
                lost_orders=trouble.lost_orders,
                lost_replies=trouble.lost_replies,
                callbacks=trouble.callbacks,
                **FATES[fate],
            )
        self.driver.send_created()

    def _order(self) -> tuple[str, str, str]:
        own = self._pay()
        debit = self.world.debits.plan_one(self.world.debits.due(POLICY.debit)[1], POLICY.debit)
        self.world.scheduled.schedule(CUSTOMER, "YD-1", self.clock.today(), key="schedule")
        (number,) = self.world.scheduled.to_take()
        taken = self.world.scheduled.order(number)
        assert debit is not None
        assert debit.contract_no == "XW-1"
        assert taken is not None
        return own, debit.order_no, taken.order_no

    def _pay(self) -> str:
        return self.world.payments.create(CUSTOMER, 41_000, key="own", contract_nos=["FQ-1"]).payment_no

    def act(self, action: tuple[str, int]) -> None:
        """One thing that the borrower's app, the worker or the bank does."""
        name, number = action
        if name == "pay again":
            assert self._pay() == self.orders[0]
        elif name == "send":
            self.driver.send_created()
        elif name == "ask":
            self.driver.poll()
        elif name == "send the same order again":
            self._resend(self.orders[number % 3])
        elif name == "wait":
            self.clock.advance(minutes=number % 40)
        else:
            events = self.bank.callbacks()
            if events:  # any of them, also one that was heard before, in any order
                self.driver.receive([events[number % len(events)]])

    def _resend(self, order_no: str) -> None:
        """A second worker that died before it noted the answer."""
        order = OrderService(self.world.unit).claim(order_no)
        if order is not None:
            with suppress(ChannelTimeout):
                self.bank.submit(order)

    def end(self) -> None:
        """In the evening everything has been asked about and heard; the days after, what was taken ahead is posted."""
        self.clock.moment = START.replace(month=2, day=28, hour=21)
        for _ in range(8):
            self.clock.advance(minutes=11)  # older orders are asked about every ten minutes
            self.driver.poll()
        self.driver.receive(self.bank.callbacks())
        assert self.driver.guard.errors == 0
        for number in self.world.scheduled.to_post():
            self.world.scheduled.post(number)
        self.clock.advance(days=20)

    def state(self) -> dict[str, Any]:
        """Everything that money and people see, without the numbers that are drawn at random."""
        session = self.world.session
        session.flush()
        names = dict(zip(self.orders, ("own", "debit", "scheduled"), strict=True))
        payments = self.world.unit.repository.payments(CUSTOMER)
        heads = text("SELECT kind, count(*) FROM ledger_transactions GROUP BY kind")
        return {
            "contracts": self.world.loans.contracts(CUSTOMER, include_settled=True),
            "accounts": self.world.unit.ledger.trial_balance(),
            "payments": {names[each.payment_no]: (each.status, each.applied, each.refunded) for each in payments},
            "postings": {row[0]: row[1] for row in session.execute(heads)},
            "attempts": [(each.contract_no, each.result_code) for each in self.world.loans.debit_attempts(CUSTOMER)],
            "schedules": [each.status for each in self.world.loans.scheduled_repayments(CUSTOMER)],
            "refunds": [(each.amount, each.reason) for each in self.world.loans.refunds(CUSTOMER)],
            "taken": self.bank.taken,
        }


CLEAN: dict[tuple[str, str, str], dict[str, Any]] = {}
fates = st.sampled_from(sorted(FATES))
noises = st.builds(Noise, st.integers(0, 2), st.integers(0, 2), st.integers(1, 3), st.sampled_from((0, 0, 7, 60)))
actions = st.tuples(
    st.sampled_from(("pay again", "send", "ask", "ask", "send the same order again", "wait", "hear", "hear", "hear")),
    st.integers(0, 99),
)


@histories("bank: timeouts, retries, reports")
@given(
    fate=st.tuples(fates, fates, fates),
    noise=st.tuples(noises, noises, noises),
    history=st.lists(actions, min_size=1, max_size=8),
)
def test_any_interleaving_with_the_bank_ends_as_one_clean_run(
    sqlite_session: Session, fate: tuple[str, str, str], noise: tuple[Noise, Noise, Noise], history: list[tuple[str, int]]
) -> None:
    if fate not in CLEAN:
        with savepoint(sqlite_session):
            day = Day(sqlite_session, fate, (Noise(), Noise(), Noise()))
            day.end()
            day.world.check()
            CLEAN[fate] = day.state()
    with savepoint(sqlite_session):
        day = Day(sqlite_session, fate, noise)
        for action in history:
            day.act(action)
        day.end()
        assert day.state() == CLEAN[fate]
