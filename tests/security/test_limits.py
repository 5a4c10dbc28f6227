"""Limits over HTTP: per customer, visitor or token; an address counts only where nobody is known, and generously."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.attachments import files
from tests.gateway import FakeRasa, Stack, bearer, running

Started = Callable[..., AbstractAsyncContextManager[Stack]]
PROXY = "127.0.0.1"
"""What httpx's transport without a network calls the peer."""


@pytest.fixture
def started(gateway_settings: Settings, process_logging: None) -> Started:
    """The application with other limits, behind a proxy that is trusted."""

    @asynccontextmanager
    async def start(**changed: Any) -> AsyncIterator[Stack]:
        settings = Settings(**{**gateway_settings.model_dump(), "trusted_proxies": PROXY, **changed})
        async with running(settings, FixedClock(), FakeRasa()) as stack:
            yield stack

    return start


def refused(response: httpx.Response, per: str) -> bool:
    """Whether it is a 429 as every client may rely on: code, who is counted, and when to come again, also as a header."""
    if response.status_code != 429:
        return False
    error = response.json()["error"]
    assert (error["code"], error["details"]["per"]) == ("too_many_requests", per)
    assert response.headers["Retry-After"] == str(error["details"]["retry_after"])
    assert 1 <= error["details"]["retry_after"] <= error["details"]["window"]
    return True


async def test_a_customers_messages_count_over_all_conversations_and_devices(started: Started) -> None:
    async with started(messages_per_customer_minute=4) as stack:
        first, second = stack.customer_token(), stack.customer_token()
        for number in range(4):
            assert (await stack.post("在吗", sender=f"device-{number}", token=(first, second)[number % 2])).status_code == 200
        assert refused(await stack.post("在吗", sender="device-9", token=first), "customer")
        assert (await stack.post("在吗", token=stack.customer_token("C1001"))).status_code == 200, "another one, same address"
        stack.clock.advance(minutes=1)
        assert (await stack.post("在吗", sender="device-9", token=first)).status_code == 200


async def test_a_retry_of_an_answered_message_is_not_counted(started: Started) -> None:
    async with started(messages_per_customer_minute=1) as stack:
        token = stack.customer_token()
        for _ in range(3):
            assert (await stack.post("在吗", token=token, message_id="m-1")).status_code == 200
        assert refused(await stack.post("在吗", token=token, message_id="m-2"), "customer")


async def test_a_conversation_keeps_its_own_limit(started: Started) -> None:
    async with started(messages_per_minute=2) as stack:
        sender, token = await stack.visitor()
        for _ in range(2):
            await stack.say("在吗", sender=sender, token=token)
        response = await stack.post("在吗", sender=sender, token=token)
        assert (response.status_code, response.headers["Retry-After"]) == (429, "60")


async def test_many_borrowers_behind_one_gateway_do_not_hinder_each_other(started: Started) -> None:
    async with started(messages_per_customer_minute=2, requests_per_token_minute=4, changes_per_token_minute=2) as stack:
        for _ in range(40):
            sender, token = await stack.visitor()
            assert (await stack.post("在吗", sender=sender, token=token)).status_code == 200


async def test_callers_without_a_token_are_limited_by_address(started: Started) -> None:
    async with started(anonymous_messages_per_address_minute=3) as stack:

        async def say(number: int, address: str) -> httpx.Response:
            body = {"sender": f"s-{number}", "message": "在吗"}
            return await stack.client.post("/webhooks/rest/webhook", json=body, headers={"X-Forwarded-For": address})

        for number in range(3):
            assert (await say(number, "203.0.113.1")).status_code == 200
        assert refused(await say(9, "203.0.113.1"), "address")
        assert (await say(9, "203.0.113.2")).status_code == 200


async def test_new_visitors_are_limited_by_address(started: Started) -> None:
    async with started(visitors_per_address_hour=2) as stack:
        for _ in range(2):
            assert (await stack.client.post("/chat/visitor")).status_code == 201
        assert refused(await stack.client.post("/chat/visitor"), "address")
        assert refused(await stack.client.post("/demo/login", json={"customer_id": "C1001"}), "address")
        other = {"X-Forwarded-For": "203.0.113.2"}
        assert (await stack.client.post("/chat/visitor", headers=other)).status_code == 201


