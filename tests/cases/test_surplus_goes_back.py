"""The loan worker refunds a double debit by itself: the open case has its remedy then, and nobody gets the money twice."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from bot.cases.errors import NoDoubleDebit, NotProposed
from bot.cases.worker import CaseWorker
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.backends import EmbeddedBackends
from bot.loans.servicing.policy import Policy
from bot.loans.servicing.simulated import SimulatedSender
from bot.loans.simulated_bank import SimulatedBank
from bot.loans.worker import Ports, Worker
from bot.notifications.models import NotificationRow
from tests.cases.conftest import AGENT, SUPERVISOR, Desk

TEXTS = Texts.load(ROOT / "data" / "answers").dialogue


@dataclass
class World:
    """吴静, both workers; each step in a transaction of its own."""

    database: Database
    clock: FixedClock

    def open(self) -> str:
        with self.database.transaction() as session:
            return Desk(session, self.clock).wrong_charge().case.case_no

    def refund_by_itself(self) -> int:
        """Six days after the debits."""
        self.clock.advance(days=3)
        ports = Ports(SimulatedBank(clock=self.clock), SimulatedSender(), TEXTS)
        return Worker(self.database, self.clock, ports, Policy.load(ROOT / "data" / "catalogue")).refund_doubles()

    def round(self) -> int:
        done = CaseWorker(self.database, self.clock, TEXTS, EmbeddedBackends(self.clock)).round()
        assert done["errors"] == 0
        return done["settled"]

    def words(self) -> list[str]:
        with self.database.transaction() as session:
            rows = session.scalars(select(NotificationRow).order_by(NotificationRow.id))
            return [row.text_key for row in rows if "update" not in row.text_key]

    def check(self) -> None:
        """The surplus went back once, the case says so, and the books are right."""
        with self.database.transaction() as session:
            desk = Desk(session, self.clock)
            assert sum(refund.amount for refund in desk.loans.refunds("C1008")) == 50000
            (case,) = desk.cases.cases_of("C1008")
            (remedy,) = desk.cases.remedies("C1008", case.case_no)
            assert (case.status, remedy.refunded, remedy.waived) == ("remedied", 50000, 0)
            assert desk.loans.receipt(remedy.receipt_no or "").amount == 50000
            desk.loans.unit.ledger.check()


@pytest.fixture
def world(seeded: Database, clock: FixedClock) -> World:
    return World(seeded, clock)


@pytest.mark.parametrize("put_forward", [True, False])
def test_the_open_case_shows_it_as_its_remedy_and_the_borrower_is_told_once(world: World, *, put_forward: bool) -> None:
    case_no = world.open()
    if put_forward:
        with world.database.transaction() as session:
            Desk(session, world.clock).remedies.propose(case_no, AGENT, reason="两笔都已到账")
    assert world.round() == 0
    assert world.refund_by_itself() == 1
    assert world.round() == 1
    assert world.round() == 0
    world.check()
    assert world.words() == ["case_remedied"]
    with world.database.transaction() as session:
        desk = Desk(session, world.clock)
        (remedy,) = desk.remedies.of_case(case_no)
        assert (remedy.status, remedy.decided_by) == ("granted", "worker")
        with pytest.raises(NotProposed):
            desk.remedies.approve(remedy.remedy_no, SUPERVISOR)
        desk.handling.close(case_no, AGENT)


def test_a_supervisor_who_approves_after_it_refunds_nothing_more(world: World) -> None:
    case_no = world.open()
    with world.database.transaction() as session:
        remedy = Desk(session, world.clock).remedies.propose(case_no, AGENT, reason="两笔都已到账")
    world.refund_by_itself()
    with world.database.transaction() as session:
        assert Desk(session, world.clock).remedies.approve(remedy.remedy_no, SUPERVISOR).status == "approved"
    assert world.round() == 0
    world.check()


def test_a_refusal_after_it_is_no_refusal(world: World) -> None:
    case_no = world.open()
    with world.database.transaction() as session:
        remedy = Desk(session, world.clock).remedies.propose(case_no, AGENT, reason="两笔都已到账")
    world.refund_by_itself()
    with world.database.transaction() as session:
        refused = Desk(session, world.clock).remedies.reject(remedy.remedy_no, SUPERVISOR, reason="待查", told="待查")
        assert refused.status == "granted"
    world.check()
    assert world.words() == ["case_remedied"]


def test_a_case_whose_proposal_was_refused_before_ends_too(world: World) -> None:
    case_no = world.open()
    with world.database.transaction() as session:
        desk = Desk(session, world.clock)
        (remedy,) = desk.remedies.of_case(case_no)
        desk.remedies.reject(remedy.remedy_no, SUPERVISOR, reason="待查")
    world.refund_by_itself()
    assert world.round() == 1
    with world.database.transaction() as session:
        desk = Desk(session, world.clock)
        assert [item.status for item in desk.remedies.of_case(case_no)] == ["granted", "rejected"]
        assert desk.handling.case(case_no).status == "remedied"
        assert sum(refund.amount for refund in desk.loans.refunds("C1008")) == 50000


def test_who_asks_again_reads_that_it_is_back(world: World) -> None:
    world.open()
    world.refund_by_itself()
    with world.database.transaction() as session:
        desk = Desk(session, world.clock)
        again = desk.wrong_charge(key="again")
        assert again.repeated
        assert again.remedy is not None
        assert (again.case.status, again.remedy.status, again.remedy.refunded) == ("remedied", "granted", 50000)
    assert world.round() == 0
    world.check()
    assert world.words() == []


def test_an_appeal_after_it_is_for_people(world: World) -> None:
    case_no = world.open()
    world.refund_by_itself()
    world.round()
    with world.database.transaction() as session:
        desk = Desk(session, world.clock)
        desk.cases.appeal(
            customer_id="C1008", case_no=case_no, conversation_id="c", channel="rest", text="还要赔利息", key="appeal"
        )
    assert world.round() == 0


def test_without_a_case_there_is_none_to_open(world: World) -> None:
    assert world.refund_by_itself() == 1
    assert world.round() == 0
    with world.database.transaction() as session, pytest.raises(NoDoubleDebit):
        Desk(session, world.clock).wrong_charge()
