"""A borrower's own cases over HTTP, from whatever channel they came; what is inside stays inside."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bot.cases.handling import CaseHandling
from bot.cases.service import CaseService
from bot.cases.thread import Actor
from bot.loans.service import SqlLoanBackend
from tests.gateway import Stack, bearer

STORY = "催收员每天早上六点给我妈妈打电话，还骂人"
AGENT = Actor("agent", "A2001")


@pytest.fixture
def case_no(stack: Stack) -> str:
    with stack.database.transaction() as session:
        cases = CaseService(session, stack.clock, SqlLoanBackend(session, stack.clock))
        opened = cases.open_complaint(
            customer_id="C1002", conversation_id="w", channel="wechat", story=STORY, callback_phone=None, key="k"
        )
        return opened.case.case_no


def handle(stack: Stack, case_no: str, step: str, **values: Any) -> None:
    with stack.database.transaction() as session:
        getattr(CaseHandling(session, stack.clock, SqlLoanBackend(session, stack.clock)), step)(case_no, AGENT, **values)


def decide(stack: Stack, case_no: str) -> None:
    handle(stack, case_no, "decide", facts="核实了录音", reasons="时间违反规定", remedy="停止致电", outcome="for_borrower")


async def get(stack: Stack, path: str, customer_id: str = "C1002") -> httpx.Response:
    return await stack.client.get(f"/chat/cases{path}", headers=bearer(stack.customer_token(customer_id)))


async def post(stack: Stack, path: str, key: str = "key-1", customer_id: str = "C1002", **body: Any) -> httpx.Response:
    headers = {**bearer(stack.customer_token(customer_id)), "Idempotency-Key": key}
    return await stack.client.post(f"/chat/cases/{path}", json=body or None, headers=headers)


async def test_the_borrower_reads_what_is_meant_for_them(stack: Stack, case_no: str) -> None:
    handle(stack, case_no, "note", text="客户情绪激动", audience="internal")
    handle(stack, case_no, "note", text="正在调取录音", audience="borrower")
    decide(stack, case_no)
    listed = (await get(stack, "")).json()
    assert [case["case_no"] for case in listed["cases"]] == [case_no]
    response = await get(stack, f"/{case_no}")
    shown = response.json()
    assert [(event["type"], event["by"]) for event in shown["events"]] == [
        ("received", "borrower"),
        ("acknowledged", "bot"),
        ("note", "staff"),
        ("decided", "staff"),
    ]
    assert shown["events"][-1]["data"]["reasons"] == "时间违反规定"
    assert shown["appeal_until"] == "2026-09-21"
    assert listed["as_of"] == shown["as_of"] == "2026-08-22"
    for secret in ("客户情绪激动", "A2001", "fingerprint", "team-"):
        assert secret not in response.text


@pytest.mark.parametrize("case", ["C-20260822-9999", "made-up", "x" * 500, "%00", "号"])
async def test_a_foreign_case_is_as_unknown_as_one_that_is_not_there(stack: Stack, case_no: str, case: str) -> None:
    foreign = (await get(stack, f"/{case_no}", "C1001")).json()
    assert (await get(stack, f"/{case}", "C1001")).json() == foreign
    assert foreign["error"]["code"] == "case_not_found"
    for path, body in (("facts", {"text": "x"}), ("appeal", {"text": "x"}), ("withdraw", {})):
        for number in (case_no, case):
            response = await post(stack, f"{number}/{path}", customer_id="C1001", **body)
            assert (response.status_code, response.json()) == (404, foreign)


async def test_nobody_but_a_customer_gets_in(stack: Stack, case_no: str) -> None:
    _, visitor = await stack.visitor()
    for path in ("", f"/{case_no}"):
        for headers, code in (
            ({}, "token_required"),
            (bearer(visitor), "token_invalid"),
            (stack.agent(), "token_invalid"),
            (bearer(stack.customer_token("C9999")), "token_invalid"),
        ):
            response = await stack.client.get(f"/chat/cases{path}", headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (401, code)


async def test_facts_are_added_once_and_restart_the_clock(stack: Stack, case_no: str) -> None:
    stack.clock.advance(days=2)
    facts = "催收员昨天晚上十点半又给我妈妈打了三个电话"
    first = await post(stack, f"{case_no}/facts", text=facts)
    assert (first.status_code, first.json()["decide_by"]) == (200, "2026-09-08")
    assert (await post(stack, f"{case_no}/facts", text=facts)).json() == first.json()
    events = (await get(stack, f"/{case_no}")).json()["events"]
    assert [event["type"] for event in events].count("fact_added") == 1
    other = await post(stack, f"{case_no}/facts", text="别的")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_a_command_without_a_key_is_refused(stack: Stack, case_no: str) -> None:
    response = await stack.client.post(f"/chat/cases/{case_no}/withdraw", headers=bearer(stack.customer_token()))
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")


async def test_withdrawing_ends_the_case(stack: Stack, case_no: str) -> None:
    for _ in range(2):
        response = await post(stack, f"{case_no}/withdraw")
        assert (response.status_code, response.json()["status"]) == (200, "withdrawn")
    again = await post(stack, f"{case_no}/withdraw", key="another")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "case_over")


async def test_an_appeal_reopens_a_decided_case_within_the_review_period(stack: Stack, case_no: str) -> None:
    early = await post(stack, f"{case_no}/appeal", text="我不服")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "nothing_decided")
    decide(stack, case_no)
    stack.clock.advance(days=30)
    for _ in range(2):
        response = await post(stack, f"{case_no}/appeal", text="我不服")
        assert (response.status_code, response.json()["status"]) == (200, "reopened")
    decide_again = (await get(stack, f"/{case_no}")).json()
    assert (decide_again["appeal_until"], decide_again["case"]["decide_by"]) == (None, "2026-10-06")


async def test_the_day_after_the_review_period_is_too_late(stack: Stack, case_no: str) -> None:
    decide(stack, case_no)
    stack.clock.advance(days=31)
    response = await post(stack, f"{case_no}/appeal", text="我不服")
    assert response.json()["error"]["code"] == "appeal_too_late"
    assert response.json()["error"]["details"] == {"until": "2026-09-21"}
    assert (await get(stack, f"/{case_no}")).json()["appeal_until"] is None
