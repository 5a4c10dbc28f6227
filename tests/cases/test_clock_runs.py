"""The clock of cases over months of simulated time: no alert lost, none twice, none after the clock stopped.

The worker looks, is killed, restarted, sleeps for days. ``Expected`` computes again, in plain days, which alerts there must be.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.cases.errors import CaseOver, DeadlinePassed, ExtensionNotOffered, StepNotAllowed
from bot.cases.handling import CaseHandling
from bot.cases.models import CaseAlertRow, CaseRow
from bot.cases.service import CaseService
from bot.cases.worker import CaseWorker
from bot.core.clock import SHANGHAI, Clock, FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.backends import EmbeddedBackends
from bot.loans.service import SqlLoanBackend
from bot.notifications.models import NotificationRow
from tests.cases.conftest import AGENT, SUPERVISOR, SUPERVISOR_2
from tests.conftest import audited_for_tests, postgres_database

TEXTS = Texts.load(ROOT / "data" / "answers").dialogue
DECISION_DAYS, UPDATE_DAYS = 15, 3
CUSTOMERS = ("C-1", "C-2")
REFUSALS = (CaseOver, StepNotAllowed, DeadlinePassed, ExtensionNotOffered)
Alert = tuple[str, date, date, str]
"""(customer, start of the clock, decide by, name)."""


class Killed(BaseException):
    """The process ends here."""


class LethalClock:
    """The worker's clock; the process that reads it dies at the ``reads``-th reading, in or between two transactions."""

    def __init__(self, clock: Clock, reads: int) -> None:
        self._clock = clock
        self._left = reads

    def now(self) -> datetime:
        self._left -= 1
        if self._left == 0:
            raise Killed
        return self._clock.now()

    def today(self) -> date:
        return self.now().date()


@dataclass
class Expected:
    """One case in plain days. ``state``: ``working``, ``decided`` or ``over``."""

    start: date
    days: int = DECISION_DAYS
    state: str = "working"

    @property
    def decide_by(self) -> date:
        return date.fromordinal(self.start.toordinal() + self.days)

    def restart(self, today: date) -> None:
        self.start, self.days, self.state = today, DECISION_DAYS, "working"

    def standing(self, today: date) -> str | None:
        left = self.decide_by.toordinal() - today.toordinal()
        if self.state != "working" or left > 3:
            return None
        return "overdue" if left < 0 else "T-1" if left <= 1 else "T-3"


