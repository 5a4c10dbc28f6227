"""The desk in a browser: a cookie that scripts cannot read, and a token that other pages cannot know."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from tests.gateway import Stack, bearer

PASSWORD = "suixing-demo"


async def log_in(stack: Stack, agent_id: str = "A2001", *, by_page: bool = False) -> httpx.Response:
    """``by_page``: as a browser does it, which names the page that posts."""
    body, headers = {"agent_id": agent_id, "password": PASSWORD}, {"Origin": "http://care"} if by_page else {}
    response = await stack.client.post("/desk/api/login", json=body, headers=headers)
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
    await log_in(stack, "A2002", by_page=True)
    planted = dict(stack.client.cookies)
    await log_in(stack, "A2001", by_page=True)
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


async def status_with(stack: Stack, token: str, method: str = "GET", path: str = "queue") -> tuple[int, str]:
    response = await stack.client.request(method, f"/desk/api/{path}", headers=bearer(token))
    return response.status_code, response.json().get("error", {}).get("code", "") if response.content else ""


async def test_a_page_gets_no_token_beside_its_cookie(stack: Stack) -> None:
    answer = await log_in(stack, by_page=True)
    assert answer.json()["token"] is None
    assert (await stack.client.get("/desk/api/session")).status_code == 200


@pytest.mark.parametrize("by", ["cookie", "token"])
async def test_logging_out_ends_the_token_and_the_cookie_of_the_login(stack: Stack, by: str) -> None:
    opened = (await log_in(stack)).json()
    cookies = dict(stack.client.cookies)
    if by == "token":
        stack.client.cookies.clear()
        assert await status_with(stack, opened["token"], "POST", "logout") == (204, "")
    else:
        headers = {"X-CSRF-Token": opened["csrf_token"]}
        assert (await stack.client.post("/desk/api/logout", headers=headers)).status_code == 204
    stack.client.cookies.clear()
    assert await status_with(stack, opened["token"]) == (401, "session_ended")
    stack.client.cookies = httpx.Cookies(cookies)
    assert (await stack.client.get("/desk/api/session")).json()["error"]["code"] == "session_ended"


async def test_a_program_may_be_several_agents_and_each_logs_out_alone(stack: Stack) -> None:
    """Its client keeps cookies, as most do, and has the second agent's when the first one logs out."""
    first, second, again = [(await log_in(stack, who)).json()["token"] for who in ("A2001", "A2002", "A2001")]
    assert await status_with(stack, first) == (200, "")
    assert await status_with(stack, first, "POST", "logout") == (204, "")
    assert await status_with(stack, first) == (401, "session_ended")
    assert [await status_with(stack, token) for token in (second, again)] == [(200, "")] * 2


async def test_a_token_ends_when_it_is_not_used_and_after_ten_hours_all_the_same(stack: Stack) -> None:
    token = (await log_in(stack)).json()["token"]
    stack.client.cookies.clear()
    for _ in range(11):
        stack.clock.advance(minutes=50)
        assert await status_with(stack, token) == (200, "")
    stack.clock.advance(minutes=51)
    assert await status_with(stack, token) == (401, "token_expired")
    token = (await log_in(stack)).json()["token"]
    stack.client.cookies.clear()
    stack.clock.advance(minutes=61)
    assert await status_with(stack, token) == (401, "session_ended")


async def test_a_token_of_no_session_or_of_a_colleagues_is_none(stack: Stack) -> None:
    theirs = stack.agent("A2002")["Authorization"].removeprefix("Bearer ")
    principal = stack.runtime.tokens.read(theirs)
    for session_id, code in ((None, "token_invalid"), (principal.session_id, "token_invalid"), ("0" * 64, "session_ended")):
        token = stack.runtime.tokens.issue("agent", "A2001", lifetime=timedelta(hours=1), session_id=session_id)
        assert await status_with(stack, token) == (401, code)
