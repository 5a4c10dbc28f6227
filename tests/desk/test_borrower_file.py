"""The agent sees what an identified borrower owes and what is open, before the first word."""

from __future__ import annotations

from typing import Any

import pytest

from bot.cases.handling import CaseHandling
from bot.cases.service import CaseService
from bot.cases.thread import Actor
from bot.loans.service import SqlLoanBackend
from tests.gateway import Stack


async def seen(stack: Stack, customer_id: str | None) -> dict[str, Any]:
    """What an agent sees of a conversation that waits."""
    token = stack.customer_token(customer_id) if customer_id else None
    await stack.say("转人工", token=token)
    conversation_id = stack.conversation(customer_id=customer_id or "").id
    stack.request_human(conversation_id)
    response = await stack.client.get(f"/desk/api/conversations/{conversation_id}", headers=stack.agent())
    assert response.status_code == 200, response.text
    view: dict[str, Any] = response.json()
    return view


@pytest.mark.parametrize("customer_id", ["C1001", "C1004", "C1007"])
async def test_the_snapshot_is_what_the_loan_books_say(demo: Stack, customer_id: str) -> None:
    loans = (await seen(demo, customer_id))["loans"]
    with demo.database.transaction() as session:
        books = SqlLoanBackend(session, demo.clock)
        owed, contracts = books.outstanding(customer_id), books.contracts(customer_id)
    assert loans["payoff_total"] == owed.payoff_total > 0
    assert (loans["overdue_amount"], loans["overdue_days"], loans["penalty"]) == (
        owed.overdue_amount,
        owed.overdue_days,
        owed.penalty,
    )
    assert loans["as_of"] == "2026-08-22"
    for shown, contract in zip(loans["contracts"], contracts, strict=True):
        assert contract.current is not None
        assert (shown["contract_no"], shown["outstanding_principal"]) == (contract.contract_no, contract.outstanding_principal)
        assert (shown["status"], shown["paid_periods"]) == (contract.status, contract.paid_periods)
        assert shown["next_due_on"] == contract.current.due_on.isoformat()
        assert shown["next_due_amount"] == contract.current.amount_due
        assert shown["overdue_days"] == contract.current.overdue_days


async def test_open_cases_of_the_borrower_and_of_nobody_else_are_listed(demo: Stack) -> None:
    def complain(session: Any, customer_id: str, story: str) -> str:
        cases = CaseService(session, demo.clock, SqlLoanBackend(session, demo.clock))
        opened = cases.open_complaint(
            customer_id=customer_id, conversation_id="v", channel="rest", story=story, callback_phone=None, key=story
        )
        return opened.case.case_no

    with demo.database.transaction() as session:
        closed = complain(session, "C1002", "申请的结清证明过了两个星期一直没有发到邮箱里")
        open_now = complain(session, "C1002", "催收员每天早上六点给我妈妈打电话")
        complain(session, "C1001", "扣款失败害我逾期")
        loans = SqlLoanBackend(session, demo.clock)
        CaseService(session, demo.clock, loans).withdraw(customer_id="C1002", case_no=closed, key="w")
        CaseHandling(session, demo.clock, loans).investigate(open_now, Actor("agent", "A2001"))
    assert (await seen(demo, "C1002"))["cases"] == [
        {
            "case_no": open_now,
            "kind": "complaint",
            "status": "investigating",
            "received_on": "2026-08-22",
            "decide_by": "2026-09-06",
            "next_update_by": "2026-08-25",
            "disputed_amount": None,
            "evidence": None,
        }
    ]


async def test_a_dispute_comes_with_its_raw_records_and_the_rules_that_used_them(demo: Stack) -> None:
    with demo.database.transaction() as session:
        CaseService(session, demo.clock, SqlLoanBackend(session, demo.clock)).open_dispute(
            customer_id="C1007", conversation_id="v", channel="rest", story="系统扣款失败", key="k",
            contract_no="FQ-20260315-1007", instalment=5,
        )  # fmt: skip
    (case,) = (await seen(demo, "C1007"))["cases"]
    evidence = case["evidence"]
    assert (evidence["penalty"], evidence["system_caused"], evidence["borrower_caused"]) == (35, 5, 30)
    used = {(record["kind"], record["values"].get("code")): record["used_by"] for record in evidence["records"]}
    assert used["debit_attempt", "SYS_TIMEOUT"] == ["3a_debit_of_due_date"]
    assert used["debit_attempt", "INSUFFICIENT_FUNDS"] == ["3a_ends_by_borrower_failure"]
    assert [rule["paragraph"] for rule in evidence["rules"]] == ["§3(a)", "§3(a)", "§3(c)"]
    assert "hold" in {record["kind"] for record in evidence["records"]}


async def test_of_an_anonymous_borrower_nothing_is_shown(demo: Stack) -> None:
    view = await seen(demo, None)
    assert (view["loans"], view["cases"], view["case_no"]) == (None, [], None)


async def test_the_schema_describes_the_file(demo: Stack) -> None:
    schemas = (await demo.client.get("/openapi.json")).json()["components"]["schemas"]
    assert {"loans", "cases", "case_no"} <= set(schemas["ConversationView"]["required"])
    assert "payoff_total" in schemas["LoanSnapshot"]["properties"]
    assert "outstanding_principal" in schemas["ContractSummary"]["properties"]
    assert "decide_by" in schemas["CaseSummary"]["properties"]
