"""Callbacks of WeChat and WeCom: what is let in, and that a forger learns nothing from being refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from bot.channels.wechat_crypto import CallbackCrypto, MalformedXml, encrypted_in, fields
from bot.core.clock import FixedClock
from bot.core.signing import CallbackStale, CallbackUnauthenticated
from tests.wechat_sealing import aes_key, envelope, seal, signature, xml

TOKEN, KEY, APP = "QDG6eK", aes_key(), "wx5823bf96d3bd56c7"
MESSAGE = "<xml><Content>你好</Content></xml>".encode()
CLOCK = FixedClock()
NOW = int(CLOCK.now().timestamp())


def crypto(tokens: tuple[str, ...] = (TOKEN,), keys: tuple[str, ...] = (KEY,), app: str = APP) -> CallbackCrypto:
    return CallbackCrypto(tokens, keys, app, CLOCK)


def query(sealed: str, token: str = TOKEN, **changed: str) -> dict[str, str]:
    given = {"timestamp": str(NOW), "nonce": "263014780"} | changed
    return {"msg_signature": signature(token, given["timestamp"], given["nonce"], sealed)} | given


def test_a_sealed_message_is_opened() -> None:
    sealed = seal(MESSAGE, KEY, APP)
    assert crypto().opened(query(sealed), sealed) == MESSAGE


@pytest.mark.parametrize("length", [0, 1, 11, 12, 13, 27, 28, 29, 1000])
def test_any_length_and_padding(length: int) -> None:
    sealed = seal(b"x" * length, KEY, APP)
    assert crypto().opened(query(sealed), sealed) == b"x" * length


def test_the_platforms_sample_is_opened() -> None:
    """The values of the sample code that comes with the platform's document."""
    key = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
    sealed = (
        "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg"
        "3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+k"
        "DZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6ti"
        "WSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p"
        "8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
    )
    given = {"msg_signature": "477715d11cdb4164915debcba66cb864d751f3e6", "timestamp": "1409659813", "nonce": "1372623149"}
    then = FixedClock(CLOCK.moment.fromtimestamp(1409659813, CLOCK.moment.tzinfo))
    opened = CallbackCrypto(["QDG6eK"], [key], "wx5823bf96d3bd56c7", then).opened(given, sealed)
    assert fields(opened)["Content"] == "hello"


def test_the_key_and_the_token_before_are_still_good_while_they_change() -> None:
    old_key, old_token = aes_key(3), "the-old-token"
    both = crypto((TOKEN, old_token), (KEY, old_key))
    for token, key in ((TOKEN, KEY), (old_token, KEY), (TOKEN, old_key), (old_token, old_key)):
        sealed = seal(MESSAGE, key, APP)
        assert both.opened(query(sealed, token), sealed) == MESSAGE
        if (token, key) != (TOKEN, KEY):
            with pytest.raises(CallbackUnauthenticated):
                crypto().opened(query(sealed, token), sealed)


@pytest.mark.parametrize(
    "sealed",
    [
        "",
        "not base64!",
        base64.b64encode(b"x" * 15).decode(),
        base64.b64encode(b"x" * 32).decode(),
        seal(MESSAGE, aes_key(9), APP),
        seal(MESSAGE, KEY, "wx0000000000000000"),
        seal(MESSAGE, KEY, APP + "x"),
        seal(MESSAGE, KEY, ""),
        seal(MESSAGE, KEY, APP)[:-24],
    ],
)
def test_what_is_signed_but_not_sealed_for_us_is_refused_like_a_wrong_signature(sealed: str) -> None:
    with pytest.raises(CallbackUnauthenticated) as signed:
        crypto().opened(query(sealed), sealed)
    with pytest.raises(CallbackUnauthenticated) as unsigned:
        crypto().opened(query(sealed) | {"msg_signature": "0" * 40}, sealed)
    assert str(signed.value) == str(unsigned.value)
    assert signed.value.details == unsigned.value.details == {}


def test_every_tampered_byte_is_refused_even_when_the_forger_can_sign() -> None:
    sealed = base64.b64decode(seal(MESSAGE, KEY, APP))
    refused = 0
    for place in range(len(sealed)):
        changed = base64.b64encode(sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]).decode()
        try:
            opened = crypto().opened(query(changed), changed)
        except CallbackUnauthenticated:
            refused += 1
        else:  # CBC alone has no seal: what protects the words is the signature, which covers the ciphertext
            assert opened != MESSAGE or place < 16
        with pytest.raises(CallbackUnauthenticated):
            crypto().opened(query(base64.b64encode(sealed).decode()), changed)
    assert refused > 0


@pytest.mark.parametrize(
    "changed",
    [
        {"msg_signature": ""},
        {"msg_signature": "非"},
        {"timestamp": ""},
        {"timestamp": "-1"},
        {"timestamp": "1e9"},
        {"timestamp": "９"},
        {"nonce": "another"},
    ],
)
def test_a_query_that_was_not_signed_like_this_is_refused(changed: dict[str, str]) -> None:
    sealed = seal(MESSAGE, KEY, APP)
    with pytest.raises(CallbackUnauthenticated):
        crypto().opened(query(sealed) | changed, sealed)


@pytest.mark.parametrize(("late", "good"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_old_messages_are_refused(late: int, good: bool) -> None:
    sealed = seal(MESSAGE, KEY, APP)
    given: dict[str, Any] = query(sealed, timestamp=str(NOW + late))
    if good:
        assert crypto().opened(given, sealed) == MESSAGE
        return
    with pytest.raises(CallbackStale):
        crypto().opened(given, sealed)
    with pytest.raises(CallbackUnauthenticated):  # who cannot sign does not learn that it is old
        crypto().opened(given | {"msg_signature": "0" * 40}, sealed)


# ── XML
def test_texts_below_the_root_are_read() -> None:
    text = "<xml><A><![CDATA[一<二]]></A><B>1</B><C><D>deep</D></C><E/></xml>".encode()
    assert fields(text) == {"A": "一<二", "B": "1", "E": ""}
    assert encrypted_in(envelope("c2VhbGVk", "gh_1")) == "c2VhbGVk"
    assert encrypted_in(xml(ToUserName="gh_1", MsgId=1)) == ""


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">'
    b'<!ENTITY lol2 "&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;">]><xml><Encrypt>&lol2;</Encrypt></xml>'
)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"<xml><Encrypt>",
        b"<xml><Encrypt>x</Encrypt></xml><xml/>",
        b"<xml>&undefined;</xml>",
        BOMB,
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><Encrypt>&f;</Encrypt></xml>',
        b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd"><xml><Encrypt>x</Encrypt></xml>',
        b"<a>" * 9 + b"</a>" * 9,
        b"<xml>" + b"<a/>" * 500 + b"</xml>",
        b'<?xml version="1.0" encoding="no-such-code"?><xml/>',
        b"<xml><A>\x00</A></xml>",
        b"<xml><A>\xff\xfe</A></xml>",
    ],
)
def test_what_is_no_plain_xml_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedXml):
        fields(text)
    with pytest.raises(CallbackUnauthenticated):
        encrypted_in(text)
