"""The benchmark's book is a true one: its balances derive from its ledger, and both ways of the runs agree on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime, time

import pytest
from sqlalchemy import func, select

from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.loans.bulk.accrual import accrue_all
from bot.loans.bulk.debits import order_all
from bot.loans.catalogue import Catalogue
from bot.loans.models import ContractRow, InstalmentRow
from bot.loans.position import positions
from bot.loans.servicing.policy import Policy
from scripts.loan_portfolio import TODAY, load
from tests.conftest import postgres_database
from tests.loans.bulk.test_same_rows import accrual_rows, accrue_each, both_ways, order_each, order_rows
from tests.loans.conftest import World

CONTRACTS = 300


@pytest.fixture
def world(request: pytest.FixtureRequest, catalogue: Catalogue) -> Iterator[World]:
    with _empty(request) as database:
        clock = FixedClock(datetime.combine(TODAY, time(12, 30), SHANGHAI))
        with database.transaction() as session:
            World(session, clock).origination.load_catalogue(catalogue)
        url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        seen: list[str] = []
        rows = load(url, CONTRACTS, lambda what, done, of: seen.append(what), stories=CONTRACTS)
        assert rows["contracts"] == CONTRACTS
        assert seen[-1] == "VACUUM ANALYZE"
        with database.transaction() as session:
            yield World(session, clock)


def _empty(request: pytest.FixtureRequest) -> AbstractContextManager[Database]:
    return postgres_database(request.getfixturevalue("postgres_template"))


def test_balances_derive_from_the_ledger_and_settled_is_what_the_rules_say(world: World) -> None:
    world.check()
    contracts = world.session.scalars(select(ContractRow).order_by(ContractRow.contract_no)).all()
    rows = {(row.contract_no, row.number): row.settled_on is not None for row in world.session.scalars(select(InstalmentRow))}
    for contract, book in zip(contracts, world.unit.repository.books(contracts), strict=True):
        stand = positions(book, TODAY)
        assert [rows[contract.contract_no, item.number] for item in stand] == [item.settled for item in stand]
        assert (contract.settled_on is not None) == all(item.settled for item in stand)
    assert world.session.scalar(select(func.count()).where(ContractRow.settled_on.is_not(None)).select_from(ContractRow))


def test_both_ways_of_both_runs_agree_on_it(world: World, policy: Policy) -> None:
    ordered = both_ways(world, lambda: order_each(world, policy), lambda: order_all(world.unit, policy.debit), order_rows)
    accrued = both_ways(world, lambda: accrue_each(world), lambda: accrue_all(world.session, TODAY), accrual_rows)
    assert ordered >= 3
    assert accrued >= 10
