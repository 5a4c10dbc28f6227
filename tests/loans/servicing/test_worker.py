"""The worker may be killed between any two things it does, and reports may come in any order: the end is that of a clean run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from bot.core.adapters import make
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT, Settings
from bot.loans.catalogue import Catalogue
from bot.loans.models import IncidentRow, LedgerTransactionRow, NoticeRow
from bot.loans.port import Delivery
from bot.loans.service import SqlLoanBackend
from bot.loans.servicing.channel import ChannelEvent, ChannelResult, PaymentOrder
from bot.loans.servicing.driver import ChannelDriver
from bot.loans.servicing.orders import OrderService
from bot.loans.servicing.policy import Policy
from bot.loans.servicing.simulated import payment_channel
from bot.loans.simulated_bank import SimulatedBank
from bot.loans.worker import Ports, Worker
from tests.conftest import audited_for_tests
from tests.loans.conftest import CUSTOMER, World, make_world
from tests.loans.histories.counting import histories
from tests.loans.servicing.conftest import DRAWN, Servicing, start
from tests.secret import SECRET

TIMES = ((25, "18:00"), (31, "09:00"), (31, "18:00"), (32, "10:00"), (61, "09:00"), (61, "12:00"), (62, "10:00"))
"""Days after the drawdown and times of the rounds: schedules, debits with a failure and a retry, notices."""


class Killed(BaseException):
    """As ``kill -9``: nothing in the worker catches it."""


class Death:
    """Strikes at the ``at``-th of the moments where something has just become lasting or is about to."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.moments = 0

    def pass_by(self) -> None:
        self.moments += 1
        if self.moments == self.at:
            raise Killed


class MortalDatabase(Database):
    """The real database, with death before and after each commit."""

    death: Death

    @classmethod
    def of(cls, database: Database, death: Death) -> MortalDatabase:
        mortal = cls.__new__(cls)
        mortal.__dict__.update(database.__dict__)
        mortal.death = death
        return mortal

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with super().transaction() as session:
            yield session
            self.death.pass_by()  # rolled back: it dies before the commit
        self.death.pass_by()


class MortalBank:
    """The simulated bank, with death after it has done what it was asked, before we hear of it."""

    def __init__(self, bank: SimulatedBank, death: Death) -> None:
        self._bank, self._death = bank, death

    def submit(self, order: PaymentOrder) -> ChannelResult:
        result = self._bank.submit(order)
        self._death.pass_by()
        return result

    def query(self, order_no: str) -> ChannelResult:
        return self._bank.query(order_no)

    def pay_out(self, refund_no: str, customer_id: str, amount: int) -> None:
        self._bank.pay_out(refund_no, customer_id, amount)
        self._death.pass_by()


class MortalSender:
    def __init__(self, servicing: Servicing, death: Death) -> None:
        self._servicing, self._death = servicing, death

    def send(self, key: str, phone: str, message: str) -> Delivery:
        delivery = self._servicing.sender.send(key, phone, message)
        self._death.pass_by()
        return delivery


def live(servicing: Servicing, at: int | None) -> tuple[Death, bool]:
    """All rounds, killed once at that moment and then started again; the death, and whether it struck."""
    death, struck = Death(at), False
    ports = Ports(MortalBank(servicing.bank, death), MortalSender(servicing, death), servicing.texts)
    database = MortalDatabase.of(servicing.database, death)
    for days, clock_time in TIMES:
        servicing.at(days=days, clock_time=clock_time)
        try:
            assert Worker(database, servicing.clock, ports, servicing.policy).round()["errors"] == 0
        except Killed:
            struck = True
        if struck:
            for _ in range(2):
                servicing.round()
    return death, struck


def prepare(database: Database, clock: FixedClock, catalogue: Catalogue, policy: Policy) -> Servicing:
    """One instalment scheduled, an own repayment ordered, a surplus to refund; the second debit fails at first."""
    clock.moment = DRAWN
    servicing = start(database, clock, catalogue, policy)
    servicing.at(days=25)
    with servicing.world() as world:
        contract_no = world.loans.contracts(CUSTOMER)[0].contract_no
        world.loans.schedule_repayment(CUSTOMER, contract_no, DRAWN.date() + timedelta(days=25), key="s")
        other = world.draw("FQ", 30000, "0.006", 3)
        world.loans.create_payment(CUSTOMER, 5000, key="p", contract_nos=[other])
        for key in ("first", "again"):
            number = world.payments.record(CUSTOMER, 10180, [], kind="own", number=f"P-{key}").payment_no
            world.payments.settle(number)  # meant for nothing: all of it goes back
    clock.moment = DRAWN
    servicing.at(days=61, clock_time="09:00")
    servicing.bank.script[(contract_no, 2, clock.now())] = "SYS_TIMEOUT"
    return servicing


