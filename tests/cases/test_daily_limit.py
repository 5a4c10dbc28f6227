"""What the bot may grant at once on one day counts everything that the customer was given on it (complaint_clock.yml)."""

from __future__ import annotations

from datetime import date

import pytest

from bot.cases.models import RemedyRow
from bot.cases.policy import CasePolicies, default_policies
from bot.cases.remediation.driver import Driver
from bot.cases.service import CaseService
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.backends import EmbeddedBackends
from tests.cases.conftest import AGENT, CONTRACTS, SUPERVISOR, Desk


def limited(daily: int) -> CasePolicies:
    (version,) = default_policies().versions
    remedies = version.remedies.model_copy(update={"grant_at_once_daily_limit": daily})
    return default_policies().model_copy(update={"versions": (version.model_copy(update={"remedies": remedies}),)})


def approved(desk: Desk, amount: int, day: int = 22) -> None:
    """Something else of C1001 was approved on that day of August."""
    case = desk.cases.book.row(desk.complain("你们的客服态度很差", "C1001").case.case_no)
    contract_no, instalment = CONTRACTS["C1001"]
    desk.session.add(
        RemedyRow(
            case_id=case.id, number=1, kind="penalty", contract_no=contract_no, instalment=instalment, amount=amount, payments=[],
            status="approved", reason="x", created_at=desk.clock.now(), proposed_by="A2001", decided_by="S2101",
            decided_at=desk.clock.now().replace(day=day), waived=0, refunded=amount, receipt_no="R-x", receipts=["R-x"],
        )
    )  # fmt: skip
    desk.session.flush()


@pytest.mark.parametrize(
    ("amount", "day", "status"),
    [(19808, 22, "granted"), (19809, 22, "proposed"), (1_000_000, 22, "proposed"), (20000, 21, "granted")],
)
def test_what_people_approved_that_day_counts(desk: Desk, amount: int, day: int, status: str) -> None:
    approved(desk, amount, day)
    remedy = desk.dispute("C1001").remedy
    assert remedy is not None
    assert (remedy.status, remedy.amount) == (status, 192)


@pytest.mark.parametrize(("daily", "status"), [(208, "granted"), (207, "proposed")])
def test_what_a_run_gave_that_day_counts(seeded: Database, clock: FixedClock, daily: int, status: str) -> None:
    """Listed one day and posted the next: 192 by the run, 16 for the day since by the bot."""
    driver = Driver(seeded, clock, EmbeddedBackends(clock))
    with seeded.transaction() as session:
        incidents = Desk(session, clock).loans.incidents(date(2026, 8, 10), clock.today(), customer_id="C1001")
        (incident,) = [item for item in incidents if item.status == "confirmed"]
    run_no = driver.once(lambda service: service.start(incident.incident_no, AGENT)).run_no
    driver.list(run_no)
    driver.once(lambda service: service.propose(run_no, AGENT))
    driver.once(lambda service: service.approve(run_no, SUPERVISOR))
    clock.advance(days=1)
    driver.post(run_no)
    with seeded.transaction() as session:
        desk = Desk(session, clock)
        desk.cases = CaseService(session, clock, desk.loans, limited(daily))
        remedy = desk.dispute("C1001").remedy
        assert remedy is not None
        assert (remedy.status, remedy.amount) == (status, 16)
