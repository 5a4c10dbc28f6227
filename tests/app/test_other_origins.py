"""The widget on a page of another origin: only where the settings name it."""

from __future__ import annotations

import httpx

from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, Stack, running

PAGE = "https://app.example"
URL = "/webhooks/rest/webhook"


async def preflight(stack: Stack, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return await stack.client.options(URL, headers=headers)


async def test_without_the_setting_no_other_origin_may_read(stack: Stack) -> None:
    response = await stack.client.post(URL, json={"sender": "u-1", "message": "在吗"}, headers={"Origin": PAGE})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers
    assert (await preflight(stack, PAGE)).status_code == 405


async def test_a_named_origin_may_ask_and_read_answers_and_errors(gateway_settings: Settings) -> None:
    settings = gateway_settings.model_copy(update={"cors_origins": [PAGE]})
    async with running(settings, FixedClock(), FakeRasa()) as stack:
        allowed = await preflight(stack, PAGE)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == PAGE
        for body, status in (({"sender": "u-1", "message": "在吗"}, 200), ({}, 422), ({"sender": "x" * 100_000}, 413)):
            response = await stack.client.post(URL, json=body, headers={"Origin": PAGE})
            assert response.status_code == status
            assert response.headers["access-control-allow-origin"] == PAGE
        assert "access-control-allow-credentials" not in response.headers


async def test_any_other_origin_may_not(gateway_settings: Settings) -> None:
    settings = gateway_settings.model_copy(update={"cors_origins": [PAGE]})
    async with running(settings, FixedClock(), FakeRasa()) as stack:
        assert (await preflight(stack, "https://evil.example")).status_code == 400
        response = await stack.client.get("/healthz", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in response.headers
