"""Disputes over books that do not share our transaction: what our side loses is found again on theirs (docs/loan-backend.md)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy

import pytest

from bot.cases.remedies import RemedyService
from bot.cases.service import CaseService
from bot.cases.thread import Actor
from bot.cases.views import DisputeOutcome
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.errors import LoanBackendUnavailable
from bot.loans.http_backend import http_loan_backend
from bot.loans.http_server import OpenBackend
from bot.loans.port import LoanBackend
from tests.conftest import audited_for_tests
from tests.loans.contract.conftest import Connect, Server

AGENT, SUPERVISOR = Actor("agent", "A2001"), Actor("supervisor", "S2101")
GUO, ZHOU = ("C1001", "FQ-20251010-1001", 10), ("C1007", "FQ-20260315-1007", 5)


@pytest.fixture
def ours(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """Our own database: it has cases and no loan books."""
    path = tmp_path / "ours.db"
    copy(migrated_file, path)
    database = audited_for_tests(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def remote(connect: Connect) -> LoanBackend:
    return http_loan_backend(connect())


def dispute(database: Database, clock: FixedClock, loans: LoanBackend, whose: tuple[str, str, int], key: str) -> DisputeOutcome:
    with database.transaction() as session:
        return dispute_in(CaseService(session, clock, loans), whose, key)


def dispute_in(cases: CaseService, whose: tuple[str, str, int], key: str) -> DisputeOutcome:
    customer_id, contract_no, instalment = whose
    return cases.open_dispute(
        customer_id=customer_id, conversation_id=f"t-{customer_id}", channel="rest", story="系统扣款失败害我逾期",
        contract_no=contract_no, instalment=instalment, key=key,
    )  # fmt: skip


@contextmanager
def cut_off(database: Database, clock: FixedClock, loans: LoanBackend) -> Iterator[tuple[CaseService, RemedyService]]:
    """A transaction of ours whose work on the books stays and whose own work is lost."""
    with database.transaction() as session:
        yield CaseService(session, clock, loans), RemedyService(session, clock, loans)
        session.rollback()


def test_a_dispute_is_made_good_over_http(ours: Database, clock: FixedClock, remote: LoanBackend, unit: OpenBackend) -> None:
    outcome = dispute(ours, clock, remote, GUO, "k")
    assert outcome.remedy is not None
    assert (outcome.remedy.status, outcome.remedy.amount) == ("granted", 192)
    with unit() as loans:
        assert loans.receipt(outcome.remedy.receipt_no or "").amount == 192
        assert loans.holds(*GUO[1:])[0].released_on is None


def test_the_same_command_after_a_power_cut_finds_its_receipt(
    ours: Database, clock: FixedClock, remote: LoanBackend, unit: OpenBackend
) -> None:
    with cut_off(ours, clock, remote) as (cases, _):
        lost = dispute_in(cases, GUO, "k")
    found = dispute(ours, clock, remote, GUO, "k")
    assert lost.remedy is not None
    assert found.remedy is not None
    assert found.remedy.receipts == lost.remedy.receipts
    with unit() as loans:
        assert loans.contract(*GUO[:2]).instalments[9].waived_penalty == 192
        assert len(loans.holds(*GUO[1:])) == 1


def test_another_borrower_who_gets_the_lost_case_number_is_not_held_up(
    ours: Database, clock: FixedClock, remote: LoanBackend
) -> None:
    with cut_off(ours, clock, remote) as (cases, _):
        lost = dispute_in(cases, GUO, "k1")
    other = dispute(ours, clock, remote, ZHOU, "k2")
    assert other.case.case_no == lost.case.case_no
    assert other.remedy is not None
    assert other.remedy.status == "proposed"


def test_a_new_message_after_a_power_cut_gives_nothing_twice(
    ours: Database, clock: FixedClock, remote: LoanBackend, unit: OpenBackend
) -> None:
    with cut_off(ours, clock, remote) as (cases, _):
        dispute_in(cases, GUO, "k1")
    assert dispute(ours, clock, remote, GUO, "k2").remedy is None
    with unit() as loans:
        assert loans.contract(*GUO[:2]).instalments[9].waived_penalty == 192


def test_an_approval_after_a_power_cut_gives_the_same_receipts(
    ours: Database, clock: FixedClock, remote: LoanBackend, unit: OpenBackend
) -> None:
    outcome = dispute(ours, clock, remote, ZHOU, "k")
    assert outcome.remedy is not None
    with ours.transaction() as session:
        RemedyService(session, clock, remote).propose(outcome.case.case_no, AGENT, reason="facts", amount=20)
    with cut_off(ours, clock, remote) as (_, remedies):
        lost = remedies.approve(outcome.remedy.remedy_no, SUPERVISOR)
    with ours.transaction() as session:
        approved = RemedyService(session, clock, remote).approve(outcome.remedy.remedy_no, SUPERVISOR)
    assert (approved.status, approved.receipts, approved.waived) == ("approved", lost.receipts, 20)
    with unit() as loans:
        assert loans.contract(*ZHOU[:2]).instalments[4].waived_penalty == 20


def test_a_core_that_breaks_off_in_the_middle_leaves_no_case_and_is_taken_up_again(
    ours: Database, clock: FixedClock, connect: Connect, server: Server, unit: OpenBackend
) -> None:
    loans = http_loan_backend(connect(attempts=1))
    server.faults.at = {"/loan-backend/v1/waive-penalty": "lost"}
    with pytest.raises(LoanBackendUnavailable):
        dispute(ours, clock, loans, GUO, "k")
    with ours.transaction() as session:
        assert CaseService(session, clock, loans).cases_of("C1001") == []
    remedy = dispute(ours, clock, loans, GUO, "k").remedy
    assert remedy is not None
    assert (remedy.status, remedy.waived) == ("granted", 192)
    with unit() as books:
        assert books.contract(*GUO[:2]).instalments[9].waived_penalty == 192
