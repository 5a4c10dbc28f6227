"""Proposal and approval by two different people, posted once (product §3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bot.cases.errors import (
    CaseOver,
    InvalidRemedyAmount,
    NotProposed,
    NotSupervisor,
    RemedyNotFound,
    RemedyOpen,
    SamePerson,
)
from bot.cases.thread import Actor
from bot.cases.views import RemedyView
from tests.cases.conftest import AGENT, AGENT_2, SUPERVISOR, SUPERVISOR_2, Desk


@pytest.fixture
def proposed(desk: Desk) -> RemedyView:
    """The 5 分 of C1007, put forward by an agent."""
    case_no = desk.dispute("C1007").case.case_no
    return desk.remedies.propose(case_no, AGENT, reason="第1天是系统故障")


def test_a_supervisor_approves_what_an_agent_proposed_and_it_is_posted(desk: Desk, proposed: RemedyView) -> None:
    assert (proposed.status, proposed.proposed_by, proposed.drafted) == ("proposed", "A2001", False)
    approved = desk.remedies.approve(proposed.remedy_no, SUPERVISOR)
    assert (approved.status, approved.amount, approved.waived, approved.decided_by) == ("approved", 5, 5, "S2101")
    assert desk.loans.receipt(approved.receipt_no or "").amount == 5
    assert desk.instalment("C1007").penalty_due == 30
    assert desk.cases.case("C1007", proposed.case_no).status == "remedied"
    desk.loans.unit.ledger.check()


def test_approving_again_posts_nothing_more(desk: Desk, proposed: RemedyView) -> None:
    approved = desk.remedies.approve(proposed.remedy_no, SUPERVISOR)
    assert desk.remedies.approve(proposed.remedy_no, SUPERVISOR) == approved
    assert desk.instalment("C1007").waived_penalty == 5
    with pytest.raises(NotProposed):
        desk.remedies.approve(proposed.remedy_no, SUPERVISOR_2)


def test_who_proposed_may_not_approve(desk: Desk) -> None:
    case_no = desk.dispute("C1007").case.case_no
    proposed = desk.remedies.propose(case_no, SUPERVISOR, reason="第1天是系统故障")
    with pytest.raises(SamePerson):
        desk.remedies.approve(proposed.remedy_no, SUPERVISOR)
    assert desk.instalment("C1007").waived_penalty == 0
    assert desk.remedies.approve(proposed.remedy_no, SUPERVISOR_2).status == "approved"


def test_the_database_refuses_an_approval_by_the_proposer_too(desk: Desk, proposed: RemedyView) -> None:
    with pytest.raises(IntegrityError), desk.session.begin_nested():
        desk.session.execute(
            text("UPDATE remedies SET status = 'approved', decided_by = proposed_by, receipt_no = 'R-1' WHERE id = :id"),
            {"id": proposed.remedy_no},
        )


@pytest.mark.parametrize("who", [AGENT_2, Actor("borrower", "C1007"), Actor("bot", "bot")])
def test_only_a_supervisor_decides(desk: Desk, proposed: RemedyView, who: Actor) -> None:
    decide: Callable[[], object]
    for decide in (
        lambda: desk.remedies.approve(proposed.remedy_no, who),
        lambda: desk.remedies.reject(proposed.remedy_no, who, reason="不同意"),
    ):
        with pytest.raises(NotSupervisor):
            decide()


def test_the_bots_draft_needs_an_agent_before_a_supervisor(desk: Desk) -> None:
    draft = desk.dispute("C1007").remedy
    assert draft is not None
    assert draft.drafted
    with pytest.raises(NotProposed):
        desk.remedies.approve(draft.remedy_no, SUPERVISOR)


def test_a_rejected_proposal_moves_nothing_and_the_case_goes_on(desk: Desk, proposed: RemedyView) -> None:
    rejected = desk.remedies.reject(proposed.remedy_no, SUPERVISOR, reason="金额要再核")
    assert (rejected.status, rejected.receipt_no) == ("rejected", None)
    assert desk.instalment("C1007").penalty_due == 35
    assert desk.cases.case("C1007", proposed.case_no).status == "investigating"
    with pytest.raises(NotProposed):
        desk.remedies.approve(proposed.remedy_no, SUPERVISOR_2)
    again = desk.remedies.propose(proposed.case_no, AGENT_2, reason="核过了", amount=6)
    assert desk.remedies.approve(again.remedy_no, SUPERVISOR).waived == 6
    assert [remedy.status for remedy in desk.remedies.of_case(proposed.case_no)] == ["approved", "rejected"]


def test_the_borrower_does_not_read_why_a_proposal_was_refused_inside(desk: Desk, proposed: RemedyView) -> None:
    desk.remedies.reject(proposed.remedy_no, SUPERVISOR, reason="金额要再核")
    assert "rejected" not in [event.type for event in desk.cases.thread("C1007", proposed.case_no)]
    assert "rejected" in [event.type for event in desk.handling.thread(proposed.case_no)]


def test_an_agent_may_propose_goodwill_where_the_borrower_was_at_fault(desk: Desk) -> None:
    case_no = desk.dispute("C1004").case.case_no
    proposed = desk.remedies.propose(case_no, AGENT, reason="首次逾期", amount=200)
    assert desk.remedies.approve(proposed.remedy_no, SUPERVISOR).waived == 200
    assert desk.instalment("C1004").penalty_due == 297


@pytest.mark.parametrize("amount", [None, 0, -1, 498])
def test_no_more_than_the_penalty_can_be_proposed(desk: Desk, amount: int | None) -> None:
    case_no = desk.dispute("C1004").case.case_no
    with pytest.raises(InvalidRemedyAmount) as refused:
        desk.remedies.propose(case_no, AGENT, reason="首次逾期", amount=amount)
    assert refused.value.details["most"] == 497


def test_an_agent_may_change_the_drafted_amount_of_a_penalty_but_not_of_a_double_debit(desk: Desk) -> None:
    case_no = desk.dispute("C1007").case.case_no
    assert desk.remedies.propose(case_no, AGENT, reason="多给一天", amount=10).amount == 10
    surplus = desk.wrong_charge().case.case_no
    with pytest.raises(InvalidRemedyAmount):
        desk.remedies.propose(surplus, AGENT, reason="少退一点", amount=40000)


def test_one_remedy_at_a_time_and_none_after_it_was_given(desk: Desk, proposed: RemedyView) -> None:
    with pytest.raises(RemedyOpen):
        desk.remedies.propose(proposed.case_no, AGENT_2, reason="我也提一个")
    desk.remedies.approve(proposed.remedy_no, SUPERVISOR)
    with pytest.raises(RemedyOpen):
        desk.remedies.propose(proposed.case_no, AGENT_2, reason="再来一个", amount=5)


def test_what_was_paid_between_proposal_and_approval_is_refunded(desk: Desk, proposed: RemedyView) -> None:
    bill = desk.loans.bills("C1007")[0]
    payment = desk.loans.create_payment("C1007", bill.amount, key="pay", contract_nos=[bill.contract_no])
    desk.payments.settle(payment.payment_no)
    approved = desk.remedies.approve(proposed.remedy_no, SUPERVISOR)
    assert (approved.waived, approved.refunded) == (0, 5)
    desk.loans.unit.ledger.check()


def test_a_partly_paid_penalty_is_waived_first_and_then_refunded_with_a_receipt_each(desk: Desk) -> None:
    case_no = desk.dispute("C1004").case.case_no
    payment = desk.loans.create_payment("C1004", 300, key="pay", contract_nos=[desk.loans.bills("C1004")[0].contract_no])
    desk.payments.settle(payment.payment_no)
    proposed = desk.remedies.propose(case_no, AGENT, reason="首次逾期", amount=250)
    approved = desk.remedies.approve(proposed.remedy_no, SUPERVISOR)
    assert (approved.waived, approved.refunded, len(approved.receipts)) == (197, 53, 2)
    desk.loans.unit.ledger.check()


def test_withdrawing_drops_the_proposal(desk: Desk, proposed: RemedyView) -> None:
    desk.cases.withdraw(customer_id="C1007", case_no=proposed.case_no, key=desk.key())
    assert [remedy.status for remedy in desk.remedies.of_case(proposed.case_no)] == ["rejected"]
    with pytest.raises(NotProposed):
        desk.remedies.approve(proposed.remedy_no, SUPERVISOR)
    with pytest.raises(CaseOver):
        desk.remedies.propose(proposed.case_no, AGENT, reason="还是要给", amount=5)
    with pytest.raises(RemedyNotFound):
        desk.remedies.approve(proposed.remedy_no + 1, SUPERVISOR)
