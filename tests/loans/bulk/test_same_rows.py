"""The set-based runs write exactly the rows of the code per contract, on SQLite and on PostgreSQL, whatever happened before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, literal, select

from bot.core.database import Database
from bot.core.money import round_half_up
from bot.loans.bulk.accrual import accrue_all
from bot.loans.bulk.debits import order_all
from bot.loans.bulk.sql import DayNumber, HalfUp, day, fits
from bot.loans.catalogue import Catalogue
from bot.loans.models import ContractRow
from bot.loans.servicing.models import ChannelOrderRow, PenaltyAccrualRow
from bot.loans.servicing.overdue import OverdueService
from bot.loans.servicing.policy import Policy
from tests.loans.bulk import portfolios
from tests.loans.conftest import World, make_world

seen: Counter[str] = Counter()
"""How many rows of each kind were compared: a comparison of nothing with nothing proves nothing."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue(f"shared_{request.param}")
    return database


def accrual_rows(world: World) -> list[Any]:
    row = PenaltyAccrualRow
    query = select(row.contract_no, row.instalment, row.accrued_on, row.accrued, row.held)
    return list(world.session.execute(query.order_by(row.contract_no, row.instalment, row.accrued_on)))


def order_rows(world: World) -> list[Any]:
    """All columns but the number, which is random."""
    columns = [column for column in ChannelOrderRow.__table__.columns if column.name != "order_no"]
    found = world.session.execute(select(*columns).where(ChannelOrderRow.run_on.is_not(None)))
    return sorted(found, key=repr)


def accrue_each(world: World) -> int:
    numbers = sorted(world.session.scalars(select(ContractRow.contract_no)))
    return OverdueService(world.unit, 15).accrue(numbers)


def order_each(world: World, policy: Policy) -> int:
    return sum(world.debits.plan_one(ref, policy.debit) is not None for ref in world.debits.due(policy.debit))


def both_ways(world: World, each: Callable[[], int], bulk: Callable[[], int], rows: Callable[[World], list[Any]]) -> int:
    """Does the run per contract, takes it back, does it by sets; how many rows both made."""
    before = rows(world)
    savepoint = world.session.begin_nested()
    count, expected = each(), rows(world)
    savepoint.rollback()
    world.session.expire_all()
    assert rows(world) == before
    assert (bulk(), rows(world)) == (count, expected)
    assert (bulk(), rows(world)) == (0, expected)
    return count


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start=portfolios.starts,
    drawn=portfolios.draws,
    history=portfolios.actions,
    offset=st.sampled_from([0, 0, 1, 2, 5, 6, 40]),
    at=portfolios.hours,
)
def test_any_portfolio_gets_the_same_orders_and_accruals(
    shared: Database,
    catalogue: Catalogue,
    policy: Policy,
    start: date,
    drawn: list[portfolios.Draw],
    history: list[portfolios.Action],
    offset: int,
    at: time,
) -> None:
    dialect = shared.engine.dialect.name
    clock = portfolios.clock_on(start)
    with shared.transaction() as session:
        world = make_world(session, clock, catalogue)
        contracts = portfolios.draw_all(world, drawn)
        for turn, action in enumerate(history):
            portfolios.act(world, contracts, action, f"key-{turn}")
        world.check()
        assert fits(session)
        for _ in range(2):
            portfolios.move_to_a_due_day(world, offset, at)
            made = both_ways(world, lambda: order_each(world, policy), lambda: order_all(world.unit, policy.debit), order_rows)
            seen[f"{dialect} orders"] += made
            made = both_ways(world, lambda: accrue_each(world), lambda: accrue_all(session, clock.today()), accrual_rows)
            seen[f"{dialect} accruals"] += made
            clock.advance(days=1)
        session.rollback()


def test_the_comparison_was_not_empty(shared: Database) -> None:
    dialect = shared.engine.dialect.name
    assert min(seen[f"{dialect} orders"], seen[f"{dialect} accruals"]) >= 1


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=st.integers(-(10**13), 10**13), top=st.integers(0, 10**5), bottom=st.integers(1, 10**6))
def test_sql_rounds_half_up_as_money_does(shared: Database, value: int, top: int, bottom: int) -> None:
    with shared.engine.connect() as connection:
        arguments = (literal(each, BigInteger) for each in (value, top, bottom))
        assert connection.scalar(select(HalfUp(*arguments))) == round_half_up(Fraction(value * top, bottom))


@pytest.mark.parametrize(("value", "rounded"), [(1, 1), (-1, -1), (3, 2), (-3, -2), (0, 0), (5, 3), (2, 1)])
def test_sql_rounds_exact_halves_away_from_zero(shared: Database, value: int, rounded: int) -> None:
    with shared.engine.connect() as connection:
        arguments = (literal(each, BigInteger) for each in (value, 1, 2))
        assert connection.scalar(select(HalfUp(*arguments))) == rounded


@given(when=st.dates(date(1960, 1, 1), date(2200, 1, 1)))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_days_are_numbered_alike(shared: Database, when: date) -> None:
    with shared.engine.connect() as connection:
        assert connection.scalar(select(DayNumber(literal(when)))) == day(when)