async def test_uploads_count_per_person_also_those_that_are_refused(started: Started) -> None:
    async with started(attachments_per_token_hour=3) as stack:
        token = bearer(stack.customer_token())
        for sender, data in (("a", files.HTML), ("b", b""), ("c", files.image())):
            response = await stack.client.post("/chat/attachments", params={"sender": sender}, content=data, headers=token)
            assert response.status_code in {201, 400}
        response = await stack.client.post("/chat/attachments", params={"sender": "d"}, content=files.image(), headers=token)
        assert refused(response, "customer")
        sender, visitor = await stack.visitor()
        other = await stack.client.post(
            "/chat/attachments", params={"sender": sender}, content=files.image(), headers=bearer(visitor)
        )
        assert other.status_code == 201


async def test_changes_of_a_customer_count_together_whatever_they_change(started: Started) -> None:
    async with started(changes_per_token_minute=3) as stack:
        token = {**bearer(stack.customer_token()), "Idempotency-Key": "k"}
        case = "/chat/cases/C-20260101-9999"
        await stack.client.post(f"{case}/facts", json={"text": "x"}, headers=token)
        await stack.client.post(f"{case}/withdraw", headers=token)
        await stack.client.post("/chat/rating", json={"sender": "u-1", "handoff_id": 1, "score": 5}, headers=token)
        for path, body in ((f"{case}/appeal", {"text": "x"}), ("/chat/leave-queue", {"sender": "u-2"})):
            assert refused(await stack.client.post(path, json=body, headers=token), "customer")
        assert (await stack.client.get("/chat/cases", headers=token)).status_code == 200, "reading goes on"


async def test_requests_with_one_token_are_limited_and_the_socket_says_later(started: Started) -> None:
    async with started(requests_per_token_minute=3) as stack:
        sender, token = await stack.visitor()
        for _ in range(3):
            await stack.read(sender, token)
        response = await stack.client.get("/chat/messages", params={"sender": sender}, headers=bearer(token))
        assert refused(response, "visitor")


async def test_passwords_tried_with_many_ids_from_one_address_are_stopped(started: Started) -> None:
    async with started(failed_logins_per_address_hour=3) as stack:

        async def attempt(agent_id: str, password: str, address: str) -> httpx.Response:
            body = {"agent_id": agent_id, "password": password}
            return await stack.client.post("/desk/api/login", json=body, headers={"X-Forwarded-For": address})

        for _ in range(5):
            assert (await attempt("A2001", "suixing-demo", "203.0.113.1")).status_code == 200, "right ones are not counted"
        for agent_id in ("A2001", "A9999", "S2101"):
            assert (await attempt(agent_id, "wrong", "203.0.113.1")).status_code == 401
        bodies = [(await attempt(agent_id, "suixing-demo", "203.0.113.1")) for agent_id in ("A2002", "A9998")]
        assert all(refused(response, "address") for response in bodies)
        assert bodies[0].content == bodies[1].content
        assert (await attempt("A2002", "suixing-demo", "203.0.113.2")).status_code == 200
        stack.clock.advance(hours=1)
        assert (await attempt("A2002", "suixing-demo", "203.0.113.1")).status_code == 200


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        ("", "203.0.113.9", PROXY),  # nobody is trusted
        ("10.0.0.0/8", "203.0.113.9", PROXY),  # the peer is not
        (PROXY, "203.0.113.9", "203.0.113.9"),
        (PROXY, "198.51.100.7, 203.0.113.9", "203.0.113.9"),  # what the caller wrote themselves stands before it
        (f"{PROXY}, 10.0.0.0/8", "203.0.113.9, 10.1.2.3", "203.0.113.9"),
        (f"{PROXY}, 10.0.0.0/8", "10.1.1.1, 10.1.2.3", "10.1.1.1"),
        (PROXY, "203.0.113.9:4711", "203.0.113.9"),
        (PROXY, "[2001:db8::1]:4711", "2001:db8::1"),
        (PROXY, "::ffff:203.0.113.9", "203.0.113.9"),
        (PROXY, "203.0.113.9, <script>", PROXY),
        (PROXY, "", PROXY),
    ],
)
async def test_an_address_is_believed_as_far_as_our_proxies_vouch_for_it(
    started: Started, proxies: str, forwarded: str, address: str
) -> None:
    async with started(trusted_proxies=proxies) as stack:
        body = {"agent_id": "A2001", "password": "suixing-demo"}
        await stack.client.post("/desk/api/login", json=body, headers={"X-Forwarded-For": forwarded})
        entries = (await stack.client.get("/desk/api/audit", headers=stack.agent("S2101"))).json()["entries"]
        assert [entry["address"] for entry in entries if entry["action"] == "desk.login"] == [address]


def test_a_proxy_that_is_no_network_is_refused_at_the_start(gateway_settings: Settings) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings(**{**gateway_settings.model_dump(), "trusted_proxies": "balancer.example"})
