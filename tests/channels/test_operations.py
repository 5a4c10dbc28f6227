"""What operators and browsers fetch: health, readiness, metrics, API description, pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.conversations.rasa import BotMessage, RasaTimeout
from tests.gateway import Stack


async def test_the_process_is_alive(stack: Stack) -> None:
    response = await stack.client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_ready_when_every_part_answers(stack: Stack) -> None:
    response = await stack.client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "parts": {"database": True, "rasa": True, "actions": True}}


@pytest.mark.parametrize("part", ["rasa", "actions"])
async def test_not_ready_while_a_part_does_not_answer(stack: Stack, part: str) -> None:
    stack.rasa.parts = {"rasa": True, "actions": True} | {part: False}
    response = await stack.client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"] == {"database": True} | stack.rasa.parts


async def test_not_ready_while_the_database_does_not_answer(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.database.dispose()
    Path(stack.settings.database_url.removeprefix("sqlite:///")).unlink()
    Path(stack.settings.database_url.removeprefix("sqlite:///")).mkdir()
    response = await stack.client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["database"] is False


async def test_metrics_count_messages_turns_failures_and_the_queue(stack: Stack) -> None:
    async def slow(*_: Any) -> list[BotMessage]:
        raise RasaTimeout("slow")

    await stack.say("一")
    await stack.say("一", message_id="m-1")
    await stack.say("一", message_id="m-1")
    stack.rasa.answer = slow
    await stack.say("二")
    stack.request_human(stack.conversation().id)
    metrics = (await stack.client.get("/metrics")).text
    assert 'suixing_messages_total{channel="rest",direction="in"} 3.0' in metrics
    assert 'suixing_messages_total{channel="rest",direction="out"} 3.0' in metrics
    assert "suixing_rasa_seconds_count 3.0" in metrics
    assert 'suixing_turn_failures_total{kind="timeout"} 1.0' in metrics
    assert "suixing_handoff_queue_length 1.0" in metrics


STABLE = {
    "/webhooks/rest/webhook",
    "/demo/login",
    "/demo/otp",
    "/healthz",
    "/readyz",
    "/metrics",
    "/chat/visitor",
    "/chat/messages",
    "/desk/api/login",
    "/desk/api/queue",
    "/desk/api/cases",
}
"""Other people's programs rely on these."""


async def test_the_api_description_has_the_stable_endpoints_and_the_error_shape_at_each(stack: Stack) -> None:
    document = (await stack.client.get("/openapi.json")).json()
    assert set(document["paths"]) >= STABLE
    assert "ErrorResponse" in document["components"]["schemas"]
    shapeless = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(("/chat", "/desk", "/webhooks", "/demo")) and "4XX" not in operation["responses"]
    ]
    assert shapeless == []


async def test_an_unbuilt_page_says_how_to_build_it(stack: Stack) -> None:
    page = await stack.client.get("/")
    assert page.status_code == 503
    assert "make web" in page.text
    loader = await stack.client.get("/widget.js")
    assert (loader.status_code, loader.json()["error"]["code"]) == (404, "web_not_built")


async def test_the_built_page_and_its_assets_are_served(stack: Stack) -> None:
    dist = stack.settings.web_dir / "widget" / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<title>店</title>", encoding="utf-8")
    (dist / "widget.js").write_text("export {}", encoding="utf-8")
    (dist / "assets" / "chat-1a2b.js").write_text("1", encoding="utf-8")
    assert "店" in (await stack.client.get("/")).text
    loader = await stack.client.get("/widget.js")
    assert loader.headers["content-type"].startswith("text/javascript")
    assert (await stack.client.get("/assets/chat-1a2b.js")).text == "1"
    for path in ("/assets/../../../care.db", "/assets/%2e%2e/%2e%2e/%2e%2e/care.db", "/..%2f..%2f..%2fcare.db"):
        assert (await stack.client.get(path)).status_code == 404


async def test_the_desk_is_served_with_a_policy_that_allows_nothing_foreign_and_no_frame(stack: Stack) -> None:
    assert (await stack.client.get("/desk")).status_code == 503  # not built yet
    assert (await stack.client.get("/desk/assets/desk-1a2b.js")).status_code == 404
    dist = stack.settings.web_dir / "desk" / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<title>坐席台</title>", encoding="utf-8")
    (dist / "assets" / "desk-1a2b.js").write_text("1", encoding="utf-8")
    page = await stack.client.get("/desk")
    asset = await stack.client.get("/desk/assets/desk-1a2b.js")
    assert ("坐席台" in page.text, asset.text) == (True, "1")
    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in asset.headers["cache-control"]
    for response in (page, asset):
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
    for path in ("/desk/assets/../../../../care.db", "/desk/assets/%2e%2e/index.html", "/desk/assets/..%2findex.html"):
        assert (await stack.client.get(path)).status_code == 404


async def test_every_answer_has_a_request_id_and_forbids_sniffing(stack: Stack) -> None:
    response = await stack.client.get("/healthz", headers={"X-Request-ID": "from-the-balancer-1"})
    assert response.headers["X-Request-ID"] == "from-the-balancer-1"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    forged = await stack.client.get("/healthz", headers={"X-Request-ID": "a b\tc"})
    assert forged.headers["X-Request-ID"] != "a b\tc"