@dataclass
class Simulation:
    """Cases, a clock and workers over one database, and what must come of them."""

    database: Database
    clock: FixedClock
    expected: dict[str, Expected] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    must: set[Alert] = field(default_factory=set)
    may: set[Alert] = field(default_factory=set)
    keys: int = 0

    def __post_init__(self) -> None:
        self.worker = self.new_worker(self.clock)
        for customer in CUSTOMERS:
            with self.cases() as cases:
                opened = cases.open_complaint(
                    customer_id=customer,
                    conversation_id="v",
                    channel="rest",
                    story="催收员每天早上六点给我妈妈打电话",
                    callback_phone=None,
                    key=self.key(),
                )
            self.numbers[customer], self.expected[customer] = opened.case.case_no, Expected(self.clock.today())

    def new_worker(self, clock: Clock) -> CaseWorker:
        return CaseWorker(self.database, clock, TEXTS, EmbeddedBackends(clock))

    def key(self) -> str:
        self.keys += 1
        return f"k{self.keys}"

    @contextmanager
    def cases(self) -> Iterator[CaseService]:
        with self.database.transaction() as session:
            yield CaseService(session, self.clock, SqlLoanBackend(session, self.clock))

    @contextmanager
    def handling(self) -> Iterator[CaseHandling]:
        with self.database.transaction() as session:
            yield CaseHandling(session, self.clock, SqlLoanBackend(session, self.clock))

    # --- time and workers

    def wait(self, hours: int) -> None:
        self.clock.advance(hours=hours)

    def last_second(self, customer: str) -> None:
        """To 23:59:59 of the day on which the case must be decided, unless that is past."""
        last = datetime.combine(self.expected[customer].decide_by, time(23, 59, 59), tzinfo=SHANGHAI)
        self.clock.moment = max(self.clock.moment, last)

    def _standing(self) -> set[Alert]:
        today = self.clock.today()
        found = {customer: case.standing(today) for customer, case in self.expected.items()}
        return {(who, self.expected[who].start, self.expected[who].decide_by, name) for who, name in found.items() if name}

    def round(self) -> None:
        assert self.worker.round()["errors"] == 0
        self.must |= self._standing()
        self.nobody_waits_too_long()

    def killed_round(self, reads: int) -> None:
        self.may |= self._standing()
        try:
            self.new_worker(LethalClock(self.clock, reads)).round()
        except Killed:
            return
        self.must |= self._standing()

    def restart(self) -> None:
        self.worker = self.new_worker(self.clock)

    # --- what people do; refused exactly when the rules say so

    def _do(self, allowed: bool, act: Callable[[], object]) -> bool:
        if allowed:
            act()
        else:
            with pytest.raises(REFUSALS):
                act()
        return allowed

    def extend(self, customer: str, days: int) -> None:
        case, number = self.expected[customer], self.numbers[customer]
        extended = 0 if case.days == DECISION_DAYS else case.days
        allowed = case.state == "working" and self.clock.today() <= case.decide_by and days > extended

        def act() -> None:
            with self.handling() as handling:
                handling.request_extension(number, SUPERVISOR, days=days, reason="要调录音")
                if days == 60:
                    handling.approve_extension(number, SUPERVISOR_2)

        if self._do(allowed, act):
            case.days = days

    def new_facts(self, customer: str) -> None:
        case, number, key = self.expected[customer], self.numbers[customer], self.key()

        def act() -> None:
            with self.cases() as cases:
                cases.add_facts(
                    customer_id=customer,
                    case_no=number,
                    conversation_id="v",
                    channel="rest",
                    text=f"催收员每天早上六点给我妈妈打电话，第{self.keys}次",
                    key=key,
                )

        if self._do(case.state != "over", act):
            case.restart(self.clock.today())

    def decide(self, customer: str) -> None:
        case, number = self.expected[customer], self.numbers[customer]

        def act() -> None:
            with self.handling() as handling:
                handling.decide(number, AGENT, facts="核实录音", reasons="违反规定", remedy="停止致电")

        if self._do(case.state == "working", act):
            case.state = "decided"

    def withdraw(self, customer: str) -> None:
        case, number, key = self.expected[customer], self.numbers[customer], self.key()

        def act() -> None:
            with self.cases() as cases:
                cases.withdraw(customer_id=customer, case_no=number, key=key)

        if self._do(case.state == "working", act):
            case.state = "over"

    def reopen(self, customer: str) -> None:
        case, number = self.expected[customer], self.numbers[customer]

        def act() -> None:
            with self.handling() as handling:
                handling.reopen(number, AGENT, reason="复核")

        if self._do(case.state != "working", act):
            case.restart(self.clock.today())

    # --- what must hold

    def nobody_waits_too_long(self) -> None:
        """After a round every open case has heard from us, or began, less than three days ago."""
        today = self.clock.today()
        with self.handling() as handling:
            for customer, case in self.expected.items():
                if case.state == "working":
                    thread = handling.thread(self.numbers[customer])
                    told = [event.day for event in thread if event.audience == "borrower" and event.actor_kind != "borrower"]
                    assert today < max(told[-1], case.start) + timedelta(days=UPDATE_DAYS)

    def raised(self) -> list[Alert]:
        with self.database.transaction() as session:
            query = select(CaseRow.customer_id, CaseAlertRow.runs_from, CaseAlertRow.decide_by, CaseAlertRow.kind)
            return [cast(Alert, tuple(row)) for row in session.execute(query.join(CaseRow, CaseRow.id == CaseAlertRow.case_id))]

    def check(self) -> None:
        raised = self.raised()
        assert len(raised) == len(set(raised)), "an alert was raised twice"
        assert self.must <= set(raised), "an alert was lost"
        assert set(raised) <= self.must | self.may, "an alert stood for no running clock"
        late = Counter(who for who, _, _, name in raised if name == "overdue")
        with self.database.transaction() as session:
            told = session.scalars(select(NotificationRow.customer_id).where(NotificationRow.text_key == "case_late"))
            assert Counter(told) == late, "late cases and apologies differ"
            owners = {row.customer_id: row.owner for row in session.scalars(select(CaseRow))}
        assert {who: owner == "team-supervisors" for who, owner in owners.items()} == {who: who in late for who in CUSTOMERS}


NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""A run has tens of transactions: the first counter-example is told at once instead of minutes later."""
WHO = st.sampled_from(CUSTOMERS)
DEEDS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 30) | st.integers(48, 100) | st.integers(200, 900)),
    st.tuples(st.just("wait"), st.integers(12, 26)),
    st.tuples(st.just("round")),
    st.tuples(st.just("round")),
    st.tuples(st.just("killed_round"), st.integers(1, 40)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("last_second"), WHO),
    st.tuples(st.just("extend"), WHO, st.sampled_from([30, 60])),
    st.tuples(st.sampled_from(["new_facts", "decide", "withdraw", "reopen"]), WHO),
)
STARTS = st.one_of(
    st.sampled_from(
        [
            datetime(2027, 12, 16, 0, 0, tzinfo=SHANGHAI),  # the year ends inside the clock
            datetime(2028, 2, 14, 23, 59, 59, tzinfo=SHANGHAI),  # decided on 29 February
            datetime(2028, 2, 29, 0, 30, tzinfo=SHANGHAI),  # in UTC it is still the 28th
        ]
    ),
    st.dates(date(2026, 1, 1), date(2029, 12, 31)).map(lambda day: datetime.combine(day, time(10, 20), tzinfo=SHANGHAI)),
)


def simulate(database: Database, start: datetime, deeds: list[tuple[Any, ...]]) -> None:
    run = Simulation(database, FixedClock(start))
    for name, *arguments in deeds:
        getattr(run, name)(*arguments)
    run.round()
    run.check()


@settings(max_examples=60, deadline=None, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=STARTS, deeds=st.lists(DEEDS, min_size=5, max_size=40))
def test_no_alert_is_lost_none_comes_twice_and_none_after_the_end(
    migrated_file: Path, tmp_path: Path, start: datetime, deeds: list[tuple[Any, ...]]
) -> None:
    path = tmp_path / "run.db"
    for stale in tmp_path.glob("run.db*"):
        stale.unlink()
    shutil.copy(migrated_file, path)
    database = audited_for_tests(f"sqlite:///{path}")
    try:
        simulate(database, start, deeds)
    finally:
        database.dispose()


@settings(max_examples=6, deadline=None, phases=NO_SHRINKING, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=STARTS, deeds=st.lists(DEEDS, min_size=20, max_size=40))
def test_the_same_on_postgresql(postgres_template: str, start: datetime, deeds: list[tuple[Any, ...]]) -> None:
    with postgres_database(postgres_template) as database:
        simulate(database, start, deeds)


@pytest.mark.parametrize("reads", range(1, 61))
def test_killed_at_any_moment_and_run_again_a_late_case_ends_in_the_same_state(database: Database, reads: int) -> None:
    run = Simulation(database, FixedClock())
    run.wait(24 * 16)
    run.killed_round(reads)
    run.restart()
    run.round()
    run.round()
    run.check()
    assert sorted(run.raised()) == sorted((who, date(2026, 8, 22), date(2026, 9, 6), "overdue") for who in CUSTOMERS)


def test_every_day_of_a_whole_clock_has_its_alerts(each_database: Database) -> None:
    run = Simulation(each_database, FixedClock(datetime(2028, 2, 14, 23, 59, 59, tzinfo=SHANGHAI)))
    for _ in range(20):
        run.round()
        run.wait(24)
    run.check()
    assert Counter(name for _, _, _, name in run.raised()) == {"T-3": 2, "T-1": 2, "overdue": 2}
    assert {decide_by for _, _, decide_by, _ in run.raised()} == {date(2028, 2, 29)}


def test_what_was_missed_is_raised_when_the_worker_comes_back(database: Database) -> None:
    """T-3 and T-1 in one are T-1: it says all that T-3 would have said."""
    run = Simulation(database, FixedClock())
    run.wait(24 * 14)
    run.round()
    assert [name for _, _, _, name in run.raised()] == ["T-1", "T-1"]


def test_an_extension_in_the_last_second_takes_the_alarm_back_and_one_second_later_it_is_refused(each_database: Database) -> None:
    run = Simulation(each_database, FixedClock())
    run.last_second("C-1")
    run.round()
    run.extend("C-1", 30)
    run.clock.advance(seconds=1)
    run.extend("C-2", 30)  # refused: the simulation checks that
    run.round()
    with run.handling() as handling:
        assert [(item.name, item.case.customer_id) for item in handling.open_alerts()] == [("overdue", "C-2")]
    run.check()


def test_many_workers_at_once_raise_each_alert_once(postgres_template: str) -> None:
    with postgres_database(postgres_template) as database:
        run = Simulation(database, FixedClock())
        run.wait(24 * 16)
        done: list[dict[str, int]] = []
        workers = [threading.Thread(target=lambda: done.append(run.new_worker(run.clock).round())) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert sum(each["alerts"] for each in done) == len(CUSTOMERS)
        assert [each["errors"] for each in done] == [0] * 4
        run.must |= run._standing()
        run.check()
