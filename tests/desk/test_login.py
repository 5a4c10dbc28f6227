"""Logging in at the desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from bot.core.clock import FixedClock
from bot.core.settings import Settings
from bot.desk.demo import PEOPLE, seed_agents
from bot.desk.models import Agent, LoginFailure
from tests.gateway import FakeRasa, Stack, bearer, running

PASSWORD = "suixing-demo"


async def attempt(stack: Stack, agent_id: str, password: str) -> tuple[int, str]:
    response = await stack.client.post("/desk/api/login", json={"agent_id": agent_id, "password": password})
    return response.status_code, response.json().get("error", {}).get("code", "")


@pytest.mark.parametrize(
    ("agent_id", "role"), [("A2001", "agent"), ("A2003", "agent"), ("S2101", "supervisor"), ("S2102", "supervisor")]
)
async def test_the_demo_people_of_the_desk_can_log_in(stack: Stack, agent_id: str, role: str) -> None:
    response = await stack.client.post("/desk/api/login", json={"agent_id": agent_id, "password": PASSWORD})
    body = response.json()
    assert (body["agent"]["agent_id"], body["agent"]["role"]) == (agent_id, role)
    assert body["expires_in"] == 36000
    assert (await stack.client.get("/desk/api/queue", headers=bearer(body["token"]))).status_code == 200


def test_passwords_are_kept_as_argon2_hashes_and_seeding_twice_changes_nothing(stack: Stack) -> None:
    with stack.database.transaction() as session:
        assert seed_agents(session, stack.settings) == 0
        hashes = [agent.password_hash for agent in session.scalars(select(Agent))]
    assert len(hashes) == len(set(hashes)) == len(PEOPLE)
    assert all(value.startswith("$argon2id$") for value in hashes)


async def test_a_wrong_password_and_an_unknown_agent_look_the_same(stack: Stack) -> None:
    wrong = await stack.client.post("/desk/api/login", json={"agent_id": "A2001", "password": "wrong"})
    unknown = await stack.client.post("/desk/api/login", json={"agent_id": "A9999", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["error"]["code"] == "login_failed"


@pytest.mark.parametrize("agent_id", ["A2001", "A9999"])
async def test_five_wrong_passwords_lock_for_fifteen_minutes_whether_or_not_the_agent_exists(stack: Stack, agent_id: str) -> None:
    for _ in range(5):
        assert await attempt(stack, agent_id, "wrong") == (401, "login_failed")
    assert await attempt(stack, agent_id, PASSWORD) == (429, "login_locked")
    stack.clock.advance(minutes=15)
    expected = (200, "") if agent_id == "A2001" else (401, "login_failed")
    assert await attempt(stack, agent_id, PASSWORD) == expected


@pytest.fixture
async def strict(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Stack]:
    """Locks after two wrong passwords: argon2 is slow on purpose."""
    settings = gateway_settings.model_copy(update={"agent_login_tries": 2})
    async with running(settings, FixedClock(), FakeRasa()) as started:
        yield started


async def test_a_right_password_forgives_the_wrong_ones(strict: Stack) -> None:
    for _ in range(2):
        await attempt(strict, "A2001", "wrong")
        assert await attempt(strict, "A2001", PASSWORD) == (200, "")


async def test_guesses_in_parallel_are_all_counted(strict: Stack) -> None:
    results = await asyncio.gather(*(attempt(strict, "A2001", "wrong") for _ in range(6)))
    assert results.count((401, "login_failed")) == 2
    assert results.count((429, "login_locked")) == 4


async def test_old_failures_are_forgotten_by_the_table(stack: Stack) -> None:
    for number in range(3):
        await attempt(stack, f"X{number}", "wrong")
    stack.clock.advance(days=1, seconds=1)
    await attempt(stack, "A2001", "wrong")
    with stack.database.transaction() as session:
        assert [row.agent_id for row in session.scalars(select(LoginFailure))] == ["A2001"]


async def test_a_closed_account_can_neither_log_in_nor_go_on(stack: Stack) -> None:
    headers = stack.agent("A2002")
    with stack.database.transaction() as session:
        session.get_one(Agent, "A2002").active = False
    assert await attempt(stack, "A2002", PASSWORD) == (401, "login_failed")
    response = await stack.client.get("/desk/api/queue", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "token_invalid")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"agent_id": "A2001"},
        {"agent_id": 5, "password": "x"},
        {"agent_id": "A" * 33, "password": "x"},
        {"agent_id": "", "password": "x"},
        {"agent_id": "A2001", "password": "x" * 201},
    ],
)
async def test_a_login_that_makes_no_sense_is_refused(stack: Stack, body: dict[str, object]) -> None:
    response = await stack.client.post("/desk/api/login", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")


async def test_strange_characters_in_a_login_are_only_wrong(stack: Stack) -> None:
    assert await attempt(stack, "A2001\x00", "wrong\x00") == (401, "login_failed")
    content = b'{"agent_id": "\\ud800", "password": "wrong"}'
    response = await stack.client.post("/desk/api/login", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 401
