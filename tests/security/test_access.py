"""Every operation × every caller: who is refused, with what, and who is not. The operations come from the application itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from pydantic import SecretStr

from bot.core.clock import FixedClock
from bot.core.settings import Settings
from bot.desk.models import Agent
from bot.identity.tokens import Tokens
from tests.gateway import FakeRasa, Stack, bearer, running
from tests.security.access import TABLE, UNLISTED, Access
from tests.security.requests import Call, Description, all_routes

REFUSALS = {
    "token_required",
    "token_invalid",
    "token_expired",
    "session_ended",
    "csrf_failed",
    "sender_mismatch",
    "role_not_allowed",
    "not_supervisor",
    "callback_unauthenticated",
}
"""Codes of those who may not call at all."""
NEED_A_TOKEN = {Access.BORROWER, Access.HOLDER, Access.CUSTOMER, Access.AGENT, Access.SUPERVISOR, Access.ADMIN}
BORROWERS = {Access.BORROWER, Access.HOLDER, Access.CUSTOMER}
STAFF = {Access.AGENT, Access.SUPERVISOR, Access.ADMIN}
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
Headers = dict[str, str] | Callable[[], dict[str, str]]


@pytest.fixture
async def full(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Stack]:
    """With everything switched on, and an admin at the desk."""
    changed = {
        "bank_callback_secret": SecretStr("b" * 40),
        "requests_per_token_minute": 10_000,
        "changes_per_token_minute": 10_000,
    }
    async with running(gateway_settings.model_copy(update=changed), FixedClock(), FakeRasa()) as started:
        with started.database.transaction() as session:
            session.add(Agent(agent_id="M2201", name="老章", role="admin", password_hash="-", created_at=started.clock.now()))
        yield started


async def outcomes(
    stack: Stack, headers: Headers, *, among: set[Access] | None = None, sender: str = "u-1", only: tuple[str, ...] = ()
) -> dict[str, tuple[int, str]]:
    """Status and code of each operation for a caller with these headers: the same ones, or made anew for each."""
    found = {}
    for name, call in Description(stack.app).calls().items():
        if (among is None or TABLE[name] in among) and (not only or call.method in only):
            response = await call.of(sender).send(stack, headers() if callable(headers) else headers)
            is_json = response.headers.get("content-type", "").startswith("application/json")
            body = response.json() if is_json and response.content else {}
            found[name] = response.status_code, body.get("error", {}).get("code", "") if isinstance(body, dict) else ""
    assert found
    return found


def all_are(found: dict[str, tuple[int, str]], status: int, code: str) -> None:
    assert {name: answer for name, answer in found.items() if answer != (status, code)} == {}


def none_is_refused(found: dict[str, tuple[int, str]]) -> None:
    """Allowed in: whatever follows (not there, not in the queue) is about the thing asked for; and nothing breaks."""
    assert {name: answer for name, answer in found.items() if answer[1] in REFUSALS or answer[0] >= 500 or answer[0] == 401} == {}


def test_every_route_has_a_row_and_every_row_a_route(full: Stack) -> None:
    described = set(Description(full.app).operations())
    assert described == set(TABLE)
    assert all_routes(full.app) == described | UNLISTED


def test_outside_the_demo_its_doors_do_not_exist(gateway_settings: Settings) -> None:
    from bot.app import create_app  # noqa: PLC0415

    app = create_app(gateway_settings.model_copy(update={"demo": False}), clock=FixedClock(), rasa=FakeRasa())
    assert not [name for name in all_routes(app) if "/demo" in name or "/docs" in name]


async def test_nobody_is_asked_for_a_token(full: Stack) -> None:
    all_are(await outcomes(full, {}, among=NEED_A_TOKEN), 401, "token_required")
    all_are(await outcomes(full, {}, among={Access.COOKIE}), 401, "session_ended")
    all_are(await outcomes(full, {}, among={Access.SIGNED}), 401, "callback_unauthenticated")
    none_is_refused(await outcomes(full, {}, among={Access.OPTIONAL}))


async def test_what_is_public_asks_nobody(full: Stack) -> None:
    found = await outcomes(full, {}, among={Access.PUBLIC})
    login = found.pop("POST /desk/api/login")
    assert login == (401, "login_failed")
    none_is_refused(found)


async def test_no_forged_changed_or_unknown_token_opens_anything(full: Stack) -> None:
    good = full.customer_token()
    head, body, _ = good.split(".")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + body + "."
    other_key = Tokens("another key, also long enough for HS256 -- 0123456789", full.clock)
    for token in (
        "x.y.z",
        "",
        f"{head}.{body}.{'A' * 43}",
        unsigned,
        other_key.issue("customer", "C1002", lifetime=timedelta(hours=1)),
        other_key.issue("agent", "A2001", lifetime=timedelta(hours=1)),
        full.runtime.tokens.issue("customer", "C9999", lifetime=timedelta(hours=1)),
        full.runtime.tokens.issue("agent", "A9999", lifetime=timedelta(hours=1)),
    ):
        found = await outcomes(full, {"Authorization": f"Bearer {token}"}, among=NEED_A_TOKEN | {Access.OPTIONAL})
        all_are(found, 401, "token_invalid")
    all_are(await outcomes(full, {"Authorization": "Basic QTIwMDE6eA=="}, among=NEED_A_TOKEN), 401, "token_invalid")


async def test_an_expired_token_says_so_everywhere(full: Stack) -> None:
    customer, agent = bearer(full.customer_token()), full.agent()
    full.clock.advance(hours=11)
    all_are(await outcomes(full, customer, among=BORROWERS | {Access.OPTIONAL}), 401, "token_expired")
    all_are(await outcomes(full, agent, among=STAFF), 401, "token_expired")


async def test_a_token_of_another_kind_is_none(full: Stack) -> None:
    sender, visitor = await full.visitor()
    for token in (full.customer_token(), visitor):
        all_are(await outcomes(full, bearer(token), among=STAFF), 401, "token_invalid")
    all_are(await outcomes(full, full.agent("S2101"), among=BORROWERS | {Access.OPTIONAL}), 401, "token_invalid")
    all_are(await outcomes(full, bearer(visitor), among={Access.CUSTOMER}, sender=sender), 401, "token_invalid")


async def test_a_visitor_speaks_for_their_own_sender_only(full: Stack) -> None:
    mine, token = await full.visitor()
    theirs, _ = await full.visitor()
    for sender in (theirs, "u-1", "v-" + "0" * 32):
        found = await outcomes(full, bearer(token), among={Access.BORROWER, Access.OPTIONAL}, sender=sender)
        all_are(found, 403, "sender_mismatch")
    none_is_refused(await outcomes(full, bearer(token), among={Access.BORROWER, Access.OPTIONAL, Access.HOLDER}, sender=mine))


async def test_a_minted_sender_without_its_token_is_refused(full: Stack) -> None:
    sender, _ = await full.visitor()
    all_are(await outcomes(full, {}, among={Access.OPTIONAL}, sender=sender), 401, "token_required")


async def test_customers_get_in_where_borrowers_may(full: Stack) -> None:
    none_is_refused(await outcomes(full, bearer(full.customer_token()), among=BORROWERS | {Access.OPTIONAL}))


async def test_agents_do_not_get_what_is_for_supervisors(full: Stack) -> None:
    found = await outcomes(full, full.agent("A2001"), among={Access.SUPERVISOR})
    assert {name: answer for name, answer in found.items() if answer[0] != 403 or answer[1] not in REFUSALS} == {}
    none_is_refused(await outcomes(full, lambda: full.agent("A2001"), among={Access.AGENT}))


@pytest.mark.parametrize("who", ["A2001", "S2101"])
async def test_nobody_but_an_admin_manages_accounts(full: Stack, who: str) -> None:
    all_are(await outcomes(full, full.agent(who), among={Access.ADMIN}), 403, "role_not_allowed")


@pytest.mark.parametrize(("who", "where"), [("S2101", STAFF - {Access.ADMIN}), ("M2201", STAFF)])
async def test_supervisors_and_admins_get_in_everywhere_at_the_desk(full: Stack, who: str, where: set[Access]) -> None:
    none_is_refused(await outcomes(full, lambda: full.agent(who), among=where))


async def test_whose_password_was_handed_out_changes_it_before_anything_else(full: Stack) -> None:
    with full.database.transaction() as session:
        session.get_one(Agent, "M2201").must_change_password = True
    found = await outcomes(full, lambda: full.agent("M2201"), among=STAFF)
    assert found.pop("POST /desk/api/password")[1] == "password_too_weak"
    assert found.pop("POST /desk/api/logout") == (204, "")
    all_are(found, 403, "password_change_needed")


async def test_a_role_taken_away_is_gone_with_the_next_request(full: Stack) -> None:
    supervisor = full.agent("S2101")
    with full.database.transaction() as session:
        session.get_one(Agent, "S2101").role = "agent"
    found = await outcomes(full, supervisor, among={Access.SUPERVISOR})
    assert {status for status, _ in found.values()} == {403}


async def test_the_cookie_alone_reads_and_changes_nothing(full: Stack) -> None:
    """CSRF: the table of changes is every operation of the desk that is no GET."""
    answer = await full.client.post("/desk/api/login", json={"agent_id": "S2101", "password": "suixing-demo"})
    csrf = answer.json()["csrf_token"]
    for forged in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf[:-1]}, {"X-CSRF-Token": csrf, "Cookie": "suixing_desk=x"}):
        code = (401, "session_ended") if "Cookie" in forged else (403, "csrf_failed")
        all_are(await outcomes(full, forged, among=STAFF, only=CHANGING), *code)
    none_is_refused(await outcomes(full, {}, among=(STAFF - {Access.ADMIN}) | {Access.COOKIE}, only=("GET",)))
    with_token = await outcomes(full, {"X-CSRF-Token": csrf}, among=STAFF - {Access.COOKIE, Access.ADMIN}, only=CHANGING)
    after_logout = {name: answer for name, answer in with_token.items() if answer == (401, "session_ended")}
    assert set(with_token) - set(after_logout), "until the logout among them they were let in"
    assert "csrf_failed" not in {code for _, code in with_token.values()}
    all_are(await outcomes(full, {}, among=BORROWERS), 401, "token_required")


def test_no_reading_operation_is_a_change(full: Stack) -> None:
    """GET needs no CSRF token, so what follows a GET must not matter; SameSite=Strict keeps even those from other pages."""
    commands = {"claim", "reply", "retry", "approve", "reject", "decide", "logout", "withdraw"}
    commands |= {"transfer", "give-back", "take-over"}
    calls: list[Call] = list(Description(full.app).calls().values())
    assert [call.operation for call in calls if call.method == "GET" and call.path.rpartition("/")[2] in commands] == []


async def test_closing_an_account_ends_every_session_and_token_of_it(full: Stack) -> None:
    opened = await full.client.post("/desk/api/login", json={"agent_id": "A2002", "password": "suixing-demo"})
    cookie = {"Cookie": f"suixing_desk={full.client.cookies['suixing_desk']}", "X-CSRF-Token": opened.json()["csrf_token"]}
    full.client.cookies.clear()
    second = await full.client.post("/desk/api/login", json={"agent_id": "A2002", "password": "suixing-demo"})
    with full.database.transaction() as session:
        session.get_one(Agent, "A2002").active = False
    all_are(await outcomes(full, {}, among=STAFF | {Access.COOKIE}, only=("GET",)), 401, "session_ended")
    full.client.cookies.clear()
    all_are(await outcomes(full, cookie, among=STAFF), 401, "session_ended")
    all_are(await outcomes(full, bearer(second.json()["token"]), among=STAFF), 401, "token_invalid")
