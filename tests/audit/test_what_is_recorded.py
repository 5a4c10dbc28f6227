"""What leaves an entry, through the real services and routes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from bot.audit.models import AuditEntryRow
from bot.audit.service import AuditTrail, Detail, Subject
from bot.cases.handling import CaseHandling
from bot.cases.remedies import RemedyService
from bot.cases.service import CaseService
from bot.cases.thread import Actor as CaseActor
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.origin import Actor, Origin, coming_from
from bot.core.settings import ROOT
from bot.desk.models import Agent
from bot.loans.service import SqlLoanBackend
from bot.loans.servicing.policy import Policy
from bot.loans.servicing.simulated import SimulatedSender
from bot.loans.simulated_bank import SimulatedBank
from bot.loans.worker import Ports, Worker
from tests.audit.conftest import check, record, unlock
from tests.gateway import Stack, bearer
from tests.secret import SECRET

API = "/desk/api"


def recorded(database: Database) -> list[AuditEntryRow]:
    """In the order of the deeds; one transaction is one chain's."""
    with database.transaction() as session:
        return list(session.scalars(select(AuditEntryRow).order_by(AuditEntryRow.at, AuditEntryRow.chain, AuditEntryRow.seq)))


def told(database: Database, action: str) -> list[AuditEntryRow]:
    return [row for row in recorded(database) if row.action == action]


# --- cases and loans


def test_a_dispute_leaves_evidence_case_hold_and_remedy(seeded: Database, clock: FixedClock) -> None:
    seeding = {(row.chain, row.seq) for row in recorded(seeded)}
    with seeded.transaction() as session:
        loans = SqlLoanBackend(session, clock)
        outcome = CaseService(session, clock, loans).open_dispute(
            customer_id="C1001", conversation_id="c-1", channel="rest", story="我是郭海，电话13900001001，凭什么收我利息",
            contract_no="FQ-20251010-1001", instalment=10, key="k",
        )  # fmt: skip
    rows = [row for row in recorded(seeded) if (row.chain, row.seq) not in seeding]
    assert [(row.action, row.actor_kind) for row in rows] == [
        ("evidence.examined", "system"),
        ("case.received", "customer"),
        ("case.acknowledged", "bot"),
        ("loan.hold_accrual", "system"),
        ("loan.waive_penalty", "system"),
        ("case.decided", "bot"),
        ("case.remedied", "bot"),
    ]
    case = [row for row in rows if row.action.startswith("case.")]
    assert {(row.case_no, row.customer_id, row.conversation_id) for row in case} == {(outcome.case.case_no, "C1001", "c-1")}
    assert rows[4].details["amount"] == rows[6].details["amount"] == 192
    assert rows[6].details["receipts"] == [rows[4].details["result"]]
    assert not any(secret in str([vars(row) for row in rows]) for secret in ("郭海", "1390000", "凭什么"))
    assert check(seeded, clock).broken == ()


def look(
    database: Database, clock: FixedClock, actor: Actor, conversation_id: str, *, instalment: int = 10, times: int = 1
) -> None:
    """Each look is a turn of its own: a request and a transaction."""
    for number in range(times):
        clock.advance(seconds=1)
        place = Origin("rest", request_id=f"turn-{number}", conversation_id=conversation_id, actor=actor)
        with coming_from(place), database.transaction() as session:
            CaseService(session, clock, SqlLoanBackend(session, clock)).evidence("C1001", "FQ-20251010-1001", instalment)


BOT, PERSON = Actor("bot", "bot"), Actor("agent", "A2001")


def test_the_bot_that_finds_the_same_again_leaves_one_entry_a_day(seeded: Database, clock: FixedClock) -> None:
    look(seeded, clock, BOT, "c-1", times=3)
    (first,) = told(seeded, "evidence.examined")
    assert (first.actor_kind, first.conversation_id, first.contract_no) == ("bot", "c-1", "FQ-20251010-1001")
    look(seeded, clock, BOT, "c-2")
    look(seeded, clock, Actor("system", "stuck"), "c-1", times=2)
    look(seeded, clock, BOT, "c-1", instalment=9, times=2)
    look(seeded, clock, BOT, "c-1")
    rows = [(row.actor_id, row.conversation_id, row.details["instalment"]) for row in told(seeded, "evidence.examined")]
    assert rows == [("bot", "c-1", 10), ("bot", "c-2", 10), ("stuck", "c-1", 10), ("bot", "c-1", 9)]
    clock.advance(days=1)
    look(seeded, clock, BOT, "c-1", times=2)
    assert len(told(seeded, "evidence.examined")) == 5
    assert check(seeded, clock).broken == ()


