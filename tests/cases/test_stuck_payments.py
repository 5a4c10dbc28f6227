"""Payments that hang: the promise is a record, the result is told, past the promise it becomes a case (product §3 b)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from bot.cases.evidence.loader import load_facts
from bot.cases.evidence.rules import in_trouble
from bot.cases.handling import CaseHandling
from bot.cases.models import PaymentPromiseRow
from bot.cases.service import CaseService
from bot.cases.stuck import PaymentPromise, StuckPayments
from bot.cases.views import CaseView
from bot.cases.worker import CaseWorker
from bot.conversations.courier import Courier
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.backends import EmbeddedBackends
from bot.loans.payments import PaymentService
from bot.loans.port import Payment
from bot.loans.service import SqlLoanBackend
from bot.loans.servicing.simulated import SimulatedSender
from bot.notifications.models import NotificationRow
from tests.cases.conftest import AGENT, CONTRACTS

TEXTS = Texts.load(ROOT / "data" / "answers").dialogue
GUO, WU = "C1001", "C1002"
"""郭海 has three repayments that hang for an overdue instalment; 李婷 owes nothing that is overdue."""


@dataclass
class World:
    """The demo people with both workers, each step in its own transaction as in the processes."""

    database: Database
    clock: FixedClock

    def __post_init__(self) -> None:
        self.loans = EmbeddedBackends(self.clock)
        self.worker = CaseWorker(self.database, self.clock, TEXTS, self.loans)
        self.sender = SimulatedSender()
        self.courier = Courier(self.database, self.clock, TEXTS, self.sender, self.loans)

    def payments(self, customer_id: str) -> list[Payment]:
        with self.database.transaction() as session:
            return list(SqlLoanBackend(session, self.clock).payments(customer_id))

    def payment(self, customer_id: str, payment_no: str) -> Payment:
        return next(item for item in self.payments(customer_id) if item.payment_no == payment_no)

    def promise(self, customer_id: str) -> PaymentPromise:
        with self.database.transaction() as session:
            loans = SqlLoanBackend(session, self.clock)
            made = StuckPayments(session, self.clock, loans).promise(
                customer_id=customer_id, conversation_id="v", channel="rest", payments=loans.payments(customer_id)
            )
            assert made is not None
            return made

    def pay(self, customer_id: str = WU, amount: int = 1000) -> str:
        with self.database.transaction() as session:
            return SqlLoanBackend(session, self.clock).create_payment(customer_id, amount, key=f"pay {amount}").payment_no

    def bank(self, payment_no: str, result: str) -> None:
        with self.database.transaction() as session:
            service = PaymentService(SqlLoanBackend(session, self.clock).unit)
            if result == "SUCCESS":
                service.settle(payment_no)
            elif result == "RETURNED":
                service.give_back(payment_no, "ACCOUNT_CLOSED")
            else:
                service.fail(payment_no, result)

    def round(self) -> dict[str, int]:
        done = self.worker.round()
        assert done["errors"] == 0
        return {what: count for what, count in done.items() if count}

    def deliver(self) -> None:
        assert self.courier.round()["errors"] == 0

    def words(self, customer_id: str) -> list[str]:
        """The texts left for the borrower about payments, oldest first."""
        with self.database.transaction() as session:
            rows = session.scalars(select(NotificationRow).where(NotificationRow.customer_id == customer_id))
            return [row.text_key for row in sorted(rows, key=lambda row: row.id) if row.text_key.startswith("stuck_")]

    def cases(self, customer_id: str) -> list[CaseView]:
        with self.database.transaction() as session:
            return CaseService(session, self.clock, SqlLoanBackend(session, self.clock)).cases_of(customer_id)

    def states(self) -> list[str]:
        with self.database.transaction() as session:
            return list(session.scalars(select(PaymentPromiseRow.state).order_by(PaymentPromiseRow.id)))


@pytest.fixture
def world(seeded: Database, clock: FixedClock) -> World:
    return World(seeded, clock)


def test_the_promise_is_a_record_and_asking_again_does_not_put_it_off(world: World) -> None:
    first = world.promise(GUO)
    assert f"{first.look_again_at:%m-%d %H:%M}" == "08-23 18:00"
    assert world.states() == ["open"] * 3
    world.clock.advance(hours=15)  # 23 August, 01:00
    assert world.promise(GUO) == first
    assert world.states() == ["open"] * 3


def test_a_result_before_the_promise_is_told_at_once(world: World) -> None:
    payment_no = world.pay()
    world.promise(WU)
    assert world.round() == {}
    world.bank(payment_no, "SUCCESS")
    world.clock.advance(minutes=2)
    assert world.round() == {"told": 1}
    assert world.words(WU) == ["stuck_payment_done"]
    assert world.cases(WU) == []


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("SUCCESS", "stuck_payment_done"),
        ("SYS_TIMEOUT", "stuck_payment_failed_our_fault"),
        ("INSUFFICIENT_FUNDS", "stuck_payment_failed_check_card"),
        ("RETURNED", "stuck_payment_returned_pay_again"),
    ],
)
def test_the_books_know_that_the_borrower_heard_only_once_the_word_arrived(world: World, result: str, text: str) -> None:
    payment_no = world.pay()
    world.promise(WU)
    world.bank(payment_no, result)
    world.clock.advance(minutes=2)
    world.round()
    assert world.words(WU) == [text]
    world.clock.advance(minutes=2)
    assert world.round() == {}
    assert world.payment(WU, payment_no).informed_at is None
    world.deliver()
    world.clock.advance(minutes=2)
    assert world.round() == {"informed": 1}
    assert world.payment(WU, payment_no).informed_at == world.clock.now()


def test_a_word_that_never_arrives_ends_no_system_caused_day(world: World) -> None:
    payment_no = world.pay()
    world.promise(WU)
    world.bank(payment_no, "SYS_TIMEOUT")
    world.clock.advance(minutes=2)
    world.round()
    with world.database.transaction() as session:
        phone = SqlLoanBackend(session, world.clock).customer(WU).phone
    Courier(world.database, world.clock, TEXTS, SimulatedSender(frozenset({phone})), world.loans).round()
    world.clock.advance(minutes=2)
    assert world.round() == {}
    assert world.payment(WU, payment_no).informed_at is None
    assert world.states() == ["done"]


def test_a_settled_payment_that_comes_back_later_is_told_too(world: World) -> None:
    payment_no = world.pay()
    world.promise(WU)
    world.bank(payment_no, "SUCCESS")
    world.clock.advance(minutes=2)
    world.round()
    world.deliver()
    world.clock.advance(minutes=2)
    world.round()
    world.clock.advance(days=5)
    world.bank(payment_no, "RETURNED")
    world.round()
    world.deliver()
    world.clock.advance(days=1)
    assert world.round() == {"informed": 1}
    assert world.words(WU) == ["stuck_payment_done", "stuck_payment_returned_pay_again"]
    assert world.payment(WU, payment_no).informed_at == world.clock.now()
    assert world.states() == ["done"]


def test_watching_for_a_return_ends(world: World) -> None:
    payment_no = world.pay()
    world.promise(WU)
    world.bank(payment_no, "SUCCESS")
    for _ in range(3):
        world.clock.advance(minutes=2)
        world.round()
        world.deliver()
    assert world.states() == ["watching"]
    world.clock.advance(days=31)
    world.round()
    assert world.states() == ["done"]


def test_past_the_promise_it_becomes_a_dispute_that_holds_the_instalment(world: World) -> None:
    """郭海's three repayments: one case, one word, a person beside it, nothing accrues any more."""
    world.promise(GUO)
    world.clock.advance(hours=32)  # 23 August, 18:00
    assert world.round() == {"escalated": 3}
    assert world.round() == {}
    assert sorted((case.kind, case.status) for case in world.cases(GUO)) == [
        ("complaint", "acknowledged"),  # about the money, which is not found yet
        ("dispute", "remedied"),  # the penalty, given back at once
    ]
    assert world.words(GUO) == ["stuck_payment_escalated_held"]
    with world.database.transaction() as session:
        loans = SqlLoanBackend(session, world.clock)
        assert [hold.released_on for hold in loans.holds(*CONTRACTS[GUO])] == [None]
        alerts = CaseHandling(session, world.clock, loans).open_alerts()
    assert {item.name for item in alerts} == {"stuck"}


