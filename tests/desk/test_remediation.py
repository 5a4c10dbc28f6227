"""Mass remediation at the desk: who may, two people, the list and the chart."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from bot.audit.models import AuditEntryRow
from bot.cases.remediation.worker import RemediationWorker
from bot.loans.models import CustomerRow
from tests.cases.remediation.worlds import BadDay
from tests.gateway import Stack

API = "/desk/api/remediation/runs"


async def call(stack: Stack, method: str, path: str, who: str, **body: Any) -> tuple[int, Any]:
    response = await stack.client.request(method, path, headers=stack.agent(who), json=body or None)
    parsed = response.json()
    return response.status_code, parsed["error"]["code"] if "error" in parsed else parsed


def looks(stack: Stack) -> list[tuple[str, str, dict[str, Any]]]:
    """Who looked at the lists of runs, oldest first."""
    row = AuditEntryRow
    with stack.database.transaction() as session:
        found = session.scalars(
            select(row).where(row.action.in_(["remediation.viewed", "remediation.downloaded"])).order_by(row.at)
        )
        return [(each.action, each.actor_id, dict(each.details)) for each in found]


async def test_from_start_to_posting_by_two_supervisors_and_the_worker(stack: Stack) -> None:
    with stack.database.transaction() as session:
        session.execute(delete(CustomerRow))  # those of the gateway have no loans
    bad_day = BadDay(stack.database, borrowers=10).build()
    stack.clock.moment = bad_day.clock.moment
    worker = RemediationWorker(stack.database, stack.clock, stack.runtime.loans)
    assert await call(stack, "GET", API, "A2001") == (403, "role_not_allowed")
    assert await call(stack, "POST", API, "S2101", incident_no="I-0") == (404, "incident_not_found")
    _, started = await call(stack, "POST", API, "S2101", incident_no=bad_day.incident_no)
    run = f"{API}/{started['run']['run_no']}"
    assert await call(stack, "POST", f"{run}/propose", "S2101") == (409, "remediation_listing_unfinished")
    done = worker.round()
    assert (done["errors"], done["found"]) == (0, done["examined"])
    _, proposed = await call(stack, "POST", f"{run}/propose", "S2101")
    assert proposed["run"]["amount"] == proposed["progress"]["amount"] > 0
    assert worker.round()["posted"] == 0
    assert await call(stack, "POST", f"{run}/approve", "S2101") == (403, "same_person")
    _, approved = await call(stack, "POST", f"{run}/approve", "S2102")
    assert approved["run"]["status"] == "approved"
    assert worker.round()["posted"] == approved["progress"]["pending"] > 0
    _, state = await call(stack, "GET", run, "S2101")
    assert (state["run"]["status"], state["progress"]["pending"]) == ("done", 0)
    assert state["progress"]["waived"] + state["progress"]["refunded"] == state["run"]["amount"]
    sheet = await stack.client.get(f"{run}/preview.csv", headers=stack.agent("S2101"))
    assert sheet.content.startswith(b"\xef\xbb\xbf")
    assert len(sheet.text.splitlines()) == state["run"]["items"] + 1
    for _ in range(2):
        stack.clock.advance(seconds=1)
        await call(stack, "GET", f"{run}/items", "S2102")
    stack.clock.advance(seconds=1)
    await stack.client.get(f"{run}/preview.csv?everyone=true", headers=stack.agent("S2102"))
    for path in ("preview.csv", "items"):
        assert (await call(stack, "GET", f"{API}/MR-0/{path}", "S2101"))[0] == 404
        assert (await call(stack, "GET", f"{run}/{path}", "A2001"))[0] == 403
    number = started["run"]["run_no"]
    assert looks(stack) == [
        ("remediation.downloaded", "S2101", {"run": number, "everyone": False}),
        ("remediation.viewed", "S2102", {"run": number}),
        ("remediation.downloaded", "S2102", {"run": number, "everyone": True}),
    ]
    drawn = await stack.client.get(f"{run}/chart.svg", headers=stack.agent("S2101"))
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert await call(stack, "GET", f"{API}/MR-0", "S2101") == (404, "remediation_run_not_found")
    assert await call(stack, "POST", f"{run}/reject", "S2102", reason="x") == (409, "remediation_run_decided")
