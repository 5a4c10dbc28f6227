"""Headers of every answer: pages, JSON, files, errors, redirects of nothing."""

from __future__ import annotations

import httpx
import pytest

from bot.core.clock import FixedClock
from bot.core.settings import Settings
from scripts.serve import commands
from tests.attachments import files
from tests.gateway import FakeRasa, Stack, bearer, running
from tests.security.requests import Description

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


def check(response: httpx.Response) -> None:
    assert {name: response.headers.get(name) for name in ALWAYS} == ALWAYS, response.url
    policy = response.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy or "sandbox" in policy
    assert "'unsafe-eval'" not in policy
    if not str(response.url).endswith("/docs"):
        assert "script-src 'unsafe-inline'" not in policy
    assert response.headers.get("server") is None
    assert "strict-transport-security" not in response.headers, "only over https"


async def test_every_operation_answers_with_them_also_when_it_refuses(stack: Stack) -> None:
    for headers in ({}, stack.agent("S2101"), bearer(stack.customer_token())):
        for call in Description(stack.app).calls().values():
            response = await call.send(stack, headers)
            check(response)
            if call.path.startswith(("/chat", "/desk/api", "/webhooks")):
                assert "no-store" in response.headers["cache-control"], call.operation


@pytest.mark.parametrize("path", ["/", "/desk", "/docs", "/openapi.json", "/widget.js", "/nothing", "/%00", "/../etc/passwd"])
async def test_pages_and_what_is_not_there_have_them(stack: Stack, path: str) -> None:
    check(await stack.client.get(path))


async def test_a_page_runs_scripts_of_our_own_files_only(stack: Stack) -> None:
    policy = (await stack.client.get("/desk")).headers["content-security-policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["script-src"] == "'self'"
    assert directives["object-src"] == directives["base-uri"] == "'none'"


async def test_refusals_before_any_route_and_broken_requests_have_them(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    check(await stack.client.post("/chat/ack", content=b"x" * 70_000))
    check(await stack.client.post("/chat/ack", content=b"{"))
    check(await stack.client.put("/chat/ack"))

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stack.runtime.gateway, "transaction", broken)
    response = await stack.client.get("/desk/api/queue", headers=stack.agent())
    assert response.status_code == 500
    check(response)


async def test_a_file_keeps_its_stricter_policy(stack: Stack) -> None:
    token = bearer(stack.customer_token())
    sent = await stack.client.post("/chat/attachments", params={"sender": "u-1"}, content=files.image(), headers=token)
    response = await stack.client.get(f"/chat/attachments/{sent.json()['attachment_id']}", headers=token)
    assert response.headers["content-security-policy"] == "sandbox; default-src 'none'"


async def test_over_https_browsers_are_told_to_stay_there(gateway_settings: Settings) -> None:
    settings = Settings(**{**gateway_settings.model_dump(), "trusted_proxies": "127.0.0.1"})
    async with running(settings, FixedClock(), FakeRasa()) as stack:
        for headers in ({"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-Proto": "https"}):
            response = await stack.client.get("/healthz", headers=headers)
            assert response.headers["strict-transport-security"] == "max-age=31536000"
        plain = await stack.client.get("/healthz", headers={"X-Forwarded-Proto": "http"})
        assert "strict-transport-security" not in plain.headers


async def test_without_a_trusted_proxy_nobody_can_claim_https(stack: Stack) -> None:
    response = await stack.client.get("/healthz", headers={"X-Forwarded-Proto": "https"})
    assert "strict-transport-security" not in response.headers


def test_the_server_is_started_without_naming_itself_or_believing_proxies(gateway_settings: Settings) -> None:
    (app,) = [command for command in commands(gateway_settings, gateway_settings.var_dir) if command.name == "app"]
    assert {"--no-server-header", "--no-proxy-headers", "--no-access-log"} <= set(app.argv)
