"""Who is not let in by the WeChat channel: all get the same answer, and nothing is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select

from bot.conversations.inbox.models import InboxMessage, InboxNonce
from bot.conversations.models import Conversation, Message
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, until
from tests.wechat import APP_ID, KEY, Connected, connected, serving
from tests.wechat_sealing import aes_key, envelope

BOMB = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'


@pytest.fixture
async def wechat(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Connected]:
    clock = FixedClock()
    with serving(clock) as platform:
        async with connected(gateway_settings, clock, FakeRasa(), platform) as started:
            yield started


async def test_every_forgery_gets_the_same_answer_and_nothing_is_stored(wechat: Connected) -> None:
    platform = wechat.wechat
    message = platform.message(Content="你好")
    sealed, body = platform.sealed(message)
    good = platform.query(sealed)
    other_app, other_app_body = platform.sealed(message, app_id="wx0000000000000000")
    other_key, other_key_body = platform.sealed(message, key=aes_key(99))
    tampered = sealed[:-5] + ("A" if sealed[-5] != "A" else "B") + sealed[-4:]
    forgeries = {
        "no query": (body, {}),
        "wrong signature": (body, good | {"msg_signature": "0" * 40}),
        "signature of nothing": (body, good | {"msg_signature": ""}),
        "signed with another token": (body, platform.query(sealed, with_token="anotherToken")),
        "another timestamp": (body, good | {"timestamp": str(int(good["timestamp"]) + 1)}),
        "another nonce": (body, good | {"nonce": "1"}),
        "sealed for another app": (other_app_body, platform.query(other_app)),
        "sealed with another key": (other_key_body, platform.query(other_key)),
        "tampered": (envelope(tampered, "gh"), good),
        "tampered, and signed by somebody with the token": (envelope(tampered, "gh"), platform.query(tampered)),
        "truncated base64": (envelope(sealed[:-3], "gh"), platform.query(sealed[:-3])),
        "truncated XML": (body[:-20], good),
        "no XML": (b"{}", good),
        "empty": (b"", good),
        "an entity bomb": (BOMB, good),
        "plain where sealed is wanted": (message, platform.query(None)),
    }
    answers = {}
    for name, (given, query) in forgeries.items():
        answer = await wechat.post(given, query)
        answers[name] = (answer.status_code, answer.json()["error"])
    told = {"code": "callback_unauthenticated", "message": "the signature is missing or wrong", "details": {}}
    assert answers == dict.fromkeys(forgeries, (401, told))
    assert stored(wechat) == 0


@pytest.mark.parametrize("late", ["-301", "301"])
async def test_old_messages_are_refused(wechat: Connected, late: str) -> None:
    answer = await wechat.deliver(wechat.wechat.message(Content="你好"), late=late)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "callback_stale")
    assert stored(wechat) == 0


async def test_a_caught_delivery_played_again_changes_nothing(wechat: Connected) -> None:
    wechat.wechat.opens("o-1", "message")
    sealed, body = wechat.wechat.sealed(wechat.wechat.message(Content="你好"))
    caught = wechat.wechat.query(sealed)
    assert (await wechat.post(body, caught)).text == "success"
    await until(lambda: wechat.wechat.texts() == ["听到：你好"], 20)
    for _ in range(5):
        assert (await wechat.post(body, caught)).text == "success"
    await wechat.say("再见")
    assert wechat.wechat.texts() == ["听到：你好", "听到：再见"]
    wechat.stack.clock.advance(minutes=6)
    assert (await wechat.post(body, caught)).status_code == 401


@pytest.mark.parametrize(
    "inside",
    [
        b"<xml><MsgType>text</MsgType></xml>",
        b"<xml><FromUserName>o-1</FromUserName><CreateTime>now</CreateTime><MsgType>text</MsgType></xml>",
        b"<xml><FromUserName>o-1</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType></xml>",
        b"<xml><FromUserName>../../x y</FromUserName><CreateTime>1</CreateTime><MsgId>1</MsgId></xml>",
        b"<xml><FromUserName>o-1</FromUserName><CreateTime>99999999999999</CreateTime><MsgId>1</MsgId></xml>",
        b"<xml>",
        b"",
    ],
)
async def test_what_is_sealed_but_makes_no_sense_is_refused_and_not_stored(wechat: Connected, inside: bytes) -> None:
    answer = await wechat.deliver(inside)
    assert (answer.status_code, answer.json()["error"]["code"] in {"invalid_input", "malformed_xml"}) == (400, True)
    assert stored(wechat) == 0


async def test_a_body_that_is_too_long_is_not_read_to_its_end(wechat: Connected) -> None:
    answer = await wechat.post(b"<xml>" + b"x" * 70_000, wechat.wechat.query(None))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")
    assert stored(wechat) == 0


async def test_while_keys_change_both_are_good_and_afterwards_the_old_one_is_not(
    gateway_settings: Settings, process_logging: None
) -> None:
    clock, old = FixedClock(), aes_key(41)
    for changing in (True, False):
        with serving(clock) as platform:
            options = {"previous_encoding_aes_key": old, "previous_token": "theTokenBefore"} if changing else {}
            async with connected(gateway_settings, clock, FakeRasa(), platform, **options) as wechat:
                platform.opens("o-1", "message")
                sealed, body = platform.sealed(platform.message(Content="旧钥匙"), key=old)
                assert (await wechat.post(body, platform.query(sealed))).status_code == (200 if changing else 401)
                sealed, body = platform.sealed(platform.message(Content="旧口令"))
                query = platform.query(sealed, with_token="theTokenBefore")
                assert (await wechat.post(body, query)).status_code == (200 if changing else 401)
                sealed, body = platform.sealed(platform.message(Content="新钥匙"), key=KEY, app_id=APP_ID)
                assert (await wechat.post(body, platform.query(sealed))).status_code == 200


def stored(wechat: Connected) -> int:
    with wechat.stack.database.transaction() as session:
        tables = (InboxMessage, InboxNonce, Conversation, Message)
        return sum(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
