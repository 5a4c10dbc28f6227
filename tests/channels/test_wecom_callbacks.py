"""Who may call us in WeCom's name: forged, stale, replayed and malformed callbacks leave nothing, and learn nothing."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from bot.app import create_app
from bot.channels.models import ChannelState
from bot.channels.registry import ChannelMisconfigured
from bot.channels.wecom import fetching
from bot.conversations.inbox.models import InboxMessage, InboxNonce
from bot.conversations.models import Conversation, Message
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, until
from tests.wecom import (
    AES_KEY,
    KF,
    PATH,
    SECRET,
    TOKEN,
    Connected,
    WeCom,
    connected,
    encrypt,
    envelope,
    event_xml,
    options,
    serving,
)

Call = tuple[dict[str, str], bytes]
OTHER_KEY = base64.b64encode(b"another key of just the same size"[:32]).decode()[:43]


@pytest.fixture
async def platform(
    gateway_settings: Settings, process_logging: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connected]:
    """Nothing stands in its database that a callback has not brought."""
    monkeypatch.setattr(fetching, "LOOK_SECONDS", 0.02)
    clock = FixedClock()
    with serving(clock) as wecom:
        async with connected(gateway_settings, clock, FakeRasa(), wecom) as started:
            yield started


async def nothing_kept(platform: Connected) -> bool:
    with platform.stack.database.transaction() as session:
        tables = (InboxMessage, InboxNonce, Conversation, Message, ChannelState)
        return not any(session.scalar(select(func.count()).select_from(table)) for table in tables)


def plain(wecom: WeCom, kf: str = KF) -> bytes:
    return event_xml(kf, "ENCtoken", int(wecom.clock.now().timestamp()))


# ── the console's check of the address
async def test_the_console_reads_back_what_it_sealed(platform: Connected) -> None:
    sealed = encrypt(b"7435193402356814")
    answer = await platform.client.get(PATH, params={**platform.wecom.signed(sealed), "echostr": sealed})
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        200, "7435193402356814", "text/plain; charset=utf-8",
    )  # fmt: skip
    assert await nothing_kept(platform)


async def test_a_check_that_is_not_the_consoles_is_refused(platform: Connected) -> None:
    sealed = encrypt(b"7435193402356814")
    signed = platform.wecom.signed(sealed)
    for query in (
        {"echostr": sealed},
        signed,
        {**platform.wecom.signed(sealed, token="another token"), "echostr": sealed},
        {**signed, "echostr": encrypt(b"7435193402356815")},
    ):
        assert (await platform.client.get(PATH, params=query)).status_code == 401
    assert await nothing_kept(platform)


# ── forged
def other_token(wecom: WeCom) -> Call:
    return wecom.sealed(plain(wecom), token="another token")


def no_token(wecom: WeCom) -> Call:
    return wecom.sealed(plain(wecom), token="")


def no_signature(wecom: WeCom) -> Call:
    return {}, envelope(encrypt(plain(wecom)))


def half_a_signature(wecom: WeCom) -> Call:
    query, body = wecom.sealed(plain(wecom))
    return {**query, "msg_signature": query["msg_signature"][:20]}, body


def a_signature_in_other_letters(wecom: WeCom) -> Call:
    query, body = wecom.sealed(plain(wecom))
    return {**query, "msg_signature": "签名"}, body


def another_nonce(wecom: WeCom) -> Call:
    query, body = wecom.sealed(plain(wecom))
    return {**query, "nonce": "another"}, body


def another_body(wecom: WeCom) -> Call:
    query, _ = wecom.sealed(plain(wecom))
    return query, envelope(encrypt(plain(wecom, "wkOTHER")))


def another_corporation(wecom: WeCom) -> Call:
    return wecom.sealed(plain(wecom), receive_id="wwffffffffffffffff")


def another_key(wecom: WeCom) -> Call:
    return wecom.sealed(plain(wecom), key=OTHER_KEY)


def resealed(change: Callable[[bytearray], bytes]) -> Callable[[WeCom], Call]:
    """Tampered with, and signed all the same: who has the token but not the key."""

    def call(wecom: WeCom) -> Call:
        tampered = base64.b64encode(change(bytearray(base64.b64decode(encrypt(plain(wecom)))))).decode()
        return wecom.signed(tampered), envelope(tampered)

    return call


def flip(place: int) -> Callable[[bytearray], bytes]:
    def change(sealed: bytearray) -> bytes:
        sealed[place] ^= 1
        return bytes(sealed)

    return change


def signed_text(text: str) -> Callable[[WeCom], Call]:
    return lambda wecom: (wecom.signed(text), envelope(text))


def signed_body(body: bytes) -> Callable[[WeCom], Call]:
    return lambda wecom: (wecom.signed(""), body)


FORGED = {
    "another token": other_token,
    "an empty token": no_token,
    "no signature": no_signature,
    "half a signature": half_a_signature,
    "a signature in other letters": a_signature_in_other_letters,
    "another nonce": another_nonce,
    "another body": another_body,
    "another corporation": another_corporation,
    "another key": another_key,
    "the first block": resealed(flip(0)),
    "the length": resealed(flip(3)),
    "the last block": resealed(flip(-1)),
    "the block before it": resealed(flip(-17)),
    "half a block": resealed(lambda sealed: bytes(sealed[:-8])),
    "nothing but a block": resealed(lambda sealed: bytes(sealed[:16])),
    "an empty ciphertext": signed_text(""),
    "no base64": signed_text("***"),
    "no XML": signed_body(b"Encrypt"),
    "truncated XML": signed_body(envelope(encrypt(b"x"))[:-20]),
    "no body": signed_body(b""),
    "an entity": signed_body(b'<!DOCTYPE x [<!ENTITY e "e">]><xml><Encrypt>&e;</Encrypt></xml>'),
    "a file": signed_body(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Encrypt>&e;</Encrypt></xml>'),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_callback_leaves_nothing(platform: Connected, forged: Callable[[WeCom], Call]) -> None:
    answer = await platform.call_back(*forged(platform.wecom))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "callback_unauthenticated")
    assert await nothing_kept(platform)


async def test_every_forged_callback_gets_the_same_answer(platform: Connected) -> None:
    """What differs would tell a forger how far they came: no oracle."""
    answers = set()
    for forged in FORGED.values():
        answer = await platform.call_back(*forged(platform.wecom))
        answers.add((answer.status_code, str(answer.json()["error"]["message"]), str(answer.json()["error"]["details"])))
    assert len(answers) == 1


@pytest.mark.parametrize("late", [-301, 301, -86_400])
async def test_a_stale_callback_leaves_nothing(platform: Connected, late: int) -> None:
    answer = await platform.call_back(*platform.wecom.notice(late=late))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "callback_stale")
    assert await nothing_kept(platform)


async def test_a_body_beyond_any_callback_is_not_read(platform: Connected) -> None:
    answer = await platform.call_back({}, b"<xml>" + b" " * 20_000)
    assert (answer.status_code, await nothing_kept(platform)) == (413, True)


# ── from WeCom, and yet
BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (letter, b"&%c;" % (letter - 1) * 10) for letter in range(ord("b"), ord("k"))
)
INSIDE = {
    "a bomb": BOMB + b"]><xml><Event>&j;</Event></xml>",
    "truncated": event_xml(KF, "t", 0)[:-10],
    "no XML": b"kf_msg_or_event",
    "nothing": b"",
    "not UTF-8": b"<xml><Event>\xff</Event></xml>",
}


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE.keys())
async def test_sealed_nonsense_leaves_nothing(platform: Connected, inside: bytes) -> None:
    answer = await platform.call_back(*platform.wecom.sealed(inside))
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["code"] == "malformed_xml"
    assert await nothing_kept(platform)


@pytest.mark.parametrize(
    "inside",
    [
        b"<xml><MsgType>event</MsgType><Event>change_contact</Event></xml>",
        b"<xml><Event>kf_msg_or_event</Event></xml>",
        b"<xml><Event>kf_msg_or_event</Event><OpenKfId>wk 1</OpenKfId></xml>",
        b"<xml><Event>kf_msg_or_event</Event><OpenKfId>" + b"w" * 61 + b"</OpenKfId></xml>",
    ],
)
async def test_what_is_not_for_us_is_acknowledged_and_not_kept(platform: Connected, inside: bytes) -> None:
    answer = await platform.call_back(*platform.wecom.sealed(inside))
    assert (answer.status_code, answer.text) == (200, "success")
    assert await nothing_kept(platform)


async def test_the_same_bytes_again_are_refused_and_the_same_word_again_changes_nothing(platform: Connected) -> None:
    platform.wecom.write("你好")
    caught = platform.wecom.notice()
    assert (await platform.call_back(*caught)).text == "success"
    again = await platform.call_back(*caught)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "callback_replayed")
    await platform.notify()
    await until(lambda: bool(platform.wecom.got), 20)
    await platform.say("再见")
    assert platform.wecom.texts() == ["听到：你好", "听到：再见"]


async def test_during_a_change_of_keys_both_are_good(gateway_settings: Settings, process_logging: None) -> None:
    clock = FixedClock()
    with serving(clock) as wecom:
        changed = {
            "token": "the-next-token", "encoding_aes_key": OTHER_KEY,
            "previous_token": TOKEN, "previous_encoding_aes_key": AES_KEY,
        }  # fmt: skip
        async with connected(gateway_settings, clock, FakeRasa(), wecom, **changed) as platform:
            assert (await platform.call_back(*wecom.notice())).status_code == 200
            renewed = wecom.sealed(plain(wecom), token="the-next-token", key=OTHER_KEY)
            assert (await platform.call_back(*renewed)).status_code == 200


# ── set up
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"secret": ""}, "CHANNELS__WECOM__SECRET"),
        ({"secret": "  "}, "CHANNELS__WECOM__SECRET"),
        ({"secret": "short"}, "CHANNELS__WECOM__SECRET"),
        ({"secret": None}, "CHANNELS__WECOM__SECRET"),
        ({"token": ""}, "CHANNELS__WECOM__TOKEN"),
        ({"token": None}, "CHANNELS__WECOM__TOKEN"),
        ({"encoding_aes_key": ""}, "CHANNELS__WECOM__ENCODING_AES_KEY"),
        ({"encoding_aes_key": AES_KEY[:-1]}, "CHANNELS__WECOM__ENCODING_AES_KEY"),
        ({"corp_id": None}, "CHANNELS__WECOM__CORP_ID"),
        ({"api_url": "http://example.test"}, "https"),
        ({"people": "somewhere"}, "CHANNELS__WECOM__PEOPLE"),
        ({"people": "wecom", "servicers": "A2001"}, "CHANNELS__WECOM__SERVICERS"),
        ({"servicers": "A2001=zhangsan"}, "PEOPLE=wecom"),
        ({"page_size": "1001"}, "CHANNELS__WECOM__PAGE_SIZE"),
        ({"sercet": "x"}, "CHANNELS__WECOM__SERCET"),
    ],
)
def test_a_channel_that_is_half_configured_keeps_the_process_from_starting(
    gateway_settings: Settings, changed: dict[str, Any], named: str
) -> None:
    given = {name: value for name, value in {**options("https://example.test"), **changed}.items() if value is not None}
    channels = {"wecom": {name: SecretStr(value) for name, value in given.items()}}
    with pytest.raises(ChannelMisconfigured, match=named) as refused:
        create_app(gateway_settings.model_copy(update={"channels": channels}), clock=FixedClock(), rasa=FakeRasa())
    for secret in (SECRET, TOKEN, AES_KEY):
        assert secret not in str(refused.value)