def test_past_the_promise_without_an_overdue_instalment_it_becomes_a_complaint(world: World) -> None:
    payment_no = world.pay()
    world.promise(WU)
    world.clock.advance(hours=31, minutes=59)
    assert world.round() == {}
    world.clock.advance(minutes=1)
    assert world.round() == {"escalated": 1}
    (case,) = world.cases(WU)
    assert (case.kind, case.status, case.disputed_amount) == ("complaint", "acknowledged", 1000)
    assert world.words(WU) == ["stuck_payment_escalated"]
    answer = world.promise(WU)
    assert answer.case is not None
    assert answer.case.case_no == case.case_no
    world.bank(payment_no, "SUCCESS")
    world.clock.advance(minutes=2)
    assert world.round() == {"told": 1}
    assert world.words(WU) == ["stuck_payment_escalated", "stuck_payment_done"]
    assert len(world.cases(WU)) == 1


def test_an_open_dispute_is_used_and_told_once_for_all_its_payments(world: World) -> None:
    """周凯's case is open and undecided: his hanging payment joins it."""
    with world.database.transaction() as session:
        loans = SqlLoanBackend(session, world.clock)
        contract_no, instalment = CONTRACTS["C1007"]
        opened = CaseService(session, world.clock, loans).open_dispute(
            customer_id="C1007",
            conversation_id="v",
            channel="rest",
            story="扣款失败凭什么收我逾期费",
            contract_no=contract_no,
            instalment=instalment,
            key="dispute",
        )
    world.pay("C1007", 5000)
    world.promise("C1007")
    world.clock.advance(hours=32)
    assert world.round() == {"escalated": 1}
    assert [case.case_no for case in world.cases("C1007")] == [opened.case.case_no]
    assert world.words("C1007") == ["stuck_payment_escalated_held"]


