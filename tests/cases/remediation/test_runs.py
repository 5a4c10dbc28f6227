"""A run from listing to posting, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from bot.cases.errors import NotSupervisor, SamePerson
from bot.cases.models import CaseEventRow, CaseRow
from bot.cases.remediation.errors import IncidentNotConfirmed, ItemsChanged, ListingUnfinished, NotApproved, RunDecided
from bot.cases.remediation.models import RemediationItemRow
from bot.cases.remediation.service import RemediationService
from bot.cases.thread import status_of
from bot.core.database import Database
from bot.loans.records import RecordService
from bot.loans.service import SqlLoanBackend
from bot.loans.unit import Unit
from bot.notifications.models import NotificationRow
from tests.cases.remediation.dump import dump
from tests.cases.remediation.worlds import AGENT, KINDS, SUPERVISOR, SUPERVISOR_2, BadDay


def state(bad_day: BadDay) -> dict[str, list[str]]:
    with bad_day.database.transaction() as session:
        return dump(session)


def items(bad_day: BadDay) -> dict[str, list[RemediationItemRow]]:
    """By kind of borrower."""
    found: dict[str, list[RemediationItemRow]] = {kind: [] for kind in KINDS}
    with bad_day.database.transaction() as session:
        for row in session.scalars(select(RemediationItemRow).order_by(RemediationItemRow.id)):
            found[KINDS[int(row.customer_id[1:]) % len(KINDS)]].append(row)
    return found


def test_everyone_harmed_gets_exactly_what_is_left_of_the_systems_share(each_database: Database) -> None:
    bad_day = BadDay(each_database).build()
    run_no = bad_day.approved()
    bad_day.driver.post(run_no, batch=7)
    by_kind = items(bad_day)
    for row in by_kind["unpaid"]:
        assert (row.status, row.waived, row.refunded) == ("posted", row.system_caused, 0)
        assert row.system_caused == row.penalty > 0
    for row in by_kind["paid_late"]:
        assert (row.status, row.waived, row.refunded) == ("posted", 0, row.penalty)
    for row in by_kind["part_paid"]:
        assert row.status == "posted"
        assert min(row.refunded, row.waived) > 0
        assert row.waived + row.refunded == row.system_caused
    for row in by_kind["goodwill"]:
        assert (row.given_before, row.waived) == (20, row.system_caused - 20)
    for row in by_kind["mixed"]:
        assert 0 < row.system_caused < row.penalty
        assert row.waived == row.system_caused
    for row in by_kind["own_fault"]:
        # The incident covered the channel on the first overdue day: rule (c), although the money was missing.
        assert 0 < row.system_caused < row.penalty
    for row in by_kind["disputed"]:
        assert row.given_before > 0
        assert row.system_caused - row.given_before == row.waived + row.refunded
    assert by_kind["on_time"] == []
    assert len(by_kind["two_contracts"]) == 2 * len(by_kind["goodwill"])
    bad_day.check()


def test_each_borrower_is_told_once_for_all_their_instalments(each_database: Database) -> None:
    bad_day = BadDay(each_database).build()
    run_no = bad_day.approved()
    bad_day.driver.post(run_no, batch=1)
    with each_database.transaction() as session:
        words = list(session.scalars(select(NotificationRow).where(NotificationRow.text_key.like("remediation%"))))
        rows = session.execute(
            select(
                RemediationItemRow.customer_id, func.count(), func.sum(RemediationItemRow.waived + RemediationItemRow.refunded)
            )
            .where(RemediationItemRow.status == "posted")
            .group_by(RemediationItemRow.customer_id)
        ).all()
    assert sorted((word.customer_id, word.text_values["count"], word.text_values["amount"]) for word in words) == sorted(
        (customer_id, str(count), f"¥{total // 100}.{total % 100:02}") for customer_id, count, total in rows
    )
    assert {word.text_values["count"] for word in words} == {"1", "2"}


def test_doing_every_step_again_changes_nothing(each_database: Database) -> None:
    bad_day = BadDay(each_database).build()
    run_no = bad_day.approved()
    bad_day.driver.post(run_no)
    after = state(bad_day)
    assert bad_day.listed() == run_no
    assert bad_day.driver.list(run_no) == 0
    assert bad_day.driver.post(run_no) == 0
    bad_day.driver.once(lambda service: service.approve(run_no, SUPERVISOR))
    assert state(bad_day) == after


def test_another_run_after_it_finds_only_what_came_since(each_database: Database) -> None:
    bad_day = BadDay(each_database).build()
    bad_day.driver.post(bad_day.approved())
    again = bad_day.driver.once(lambda service: service.start(bad_day.incident_no, AGENT, again=True))
    bad_day.driver.list(again.run_no)
    progress = bad_day.driver.once(lambda service: service.progress(again.run_no))
    assert (progress.pending, progress.amount) == (0, 0)


def test_who_proposed_cannot_approve_and_an_agent_can_neither(each_database: Database) -> None:
    bad_day = BadDay(each_database, borrowers=4).build()
    run_no = bad_day.listed()
    with pytest.raises(NotApproved):
        bad_day.driver.post(run_no)
    bad_day.driver.once(lambda service: service.propose(run_no, SUPERVISOR))
    with pytest.raises(SamePerson):
        bad_day.driver.once(lambda service: service.approve(run_no, SUPERVISOR))
    with pytest.raises(NotSupervisor):
        bad_day.driver.once(lambda service: service.approve(run_no, AGENT))
    with pytest.raises(NotApproved):
        bad_day.driver.post(run_no)
    bad_day.driver.once(lambda service: service.approve(run_no, SUPERVISOR_2))
    with pytest.raises(RunDecided):
        bad_day.driver.once(lambda service: service.reject(run_no, SUPERVISOR, reason="x"))


def test_the_schema_refuses_one_person_for_both(each_database: Database) -> None:
    from sqlalchemy.exc import IntegrityError  # noqa: PLC0415

    bad_day = BadDay(each_database, borrowers=2).build()
    run_no = bad_day.listed()
    bad_day.driver.once(lambda service: service.propose(run_no, SUPERVISOR))
    with pytest.raises(IntegrityError, match="two_people"), each_database.transaction() as session:
        session.execute(text("UPDATE remediation_runs SET status = 'approved', decided_by = proposed_by"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE remediation_items SET amount = amount - 1 WHERE amount > 1",
        "UPDATE remediation_items SET customer_id = 'C0001'",
        "DELETE FROM remediation_items WHERE id = (SELECT max(id) FROM remediation_items WHERE amount > 0)",
    ],
)
def test_what_was_proposed_cannot_be_changed_afterwards(each_database: Database, change: str) -> None:
    bad_day = BadDay(each_database, borrowers=3).build()
    run_no = bad_day.approved()
    with each_database.transaction() as session:
        session.execute(text(change))
    before = state(bad_day)
    with pytest.raises(ItemsChanged):
        bad_day.driver.post(run_no)
    assert state(bad_day) == before


def test_nothing_is_proposed_before_everything_is_examined(each_database: Database) -> None:
    bad_day = BadDay(each_database, borrowers=4).build()
    run = bad_day.driver.once(lambda service: service.start(bad_day.incident_no, AGENT))
    number = run.run_no
    with pytest.raises(ListingUnfinished):
        bad_day.driver.once(lambda service: service.propose(number, AGENT))
    bad_day.driver.find(number, batch=2)
    with pytest.raises(ListingUnfinished):
        bad_day.driver.once(lambda service: service.propose(number, AGENT))


def test_a_suspicion_gives_nobody_anything(each_database: Database) -> None:
    bad_day = BadDay(each_database, borrowers=2).build()
    with each_database.transaction() as session:
        row = RecordService(Unit(session, bad_day.clock)).declare_incident(
            "auto_debit", bad_day.clock.now(), "x", confirmed_by=None
        )
        service = RemediationService(session, bad_day.clock, SqlLoanBackend(session, bad_day.clock))
        with pytest.raises(IncidentNotConfirmed):
            service.start(row.incident_no, AGENT)


def test_a_rejected_run_gives_nothing_and_makes_room_for_another(each_database: Database) -> None:
    bad_day = BadDay(each_database, borrowers=4).build()
    run_no = bad_day.listed()
    bad_day.driver.once(lambda service: service.propose(run_no, AGENT))
    bad_day.driver.once(lambda service: service.reject(run_no, SUPERVISOR, reason="先核对名单"))
    with pytest.raises(NotApproved):
        bad_day.driver.post(run_no)
    assert bad_day.listed() != run_no


def test_paid_between_approval_and_posting_is_refunded_instead_of_waived(each_database: Database) -> None:
    bad_day = BadDay(each_database).build()
    run_no = bad_day.approved()
    with each_database.transaction() as session:
        bad_day._pay_all(Unit(session, bad_day.clock), "C0000", bad_day.contracts["C0000"][0])
    bad_day.driver.post(run_no)
    row = next(row for row in items(bad_day)["unpaid"] if row.customer_id == "C0000")
    assert (row.status, row.waived, row.refunded) == ("posted", 0, row.amount)
    bad_day.check()


def test_given_between_approval_and_posting_is_not_given_again(each_database: Database) -> None:
    bad_day = BadDay(each_database).build()
    run_no = bad_day.approved()
    with each_database.transaction() as session:
        loans = SqlLoanBackend(session, bad_day.clock)
        (whole, part), amounts = ("C0000", "C0001"), {}
        for customer_id in (whole, part):
            contract_no = bad_day.contracts[customer_id][0]
            owed = loans.contract(customer_id, contract_no).instalments[0].penalty_due
            amounts[customer_id] = owed if customer_id == whole else owed - 7
            loans.waive_penalty(contract_no, 1, amounts[customer_id], reason="x", key=f"x-{customer_id}")
    bad_day.driver.post(run_no)
    by_customer = {row.customer_id: row for row in items(bad_day)["unpaid"]}
    assert (by_customer[whole].status, by_customer[whole].reason) == ("skipped", "already_given")
    assert (by_customer[part].status, by_customer[part].reason, by_customer[part].waived) == ("posted", "reduced", 7)
    bad_day.check()


def test_an_open_dispute_is_remedied_by_the_run_and_its_proposal_falls(each_database: Database) -> None:
    bad_day = BadDay(each_database).build()
    with each_database.transaction() as session:  # the first overdue days are ours, the rest theirs: a person must decide
        customer_id = next(c for n, c in enumerate(bad_day.contracts) if KINDS[n % len(KINDS)] == "mixed")
        bad_day.dispute(Unit(session, bad_day.clock), customer_id, bad_day.contracts[customer_id][0])
    run_no = bad_day.approved()
    bad_day.driver.post(run_no)
    with each_database.transaction() as session:
        case = session.scalars(select(CaseRow).where(CaseRow.customer_id == customer_id)).one()
        events = list(session.scalars(select(CaseEventRow).where(CaseEventRow.case_id == case.id).order_by(CaseEventRow.number)))
        assert [event.type for event in events][-3:] == ["rejected", "decided", "remedied"]
        assert status_of(event.type for event in events) == "remedied"
        row = session.scalars(select(RemediationItemRow).where(RemediationItemRow.customer_id == customer_id)).one()
        assert events[-1].data["amount"] == row.waived == row.amount
    bad_day.check()
