"""Killed anywhere and started again, or done by several at once: the end is that of one run without a hitch."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.cases.remediation.driver import Driver
from bot.cases.remediation.models import RemediationItemRow
from bot.cases.remediation.service import RemediationService
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.loans.backends import EmbeddedBackends
from bot.loans.models import InstalmentRow
from bot.loans.unit import Unit
from tests.cases.remediation.dump import dump
from tests.cases.remediation.worlds import AGENT, KINDS, SUPERVISOR, BadDay
from tests.conftest import audited_for_tests, postgres_database
from tests.secret import SECRET

MOMENTS = frozenset({"at", "posted_at", "created_at", "done_at", "decided_at", "proposed_at", "next_try_at"})
"""Another process has another clock: the same day, another moment."""

Twins = Callable[[], BadDay]


@pytest.fixture(params=["sqlite", "postgresql"])
def twins(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Twins]:
    """Makes copies of one bad day, each in a database of its own."""
    with ExitStack() as stack:
        database: Database
        if request.param == "sqlite":
            database = request.getfixturevalue("database")
        else:
            database = stack.enter_context(postgres_database(request.getfixturevalue("postgres_template")))
        built = BadDay(database, borrowers=10).build()
        database.dispose()
        count = 0

        def copy() -> BadDay:
            nonlocal count
            count += 1
            if request.param == "sqlite":
                target = tmp_path / f"twin-{count}.db"
                shutil.copy(str(database.engine.url.database), target)
                twin = audited_for_tests(f"sqlite:///{target}")
                stack.callback(twin.dispose)
            else:
                twin = stack.enter_context(postgres_database(str(database.engine.url.database)))
            return BadDay(twin, built.borrowers, built.clock, built.incident_no, built.contracts)

        yield copy


def end_of(bad_day: BadDay, without: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    bad_day.check()
    with bad_day.database.transaction() as session:
        return dump(session, without=without)


def clean(bad_day: BadDay) -> BadDay:
    bad_day.driver.post(bad_day.approved())
    return bad_day


class Killed(BaseException):
    """Like a signal: nothing of ours catches it."""


class FragileDriver(Driver):
    """Dies now and then, before a step has committed or just after."""

    chance: random.Random

    def once(self, step: Callable[[RemediationService], object]) -> object:  # type: ignore[override]
        luck = self.chance.random()

        def dies(service: RemediationService) -> object:
            done = step(service)
            if luck < 0.25:
                raise Killed
            return done

        done = super().once(dies)
        if luck > 0.85:
            raise Killed
        return done


def until_it_works(work: Callable[[], object]) -> int:
    deaths = 0
    while True:
        try:
            work()
        except Killed:
            deaths += 1
            continue
        return deaths


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_between_and_inside_transactions_it_ends_the_same(twins: Twins, seed: int) -> None:
    bad_day = twins()
    fragile = FragileDriver(bad_day.database, bad_day.clock, EmbeddedBackends(bad_day.clock))
    fragile.chance = random.Random(seed)  # noqa: S311 - where it dies
    run_no = bad_day.driver.once(lambda service: service.start(bad_day.incident_no, AGENT)).run_no
    deaths = until_it_works(lambda: fragile.find(run_no, batch=3))
    deaths += until_it_works(lambda: fragile.examine(run_no, batch=2))
    bad_day.driver.once(lambda service: service.propose(run_no, AGENT))
    bad_day.driver.once(lambda service: service.approve(run_no, SUPERVISOR))
    deaths += until_it_works(lambda: fragile.post(run_no, batch=2))
    assert deaths >= 2
    assert end_of(bad_day) == end_of(clean(twins()))


def test_a_process_that_is_killed_with_sigkill_and_started_again_ends_the_same(twins: Twins) -> None:
    bad_day = twins()
    run_no = bad_day.approved()
    url = bad_day.database.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "DATABASE_URL": url, "BUSINESS_DATE": bad_day.clock.today().isoformat(), "SECRET_KEY": SECRET}
    call = [sys.executable, str(ROOT / "scripts" / "remediate.py"), "post", "--run", run_no, "--batch", "1", "--quiet"]
    process = subprocess.Popen([*call, "--pause", "0.5"], env=environment, start_new_session=True)
    posted = 0
    while posted == 0 and process.poll() is None:
        time.sleep(0.02)
        posted = bad_day.driver.once(lambda service: service.progress(run_no)).posted
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    left = bad_day.driver.once(lambda service: service.progress(run_no)).pending
    assert left > 0, "it was killed too late to prove anything"
    assert subprocess.run(call, env=environment, check=True, timeout=120).returncode == 0
    assert end_of(bad_day, MOMENTS) == end_of(clean(twins()), MOMENTS)


def in_threads(*works: Callable[[], object]) -> None:
    """All at once; what one raises is raised here."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed on below
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_four_at_once_examine_and_post_like_one(twins: Twins) -> None:
    bad_day = twins()
    run_no = bad_day.driver.once(lambda service: service.start(bad_day.incident_no, AGENT)).run_no
    in_threads(*[lambda: bad_day.driver.find(run_no, batch=3)] * 4)
    in_threads(*[lambda: bad_day.driver.examine(run_no, batch=2)] * 4)
    bad_day.driver.examine(run_no)
    bad_day.driver.once(lambda service: service.propose(run_no, AGENT))
    bad_day.driver.once(lambda service: service.approve(run_no, SUPERVISOR))
    in_threads(*[lambda: bad_day.driver.post(run_no, batch=1)] * 4)
    bad_day.driver.post(run_no)
    assert end_of(bad_day) == end_of(clean(twins()))


def test_disputes_granted_at_the_same_time_never_give_twice(twins: Twins) -> None:
    bad_day = twins()
    run_no = bad_day.approved()
    people = [c for n, c in enumerate(bad_day.contracts) if KINDS[n % len(KINDS)] not in {"on_time", "disputed"}]

    def complain() -> None:
        for customer_id in reversed(people):
            with bad_day.database.transaction() as session:
                bad_day.dispute(Unit(session, bad_day.clock), customer_id, bad_day.contracts[customer_id][0])

    in_threads(lambda: bad_day.driver.post(run_no, batch=1), complain, lambda: bad_day.driver.post(run_no, batch=2))
    bad_day.driver.post(run_no)
    bad_day.check()
    with bad_day.database.transaction() as session:
        item, row = RemediationItemRow, InstalmentRow
        query = select(item.contract_no, item.system_caused, row.waived_penalty).join(
            row, (row.contract_no == item.contract_no) & (row.number == item.instalment)
        )
        compared = [(share, waived) for _, share, waived in session.execute(query.where(item.amount > 0))]
        assert compared
        assert all(waived == share for share, waived in compared)
        assert session.scalar(select(func.count()).where(item.status == "pending")) == 0
