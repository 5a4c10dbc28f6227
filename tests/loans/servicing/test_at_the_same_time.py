"""Several workers over one database at the same time, on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from bot.loans.codes import SUCCESS
from bot.loans.servicing.channel import ChannelResult, PaymentOrder
from bot.loans.simulated_bank import SimulatedBank
from tests.loans.conftest import CUSTOMER
from tests.loans.servicing.conftest import Servicing


class OneAtATime(SimulatedBank):
    """A real bank serialises an order number; the simulated one is a plain object."""

    lock = Lock()

    def submit(self, order: PaymentOrder) -> ChannelResult:
        with self.lock:
            return super().submit(order)


def test_four_workers_on_a_due_day_take_and_book_the_money_once(servicing: Servicing) -> None:
    servicing.bank = OneAtATime(clock=servicing.clock)
    servicing.at(days=31, clock_time="09:00")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: servicing.worker().round(), range(4)))
    servicing.round()
    attempts = servicing.ask(lambda world: world.loans.debit_attempts(CUSTOMER))
    assert [attempt.result_code for attempt in attempts] == [SUCCESS]
    assert servicing.bank.taken == 10000
    assert servicing.ask(lambda world: world.loans.outstanding(CUSTOMER).payoff_total) == 50000
    servicing.check()