def test_what_the_bot_finds_anew_is_recorded_again(seeded: Database, clock: FixedClock) -> None:
    def find(days: int) -> None:
        clock.advance(seconds=1)
        place = Origin("rest", conversation_id="c-1", actor=BOT)
        with coming_from(place), seeded.transaction() as session:
            details: dict[str, Detail] = {"instalment": 10, "outcome": "system", "days": days}
            AuditTrail(session, clock).record_finding(
                "evidence.examined",
                Subject(contract_no="K"),
                details=details,
                about=("instalment",),
                since=clock.now() - timedelta(hours=1),
            )

    for days in (7, 7, 8, 8, 7):
        find(days)
    assert [row.details["days"] for row in told(seeded, "evidence.examined")] == [7, 8, 7]


def test_every_look_of_a_person_is_recorded(seeded: Database, clock: FixedClock) -> None:
    look(seeded, clock, BOT, "c-1")
    for actor in (PERSON, Actor("supervisor", "S2101"), Actor("customer", "C1001"), Actor("operator", "root")):
        look(seeded, clock, actor, "c-1", times=2)
    kinds = [row.actor_kind for row in told(seeded, "evidence.examined")]
    assert kinds == ["bot", *(kind for each in ("agent", "supervisor", "customer", "operator") for kind in (each, each))]


def test_two_looks_of_one_turn_are_one_and_a_look_that_was_rolled_back_hides_none(seeded: Database, clock: FixedClock) -> None:
    with coming_from(Origin("rest", conversation_id="c-1", actor=BOT)), seeded.transaction() as session:
        cases = CaseService(session, clock, SqlLoanBackend(session, clock))
        savepoint = session.begin_nested()
        cases.evidence("C1001", "FQ-20251010-1001", 10)
        savepoint.rollback()
        for _ in range(2):
            cases.evidence("C1001", "FQ-20251010-1001", 10)
    assert len(told(seeded, "evidence.examined")) == 1
    assert check(seeded, clock).broken == ()


def test_who_proposed_and_who_approved_stand_in_the_trail_with_the_reason(seeded: Database, clock: FixedClock) -> None:
    agent, supervisor = CaseActor("agent", "A2001"), CaseActor("supervisor", "S2101")
    with seeded.transaction() as session:
        loans = SqlLoanBackend(session, clock)
        outcome = CaseService(session, clock, loans).open_dispute(
            customer_id="C1007", conversation_id="c-1", channel="rest", story="扣款失败", contract_no="FQ-20260315-1007",
            instalment=5, key="k",
        )  # fmt: skip
        remedies = RemedyService(session, clock, loans)
        remedy = remedies.propose(outcome.case.case_no, agent, reason="第一天是系统故障，电话13900001007")
        CaseHandling(session, clock, loans).note(outcome.case.case_no, agent, "客户很着急", audience="internal")
        remedies.approve(remedy.remedy_no, supervisor)
    (proposed,) = [row for row in told(seeded, "case.proposed") if row.actor_kind == "agent"]
    assert (proposed.actor_id, proposed.reason) == ("A2001", "第一天是系统故障，电话139****1007")
    (approved,) = told(seeded, "case.approved")
    assert (approved.actor_kind, approved.actor_id) == ("supervisor", "S2101")
    (note,) = told(seeded, "case.note")
    assert (note.reason, note.details["audience"]) == (None, "internal")


def test_a_repeated_loan_command_leaves_no_second_entry(seeded: Database, clock: FixedClock) -> None:
    for _ in range(2):
        with seeded.transaction() as session:
            SqlLoanBackend(session, clock).hold_accrual("FQ-20251010-1001", 10, "dispute", key="once")
    assert len(told(seeded, "loan.hold_accrual")) == 1


def test_a_run_over_the_whole_book_is_one_entry_and_none_when_it_did_nothing(seeded: Database, clock: FixedClock) -> None:
    before = len(recorded(seeded))
    ports = Ports(channel=SimulatedBank(), sender=SimulatedSender(), texts={})
    worker = Worker(seeded, clock, ports, Policy.load(ROOT / "data" / "catalogue"))
    count = worker.accrue()
    assert count > 0
    assert [row.details for row in told(seeded, "loan.accrual_run")] == [{"count": count}]
    assert worker.accrue() == 0
    assert len(recorded(seeded)) == before + 1


# --- identity


