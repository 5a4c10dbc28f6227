"""Cases at the desk: who may do what, two people, retries, lists, and one case with everything known about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.audit.models import AuditEntryRow
from bot.cases.service import CaseService
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from bot.desk.demo import seed_agents
from bot.desk.models import Agent
from bot.desk.permissions import COMMANDS, ROLES
from bot.loans.port import InstalmentRef
from bot.loans.service import SqlLoanBackend
from bot.loans.servicing.overdue import OverdueService
from tests.attachments import files
from tests.cases.conftest import CONTRACTS
from tests.conftest import audited_for_tests
from tests.gateway import FakeRasa, Stack, running

API = "/desk/api/cases"
STORIES = (
    "催收员每天早上六点给我妈妈打电话，还骂人",
    "申请的结清证明过了两个星期一直没有发到邮箱里",
    "换绑银行卡页面一直转圈打不开",
)
DECISION = {"facts": "核实了扣款记录", "reasons": "是我们系统的原因", "remedy": "退还违约金", "outcome": "for_borrower"}


@pytest.fixture(scope="session")
def desk_file(seeded_file: Path) -> Path:
    """The demo people and the demo agents, and an admin; passwords are slow to hash, so this is made once."""
    path = seeded_file.with_name("desk.db")
    shutil.copy(seeded_file, path)
    database = audited_for_tests(f"sqlite:///{path}")
    with database.transaction() as session:
        seed_agents(session, Settings(demo=True))
        admin = Agent(agent_id="M2201", name="老章", role="admin", password_hash="-", created_at=FixedClock().now())
        session.add(admin)
    database.dispose()
    return path


@pytest.fixture
async def demo(desk_file: Path, gateway_settings: Settings, process_logging: None) -> AsyncIterator[Stack]:
    """The application over the demo people."""
    path = gateway_settings.var_dir.with_name("desk.db")
    shutil.copy(desk_file, path)
    settings = gateway_settings.model_copy(update={"database_url": f"sqlite:///{path}"})
    async with running(settings, FixedClock(), FakeRasa()) as started:
        yield started


def cases_of(stack: Stack, session: Any) -> CaseService:
    return CaseService(session, stack.clock, SqlLoanBackend(session, stack.clock))


def dispute(stack: Stack, customer_id: str) -> str:
    contract_no, instalment = CONTRACTS[customer_id]
    with stack.database.transaction() as session:
        return (
            cases_of(stack, session)
            .open_dispute(
                customer_id=customer_id,
                conversation_id="v",
                channel="rest",
                story="系统扣款失败害我逾期，凭什么收我的钱",
                contract_no=contract_no,
                instalment=instalment,
                key=f"{customer_id} disputes",
            )
            .case.case_no
        )


def complain(stack: Stack, customer_id: str | None, story: str, phone: str | None = None) -> str:
    with stack.database.transaction() as session:
        opened = cases_of(stack, session).open_complaint(
            customer_id=customer_id,
            conversation_id="v",
            channel="rest",
            story=story,
            callback_phone=phone,
            key=f"{customer_id}:{story}",
        )
        return opened.case.case_no


def report_to_bureau(stack: Stack, customer_id: str) -> None:
    with stack.database.transaction() as session:
        unit = SqlLoanBackend(session, stack.clock).unit
        OverdueService(unit, bureau_after_days=1).refresh(InstalmentRef(*CONTRACTS[customer_id]))


async def post(stack: Stack, path: str, who: str, *, key: str | None = None, **body: Any) -> httpx.Response:
    headers = {**stack.agent(who), **({"Idempotency-Key": key} if key else {})}
    return await stack.client.post(f"{API}/{path}", json=body or None, headers=headers)


async def done(stack: Stack, path: str, who: str, *, key: str | None = None, **body: Any) -> dict[str, Any]:
    response = await post(stack, path, who, key=key, **body)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    return result


async def refused(stack: Stack, path: str, who: str, **body: Any) -> tuple[int, str]:
    response = await post(stack, path, who, **body)
    return response.status_code, response.json()["error"]["code"]


async def detail(stack: Stack, case_no: str, who: str = "A2001") -> dict[str, Any]:
    response = await stack.client.get(f"{API}/{case_no}", headers=stack.agent(who))
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


# --- who may do what ---------------------------------------------------------------------------------------------------------

ENDPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "assign": ("assign", {"owner": "team-fraud"}),
    "note": ("notes", {"text": "x", "audience": "internal"}),
    "ask_borrower": ("ask", {"question": "几点打的？"}),
    "investigate": ("investigate", {}),
    "request_extension": ("extension", {"days": 30, "reason": "要调录音"}),
    "approve_extension": ("extension/approve", {}),
    "refuse_extension": ("extension/refuse", {"reason": "x"}),
    "propose_remedy": ("remedies", {"reason": "x", "amount": 1}),
    "approve_remedy": ("remedies/1/approve", {}),
    "reject_remedy": ("remedies/1/reject", {"reason": "x"}),
    "decide": ("decide", DECISION),
    "close": ("close", {}),
    "reopen": ("reopen", {"reason": "x"}),
    "correct_report": ("correct-report", {"about": {"contract_no": "FQ-1", "instalment": 1}}),
    "join_customer": ("customer", {"customer_id": "C1002"}),
}
PEOPLE = {"agent": "A2001", "supervisor": "S2101", "admin": "M2201"}
AGENTS_MAY_NOT = {"approve_extension", "refuse_extension", "approve_remedy", "reject_remedy"}


def test_the_table_has_every_command() -> None:
    assert set(ENDPOINTS) | {"attach"} == set(COMMANDS)
    assert {command for command in COMMANDS if "agent" not in ROLES[command]} == AGENTS_MAY_NOT


@pytest.mark.parametrize("command", ENDPOINTS)
async def test_each_role_gets_in_where_it_may_and_nowhere_else(demo: Stack, command: str) -> None:
    """On a case that is not there: who may, is told so; who may not, learns nothing about cases."""
    path, body = ENDPOINTS[command]
    for role, who in PEOPLE.items():
        may = role != "agent" or command not in AGENTS_MAY_NOT
        expected = (404, "case_not_found") if may else (403, "role_not_allowed")
        assert await refused(demo, f"C-20260822-9999/{path}", who, **body) == expected, role


@pytest.mark.parametrize("command", ENDPOINTS)
async def test_nobody_but_an_agent_gets_in(demo: Stack, command: str) -> None:
    path, body = ENDPOINTS[command]
    url = f"{API}/C-20260822-0001/{path}"
    for headers, code in (({}, "token_required"), ({"Authorization": f"Bearer {demo.customer_token()}"}, "token_invalid")):
        response = await demo.client.post(url, json=body, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (401, code)


@pytest.mark.parametrize("case_no", ["C-20260822-9999", "made-up", "C-1", "x" * 500, "%00", "C-２０２６０８２２-0001"])
async def test_whatever_is_no_case_is_the_same_404(demo: Stack, case_no: str) -> None:
    for method, path in (("GET", ""), ("POST", "/investigate"), ("POST", "/close")):
        response = await demo.client.request(method, f"{API}/{case_no}{path}", headers=demo.agent())
        assert (response.status_code, response.json()["error"]) == (
            404,
            {"code": "case_not_found", "message": "no such case", "details": {}},
        )


STRANGE: tuple[Any, ...] = (None, "", " \x00 ", "\ud83d", "x" * 5000, -1, 2**63, 1.5, True, [], {}, {"x": None}, ["C-1"])


async def test_no_value_of_any_field_breaks_the_server(demo: Stack) -> None:
    """Each field of each command with each strange value, on a real case: refused in the one shape, or taken; never a 5xx."""
    case_no, broken = dispute(demo, "C1007"), []
    for path, body in ENDPOINTS.values():
        for field in body:
            for value in STRANGE:
                content = json.dumps({**body, field: value}).encode()
                response = await demo.client.post(f"{API}/{case_no}/{path}", content=content, headers=demo.agent("S2101"))
                shaped = response.status_code == 200 or set(response.json()["error"]) == {"code", "message", "details"}
                if response.status_code >= 500 or not shaped:
                    broken.append((path, field, value, response.text))
    assert broken == []


# --- a case from beginning to end ----------------------------------------------------------------------------------------------


async def test_a_dispute_from_draft_to_close(demo: Stack) -> None:
    case_no = dispute(demo, "C1007")
    await done(demo, f"{case_no}/assign", "A2001", owner="A2001")
    draft = (await detail(demo, case_no))["remedies"][0]
    assert (draft["drafted"], draft["amount"]) == (True, 5)
    approve = f"{case_no}/remedies/{draft['remedy_no']}/approve"
    assert await refused(demo, approve, "S2101") == (409, "remedy_not_proposed")
    proposed = await done(demo, f"{case_no}/remedies", "A2001", reason="第1天是系统故障")
    assert (proposed["case"]["status"], proposed["remedy"]["proposed_by"]) == ("proposed", "A2001")
    assert await refused(demo, f"{case_no}/decide", "A2001", **DECISION) == (409, "step_not_allowed")
    approved = await done(demo, approve, "S2101")
    assert (approved["case"]["status"], approved["remedy"]["status"], approved["remedy"]["waived"]) == ("remedied", "approved", 5)
    closed = await done(demo, f"{case_no}/close", "A2001")
    assert (closed["case"]["status"], closed["case"]["alert"]) == ("closed", None)


async def test_who_proposed_cannot_approve_whatever_their_role(demo: Stack) -> None:
    case_no = dispute(demo, "C1007")
    remedy = (await done(demo, f"{case_no}/remedies", "M2201", reason="第1天是系统故障"))["remedy"]
    approve = f"{case_no}/remedies/{remedy['remedy_no']}/approve"
    assert await refused(demo, approve, "M2201") == (403, "same_person")
    await done(demo, approve, "S2101")


async def test_a_rejected_proposal_lets_the_case_go_on(demo: Stack) -> None:
    case_no = dispute(demo, "C1007")
    remedy = (await done(demo, f"{case_no}/remedies", "A2001", reason="x"))["remedy"]
    rejected = await done(demo, f"{case_no}/remedies/{remedy['remedy_no']}/reject", "S2101", reason="金额不对")
    assert (rejected["case"]["status"], rejected["remedy"]["status"]) == ("investigating", "rejected")
    ended = await done(demo, f"{case_no}/decide", "A2001", **{**DECISION, "outcome": "against_borrower"})
    assert [way["way"] for way in ended["ways_on"]] == ["review", "mediation", "hotline", "hotline"]


async def test_a_remedy_of_another_case_is_not_found(demo: Stack) -> None:
    case_no, other = dispute(demo, "C1007"), dispute(demo, "C1004")
    remedy = (await done(demo, f"{case_no}/remedies", "A2001", reason="x"))["remedy"]
    foreign = await post(demo, f"{other}/remedies/{remedy['remedy_no']}/approve", "S2101")
    unknown = await post(demo, f"{other}/remedies/99999/approve", "S2101")
    assert (foreign.status_code, foreign.json()) == (404, unknown.json())


async def test_an_extension_to_60_days_waits_for_another_supervisor(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    assert (await done(demo, f"{case_no}/extension", "A2001", days=30, reason="要调录音"))["case"]["decide_by"] == "2026-09-21"
    await done(demo, f"{case_no}/extension", "S2101", days=60, reason="要等外部机构")
    assert await refused(demo, f"{case_no}/extension/approve", "S2101") == (403, "same_person")
    extended = await done(demo, f"{case_no}/extension/approve", "S2102")
    assert (extended["case"]["decide_by"], extended["case"]["extended_to_days"]) == ("2026-10-21", 60)
    assert await refused(demo, f"{case_no}/extension", "A2001", days=31, reason="x") == (400, "extension_not_offered")


async def test_an_extension_is_offered_for_approval_only_while_somebody_elses_request_waits(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])

    async def offered_to(*people: str) -> list[bool]:
        return ["approve_extension" in (await detail(demo, case_no, who))["commands"] for who in people]

    people = ("A2001", "S2101", "S2102")
    assert await offered_to(*people) == [False, False, False], "nobody has asked"
    await done(demo, f"{case_no}/extension", "A2001", days=30, reason="要调录音")
    assert await offered_to(*people) == [False, False, False], "thirty days need nobody's approval"
    await done(demo, f"{case_no}/extension", "S2101", days=60, reason="要等外部机构")
    assert await offered_to(*people) == [False, False, True], "not to an agent, not to who asked"
    await done(demo, f"{case_no}/extension/approve", "S2102")
    assert await offered_to(*people) == [False, False, False]
    assert await refused(demo, f"{case_no}/extension/approve", "S2102") == (409, "step_not_allowed")


async def test_an_agent_takes_a_teams_case_and_hands_on_only_their_own(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    assert await refused(demo, f"{case_no}/assign", "A2001", owner="A9999") == (404, "agent_not_found")
    await done(demo, f"{case_no}/assign", "A2001", owner="A2001")
    assert await refused(demo, f"{case_no}/assign", "A2002", owner="A2002") == (403, "not_case_owner")
    await done(demo, f"{case_no}/assign", "A2001", owner="A2002")
    assert (await done(demo, f"{case_no}/assign", "S2101", owner="team-fraud"))["case"]["owner"] == "team-fraud"


async def test_a_decision_names_what_is_missing(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    response = await post(demo, f"{case_no}/decide", "A2001", **{**DECISION, "facts": " ", "remedy": ""})
    assert (response.status_code, response.json()["error"]["details"]) == (400, {"missing": ["facts", "remedy"]})


# --- retries -----------------------------------------------------------------------------------------------------------------


async def test_a_command_that_is_sent_again_is_done_once(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    body = {"text": "正在调取录音", "audience": "borrower"}
    first = await done(demo, f"{case_no}/notes", "A2001", key="n-1", **body)
    await done(demo, f"{case_no}/investigate", "A2001")
    assert await done(demo, f"{case_no}/notes", "A2001", key="n-1", **body) == first
    await done(demo, f"{case_no}/notes", "A2002", key="n-1", **body)
    notes = [event for event in (await detail(demo, case_no))["thread"] if event["type"] == "note"]
    assert [event["actor_id"] for event in notes] == ["A2001", "A2002"]


async def test_a_key_belongs_to_one_command(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    await done(demo, f"{case_no}/notes", "A2001", key="n-1", text="一", audience="internal")
    for path, body in (("notes", {"text": "二", "audience": "internal"}), ("investigate", {})):
        response = await post(demo, f"{case_no}/{path}", "A2001", key="n-1", **body)
        assert (response.status_code, response.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_a_refused_command_leaves_its_key_free(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    assert (await post(demo, f"{case_no}/close", "A2001", key="c-1")).status_code == 409
    await done(demo, f"{case_no}/decide", "A2001", **DECISION)
    assert (await done(demo, f"{case_no}/close", "A2001", key="c-1"))["case"]["status"] == "closed"


async def test_closing_twice_under_one_key_gives_the_first_answer(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    await done(demo, f"{case_no}/decide", "A2001", **DECISION)
    first = await done(demo, f"{case_no}/close", "A2001", key="c-1")
    assert await done(demo, f"{case_no}/close", "A2001", key="c-1") == first
    assert await refused(demo, f"{case_no}/close", "A2001") == (409, "case_over")


# --- lists -------------------------------------------------------------------------------------------------------------------


async def listed(stack: Stack, who: str = "A2001", **query: Any) -> dict[str, Any]:
    response = await stack.client.get(API, params=query, headers=stack.agent(who))
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


def numbers(page: dict[str, Any]) -> list[str]:
    return [case["case_no"] for case in page["cases"]]


async def test_a_list_is_sorted_by_deadline_and_filtered(demo: Stack) -> None:
    late = complain(demo, "C1002", STORIES[0])
    demo.clock.advance(days=5)
    disputed = dispute(demo, "C1004")
    demo.clock.advance(days=8)
    fresh = complain(demo, "C1003", STORIES[1])
    withdrawn = complain(demo, "C1003", STORIES[2])
    with demo.database.transaction() as session:
        cases_of(demo, session).withdraw(customer_id="C1003", case_no=withdrawn, key="w")
    await done(demo, f"{fresh}/assign", "A2001", owner="A2001")
    demo.clock.advance(days=3)
    assert numbers(await listed(demo)) == [late, disputed, fresh]
    assert [case["alert"] for case in (await listed(demo))["cases"]] == ["overdue", None, None]
    for query, expected in (
        ({"kind": "dispute"}, [disputed]),
        ({"status": "withdrawn"}, [withdrawn]),
        ({"status": ["withdrawn", "acknowledged"]}, [late, disputed, fresh, withdrawn]),
        ({"owner": "me"}, [fresh]),
        ({"owner": "team-complaints"}, [late]),
        ({"due": "overdue"}, [late]),
        ({"due": "near"}, []),
        ({"due": "urgent"}, [late]),
        ({"customer_id": "C1003"}, [fresh]),
        ({"contract_no": CONTRACTS["C1004"][0]}, [disputed]),
        ({"text": "结清证明"}, [fresh]),
        ({"text": disputed[-6:]}, [disputed]),
        ({"text": "100%_"}, []),
        ({"kind": "fraud_report"}, []),
    ):
        assert numbers(await listed(demo, **query)) == expected, query
    demo.clock.advance(days=3)
    assert numbers(await listed(demo, due="near")) == [disputed]


async def test_pages_go_on_where_the_last_one_ended(demo: Stack) -> None:
    made = []
    for number in range(7):
        made.append(
            complain(
                demo,
                f"C100{1 + number % 5}",
                f"{number}号{STORIES[number % 3]}第{number * 37}次，{'甲乙丙丁戊己庚'[number] * 20}",
            )
        )
        if number % 3 == 2:
            demo.clock.advance(days=1)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await listed(demo, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += numbers(page)
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(page["cases"]) == 2
    assert seen == made
    for bad in ("x", "MjAyNi0wOC0yMjow", "w" * 64, "MjAyNi0xMy0wMTo1"):
        response = await demo.client.get(API, params={"cursor": bad}, headers=demo.agent())
        assert (response.status_code, response.json()["error"]["code"]) == (400, "cursor_invalid")


# --- one case ----------------------------------------------------------------------------------------------------------------


async def test_one_case_shows_evidence_records_and_what_may_be_done(demo: Stack) -> None:
    report_to_bureau(demo, "C1007")
    case_no = dispute(demo, "C1007")
    await done(demo, f"{case_no}/notes", "A2002", text="客户情绪激动", audience="internal")
    shown = await detail(demo, case_no)
    assert (shown["evidence"]["card"]["system_caused"], shown["evidence"]["card"]["borrower_caused"]) == (5, 30)
    assert {attempt["code"] for attempt in shown["evidence"]["records"]["attempts"]} == {"SYS_TIMEOUT", "INSUFFICIENT_FUNDS"}
    assert shown["evidence"]["bureau_flags"][0]["state"] == "on"
    assert [event["text"] for event in shown["thread"] if event["audience"] == "internal"] == ["客户情绪激动"]
    assert "fingerprint" not in str(shown["thread"])
    assert {"note", "propose_remedy"} <= set(shown["commands"])


async def test_only_what_waits_for_a_second_person_is_offered_for_approval(demo: Stack) -> None:
    case_no = dispute(demo, "C1007")

    async def offered(who: str) -> set[str]:
        found = set((await detail(demo, case_no, who))["commands"])
        return found & {"approve_extension", "approve_remedy", "reject_remedy", "propose_remedy"}

    assert await offered("S2101") == {"propose_remedy"}, "the bot's draft is nobody's proposal yet"
    await done(demo, f"{case_no}/remedies", "A2001", reason="系统原因")
    assert await offered("S2101") == {"approve_remedy", "reject_remedy"}
    assert await offered("A2001") == set()
    await done(demo, f"{case_no}/extension", "A2001", days=60, reason="要等外部机构")
    assert await offered("S2101") == {"approve_extension", "approve_remedy", "reject_remedy"}
    await done(demo, f"{case_no}/extension/approve", "S2101")
    assert await offered("S2101") == {"approve_remedy", "reject_remedy"}


async def test_a_case_without_an_instalment_has_no_evidence(demo: Stack) -> None:
    assert (await detail(demo, complain(demo, "C1002", STORIES[0])))["evidence"] is None


async def test_a_call_back_number_is_masked_until_the_owner_needs_it_and_says_why(demo: Stack) -> None:
    case_no = complain(demo, None, STORIES[0], "13900001002")
    assert (await detail(demo, case_no))["callback_phone"] == "139****1002"
    url = f"{API}/{case_no}"
    assert await seen(demo, f"{url}?reveal=true&reason=回拨客户") == (403, "not_case_owner")
    await done(demo, f"{case_no}/assign", "A2001", owner="A2001")
    assert await seen(demo, f"{url}?reveal=true") == (400, "reveal_reason_missing")
    assert (await seen(demo, f"{url}?reveal=true&reason=%20%20"))[0] == 422
    assert looks(demo, "case.number_revealed") == []
    _, shown = await seen(demo, f"{url}?reveal=true&reason=回拨客户")
    assert shown["callback_phone"] == "+8613900001002"
    (entry,) = looks(demo, "case.number_revealed")
    assert (entry.actor_id, entry.case_no, entry.reason, entry.customer_id) == ("A2001", case_no, "回拨客户", None)
    assert "13900001002" not in str((entry.reason, entry.details))
    demo.clock.advance(seconds=1)
    await seen(demo, f"{url}?reveal=true&reason=打13900001002没人接，再打")
    assert [row.reason for row in looks(demo, "case.number_revealed")] == ["回拨客户", "打139****1002没人接，再打"]


async def test_there_is_nothing_to_reveal_of_a_case_without_a_number(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    await done(demo, f"{case_no}/assign", "A2001", owner="A2001")
    _, shown = await seen(demo, f"{API}/{case_no}?reveal=true&reason=回拨客户")
    assert shown["callback_phone"] is None
    assert looks(demo, "case.number_revealed") == []


# --- who saw what -------------------------------------------------------------------------------------------------------------


def looks(stack: Stack, action: str) -> list[AuditEntryRow]:
    with stack.database.transaction() as session:
        row = AuditEntryRow
        return list(session.scalars(select(row).where(row.action == action).order_by(row.at, row.chain, row.seq)))


async def seen(stack: Stack, url: str, who: str = "A2001") -> tuple[int, Any]:
    response = await stack.client.get(url, headers=stack.agent(who))
    body = response.json()
    return response.status_code, body["error"]["code"] if "error" in body else body


async def test_who_looked_at_a_case_is_recorded_once_in_a_while_for_each(demo: Stack) -> None:
    case_no, other = complain(demo, "C1002", STORIES[0]), complain(demo, None, STORIES[1], "13900001003")
    for who, number in (("A2001", case_no), ("A2001", case_no), ("S2101", case_no), ("A2001", other)):
        assert (await seen(demo, f"{API}/{number}", who))[0] == 200
    found = [(row.actor_kind, row.actor_id, row.case_no, row.customer_id) for row in looks(demo, "case.viewed")]
    assert sorted(found, key=str) == sorted(
        [
            ("agent", "A2001", case_no, "C1002"),
            ("supervisor", "S2101", case_no, "C1002"),
            ("agent", "A2001", other, None),
        ],
        key=str,
    )
    first = looks(demo, "case.viewed")[0]
    assert (first.channel, first.conversation_id, first.details) == ("desk", "v", {"kind": "complaint"})
    demo.clock.advance(minutes=16)
    await seen(demo, f"{API}/{case_no}")
    assert len(looks(demo, "case.viewed")) == 4


async def test_lists_and_commands_are_no_looks(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    assert (await seen(demo, API))[0] == 200
    await done(demo, f"{case_no}/notes", "A2001", text="已联系", audience="internal")
    assert looks(demo, "case.viewed") == []


async def test_who_opened_a_file_is_recorded(demo: Stack) -> None:
    case_no = complain(demo, "C1002", STORIES[0])
    ids = []
    for content in (files.pdf(), files.image()):
        url = f"{API}/{case_no}/attachments?audience=internal"
        ids.append((await demo.client.post(url, content=content, headers=demo.agent())).json()["attachment_id"])
    assert looks(demo, "attachment.viewed") == []
    for number in (ids[0], ids[0], ids[1]):
        demo.clock.advance(seconds=1)
        assert (await demo.client.get(f"/desk/api/attachments/{number}", headers=demo.agent("S2101"))).status_code == 200
    found = [(row.actor_id, row.case_no, row.customer_id, row.details) for row in looks(demo, "attachment.viewed")]
    assert found == [("S2101", case_no, "C1002", {"attachment": number}) for number in ids]
    assert (await demo.client.get(f"/desk/api/attachments/{'0' * 32}", headers=demo.agent())).status_code == 404
    assert len(looks(demo, "attachment.viewed")) == 2


async def test_an_anonymous_case_is_joined_to_a_customer_once(demo: Stack) -> None:
    case_no = complain(demo, None, STORIES[0], "13900001002")
    token = {"Authorization": f"Bearer {demo.customer_token()}"}
    assert (await demo.client.get(f"/chat/cases/{case_no}", headers=token)).status_code == 404
    assert await refused(demo, f"{case_no}/customer", "A2001", customer_id="C9999") == (404, "customer_not_found")
    assert (await done(demo, f"{case_no}/customer", "A2001", customer_id="C1002"))["case"]["customer_id"] == "C1002"
    assert (await demo.client.get(f"/chat/cases/{case_no}", headers=token)).status_code == 200
    assert await refused(demo, f"{case_no}/customer", "A2001", customer_id="C1001") == (409, "case_has_customer")
    assert (await detail(demo, case_no))["thread"][-1]["data"]["called_back_on_their_phone"] is True


# --- appeals and the credit report --------------------------------------------------------------------------------------------


async def test_an_appeal_is_decided_by_somebody_else(demo: Stack) -> None:
    case_no = dispute(demo, "C1004")
    await done(demo, f"{case_no}/assign", "A2001", owner="A2001")
    await done(demo, f"{case_no}/decide", "A2001", **{**DECISION, "outcome": "against_borrower"})
    appealed = await done(demo, f"{case_no}/reopen", "A2002", reason="客户来电不服", appeal=True)
    assert (appealed["case"]["status"], appealed["case"]["owner"]) == ("reopened", "team-disputes")
    assert (await detail(demo, case_no))["barred"] == ["A2001"]
    assert await refused(demo, f"{case_no}/decide", "A2001", **DECISION) == (403, "same_person")
    assert await refused(demo, f"{case_no}/assign", "S2101", owner="A2001") == (403, "same_person")
    await done(demo, f"{case_no}/decide", "A2002", **DECISION)


async def test_a_dispute_decided_for_the_borrower_brings_the_correction_of_the_report(demo: Stack) -> None:
    report_to_bureau(demo, "C1007")
    case_no = dispute(demo, "C1007")
    remedy = (await done(demo, f"{case_no}/remedies", "A2001", reason="x"))["remedy"]
    assert numbers(await listed(demo, kind="credit_correction")) == []
    await done(demo, f"{case_no}/remedies/{remedy['remedy_no']}/approve", "S2101")
    (correction,) = (await listed(demo, kind="credit_correction"))["cases"]
    assert (correction["decide_by"], correction["owner"]) == ("2026-09-11", "team-credit-bureau")
    corrected = await done(demo, f"{correction['case_no']}/correct-report", "A2001")
    assert corrected["case"]["status"] == "remedied"
    shown = await detail(demo, correction["case_no"])
    assert shown["evidence"]["bureau_flags"][-1]["state"] == "corrected"
    assert await done(demo, f"{correction['case_no']}/correct-report", "A2001") == corrected


async def test_a_correction_without_a_dispute_is_a_supervisors(demo: Stack) -> None:
    report_to_bureau(demo, "C1004")
    with demo.database.transaction() as session:
        opened = cases_of(demo, session).open_credit_correction(
            customer_id="C1004", conversation_id="v", channel="rest", story="征信上有一笔不对", key="k"
        )
    path = f"{opened.case.case_no}/correct-report"
    about = {"contract_no": CONTRACTS["C1004"][0], "instalment": CONTRACTS["C1004"][1]}
    assert await refused(demo, path, "A2001", about=about) == (403, "not_supervisor")
    assert await refused(demo, path, "S2101", about=None, x=1) == (409, "instalment_missing")
    foreign = {"contract_no": CONTRACTS["C1001"][0], "instalment": 10}
    assert await refused(demo, path, "S2101", about=foreign) == (404, "contract_not_found")
    never = {"contract_no": CONTRACTS["C1004"][0], "instalment": 1}
    assert await refused(demo, path, "S2101", about=never) == (409, "not_reported")
    assert (await done(demo, path, "S2101", about=about))["case"]["contract_no"] == about["contract_no"]


async def test_the_daily_limit_of_people_has_two_steps(demo: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    case_no = dispute(demo, "C1004")
    remedy = (await done(demo, f"{case_no}/remedies", "A2001", reason="困难", amount=40))["remedy"]
    approve = f"{case_no}/remedies/{remedy['remedy_no']}/approve"
    limits = _limits(demo, case_no)
    table = ((39, 40, "S2101", "admin"), (1, 39, "S2101", "another_day"), (1, 39, "M2201", "another_day"))
    for supervisor, admin, who, needs in table:
        with monkeypatch.context() as patched:
            patched.setitem(limits, "supervisor_daily_limit", supervisor)
            patched.setitem(limits, "admin_daily_limit", admin)
            response = await post(demo, approve, who)
        assert (response.status_code, response.json()["error"]["code"]) == (403, "daily_remedy_limit")
        assert response.json()["error"]["details"]["needs"] == needs
    with monkeypatch.context() as patched:
        patched.setitem(limits, "supervisor_daily_limit", 39)
        assert (await done(demo, approve, "M2201"))["remedy"]["status"] == "approved"


def _limits(stack: Stack, case_no: str) -> dict[str, int]:
    """The values of the frozen configuration, which the test lowers and puts back."""
    with stack.database.transaction() as session:
        book = cases_of(stack, session).book
        return book.policy(book.row(case_no)).remedies.__dict__
