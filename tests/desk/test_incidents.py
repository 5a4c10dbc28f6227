"""Incidents at the desk: anybody declares, supervisors confirm and end, and everybody sees how far one reached."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.gateway import Stack

SUMMARY = "招商银行代扣超时"


async def desk(stack: Stack, method: str, path: str, agent_id: str = "A2001", key: str = "k1", **options: Any) -> httpx.Response:
    headers = {**stack.agent(agent_id), "Idempotency-Key": key}
    return await stack.client.request(method, f"/desk/api/incidents{path}", headers=headers, **options)


def body(stack: Stack, **changes: Any) -> dict[str, Any]:
    started = (stack.runtime.clock.now() - timedelta(hours=2)).isoformat()
    return {"kind": "outage", "channel": "auto_debit", "starts_at": started, "summary": SUMMARY, **changes}


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_an_agent_declares_a_suspicion_and_a_supervisor_confirms_and_ends_it(stack: Stack) -> None:
    declared = await desk(stack, "POST", "", json=body(stack, bank_name="招商银行"))
    assert declared.status_code == 201
    assert (declared.json()["status"], declared.json()["confirmed_by"], declared.json()["detected"]) == ("suspected", None, False)
    number = declared.json()["incident_no"]
    confirmed = (await desk(stack, "POST", f"/{number}/confirm", "S2101", key="k2")).json()
    assert (confirmed["status"], confirmed["confirmed_by"]) == ("confirmed", "S2101")
    ended = (await desk(stack, "POST", f"/{number}/end", "S2101", key="k3", json={})).json()
    assert ended["ends_at"] is not None
    listed = (await desk(stack, "GET", "", "A2002")).json()["incidents"]
    assert listed[0] == ended
    assert (listed[0]["bank_name"], listed[0]["summary"]) == ("招商银行", SUMMARY)


async def test_a_retry_declares_once_and_keys_of_two_agents_do_not_meet(stack: Stack) -> None:
    first = (await desk(stack, "POST", "", json=body(stack))).json()
    assert (await desk(stack, "POST", "", json=body(stack))).json() == first
    other = (await desk(stack, "POST", "", "A2002", json=body(stack))).json()
    assert other["incident_no"] != first["incident_no"]
    changed = await desk(stack, "POST", "", json=body(stack, channel="all"))
    assert refusal(changed) == (409, "idempotency_key_reused")


@pytest.mark.parametrize("path", ["confirm", "end"])
async def test_only_supervisors_confirm_and_end(stack: Stack, path: str) -> None:
    number = (await desk(stack, "POST", "", json=body(stack))).json()["incident_no"]
    assert refusal(await desk(stack, "POST", f"/{number}/{path}", "A2001", key="k2", json={})) == (403, "role_not_allowed")
    assert refusal(await desk(stack, "POST", f"/I-NONE/{path}", "S2101", key="k3", json={})) == (404, "incident_not_found")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"starts_at": "2099-01-01T00:00:00+08:00"}, (400, "invalid_date")),
        ({"ends_at": "2020-01-01T00:00:00+08:00"}, (400, "invalid_date")),
        ({"starts_at": "2026-08-22T10:00:00"}, (422, "invalid_request")),
        ({"kind": "flood"}, (422, "invalid_request")),
        ({"summary": "  "}, (422, "invalid_request")),
    ],
)
async def test_what_cannot_be_an_incident_is_refused(stack: Stack, changes: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refusal(await desk(stack, "POST", "", json=body(stack, **changes))) == expected


async def test_a_key_is_needed_to_change_anything(stack: Stack) -> None:
    response = await stack.client.post("/desk/api/incidents", headers=stack.agent(), json=body(stack))
    assert refusal(response) == (422, "invalid_request")


async def test_everybody_whom_an_incident_touched_is_counted(demo: Stack) -> None:
    found = (await desk(demo, "GET", "")).json()["incidents"]
    lasting = next(each for each in found if each["ends_at"] is None and each["status"] == "confirmed")
    counts = (await desk(demo, "GET", f"/{lasting['incident_no']}/touched")).json()
    # 郭海: three debits of one instalment (product §6); his own repayments went another way than the auto-debit
    assert counts == {"instalments": 1, "customers": 1, "failed_debits": 3, "payments": 0, "complete": True}
    assert refusal(await desk(demo, "GET", "/I-NONE/touched")) == (404, "incident_not_found")
