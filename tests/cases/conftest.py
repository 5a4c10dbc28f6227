"""The case services over the demo people, inside one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy.orm import Session

from bot.cases.handling import CaseHandling
from bot.cases.remedies import RemedyService
from bot.cases.service import CaseService, DisputeOutcome, OpenedCase, WrongChargeOutcome
from bot.cases.thread import Actor
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.payments import PaymentService
from bot.loans.port import Instalment
from bot.loans.service import SqlLoanBackend

AGENT, AGENT_2 = Actor("agent", "A2001"), Actor("agent", "A2002")
SUPERVISOR, SUPERVISOR_2 = Actor("supervisor", "S2101"), Actor("supervisor", "S2102")
CONTRACTS = {
    "C1001": ("FQ-20251010-1001", 10),
    "C1004": ("YD-20260512-1004", 3),
    "C1007": ("FQ-20260315-1007", 5),
    "C1008": ("FQ-20260619-1008", 2),
}


@dataclass
class Desk:
    """Everything a test acts with. Keys are made unless a test repeats one."""

    session: Session
    clock: FixedClock
    made_keys: int = 0

    def __post_init__(self) -> None:
        self.loans = SqlLoanBackend(self.session, self.clock)
        self.cases = CaseService(self.session, self.clock, self.loans)
        self.remedies = RemedyService(self.session, self.clock, self.loans)
        self.handling = CaseHandling(self.session, self.clock, self.loans)
        self.payments = PaymentService(self.loans.unit)

    def key(self) -> str:
        self.made_keys += 1
        return f"key-{self.made_keys}"

    def dispute(
        self, customer_id: str, *, key: str | None = None, story: str = "系统扣款失败害我逾期，凭什么收我的钱"
    ) -> DisputeOutcome:
        contract_no, instalment = CONTRACTS[customer_id]
        return self.cases.open_dispute(
            customer_id=customer_id,
            conversation_id=f"conversation-{customer_id}",
            channel="rest",
            story=story,
            contract_no=contract_no,
            instalment=instalment,
            key=key or self.key(),
        )

    def wrong_charge(self, customer_id: str = "C1008", *, key: str | None = None) -> WrongChargeOutcome:
        return self.cases.open_wrong_charge(
            customer_id=customer_id,
            conversation_id=f"conversation-{customer_id}",
            channel="rest",
            story="一笔500块扣了我两次",
            key=key or self.key(),
        )

    def complain(
        self,
        story: str,
        customer_id: str | None = "C1002",
        *,
        phone: str | None = None,
        key: str | None = None,
        conversation: str | None = None,
        issues: tuple[str, ...] = (),
    ) -> OpenedCase:
        return self.cases.open_complaint(
            customer_id=customer_id,
            conversation_id=conversation or f"conversation-{customer_id or phone}",
            channel="rest",
            story=story,
            callback_phone=phone,
            issues=issues,
            key=key or self.key(),
        )

    def instalment(self, customer_id: str) -> Instalment:
        """The instalment that the customer's story is about, now."""
        contract_no, number = CONTRACTS[customer_id]
        return self.loans.contract(customer_id, contract_no).instalments[number - 1]


@pytest.fixture
def desk(seeded: Database, clock: FixedClock) -> Iterator[Desk]:
    with seeded.transaction() as session:
        yield Desk(session, clock)
