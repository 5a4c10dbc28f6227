"""The set-based runs inside the worker: at the same time, beside a payment, and when they cannot be used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.loans import worker as worker_module
from bot.loans.bulk.accrual import accrue_all
from bot.loans.bulk.debits import order_all
from bot.loans.bulk.sql import LARGEST_INTEREST, LARGEST_PRINCIPAL, fits
from bot.loans.catalogue import Catalogue
from bot.loans.errors import PaymentInProgress
from bot.loans.models import ContractRow, InstalmentRow
from bot.loans.servicing.models import ChannelOrderRow, PenaltyAccrualRow
from bot.loans.servicing.policy import Policy
from bot.loans.unit import Unit
from tests.loans.conftest import CUSTOMER
from tests.loans.servicing.conftest import Servicing, start

DUE = 31


@pytest.fixture
def servicing(each_database: Database, clock: FixedClock, catalogue: Catalogue, policy: Policy) -> Servicing:
    return start(each_database, clock, catalogue, policy)


def count(servicing: Servicing, row: type[ChannelOrderRow] | type[PenaltyAccrualRow]) -> int:
    return servicing.ask(lambda world: world.session.scalar(select(func.count()).select_from(row)) or 0)


def test_eight_runs_at_once_order_and_record_everything_once(servicing: Servicing) -> None:
    servicing.at(days=DUE + 1, clock_time="09:00")

    def both(_: int) -> tuple[int, int]:
        with servicing.database.transaction() as session:
            ordered = order_all(Unit(session, servicing.clock), servicing.policy.debit)
        with servicing.database.transaction() as session:
            return ordered, accrue_all(session, servicing.clock.today())

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(both, range(8)))
    assert (sum(ordered for ordered, _ in made), sum(recorded for _, recorded in made)) == (1, 1)
    assert (count(servicing, ChannelOrderRow), count(servicing, PenaltyAccrualRow)) == (1, 1)


def test_a_borrower_who_pays_while_the_run_goes_on_is_not_debited_as_well(servicing: Servicing) -> None:
    """Whoever is first, the other one sees it: never both, in twenty tries."""
    for turn in range(20):
        servicing.at(days=DUE, clock_time="12:00")

        def pay(turn: int = turn) -> bool:
            try:
                with servicing.world() as world:
                    world.loans.create_payment(CUSTOMER, 10000, key=f"pay-{turn}")
            except PaymentInProgress:
                return False
            return True

        def run() -> bool:
            with servicing.database.transaction() as session:
                return order_all(Unit(session, servicing.clock), servicing.policy.debit) == 1

        with ThreadPoolExecutor(2) as pool:
            paid, debited = pool.submit(pay), pool.submit(run)
            assert paid.result() != debited.result()
        with servicing.world() as world:
            for order in world.session.scalars(select(ChannelOrderRow)):
                payment = world.unit.repository.payment(order.order_no)
                if payment is not None:
                    world.payments.fail(order.order_no, "SYS_ERROR") if payment.resolved_at is None else None
                order.status, order.slot = "failed", turn + 100 if order.slot is not None and order.slot < 100 else order.slot


@pytest.mark.parametrize("change", [
    update(ContractRow).values(principal=LARGEST_PRINCIPAL + 1),
    update(InstalmentRow).values(interest=LARGEST_INTEREST + 1),
])  # fmt: skip
def test_sqlite_leaves_books_too_large_for_its_integers_to_the_code_per_contract(servicing: Servicing, change: object) -> None:
    with servicing.database.transaction() as session:
        assert fits(session)
        session.execute(change)  # type: ignore[call-overload]  # a parameter of pytest
        assert fits(session) == (servicing.database.engine.dialect.name == "postgresql")


def test_when_a_run_breaks_the_code_per_contract_does_its_work_and_the_fault_is_counted(
    servicing: Servicing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise RuntimeError("no such plan")

    monkeypatch.setattr(worker_module, "order_all", broken)
    monkeypatch.setattr(worker_module, "accrue_all", broken)
    servicing.at(days=DUE + 1, clock_time="09:00")
    worker = servicing.worker()
    assert (worker.order_debits(), worker.accrue(), worker.guard.errors) == (1, 1, 2)


def test_no_run_before_its_hour(servicing: Servicing) -> None:
    for days, clock_time in ((DUE, "08:59"), (DUE - 1, "12:00"), (DUE + 6, "12:00")):
        servicing.clock.moment = datetime(2026, 8, 22, tzinfo=SHANGHAI)
        servicing.at(days=days, clock_time=clock_time)
        assert _order(servicing) == 0
    servicing.at(days=DUE + 5, clock_time="12:00")
    assert _order(servicing) == 1


def _order(servicing: Servicing) -> int:
    def run(session: Session) -> int:
        return order_all(Unit(session, servicing.clock), servicing.policy.debit)

    with servicing.database.transaction() as session:
        return run(session)
