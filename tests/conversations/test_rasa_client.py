"""The adapter to Rasa's REST channel: each way it can fail becomes one kind of error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from bot.conversations.rasa import (
    BotMessage,
    HttpRasaClient,
    RasaError,
    RasaMalformed,
    RasaRefused,
    RasaSilent,
    RasaTimeout,
    RasaUnreachable,
    parse_messages,
)
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, running

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TIMEOUT_SECONDS = 0.4


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    """The address of a server that answers everything with ``handler``."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


@asynccontextmanager
async def client(handler: Handler | None, actions: Handler | None = None) -> AsyncIterator[HttpRasaClient]:
    """Of a Rasa that does ``handler``; ``None``: nobody listens there."""
    nobody = f"http://127.0.0.1:{unused_port()}"
    async with served(handler or answering()) as rasa_url, served(actions or answering()) as actions_url:
        rasa = HttpRasaClient(
            nobody if handler is None else rasa_url, nobody if actions is None else actions_url, timeout_seconds=TIMEOUT_SECONDS
        )
        yield rasa
        await rasa.aclose()


def answering(status: int = 200, body: bytes | str | list[Any] | dict[str, Any] = b"", **headers: str) -> Handler:
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()

    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=content, headers=headers)

    return handler


async def cut_off(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_off_in_the_middle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'[{"text": "')
    assert request.transport is not None
    request.transport.abort()
    return response


async def slow(_request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(TIMEOUT_SECONDS * 3)
    return web.json_response([{"text": "late"}])


async def slow_in_the_middle(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'[{"text": "')
    await asyncio.sleep(TIMEOUT_SECONDS * 3)
    return response


FAILURES = [
    pytest.param(None, RasaUnreachable, id="nobody listens"),
    pytest.param(cut_off, RasaUnreachable, id="cut off"),
    pytest.param(cut_off_in_the_middle, RasaUnreachable, id="cut off in the middle"),
    pytest.param(slow, RasaTimeout, id="slow"),
    pytest.param(slow_in_the_middle, RasaTimeout, id="slow in the middle"),
    pytest.param(answering(500, "oops"), RasaRefused, id="500"),
    pytest.param(answering(404, []), RasaRefused, id="404"),
    pytest.param(answering(302, Location="http://elsewhere"), RasaRefused, id="redirected"),
    pytest.param(answering(200, "<html>"), RasaMalformed, id="html"),
    pytest.param(answering(200, b"\xff\xfe["), RasaMalformed, id="no text"),
    pytest.param(answering(200, {"text": "no list"}), RasaMalformed, id="no list"),
    pytest.param(answering(200, ["no object"]), RasaMalformed, id="no object"),
    pytest.param(answering(200, [{"text": 5}]), RasaMalformed, id="a number for a text"),
    pytest.param(answering(200, [{"buttons": [{"title": "no payload"}]}]), RasaMalformed, id="a button without payload"),
    pytest.param(answering(200, []), RasaSilent, id="nothing"),
    pytest.param(answering(200, [{"recipient_id": "u"}]), RasaSilent, id="an empty message"),
]


@pytest.mark.parametrize(("handler", "expected"), FAILURES)
async def test_each_failure_has_its_error(handler: Handler | None, expected: type[RasaError]) -> None:
    async with client(handler) as rasa:
        with pytest.raises(expected):
            await rasa.send("c-1", "你好", {})


@pytest.mark.parametrize(("handler", "expected"), FAILURES)
async def test_whatever_rasa_does_the_borrower_gets_an_answer(
    gateway_settings: Settings, handler: Handler | None, expected: type[RasaError]
) -> None:
    async with client(handler) as rasa, running(gateway_settings, FixedClock(), FakeRasa(), rasa) as stack:
        (answer,) = await stack.say("还款失败了")
        assert answer["buttons"][0]["payload"] == "/request_human"
        metrics = (await stack.client.get("/metrics")).text
        assert f'suixing_turn_failures_total{{kind="{expected.kind}"}} 1.0' in metrics


async def test_the_question_has_the_rest_channels_shape() -> None:
    asked: list[Any] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append((request.path, await request.json()))
        return web.json_response([{"recipient_id": "c-1", "text": "好"}])

    async with client(handler) as rasa:
        assert await rasa.send("c-1", "你好", {"turn": 3}) == [BotMessage(text="好")]
    assert asked == [("/webhooks/rest/webhook", {"sender": "c-1", "message": "你好", "metadata": {"turn": 3}})]


async def test_health_names_the_part_that_does_not_answer() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            assert request.path == "/webhooks/rest/"
        return web.json_response([{"text": "您好"}])

    async with client(handler) as rasa:
        assert await rasa.health() == {"rasa": True, "actions": False}
    async with client(None, answering()) as rasa:
        assert await rasa.health() == {"rasa": False, "actions": True}
    async with client(slow, answering()) as rasa:
        assert await rasa.health() == {"rasa": False, "actions": True}


async def test_rasa_is_ready_only_when_it_has_answered_a_message() -> None:
    """It listens before its model is loaded: then it answers every message with an empty list."""
    answers: list[list[dict[str, str]]] = [[], [{"text": "您好"}]]
    asked: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"status": "ok"})
        asked.append((await request.json())["sender"])
        return web.json_response(answers[len(asked) - 1])

    async with client(handler, answering()) as rasa:
        assert await rasa.health() == {"rasa": False, "actions": True}
        assert await rasa.health() == {"rasa": True, "actions": True}
        assert await rasa.health() == {"rasa": True, "actions": True}
    assert asked == ["warm-up", "warm-up"]


def parsed(*items: dict[str, Any]) -> list[BotMessage]:
    return parse_messages(json.dumps(items).encode())


def test_a_card_that_rasa_sent_apart_goes_back_beside_its_text() -> None:
    answer = {"type": "answer", "intent": "ask_interest"}
    buttons = [{"title": "转人工", "payload": "/request_human"}]
    assert parsed({"text": "利率", "buttons": buttons}, {"custom": answer}) == [
        BotMessage("利率", ({"title": "转人工", "payload": "/request_human"},), answer)
    ]


def test_two_cards_stay_two_messages() -> None:
    assert parsed({"text": "明细"}, {"custom": {"type": "a"}}, {"custom": {"type": "b"}}) == [
        BotMessage("明细", (), {"type": "a"}),
        BotMessage(None, (), {"type": "b"}),
    ]


def test_a_card_before_any_text_stands_alone() -> None:
    assert parsed({"custom": {"type": "a"}}, {"text": "后话"}) == [BotMessage(None, (), {"type": "a"}), BotMessage("后话")]
