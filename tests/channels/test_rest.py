"""The REST channel: Rasa's shape, and a clear refusal for whatever does not fit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.conversations.models import Conversation
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from bot.identity.tokens import Tokens
from bot.loans.models import CustomerRow
from bot.loans.port import Customer
from bot.loans.service import SqlLoanBackend
from tests.gateway import FakeRasa, Stack, bearer, running

URL = "/webhooks/rest/webhook"


async def refused(stack: Stack, content: bytes | AsyncIterator[bytes], **headers: str) -> tuple[int, str]:
    """Status and code; every refusal has our shape and repeats nothing of what was sent."""
    response = await stack.client.post(URL, content=content, headers={"Content-Type": "application/json"} | headers)
    body = response.json()
    assert list(body) == ["error"]
    assert sorted(body["error"]) == ["code", "details", "message"]
    return response.status_code, body["error"]["code"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"not json", 400, "malformed_json"),
        (b"\xff\xfe\x00", 400, "malformed_json"),
        (b"[" * 30000, 400, "malformed_json"),
        (b"null", 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
        (b'"text"', 422, "invalid_request"),
        (b"{}", 422, "invalid_request"),
        (b'{"sender": "u"}', 422, "invalid_request"),
        (b'{"message": "hi"}', 422, "invalid_request"),
        (b'{"sender": 1, "message": "hi"}', 422, "invalid_request"),
        (b'{"sender": null, "message": "hi"}', 422, "invalid_request"),
        (b'{"sender": "u", "message": 5}', 422, "invalid_request"),
        (b'{"sender": "u", "message": null}', 422, "invalid_request"),
        (b'{"sender": "u", "message": ["hi"]}', 422, "invalid_request"),
        (b'{"sender": "", "message": "hi"}', 422, "invalid_request"),
        (b'{"sender": " \\u0000 ", "message": "hi"}', 422, "invalid_request"),
        (b'{"sender": "u", "message": "hi", "metadata": 1}', 422, "invalid_request"),
        (b'{"sender": "u", "message": "hi", "metadata": {"message_id": {}}}', 422, "invalid_request"),
        (b'{"sender": "u", "message": "hi", "metadata": {"message_id": ""}}', 422, "invalid_request"),
        (b'{"sender": "u", "message": "hi", "metadata": {"message_id": true}}', 422, "invalid_request"),
        (json.dumps({"sender": "u" * 129, "message": "hi"}).encode(), 422, "invalid_request"),
        (json.dumps({"sender": "u", "message": "hi", "metadata": {"message_id": "m" * 129}}).encode(), 422, "invalid_request"),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_with_a_stable_code(
    stack: Stack, content: bytes, status: int, code: str
) -> None:
    assert await refused(stack, content) == (status, code)
    assert stack.rasa.asked == []


async def test_a_refusal_names_the_field_but_not_its_value(stack: Stack) -> None:
    response = await stack.client.post(URL, json={"sender": {"phone": "13900001002"}, "message": "hi"})
    assert response.json()["error"]["details"]["fields"][0]["field"] == "body.sender"
    assert "13900001002" not in response.text


async def test_a_body_of_ten_megabytes_is_refused(stack: Stack) -> None:
    assert await refused(stack, b"x" * 10_000_000) == (413, "payload_too_large")


async def test_a_long_body_without_a_length_is_not_read_to_its_end(stack: Stack) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 16384

    # httpx's ASGI transport hands the chunks over as the application asks for them
    assert await refused(stack, endless()) == (413, "payload_too_large")
    assert sent < 10


async def test_a_body_just_within_the_limit_is_read(stack: Stack) -> None:
    response = await stack.post("好" * 20000)
    assert response.status_code == 200
    assert "2,000" in response.json()[0]["text"]


async def test_a_message_of_two_thousand_characters_is_taken_and_one_more_is_not(stack: Stack) -> None:
    assert (await stack.say("好" * 2000))[0]["text"] == "听到：" + "好" * 2000
    (answer,) = await stack.say("好" * 2001)
    assert "最多2,000个字" in answer["text"]
    assert len(stack.rasa.asked) == 1
    assert stack.log(stack.conversation().id)[2].state == "answered"


@pytest.mark.parametrize("text", ["", "  ", "\x00", "\n\t　"])
async def test_an_empty_message_gets_a_friendly_question(stack: Stack, text: str) -> None:
    (answer,) = await stack.say(text)
    assert "空消息" in answer["text"]
    assert stack.rasa.asked == []


@pytest.mark.parametrize(
    "text",
    ["😀😀", "'; DROP TABLE messages; --", "<img src=x onerror=alert(1)>", "{{7*7}} %s %(x)s {0}", "\u202e倒着", "𠮷" * 50],
)
async def test_any_text_is_only_text(stack: Stack, text: str) -> None:
    assert (await stack.say(text))[0]["text"] == f"听到：{text}"
    assert stack.log(stack.conversation().id)[0].text == text


async def test_nul_characters_are_dropped(stack: Stack) -> None:
    await stack.say("还\x00款", sender="u\x00-1")
    assert stack.rasa.texts == ["还款"]
    assert stack.conversation("u-1").last_seq == 2


async def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_joined(stack: Stack) -> None:
    content = b'{"sender": "u\\ud800", "message": "\\ud83d\\ude00 \\ude00"}'
    response = await stack.client.post(URL, content=content, headers={"Content-Type": "application/json"})
    assert response.json()[0] == {"recipient_id": "u\ufffd", "text": "听到：😀 \ufffd"}


@pytest.mark.parametrize(
    "content_type", [None, "application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"]
)
async def test_a_client_of_rasa_may_call_its_json_what_it_likes(stack: Stack, content_type: str | None) -> None:
    content = json.dumps({"sender": "u-1", "message": "你好"}).encode()
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = await stack.client.post(URL, content=content, headers=headers)
    assert response.json()[0]["text"] == "听到：你好"


async def test_a_number_as_message_id_is_accepted(stack: Stack) -> None:
    first = await stack.say("一", message_id=7)
    assert await stack.say("一", message_id="7") == first
    assert len(stack.rasa.asked) == 1


@pytest.mark.parametrize("path", ["/webhooks/rest/", "/webhooks/rest/webhook"])
async def test_the_channel_has_rasas_health(stack: Stack, path: str) -> None:
    assert (await stack.client.get(path)).json() == {"status": "ok"}


async def status_and_code(stack: Stack, headers: dict[str, str], sender: str = "u-1") -> tuple[int, str]:
    response = await stack.client.post(URL, json={"sender": sender, "message": "查欠款"}, headers=headers)
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize(
    "header", ["Bearer x.y.z", "Bearer", "Bearer ", "Basic dTpw", "x", "Bearer " + "A" * 5000, "Bearer null", "bearer undefined"]
)
async def test_a_wrong_token_is_refused(stack: Stack, header: str) -> None:
    assert await status_and_code(stack, {"Authorization": header}) == (401, "token_invalid")
    assert stack.rasa.asked == []


async def test_an_expired_token_is_refused_with_its_own_code(stack: Stack) -> None:
    token = stack.customer_token()
    stack.clock.advance(hours=1)
    assert await status_and_code(stack, bearer(token)) == (401, "token_expired")


async def test_an_agents_token_is_no_borrowers_token(stack: Stack) -> None:
    assert await status_and_code(stack, stack.agent()) == (401, "token_invalid")


async def test_a_token_of_another_deployment_is_refused(stack: Stack, gateway_settings: Settings) -> None:
    token = Tokens("another key, long enough for HS256 too -- 0123456789", stack.clock).issue(
        "customer", "C1001", lifetime=timedelta(hours=1)
    )
    assert await status_and_code(stack, bearer(token)) == (401, "token_invalid")


async def test_a_visitors_token_works_for_its_sender_only(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("你好", sender=sender, token=token)
    assert await status_and_code(stack, bearer(token), sender="u-1") == (403, "sender_mismatch")
    other, _ = await stack.visitor()
    assert await status_and_code(stack, bearer(token), sender=other) == (403, "sender_mismatch")


async def test_nobody_speaks_for_a_visitor_without_the_token(stack: Stack) -> None:
    sender, _ = await stack.visitor()
    assert await status_and_code(stack, {}, sender=sender) == (401, "token_required")


async def test_too_many_messages_in_a_minute_are_refused_and_a_minute_later_taken(gateway_settings: Settings) -> None:
    settings = gateway_settings.model_copy(update={"messages_per_minute": 3})
    async with running(settings, FixedClock(), FakeRasa()) as stack:
        for number in range(3):
            await stack.say("在吗", message_id=str(number))
            stack.clock.advance(seconds=10)
        response = await stack.post("在吗")
        assert response.status_code == 429
        assert response.json()["error"]["code"] == "too_many_requests"
        assert response.headers["Retry-After"] == "30"
        assert (await stack.say("在吗", message_id="0"))[0]["text"] == "听到：在吗", "a retry is not a new message"
        await stack.say("在吗", sender="u-2")
        stack.clock.advance(seconds=30)
        await stack.say("在吗")


async def test_an_error_of_ours_has_an_id_and_no_details(stack: Stack) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("secret 13900001002")

    stack.rasa.answer = broken
    response = await stack.post("你好")
    assert response.status_code == 500
    error = response.json()["error"]
    assert error["code"] == "internal_error"
    assert len(error["details"]["error_id"]) == 8
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "not_found"),
        ("PUT", URL, 405, "method_not_allowed"),
        ("POST", "/nothing/here", 405, "method_not_allowed"),
    ],
)
async def test_unknown_addresses_have_our_error_shape(stack: Stack, method: str, path: str, status: int, code: str) -> None:
    response = await stack.client.request(method, path)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code


async def test_a_token_of_a_customer_who_does_not_exist_is_refused_with_a_reason(stack: Stack) -> None:
    token = stack.customer_token("C9999")
    response = await stack.post("查欠款", token=token)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "token_invalid")
    assert "does not exist" in response.json()["error"]["message"]
    reading = await stack.client.get("/chat/messages", params={"sender": "u-1"}, headers=bearer(token))
    assert (reading.status_code, reading.json()["error"]["code"]) == (401, "token_invalid")
    assert stack.rasa.asked == []
    with stack.database.transaction() as session:
        assert session.scalars(select(Conversation)).all() == []


async def test_a_customer_registered_after_a_refusal_is_let_in(stack: Stack) -> None:
    token = stack.customer_token("C9999")
    assert (await stack.post("查欠款", token=token)).status_code == 401
    with stack.database.transaction() as session:
        session.add(
            CustomerRow(
                customer_id="C9999",
                name="新客",
                phone="13900009999",
                bank_name="招商银行",
                card_tail="9999",
                registered_at=stack.clock.now(),
            )
        )
    assert (await stack.post("查欠款", token=token)).status_code == 200


async def test_the_loan_books_are_asked_once_about_a_customer(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    customer = SqlLoanBackend.customer

    def counted(self: SqlLoanBackend, customer_id: str) -> Customer:
        asked.append(customer_id)
        return customer(self, customer_id)

    monkeypatch.setattr(SqlLoanBackend, "customer", counted)
    for _ in range(3):
        await stack.say("在吗", token=stack.customer_token("C1001"))
    assert asked == ["C1001"]


async def test_a_bad_or_old_token_is_refused_with_what_to_do(stack: Stack) -> None:
    token = stack.customer_token()
    stack.clock.advance(hours=2)
    for given, code, words in ((token, "token_expired", "log in again"), ("x.y.z", "token_invalid", "ask for a new one")):
        error = (await stack.post("在吗", token=given)).json()["error"]
        assert error["code"] == code
        assert words in error["message"]