def end_state(servicing: Servicing) -> dict[str, Any]:
    """Everything that money and people see, without numbers that are drawn at random."""
    servicing.check()
    with servicing.world() as world:
        contracts = world.loans.contracts(CUSTOMER, include_settled=True)
        by_kind = select(LedgerTransactionRow.kind, func.count()).group_by(LedgerTransactionRow.kind)
        counts = {table: world.session.scalar(text(f"SELECT count(*) FROM {table}")) for table in TABLES}  # noqa: S608
        notices = select(NoticeRow.kind, NoticeRow.delivery, func.count()).group_by(NoticeRow.kind, NoticeRow.delivery)
        return {
            "instalments": [(each.product, item) for each in contracts for item in each.instalments],
            "postings": sorted((kind, count) for kind, count in world.session.execute(by_kind)),
            "counts": counts,
            "attempts": [(item.instalment, item.result_code) for item in world.loans.debit_attempts(CUSTOMER)],
            "refunds": sorted((item.amount, item.status) for item in world.loans.refunds(CUSTOMER)),
            "schedules": [item.status for item in world.loans.scheduled_repayments(CUSTOMER)],
            "notices": {(kind, delivery, count) for kind, delivery, count in world.session.execute(notices)},
            "taken": servicing.bank.taken,
            "paid_out": sum(servicing.bank.paid_out.values()),
            "sms": len(servicing.sender.sent),
        }


TABLES = ("payments", "refunds", "penalty_accruals", "overdue_flags", "debit_attempts", "ledger_entries")


