"""Admins manage the accounts of the desk; everybody changes their own password."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.audit.models import AuditEntryRow
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.origin import Actor
from bot.desk.accounts import AccountService
from bot.desk.errors import LastAdmin
from bot.desk.models import Agent
from scripts.admin import main as admin_command
from tests.desk.test_login import PASSWORD, attempt
from tests.gateway import Stack, bearer, shipped_texts

API = "/desk/api"
CHOSEN = "correct-horse-battery"
NEW = {"agent_id": "A2009", "name": "小苏", "role": "agent", "skills": ["fraud"], "max_conversations": 3}


async def ask(stack: Stack, method: str, path: str, body: Any = None, who: str = "M2301") -> tuple[int, Any]:
    response = await stack.client.request(method, API + path, json=body, headers=stack.agent(who))
    answer = response.json() if response.content else {}
    return response.status_code, answer["error"]["code"] if "error" in answer else answer


async def created(stack: Stack, **changed: Any) -> str:
    """The initial password."""
    status, body = await ask(stack, "POST", "/accounts", {**NEW, **changed})
    assert status == 201, body
    password: str = body["initial_password"]
    return password


async def account(stack: Stack, agent_id: str) -> dict[str, Any]:
    _, body = await ask(stack, "GET", "/accounts")
    (found,) = [each for each in body["accounts"] if each["agent_id"] == agent_id]
    return dict(found)


def trail(stack: Stack) -> list[tuple[str, str, dict[str, Any]]]:
    with stack.database.transaction() as session:
        query = (
            select(AuditEntryRow)
            .where(AuditEntryRow.action.startswith("account."))
            .order_by(AuditEntryRow.at, AuditEntryRow.action)
        )
        return [(row.action, row.actor_id, dict(row.details)) for row in session.scalars(query)]


async def logged_in(stack: Stack, agent_id: str, password: str) -> dict[str, str]:
    answer = await stack.client.post(f"{API}/login", json={"agent_id": agent_id, "password": password})
    assert answer.status_code == 200, answer.text
    stack.client.cookies.clear()
    return bearer(answer.json()["token"])


async def change(stack: Stack, headers: dict[str, str], present: str, new: str) -> tuple[int, str]:
    answer = await stack.client.post(f"{API}/password", json={"present": present, "new": new}, headers=headers)
    return answer.status_code, answer.json()["error"]["code"] if answer.content else ""


async def reads(stack: Stack, headers: dict[str, str]) -> tuple[int, str]:
    answer = await stack.client.get(f"{API}/queue", headers=headers)
    return answer.status_code, answer.json().get("error", {}).get("code", "")


async def test_a_new_colleague_gets_a_password_once_and_changes_it_before_anything_else(stack: Stack) -> None:
    password = await created(stack)
    assert password not in str(await ask(stack, "GET", "/accounts"))
    headers = await logged_in(stack, "A2009", password)
    assert await reads(stack, headers) == (403, "password_change_needed")
    assert (await account(stack, "A2009"))["must_change_password"]
    assert await change(stack, headers, password, CHOSEN) == (204, "")
    assert await reads(stack, headers) == (200, "")
    assert await attempt(stack, "A2009", password) == (401, "login_failed")
    assert await attempt(stack, "A2009", CHOSEN) == (200, "")
    found = await account(stack, "A2009")
    assert (found["name"], found["role"], found["skills"], found["max_conversations"]) == ("小苏", "agent", ["fraud"], 3)
    assert not found["must_change_password"]
    assert [(action, who) for action, who, _ in trail(stack)] == [
        ("account.created", "M2301"),
        ("account.password_changed", "A2009"),
    ]
    with stack.database.transaction() as session:
        assert session.get_one(Agent, "A2009").password_hash.startswith("$argon2id$")


async def test_a_change_counts_from_the_next_request_and_the_trail_says_what_it_was(stack: Stack) -> None:
    agent = stack.agent("A2001")
    body = {"name": "小林", "role": "supervisor", "skills": ["complaints", "fraud"], "max_conversations": None}
    status, view = await ask(stack, "PUT", "/accounts/A2001", body)
    assert (status, view["role"], view["skills"]) == (200, "supervisor", ["complaints", "fraud"])
    assert (await stack.client.get(f"{API}/board", headers=agent)).status_code == 200
    _, people = await ask(stack, "GET", "/colleagues")
    skills = {each["agent"]["agent_id"]: each["skills"] for each in people["colleagues"]}
    assert skills["A2001"] == ["complaints", "fraud"]
    await ask(stack, "PUT", "/accounts/A2001", body)  # once more: nothing has changed
    assert trail(stack) == [
        (
            "account.changed",
            "M2301",
            {"agent": "A2001", "former_role": "agent", "role": "supervisor", "skills": ["complaints", "fraud"]},
        )
    ]


async def test_a_reset_ends_every_session_and_token_and_unlocks(stack: Stack) -> None:
    before = await logged_in(stack, "A2001", PASSWORD)
    for _ in range(5):
        await attempt(stack, "A2001", "wrong")
    status, body = await ask(stack, "POST", "/accounts/A2001/reset-password")
    assert status == 200
    assert await reads(stack, before) == (401, "session_ended")
    assert await attempt(stack, "A2001", PASSWORD) == (401, "login_failed")
    headers = await logged_in(stack, "A2001", body["initial_password"])
    assert await reads(stack, headers) == (403, "password_change_needed")
    assert [action for action, _, _ in trail(stack)] == ["account.password_reset"]


async def test_closing_an_account_ends_its_sessions_and_its_borrowers_wait_in_front(stack: Stack) -> None:
    sender, visitor = await stack.visitor()
    await stack.say("转人工", sender=sender, token=visitor)
    conversation = stack.conversation(sender=sender).id
    stack.request_human(conversation)
    token = stack.agent("A2001")
    await stack.client.post(f"{API}/login", json={"agent_id": "A2001", "password": PASSWORD})
    cookies = dict(stack.client.cookies)
    stack.client.cookies.clear()
    await stack.client.post(f"{API}/presence", json={"presence": "online"}, headers=token)
    await stack.client.post(f"{API}/conversations/{conversation}/claim", headers=token)
    assert (await account(stack, "A2001"))["conversations"] == 1

    status, view = await ask(stack, "POST", "/accounts/A2001/close")
    assert (status, view["active"], view["conversations"]) == (200, False, 0)
    assert (await reads(stack, token))[0] == 401
    stack.client.cookies = httpx.Cookies(cookies)
    assert (await stack.client.get(f"{API}/session")).json()["error"]["code"] == "session_ended"
    stack.client.cookies.clear()
    assert await attempt(stack, "A2001", PASSWORD) == (401, "login_failed")
    _, queue = await ask(stack, "GET", "/queue")
    assert [item["conversation_id"] for item in queue["waiting"]] == [conversation]
    assert (await stack.read(sender, visitor))["owner"] == "queue"
    assert trail(stack) == [("account.closed", "M2301", {"agent": "A2001", "conversations": 1})]

    assert await ask(stack, "POST", "/accounts/A2001/close") == (409, "account_closed")
    assert await ask(stack, "POST", "/accounts/A2001/reset-password") == (409, "account_closed")
    status, body = await ask(stack, "POST", "/accounts/A2001/reopen")
    assert (status, body["account"]["active"]) == (200, True)
    assert (await reads(stack, token))[0] == 401, "what ended stays ended"
    assert await attempt(stack, "A2001", body["initial_password"]) == (200, "")
    assert await ask(stack, "POST", "/accounts/A2001/reopen") == (409, "account_open")


async def test_the_last_admin_stays(stack: Stack) -> None:
    own: dict[str, Any] = {"name": "老唐", "role": "supervisor", "skills": [], "max_conversations": None}
    assert await ask(stack, "POST", "/accounts/M2301/close") == (409, "last_admin")
    assert await ask(stack, "PUT", "/accounts/M2301", own) == (409, "last_admin")
    assert (await ask(stack, "PUT", "/accounts/M2301", {**own, "role": "admin", "name": "唐敏"}))[0] == 200
    await created(stack, agent_id="M2302", role="admin")
    assert (await ask(stack, "PUT", "/accounts/M2301", own))[0] == 200
    assert await ask(stack, "GET", "/accounts") == (403, "role_not_allowed"), "they are none any more"


def test_two_admins_who_close_each_other_at_once_leave_one(each_database: Database, clock: FixedClock) -> None:
    ids = ("M1", "M2")
    with each_database.transaction() as session:
        for agent_id in ids:
            session.add(Agent(agent_id=agent_id, name=agent_id, role="admin", password_hash="-", created_at=clock.now()))
    refused: list[str] = []
    together = threading.Barrier(2)

    def close(agent_id: str, by: str) -> None:
        together.wait()
        try:
            with each_database.transaction() as session:
                AccountService(session, clock, shipped_texts(), Actor("admin", by)).close(agent_id)
        except LastAdmin:
            refused.append(agent_id)

    threads = [threading.Thread(target=close, args=pair) for pair in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with each_database.transaction() as session:
        left = [row.agent_id for row in session.scalars(select(Agent).where(Agent.active))]
    assert left == refused
    assert len(left) == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"agent_id": "A2001"}, (409, "agent_id_taken")),
        ({"skills": ["magic"]}, (400, "unknown_skill")),
        ({"agent_id": "team-fraud"}, (422, "invalid_request")),
        ({"agent_id": "A 1"}, (422, "invalid_request")),
        ({"agent_id": "a2009"}, (422, "invalid_request")),
        ({"agent_id": "A2009\n"}, (201, None)),
        ({"name": " "}, (422, "invalid_request")),
        ({"name": "小\u202e苏"}, (422, "invalid_request")),
        ({"name": "苏" * 33}, (422, "invalid_request")),
        ({"role": "root"}, (422, "invalid_request")),
        ({"max_conversations": 0}, (422, "invalid_request")),
        ({"max_conversations": 51}, (422, "invalid_request")),
        ({"max_conversations": True}, (422, "invalid_request")),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_code(
    stack: Stack, changed: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    status, body = await ask(stack, "POST", "/accounts", {**NEW, **changed})
    assert (status, body if isinstance(body, str) else None) == expected


@pytest.mark.parametrize("agent_id", ["A9999", "a2001", "%00", "x" * 300, "A2001%0A"])
@pytest.mark.parametrize(
    ("method", "suffix"), [("PUT", ""), ("POST", "/close"), ("POST", "/reset-password"), ("POST", "/reopen")]
)
async def test_an_account_that_is_not_there_is_a_404(stack: Stack, agent_id: str, method: str, suffix: str) -> None:
    body = {name: value for name, value in NEW.items() if name != "agent_id"} if method == "PUT" else None
    assert await ask(stack, method, f"/accounts/{agent_id}{suffix}", body) == (404, "account_not_found")


WEAK = ["short", "aaaaaaaaaaaaaaa", "my-a2001-password", PASSWORD, ""]


@pytest.mark.parametrize("weak", WEAK)
async def test_a_password_that_is_easily_guessed_is_refused(stack: Stack, weak: str) -> None:
    assert await change(stack, stack.agent("A2001"), PASSWORD, weak) == (400, "password_too_weak")
    assert await attempt(stack, "A2001", PASSWORD) == (200, "")


async def test_a_changed_password_ends_the_agents_other_sessions_but_this_one(stack: Stack) -> None:
    other = await logged_in(stack, "A2001", PASSWORD)
    opened = (await stack.client.post(f"{API}/login", json={"agent_id": "A2001", "password": PASSWORD})).json()
    body = {"present": PASSWORD, "new": CHOSEN}
    assert (await stack.client.post(f"{API}/password", json=body)).json()["error"]["code"] == "csrf_failed"
    answer = await stack.client.post(f"{API}/password", json=body, headers={"X-CSRF-Token": opened["csrf_token"]})
    assert answer.status_code == 204
    assert (await stack.client.get(f"{API}/session")).status_code == 200
    stack.client.cookies.clear()
    assert await reads(stack, other) == (401, "session_ended")


async def test_the_present_password_cannot_be_guessed_here_either(stack: Stack) -> None:
    headers = stack.agent("A2001")
    for _ in range(5):
        assert await change(stack, headers, "wrong", CHOSEN) == (403, "wrong_password")
    assert await change(stack, headers, PASSWORD, CHOSEN) == (429, "login_locked")
    assert await attempt(stack, "A2001", PASSWORD) == (429, "login_locked")
    assert await reads(stack, headers) == (200, ""), "who is logged in works on"


def test_the_command_opens_the_first_admins_account_and_later_only_hands_out_passwords(
    each_database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", each_database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("SECRET_KEY", "s" * 40)
    assert admin_command(["--id", "M1001", "--name", "王敏"]) == 0
    printed = capsys.readouterr().out
    password = printed.split("initial password ")[1].split()[0]
    with each_database.transaction() as session:
        row = session.get_one(Agent, "M1001")
        assert (row.name, row.role, row.must_change_password) == ("王敏", "admin", True)
        entry = session.scalars(select(AuditEntryRow).where(AuditEntryRow.action == "account.created")).one()
        assert (entry.actor_kind, entry.details["agent"]) == ("operator", "M1001")
        first_hash = row.password_hash
    assert password not in first_hash
    assert admin_command(["--id", "M1002", "--name", "另一个"]) == 1
    assert "M1001" in capsys.readouterr().err
    assert admin_command(["--id", "M1001", "--name", "王敏"]) == 0
    with each_database.transaction() as session:
        assert session.get_one(Agent, "M1001").password_hash != first_hash
    assert admin_command(["--id", "m 1", "--name", "x"]) == 2
