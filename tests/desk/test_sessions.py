"""The desk in a browser: a cookie that scripts cannot read, and a token that other pages cannot know."""

from __future__ import annotations

import httpx
import pytest

from tests.gateway import Stack

PASSWORD = "suixing-demo"


async def log_in(stack: Stack, agent_id: str = "A2001") -> httpx.Response:
    response = await stack.client.post("/desk/api/login", json={"agent_id": agent_id, "password": PASSWORD})
    assert response.status_code == 200
    return response


async def presence(stack: Stack, csrf_token: str | None) -> tuple[int, str]:
    headers = {} if csrf_token is None else {"X-CSRF-Token": csrf_token}
    response = await stack.client.post("/desk/api/presence", json={"presence": "online"}, headers=headers)
    return response.status_code, response.json().get("error", {}).get("code", "") if response.content else ""


async def test_the_cookie_reads_and_with_the_token_it_changes(stack: Stack) -> None:
    token = (await log_in(stack)).json()["csrf_token"]
    assert (await stack.client.get("/desk/api/queue")).status_code == 200
    session = (await stack.client.get("/desk/api/session")).json()
    assert (session["csrf_token"], session["agent"]["agent_id"]) == (token, "A2001")
    assert await presence(stack, token) == (204, "")


@pytest.mark.parametrize("csrf_token", [None, "", "x", "ü" * 20])
async def test_a_change_with_the_cookie_alone_is_refused(stack: Stack, csrf_token: str | None) -> None:
    await log_in(stack)
    headers = {} if csrf_token is None else {b"X-CSRF-Token": csrf_token.encode()}
    response = await stack.client.post("/desk/api/presence", json={"presence": "online"}, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "csrf_failed")


async def test_another_sessions_token_does_not_help(stack: Stack) -> None:
    token = (await log_in(stack, "A2002")).json()["csrf_token"]
    stack.client.cookies.clear()
    await log_in(stack, "A2001")
    assert await presence(stack, token) == (403, "csrf_failed")


@pytest.mark.parametrize(("demo", "secure"), [(True, False), (False, True)])
async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_pages(stack: Stack, demo: bool, secure: bool) -> None:
    stack.settings.demo = demo
    cookie = (await log_in(stack)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert ("Secure" in cookie) is secure


async def test_a_login_begins_a_new_session_and_ends_the_old_one(stack: Stack) -> None:
    """Session fixation: a cookie planted before the login is worth nothing after it."""
    await log_in(stack, "A2002")
    planted = dict(stack.client.cookies)
    await log_in(stack, "A2001")
    assert dict(stack.client.cookies) != planted
    response = await stack.client.get("/desk/api/queue", headers={"Cookie": "; ".join(f"{k}={v}" for k, v in planted.items())})
    assert (response.status_code, response.json()["error"]["code"]) == (401, "session_ended")


async def test_a_cookie_that_somebody_else_chose_never_becomes_a_session(stack: Stack) -> None:
    chosen = "x" * 43
    login = {"agent_id": "A2001", "password": PASSWORD}
    response = await stack.client.post("/desk/api/login", json=login, headers={"Cookie": f"suixing_desk={chosen}"})
    assert response.status_code == 200
    assert stack.client.cookies["suixing_desk"] != chosen
    stack.client.cookies.clear()
    answer = await stack.client.get("/desk/api/session", headers={"Cookie": f"suixing_desk={chosen}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "session_ended")


async def test_a_failed_login_neither_opens_nor_ends_a_session(stack: Stack) -> None:
    await log_in(stack)
    before = dict(stack.client.cookies)
    refused = await stack.client.post("/desk/api/login", json={"agent_id": "A2001", "password": "wrong"})
    assert "set-cookie" not in refused.headers
    assert dict(stack.client.cookies) == before
    assert (await stack.client.get("/desk/api/session")).status_code == 200


async def test_logging_out_ends_the_session_and_the_attendance(stack: Stack) -> None:
    token = (await log_in(stack)).json()["csrf_token"]
    await presence(stack, token)
    cookies = dict(stack.client.cookies)
    assert (await stack.client.post("/desk/api/logout", headers={"X-CSRF-Token": token})).status_code == 204
    stack.client.cookies = httpx.Cookies(cookies)
    assert (await stack.client.get("/desk/api/session")).json()["error"]["code"] == "session_ended"
    people = (await stack.client.get("/desk/api/colleagues", headers=stack.agent("A2002"))).json()["colleagues"]
    assert {each["agent"]["agent_id"]: each["presence"] for each in people}["A2001"] == "away"


async def test_a_session_ends_when_it_is_not_used_and_after_ten_hours_all_the_same(stack: Stack) -> None:
    await log_in(stack)
    for _ in range(11):
        stack.clock.advance(minutes=50)
        assert (await stack.client.get("/desk/api/session")).status_code == 200
    stack.clock.advance(minutes=51)
    assert (await stack.client.get("/desk/api/session")).json()["error"]["code"] == "session_ended"
    stack.client.cookies.clear()
    await log_in(stack)
    stack.clock.advance(minutes=61)
    assert (await stack.client.get("/desk/api/session")).json()["error"]["code"] == "session_ended"


async def test_without_a_cookie_there_is_no_session(stack: Stack) -> None:
    assert (await stack.client.get("/desk/api/session")).json()["error"]["code"] == "session_ended"
    assert (await stack.client.get("/desk/api/queue")).json()["error"]["code"] == "token_required"