def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(
    migrated_file: Path, tmp_path: Path, clock: FixedClock, catalogue: Catalogue, policy: Policy
) -> None:
    def once(at: int | None) -> tuple[int, dict[str, Any], bool]:
        path = tmp_path / f"{at}.db"
        shutil.copy(migrated_file, path)
        database = audited_for_tests(f"sqlite:///{path}")
        servicing = prepare(database, clock, catalogue, policy)
        death, struck = live(servicing, at)
        state = end_state(servicing)
        database.dispose()
        path.unlink()
        return death.moments, state, struck

    moments, clean, _ = once(None)
    assert clean["schedules"] == ["posted"]
    assert (2, "SYS_TIMEOUT") in clean["attempts"]
    assert (2, "SUCCESS") in clean["attempts"]
    assert moments > 150
    # Every commit and call of a few rounds, in strides that between them hit each kind of moment many times.
    for at in range(1, moments + 1, max(1, moments // 35)):
        _, state, struck = once(at)
        assert struck
        assert state == clean, f"killed at moment {at}"


@histories("reports of the bank in any order")
@given(
    kind=st.sampled_from(["own", "auto_debit", "scheduled"]),
    history=st.sampled_from([("settled",), ("failed",), ("settled", "returned"), ("failed", "settled")]),
    data=st.data(),
)
def test_any_order_and_repetition_of_reports_ends_as_one_clean_run(
    shared_sqlite: Database, catalogue: Catalogue, kind: str, history: tuple[str, ...], data: st.DataObject
) -> None:
    extra = data.draw(st.lists(st.sampled_from(history), max_size=4))
    shuffled = data.draw(st.permutations([*history, *extra]))

    def run(reports: list[str]) -> tuple[Any, ...]:
        clock = FixedClock()
        with shared_sqlite.transaction() as session:
            world = make_world(session, clock, catalogue)
            contract_no = world.draw("FQ", 60000, "0.006", 6)
            clock.advance(days=31)
            number = _order(world, kind, contract_no)
            orders = OrderService(world.unit)
            orders.claim(number)
            for turn, state in enumerate(reports):
                code = "SUCCESS" if state == "settled" else "SYS_ERROR"
                for _ in range(2):
                    orders.receive(ChannelEvent(f"{turn}:{state}", ChannelResult(number, state, code)))  # type: ignore[arg-type]
            world.scheduled.post_due()
            world.check()
            first = world.loans.contract(CUSTOMER, contract_no).instalments[0]
            balances = [world.unit.ledger.balance(account) for account in ("bank", "principal", "fee_income", "unapplied")]
            result = (first.status, first.paid_principal, first.paid_fee, balances)
            session.rollback()
        return result

    assert run(list(shuffled)) == run(list(history))


def _order(world: World, kind: str, contract_no: str) -> str:
    if kind == "own":
        return world.loans.create_payment(CUSTOMER, 10360, key="k").payment_no
    if kind == "scheduled":
        row = world.loans.schedule_repayment(CUSTOMER, contract_no, world.clock.today(), key="s")
        order = world.scheduled.order(row.scheduled_no)
    else:
        (ref,) = world.debits.due(Policy.load(ROOT / "data" / "catalogue").debit)
        order = world.debits.plan_one(ref, Policy.load(ROOT / "data" / "catalogue").debit)
    assert order is not None
    return order.order_no


def test_the_demo_people_are_the_same_after_a_day_of_rounds(seeded: Database, clock: FixedClock, policy: Policy) -> None:
    def people() -> list[Any]:
        with seeded.transaction() as session:
            loans = SqlLoanBackend(session, clock)
            names = [f"C100{number}" for number in range(1, 9)]
            return [
                (loans.contracts(name), loans.payments(name), loans.debit_attempts(name), loans.notices(name),
                 loans.refunds(name), loans.double_debits(name))
                for name in names
            ]  # fmt: skip

    noon = clock.now().replace(hour=23, minute=59)
    clock.moment = noon
    before = people()
    servicing = Servicing(seeded, clock, policy)
    for hour in range(24):
        clock.moment = noon.replace(hour=hour, minute=30)
        servicing.round()
    clock.moment = noon
    assert people() == before
    with seeded.transaction() as session:
        assert session.scalar(select(func.count()).select_from(IncidentRow)) == 2


def test_one_broken_item_is_counted_and_does_not_stop_the_others(servicing: Servicing, contract_no: str) -> None:
    class BrokenBank(SimulatedBank):
        def submit(self, order: PaymentOrder) -> ChannelResult:
            if order.amount == 1:
                raise ValueError("an adapter's mistake")
            return super().submit(order)

    servicing.bank = BrokenBank(clock=servicing.clock)
    with servicing.world() as world:
        world.draw("YD", 30000, "0.12", 3)
        world.loans.create_payment(CUSTOMER, 1, key="a", contract_nos=[contract_no])
    servicing.clock.advance(minutes=1)
    with servicing.world() as world:
        other = next(each.contract_no for each in world.loans.contracts(CUSTOMER) if each.product == "YD")
        world.loans.create_payment(CUSTOMER, 5000, key="b", contract_nos=[other])
    done = servicing.worker().round()
    assert (done["errors"], servicing.bank.taken) == (1, 5000)


def test_two_drivers_at_once_take_the_money_once(
    each_database: Database, clock: FixedClock, catalogue: Catalogue, policy: Policy
) -> None:
    servicing = start(each_database, clock, catalogue, policy)
    number = servicing.ask(lambda world: world.loans.create_payment(CUSTOMER, 10000, key="k").payment_no)
    first, second = (ChannelDriver(each_database, clock, servicing.bank, policy) for _ in range(2))
    with each_database.transaction() as session:
        order = OrderService(World(session, clock).unit).claim(number)
    assert order is not None
    result = servicing.bank.submit(order)
    assert [first.apply(result), second.apply(result)] == ["applied", "repeated"]
    assert servicing.bank.taken == 10000


def test_the_simulated_adapters_refuse_to_work_outside_the_demo(clock: FixedClock) -> None:
    with pytest.raises(RuntimeError, match="PAYMENT_CHANNEL"):
        payment_channel(Settings(demo=False), clock)
    with pytest.raises(ValueError, match="module:function"):
        make("no colon", Settings(demo=True), clock)
    assert isinstance(make("bot.loans.servicing.simulated:payment_channel", Settings(demo=True), clock), SimulatedBank)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("until_minutes: null", "until_minutes: 99999", "polling"),
        ("recovered_share_percent: 10", "recovered_share_percent: 50", "incident_detection"),
        ('["09:00", "12:00", "18:00"]', "[]", "due_day_times"),
        ("min_tries: 5", "min_tries: 0", "min_tries"),
        ('quiet_from: "22:00"', "quiet: 1", "quiet_from"),
    ],
)
def test_a_wrong_policy_file_is_refused_with_its_name_and_the_reason(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    source = (ROOT / "data/catalogue/servicing.yml").read_text(encoding="utf-8")
    assert old in source
    (tmp_path / "servicing.yml").write_text(source.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=f"servicing.yml.*{complaint}"):
        Policy.load(tmp_path)


def test_the_process_does_one_round_and_says_how_it_went(seeded_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "demo.db"
    shutil.copy(seeded_file, path)
    env = {**os.environ, "DEMO": "1", "BUSINESS_DATE": "2026-08-22", "DATABASE_URL": f"sqlite:///{path}", "SECRET_KEY": SECRET}
    command = [sys.executable, "-m", "bot.worker", "--once"]
    done = [subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False) for _ in range(2)]
    assert [each.returncode for each in done] == [0, 0], done[0].stderr
    assert "accrued=3" in done[0].stdout + done[0].stderr
    assert "accrued" not in done[1].stdout + done[1].stderr
    refused = subprocess.run(command, cwd=ROOT, env={**env, "DEMO": "0"}, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "NOTICE_SENDER" in refused.stderr