async def test_codes_leave_who_and_how_it_ended_but_not_the_code(stack: Stack) -> None:
    token = stack.customer_token()
    await stack.say("你好", token=token)
    conversation_id = stack.conversation(customer_id="C1002").id
    stack.start_step_up(conversation_id)
    code = await stack.sent_code()
    wrong = "000000" if code != "000000" else "111111"
    for typed in (wrong, wrong, wrong):
        stack.clock.advance(seconds=1)
        await stack.say(typed, token=token)
    (sent,) = told(stack.database, "otp.sent")
    assert (sent.customer_id, sent.conversation_id, sent.details) == ("C1002", conversation_id, {"to": "139****1002"})
    checked = [(row.action, row.details["outcome"], row.details["tries_left"]) for row in recorded(stack.database)[1:]]
    assert checked == [("otp.checked", "wrong", 2), ("otp.checked", "wrong", 1), ("otp.locked", "locked", 0)]
    row = told(stack.database, "otp.locked")[0]
    assert (row.actor_kind, row.actor_id, row.channel, row.address) == ("customer", "C1002", "rest", "127.0.0.1")
    assert row.request_id
    kept = [str((row.reason, row.details)) for row in recorded(stack.database)]
    assert not any(secret in told_of for secret in (code, wrong) for told_of in kept)


async def test_a_demo_token_and_the_binding_of_a_visitor_are_recorded(stack: Stack) -> None:
    sender, visitor = await stack.visitor()
    await stack.say("你好", sender=sender, token=visitor)
    conversation_id = stack.conversation(sender).id
    token = (await stack.client.post("/demo/login", json={"customer_id": "C1002"})).json()["token"]
    (issued,) = told(stack.database, "token.issued")
    assert (issued.actor_id, issued.customer_id, issued.details) == ("C1002", "C1002", {"by": "demo"})
    assert token not in str(vars(issued))
    for _ in range(2):
        await stack.say("我的账单", sender=sender, token=token, visitor_token=visitor)
    (bound,) = told(stack.database, "conversation.bound")
    assert (bound.actor_id, bound.customer_id, bound.conversation_id) == ("C1002", "C1002", conversation_id)


# --- desk


@pytest.fixture
async def waiting(stack: Stack) -> str:
    await stack.say("我的电话13900001002", token=stack.customer_token())
    conversation_id = stack.conversation(customer_id="C1002").id
    stack.request_human(conversation_id)
    return conversation_id


async def ask(stack: Stack, method: str, path: str, headers: dict[str, str], **body: Any) -> tuple[int, Any]:
    response = await stack.client.request(method, f"{API}{path}", headers=headers, json=body or None)
    parsed = response.json()
    return response.status_code, parsed["error"]["code"] if "error" in parsed else parsed


async def test_everything_an_agent_sees_and_does_is_recorded_once(stack: Stack, waiting: str) -> None:
    agent = stack.agent("A2001")
    path = f"/conversations/{waiting}"
    for _ in range(2):
        await ask(stack, "POST", f"{path}/claim", agent)
    _, view = await ask(stack, "GET", path, agent)
    for _ in range(3):  # the desk polls
        await ask(stack, "GET", f"{path}?after={view['last_seq']}", agent)
    assert await ask(stack, "GET", f"{path}?reveal=true", agent) == (400, "reveal_reason_missing")
    await ask(stack, "GET", f"{path}?reveal=true&reason=核对电话", agent)
    for _ in range(2):
        await ask(stack, "POST", f"{path}/reply", agent, text="您好，我看一下", message_id="m-1")
    await ask(stack, "POST", f"{path}/give-back", agent)
    rows = [row for row in recorded(stack.database) if row.actor_id == "A2001"]
    assert sorted(row.action for row in rows) == [
        "conversation.claimed",
        "conversation.given_back",
        "conversation.replied",
        "customer.viewed",
        "transcript.revealed",
        "transcript.viewed",
    ]
    assert {(row.customer_id, row.conversation_id, row.channel) for row in rows} == {("C1002", waiting, "desk")}
    (revealed,) = told(stack.database, "transcript.revealed")
    assert (revealed.reason, revealed.details["first"], revealed.details["last"]) == ("核对电话", 1, view["last_seq"])
    stack.clock.advance(minutes=16)
    supervisor = stack.agent("S2101")
    for _ in range(2):
        await ask(stack, "GET", f"{path}?after={10**6}", supervisor)
    assert [row.actor_id for row in told(stack.database, "customer.viewed")] == ["A2001", "S2101"]


async def test_logins_are_recorded_good_bad_and_locked(stack: Stack) -> None:
    async def log_in(agent_id: str, password: str) -> int:
        return (await ask(stack, "POST", "/login", {}, agent_id=agent_id, password=password))[0]

    assert await log_in("A2001", stack.settings.demo_agent_password) == 200
    assert await log_in("13900001002", "x") == 401
    tries = stack.settings.agent_login_tries
    assert [await log_in("A2002", "wrong") for _ in range(tries + 2)] == [401] * tries + [429, 429]
    rows = [(row.action, row.actor_kind, row.actor_id) for row in recorded(stack.database)]
    assert rows.count(("desk.login", "agent", "A2001")) == 1
    assert rows.count(("desk.login_failed", "visitor", "unknown")) == 1
    assert rows.count(("desk.login_failed", "agent", "A2002")) == tries
    assert rows.count(("desk.login_locked", "agent", "A2002")) == 1
    assert len(rows) == tries + 3


