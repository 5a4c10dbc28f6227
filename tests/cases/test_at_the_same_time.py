"""Two transactions at once, on SQLite and on PostgreSQL: one case, one grant."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from bot.cases.errors import NotProposed
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.demo import seed_if_empty
from bot.loans.service import SqlLoanBackend
from tests.cases.conftest import AGENT, CONTRACTS, SUPERVISOR, SUPERVISOR_2, Desk


def test_disputes_and_approvals_at_the_same_time_give_one_case_one_grant_and_one_posting(
    each_database: Database, clock: FixedClock
) -> None:
    seed_if_empty(each_database, clock)
    together = Barrier(4)

    def dispute(number: int) -> tuple[str, str | None]:
        together.wait()
        with each_database.transaction() as session:
            outcome = Desk(session, clock).dispute("C1001", key=f"turn-{number}")
            return outcome.case.case_no, outcome.remedy.receipt_no if outcome.remedy else None

    with ThreadPoolExecutor(4) as pool:
        results = set(pool.map(dispute, range(4)))
    assert len(results) == 1
    with each_database.transaction() as session:
        backend = SqlLoanBackend(session, clock)
        contract_no, number = CONTRACTS["C1001"]
        assert backend.contract("C1001", contract_no).instalments[number - 1].waived_penalty == 192
        desk = Desk(session, clock)
        case_no = desk.wrong_charge().case.case_no
        remedy_no = desk.remedies.propose(case_no, AGENT, reason="两笔都已到账").remedy_no

    def approve(number: int) -> str:
        together.wait()
        with each_database.transaction() as session:
            who = (SUPERVISOR, SUPERVISOR_2)[number % 2]
            try:
                return Desk(session, clock).remedies.approve(remedy_no, who).status
            except NotProposed:
                return "decided by the other one"

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(approve, range(4)))
    assert statuses == ["approved", "approved", "decided by the other one", "decided by the other one"]
    with each_database.transaction() as session:
        assert sum(refund.amount for refund in SqlLoanBackend(session, clock).refunds("C1008")) == 50000
