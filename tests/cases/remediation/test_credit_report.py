"""After a run the credit report is corrected where the bureau was told (product §3), for everyone and once."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bot.cases.handling import CaseHandling
from bot.cases.models import CaseEventRow, CaseRow
from bot.cases.remediation.books import EmbeddedBooks, Place, PortBooks
from bot.core.database import Database
from bot.loans.port import InstalmentRef
from bot.loans.service import SqlLoanBackend
from bot.loans.servicing.overdue import OverdueService
from bot.loans.unit import Unit
from tests.cases.remediation.worlds import AGENT, KINDS, BadDay

REPORTED = ("unpaid", "disputed", "goodwill")


@pytest.fixture
def bad_day(each_database: Database) -> BadDay:
    """The bureau has been told of the first of each kind of ``REPORTED`` while they were overdue."""
    built = BadDay(each_database, borrowers=10).build()
    with each_database.transaction() as session:
        overdue = OverdueService(Unit(session, built.clock), bureau_after_days=1)
        for customer_id in wanted():
            overdue.refresh(InstalmentRef(built.contracts[customer_id][0], 1))
    return built


def wanted() -> list[str]:
    """The customers of ``REPORTED``."""
    return [f"C{KINDS.index(kind):04}" for kind in REPORTED]


def corrections(bad_day: BadDay) -> dict[str, CaseRow]:
    with bad_day.database.transaction() as session:
        rows = list(session.scalars(select(CaseRow).where(CaseRow.kind == "credit_correction")))
        assert len({row.customer_id for row in rows}) == len(rows)
        return {str(row.customer_id): row for row in rows}


def told_bureau(bad_day: BadDay) -> list[str]:
    """Of whom the bureau was told: a dispute that was open before holds the report back."""
    with bad_day.database.transaction() as session:
        loans = SqlLoanBackend(session, bad_day.clock)
        places = [Place(customer_id, bad_day.contracts[customer_id][0], 1) for customer_id in wanted()]
        found = EmbeddedBooks(loans.unit).reported(places)
        assert found == PortBooks(loans).reported(places)
        return sorted(place.customer_id for place in found)


def test_those_of_whom_the_bureau_was_told_get_a_correction_once(bad_day: BadDay) -> None:
    told = told_bureau(bad_day)
    assert "C0000" in told
    run_no = bad_day.approved()
    bad_day.driver.post(run_no, batch=3)
    opened = corrections(bad_day)
    assert sorted(opened) == told
    never_complained = opened["C0000"]
    assert (never_complained.conversation_id, never_complained.contract_no) == ("", bad_day.contracts["C0000"][0])
    with bad_day.database.transaction() as session:
        received = session.scalars(select(CaseEventRow).where(CaseEventRow.case_id == never_complained.id)).first()
        assert received is not None
        assert (received.data["run_no"], received.actor_id) == (run_no, "worker")
        assert "报送过征信" in (received.text or "")
    bad_day.driver.post(run_no)
    assert len(corrections(bad_day)) == len(told)


def test_an_agent_carries_it_out_for_the_run_was_approved_by_two(bad_day: BadDay) -> None:
    bad_day.driver.post(bad_day.approved())
    case_no = corrections(bad_day)["C0000"].case_no
    with bad_day.database.transaction() as session:
        loans = SqlLoanBackend(session, bad_day.clock)
        assert CaseHandling(session, bad_day.clock, loans).correct_report(case_no, AGENT).status == "remedied"
    assert "C0000" not in told_bureau(bad_day)
    again = bad_day.driver.once(lambda service: service.start(bad_day.incident_no, AGENT, again=True))
    bad_day.driver.list(again.run_no)
    assert len(corrections(bad_day)) == len(told_bureau(bad_day)) + 1


def test_an_open_dispute_that_the_run_makes_good_names_its_correction(bad_day: BadDay) -> None:
    """Without it the run would take the path away: a dispute that is remedied opens none any more."""
    customer_id = f"C{KINDS.index('mixed'):04}"
    contract_no = bad_day.contracts[customer_id][0]
    with bad_day.database.transaction() as session:
        unit = Unit(session, bad_day.clock)
        OverdueService(unit, bureau_after_days=1).refresh(InstalmentRef(contract_no, 1))
        bad_day.dispute(unit, customer_id, contract_no)
    run_no = bad_day.approved()
    bad_day.driver.post(run_no)
    correction = corrections(bad_day)[customer_id]
    with bad_day.database.transaction() as session:
        dispute = session.scalars(select(CaseRow).where(CaseRow.customer_id == customer_id, CaseRow.kind == "dispute")).one()
        assert (dispute.status, correction.conversation_id) == ("remedied", dispute.conversation_id)
        received, *_ = session.scalars(select(CaseEventRow).where(CaseEventRow.case_id == correction.id))
        assert (received.data["dispute"], received.data["run_no"]) == (dispute.case_no, run_no)
        notes = session.scalars(select(CaseEventRow).where(CaseEventRow.case_id == dispute.id, CaseEventRow.type == "note"))
        assert [note.data for note in notes] == [{"credit_correction": correction.case_no}]