ROLES = [("A2001", 403, "role_not_allowed"), ("S2101", 200, None), ("D1", 200, None)]


@pytest.mark.parametrize(("agent_id", "status", "code"), ROLES)
async def test_the_audit_view_is_for_supervisors_and_admins(stack: Stack, agent_id: str, status: int, code: str | None) -> None:
    with stack.database.transaction() as session:
        session.add(Agent(agent_id="D1", name="管理", role="admin", password_hash="-", created_at=stack.clock.now()))
    found, body = await ask(stack, "GET", "/audit", stack.agent(agent_id))
    assert found == status
    assert code is None or body == code
    assert [row.actor_id for row in told(stack.database, "audit.searched")] == ([agent_id] if status == 200 else [])
    assert (await ask(stack, "GET", "/audit", {}))[0] == 401
    assert (await ask(stack, "GET", "/audit", bearer(stack.customer_token())))[0] == 401


async def test_the_audit_view_pages_filters_and_is_recorded_itself(stack: Stack) -> None:
    record(stack.database, stack.clock, 5)
    record(stack.database, stack.clock, 2, action="other.done")
    supervisor, seen, cursor = stack.agent("S2101"), [], ""
    while True:
        _, page = await ask(stack, "GET", f"/audit?action=test.&limit=2{cursor}", supervisor)
        seen += [(item["chain"], item["seq"]) for item in page["entries"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 5
    _, page = await ask(stack, "GET", "/audit?action=audit.searched&actor=S2101", supervisor)
    assert [item["details"]["action"] for item in page["entries"]] == ["test."] * 3
    _, page = await ask(stack, "GET", "/audit?action=test.&customer_id=C1001&limit=1", supervisor)
    (item,) = page["entries"]
    assert (item["actor"], item["details"], item["customer_id"]) == ({"kind": "agent", "id": "A2001"}, {"amount": 192}, "C1001")


BAD_QUERIES = {
    "cursor=x": (400, "invalid_cursor"),
    "cursor=WzEsMiwzXQ==": (400, "invalid_cursor"),
    "cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwxLDFd": (400, "invalid_cursor"),
    "limit=0": (422, "invalid_request"),
    "limit=201": (422, "invalid_request"),
    "first=2026-08-22": (422, "invalid_request"),
}


@pytest.mark.parametrize("query", BAD_QUERIES)
async def test_a_query_that_makes_no_sense_is_refused(stack: Stack, query: str) -> None:
    assert await ask(stack, "GET", f"/audit?{query}", stack.agent("S2101")) == BAD_QUERIES[query]


# --- make audit-check


def run_check(database: Database, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    url = database.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "DATABASE_URL": url, "SECRET_KEY": SECRET, "VAR_DIR": str(folder)}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "scripts/audit_check.py", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_command_names_the_broken_place_and_takes_an_anchor(
    each_database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    record(each_database, clock, 6)
    good = run_check(each_database, folder=tmp_path)
    assert (good.returncode, "6 entries in 8 chains: all as they were written" in good.stdout) == (0, True), good.stderr
    kept = tmp_path / "anchors"
    kept.write_text(good.stdout.split()[-1] + "\n", encoding="utf-8")
    assert "hold what the anchor of" in run_check(each_database, "--anchor", str(kept), folder=tmp_path).stdout
    assert run_check(each_database, "--anchor", "au1-nonsense", folder=tmp_path).returncode == 2
    unlock(each_database)
    with each_database.transaction() as session:
        chain, seq = session.execute(text("SELECT chain, seq FROM audit_entries ORDER BY chain, seq")).first() or (0, 0)
        session.execute(text("UPDATE audit_entries SET customer_id = 'C9' WHERE chain = :c AND seq = :s"), {"c": chain, "s": seq})
    bad = run_check(each_database, folder=tmp_path)
    assert bad.returncode == 1
    assert bad.stdout.splitlines()[0] == f"chain {chain} entry {seq}: was changed"
    assert "au1-" not in bad.stdout


def test_the_command_says_when_there_is_no_trail(tmp_path: Path) -> None:
    empty = Database(f"sqlite:///{tmp_path}/none.db")
    assert run_check(empty, folder=tmp_path).returncode == 2
    with empty.engine.connect():
        pass
    found = run_check(empty, folder=tmp_path)
    assert (found.returncode, "bot.migrations.run" in found.stderr) == (2, True)
    empty.dispose()
