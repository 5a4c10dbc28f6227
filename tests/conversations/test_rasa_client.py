"""The adapter to Rasa's REST channel: each way it can fail becomes one kind of error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

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

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> HttpRasaClient:
    return HttpRasaClient("http://rasa", "http://actions", timeout_seconds=1, transport=httpx.MockTransport(handler))


def raising(error: httpx.HTTPError) -> Handler:
    def handler(_request: httpx.Request) -> httpx.Response:
        raise error

    return handler


FAILURES: list[tuple[Handler, type[RasaError]]] = [
    (raising(httpx.ConnectError("refused")), RasaUnreachable),
    (raising(httpx.RemoteProtocolError("cut off")), RasaUnreachable),
    (raising(httpx.ReadTimeout("slow")), RasaTimeout),
    (raising(httpx.ConnectTimeout("slow")), RasaTimeout),
    (raising(httpx.PoolTimeout("busy")), RasaTimeout),
    (lambda _: httpx.Response(500, text="oops"), RasaRefused),
    (lambda _: httpx.Response(404, json=[]), RasaRefused),
    (lambda _: httpx.Response(302, headers={"Location": "http://elsewhere"}), RasaRefused),
    (lambda _: httpx.Response(200, text="<html>"), RasaMalformed),
    (lambda _: httpx.Response(200, content=b"\xff\xfe["), RasaMalformed),
    (lambda _: httpx.Response(200, json={"text": "no list"}), RasaMalformed),
    (lambda _: httpx.Response(200, json=["no object"]), RasaMalformed),
    (lambda _: httpx.Response(200, json=[{"text": 5}]), RasaMalformed),
    (lambda _: httpx.Response(200, json=[{"buttons": [{"title": "no payload"}]}]), RasaMalformed),
    (lambda _: httpx.Response(200, json=[]), RasaSilent),
    (lambda _: httpx.Response(200, json=[{"recipient_id": "u"}]), RasaSilent),
]


@pytest.mark.parametrize(("handler", "expected"), FAILURES)
async def test_each_failure_has_its_error(handler: Handler, expected: type[RasaError]) -> None:
    rasa = client(handler)
    with pytest.raises(expected):
        await rasa.send("c-1", "你好", {})
    await rasa.aclose()


@pytest.mark.parametrize(("handler", "expected"), FAILURES)
async def test_whatever_rasa_does_the_borrower_gets_an_answer(
    gateway_settings: Settings, handler: Handler, expected: type[RasaError]
) -> None:
    async with running(gateway_settings, FixedClock(), FakeRasa(), client(handler)) as stack:
        (answer,) = await stack.say("还款失败了")
        assert answer["buttons"][0]["payload"] == "/request_human"
        metrics = (await stack.client.get("/metrics")).text
        assert f'suixing_turn_failures_total{{kind="{expected.kind}"}} 1.0' in metrics


async def test_the_question_has_the_rest_channels_shape() -> None:
    asked: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url), json.loads(request.content)))
        return httpx.Response(200, json=[{"recipient_id": "c-1", "text": "好"}])

    rasa = client(handler)
    assert await rasa.send("c-1", "你好", {"turn": 3}) == [BotMessage(text="好")]
    assert asked == [("http://rasa/webhooks/rest/webhook", {"sender": "c-1", "message": "你好", "metadata": {"turn": 3}})]
    await rasa.aclose()


async def test_health_names_the_part_that_does_not_answer() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "actions":
            raise httpx.ConnectError("refused")
        assert request.url.path == "/webhooks/rest/"
        return httpx.Response(200, json={"status": "ok"})

    rasa = client(handler)
    assert await rasa.health() == {"rasa": True, "actions": False}
    await rasa.aclose()


async def test_rasa_is_ready_only_when_it_has_answered_a_message() -> None:
    """It listens before its model is loaded: then it answers every message with an empty list."""
    answers: list[list[dict[str, str]]] = [[], [{"text": "您好"}]]
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"status": "ok"})
        asked.append(json.loads(request.content)["sender"])
        return httpx.Response(200, json=answers[len(asked) - 1])

    rasa = client(handler)
    assert await rasa.health() == {"rasa": False, "actions": True}
    assert await rasa.health() == {"rasa": True, "actions": True}
    assert await rasa.health() == {"rasa": True, "actions": True}
    assert asked == ["warm-up", "warm-up"]
    await rasa.aclose()


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