def test_when_the_case_ended_without_the_money_a_new_promise_begins(world: World) -> None:
    world.pay()
    world.promise(WU)
    world.clock.advance(hours=32)
    world.round()
    (case,) = world.cases(WU)
    with world.database.transaction() as session:
        handling = CaseHandling(session, world.clock, SqlLoanBackend(session, world.clock))
        handling.decide(case.case_no, AGENT, facts="银行未回", reasons="等银行", remedy="继续追")
    again = world.promise(WU)
    assert again.case is None
    assert f"{again.look_again_at:%m-%d %H:%M}" == "08-24 18:00"
    world.clock.advance(hours=24)
    assert world.round()["escalated"] == 1
    assert [item.status for item in world.cases(WU)] == ["reopened"]


def test_a_result_read_in_the_conversation_is_not_told_again(world: World) -> None:
    payment_no = world.pay()
    world.promise(WU)
    world.bank(payment_no, "SYS_TIMEOUT")
    with world.database.transaction() as session:
        SqlLoanBackend(session, world.clock).mark_informed(payment_no, key="said in the chat")
    world.clock.advance(minutes=2)
    assert world.round() == {}
    assert world.words(WU) == []


def test_being_told_ends_the_days_that_count_as_ours(world: World) -> None:
    """§3 b: a failed repayment is in trouble until the borrower is told, that day included."""
    contract_no, instalment = CONTRACTS["C1004"]
    payment_no = world.pay("C1004", 3000)
    world.promise("C1004")
    world.bank(payment_no, "SYS_TIMEOUT")
    world.clock.advance(minutes=2)
    world.round()
    world.deliver()
    world.clock.advance(minutes=2)
    assert world.round() == {"informed": 1}
    told_on = world.clock.today()
    world.clock.advance(days=3)
    with world.database.transaction() as session:
        facts = load_facts(SqlLoanBackend(session, world.clock), "C1004", contract_no, instalment, world.clock.today())
    (fact,) = [item for item in facts.payments if item.payment_no == payment_no]
    assert in_trouble(fact, told_on)
    assert not in_trouble(fact, world.clock.today())
