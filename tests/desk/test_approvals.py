"""审批: every decision that waits for another person, with who asked, since when, and what it comes to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete

from bot.cases.remediation.worker import RemediationWorker
from bot.loans.models import CustomerRow
from tests.cases.remediation.worlds import BadDay
from tests.desk.test_cases import STORIES, complain, dispute, done, post, refused
from tests.gateway import Stack

API = "/desk/api/approvals"


async def approvals(stack: Stack, who: str = "S2102") -> dict[str, Any]:
    response = await stack.client.get(API, headers=stack.agent(who))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_an_extension_waits_until_another_supervisor_decides(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    await done(demo, f"{case_no}/extension", "A2001", days=30, reason="要调录音")
    assert (await approvals(demo))["waiting"] == [], "thirty days need nobody"
    demo.clock.advance(minutes=5)
    await done(demo, f"{case_no}/extension", "S2101", days=60, reason="要等外部机构")
    [item] = (await approvals(demo))["waiting"]
    assert (item["kind"], item["case"]["case_no"], item["case"]["kind"]) == ("extension", case_no, "complaint")
    assert item["extension"] == {"days": 60, "decide_by": "2026-10-21"}
    assert (item["asked_by"], item["reason"], item["since"]) == ("S2101", "要等外部机构", demo.clock.now().isoformat())
    assert item["asked_by_name"]
    assert item["hindered"] is None
    assert (await approvals(demo, "S2101"))["waiting"][0]["hindered"] == "same_person"
    await done(demo, f"{case_no}/extension/approve", "S2102")
    assert (await approvals(demo))["waiting"] == []


async def test_a_refused_extension_waits_no_more_and_may_be_asked_for_again(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    await done(demo, f"{case_no}/extension", "A2001", days=60, reason="要等外部机构")
    answer = await done(demo, f"{case_no}/extension/refuse", "S2101", reason="材料已经齐了")
    assert (answer["case"]["decide_by"], answer["case"]["extended_to_days"]) == ("2026-09-06", None)
    assert (await approvals(demo))["waiting"] == []
    assert await refused(demo, f"{case_no}/extension/approve", "S2102") == (409, "step_not_allowed")
    assert await refused(demo, f"{case_no}/extension/refuse", "S2102", reason="x") == (409, "step_not_allowed")
    told = [event async for event in _thread(demo, case_no) if event["data"].get("refused_extension") == 60]
    assert [(event["audience"], event["text"], event["actor_id"]) for event in told] == [("internal", "材料已经齐了", "S2101")]
    await done(demo, f"{case_no}/extension", "A2001", days=60, reason="又缺材料了")
    assert [item["reason"] for item in (await approvals(demo))["waiting"]] == ["又缺材料了"]


async def _thread(stack: Stack, case_no: str) -> Any:
    response = await stack.client.get(f"/desk/api/cases/{case_no}", headers=stack.agent())
    for event in response.json()["thread"]:
        yield event


async def test_a_decided_case_asks_for_nothing(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    await done(demo, f"{case_no}/extension", "A2001", days=60, reason="要等外部机构")
    words = {"facts": "查了", "reasons": "如此", "remedy": "致歉", "outcome": "for_borrower"}
    await done(demo, f"{case_no}/decide", "A2001", **words)
    assert (await approvals(demo))["waiting"] == []


async def test_the_bots_draft_stands_apart_until_an_agent_puts_it_forward(demo: Stack) -> None:
    case_no = dispute(demo, "C1007")
    found = await approvals(demo)
    [draft] = found["drafts"]
    assert (found["waiting"], found["drafts_in_all"]) == ([], 1)
    assert (draft["case"]["case_no"], draft["asked_by"], draft["hindered"]) == (case_no, None, "not_put_forward")
    number = draft["remedy"]["remedy_no"]
    assert await refused(demo, f"{case_no}/remedies/{number}/approve", "S2102") == (409, "remedy_not_proposed")
    demo.clock.advance(hours=1)
    await done(demo, f"{case_no}/remedies", "A2001", reason="系统原因")
    found = await approvals(demo)
    [item] = found["waiting"]
    assert (found["drafts"], found["drafts_in_all"]) == ([], 0)
    assert (item["kind"], item["remedy"]["amount"], item["asked_by"]) == ("remedy", draft["remedy"]["amount"], "A2001")
    assert item["since"] == demo.clock.now().isoformat(), "since it was put forward, not since it was drafted"
    assert (await post(demo, f"{case_no}/remedies/{number}/approve", "S2102")).status_code == 200
    assert (await approvals(demo))["waiting"] == []


async def test_who_has_waited_longest_is_first(demo: Stack) -> None:
    late, early = complain(demo, "C1003", STORIES[1]), dispute(demo, "C1007")
    await done(demo, f"{early}/remedies", "A2001", reason="系统原因")
    demo.clock.advance(minutes=1)
    await done(demo, f"{late}/extension", "A2001", days=60, reason="要等外部机构")
    assert [item["case"]["case_no"] for item in (await approvals(demo))["waiting"]] == [early, late]


async def test_a_mass_remediation_waits_with_its_amount_and_people(stack: Stack) -> None:
    with stack.database.transaction() as session:
        session.execute(delete(CustomerRow))  # those of the gateway have no loans
    bad_day = BadDay(stack.database, borrowers=5).build()
    stack.clock.moment = bad_day.clock.moment
    runs = "/desk/api/remediation/runs"
    started = await stack.client.post(runs, headers=stack.agent("S2101"), json={"incident_no": bad_day.incident_no})
    run_no = started.json()["run"]["run_no"]
    RemediationWorker(stack.database, stack.clock, stack.runtime.loans).round()
    assert (await approvals(stack))["waiting"] == [], "a list that nobody has put forward"
    proposed = await stack.client.post(f"{runs}/{run_no}/propose", headers=stack.agent("S2101"))
    assert proposed.status_code == 200
    [item] = (await approvals(stack))["waiting"]
    assert (item["kind"], item["run"]["run_no"], item["asked_by"]) == ("mass_remediation", run_no, "S2101")
    assert item["run"]["amount"] > 0
    assert item["run"]["people"] > 0
    assert (await approvals(stack, "S2101"))["waiting"][0]["hindered"] == "same_person"
    assert (await stack.client.post(f"{runs}/{run_no}/approve", headers=stack.agent("S2102"))).status_code == 200
    assert (await approvals(stack))["waiting"] == []


async def test_it_is_for_supervisors(stack: Stack) -> None:
    response = await stack.client.get(API, headers=stack.agent("A2001"))
    assert (response.status_code, response.json()["error"]["code"]) == (403, "role_not_allowed")
