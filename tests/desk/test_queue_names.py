"""Whose conversations wait: names in the queue, asked for once for all of it, and left out when the loan books are silent."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from bot.conversations.handoff import HandoffService
from bot.conversations.service import ConversationService
from bot.core.clock import Clock
from bot.desk.login import AgentIdentity
from bot.desk.schemas import Queue
from bot.desk.service import DeskService
from bot.loans.errors import LoanBackendUnavailable
from bot.loans.port import Customer
from bot.loans.service import SqlLoanBackend
from tests.gateway import Stack

AGENT = AgentIdentity("A2001", "小林", "agent")
PEOPLE = [f"C100{number}" for number in range(1, 9)]


class Counted(SqlLoanBackend):
    """The embedded books, which remember whom they were asked for; ``silent``: as a core system that does not answer."""

    def __init__(self, session: Session, clock: Clock, *, silent: bool = False) -> None:
        super().__init__(session, clock)
        self.asked: list[list[str]] = []
        self.silent = silent

    def customer(self, customer_id: str) -> Customer:
        self.asked.append([customer_id])
        return super().customer(customer_id)

    def customers(self, customer_ids: Sequence[str]) -> tuple[Customer, ...]:
        self.asked.append(list(customer_ids))
        if self.silent:
            raise LoanBackendUnavailable("the core system does not answer")
        return super().customers(customer_ids)


def wait_for_an_agent(stack: Stack, customer_ids: Sequence[str]) -> dict[str, str]:
    """Conversation by customer; the empty id is a visitor's."""
    with stack.database.transaction() as session:
        found = {}
        for customer_id in customer_ids:
            conversation = ConversationService(session, stack.clock).open("rest", f"u-{customer_id}", customer_id)
            HandoffService(session, stack.clock, stack.runtime.texts).request(conversation.id, reason="asked")
            found[customer_id] = conversation.id
        return found


def queue(stack: Stack, *, silent: bool = False) -> tuple[Queue, Counted]:
    with stack.database.transaction() as session:
        loans = Counted(session, stack.clock, silent=silent)
        return DeskService(session, stack.clock, stack.runtime.texts, loans).queue(AGENT), loans


async def test_names_are_masked_for_all_and_plain_for_the_owner(demo: Stack) -> None:
    waiting = wait_for_an_agent(demo, ["C1002", "C1003", ""])
    with demo.database.transaction() as session:
        HandoffService(session, demo.clock, demo.runtime.texts).claim(waiting["C1003"], AGENT.agent_id)
    found, _ = queue(demo)
    assert [(item.customer_id, item.name) for item in found.waiting] == [("C1002", "李*"), (None, None)]
    with demo.database.transaction() as session:
        name = SqlLoanBackend(session, demo.clock).customer("C1003").name
    assert [(item.customer_id, item.name) for item in found.mine] == [("C1003", name)]


async def test_however_many_wait_the_books_are_asked_once(demo: Stack) -> None:
    wait_for_an_agent(demo, PEOPLE)
    found, loans = queue(demo)
    assert all(item.name for item in found.waiting)
    assert loans.asked == [PEOPLE]


async def test_nobody_known_waits_and_the_books_are_not_asked(demo: Stack) -> None:
    wait_for_an_agent(demo, [""])
    assert queue(demo)[1].asked == []


async def test_a_silent_loan_system_costs_the_names_only(demo: Stack) -> None:
    wait_for_an_agent(demo, ["C1002"])
    found, loans = queue(demo, silent=True)
    assert loans.asked == [["C1002"]]
    assert [(item.customer_id, item.name) for item in found.waiting] == [("C1002", None)]
