"""Tokens: only ours, only of the right kind, only until they end."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from bot.core.clock import FixedClock
from bot.identity.errors import TokenExpired, TokenInvalid
from bot.identity.tokens import Principal, Tokens

KEY = "a key for tests, long enough for HS256 -- 0123456789"
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def tokens(clock: FixedClock) -> Tokens:
    return Tokens(KEY, clock)


def forged(clock: FixedClock, *, key: str = KEY, **changes: Any) -> str:
    now = int(clock.now().timestamp())
    claims = {"aud": "suixing-care", "kind": "customer", "sub": "C1001", "iat": now, "exp": now + 60}
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(key), algorithms=["HS256"])


def test_a_token_speaks_for_its_subject(tokens: Tokens) -> None:
    assert tokens.read(tokens.issue("customer", "C1001", lifetime=HOUR)) == Principal("customer", "C1001")


def test_a_host_app_with_the_key_can_sign_tokens_itself(tokens: Tokens, clock: FixedClock) -> None:
    assert tokens.read(forged(clock)) == Principal("customer", "C1001")


def test_a_token_ends(tokens: Tokens, clock: FixedClock) -> None:
    token = tokens.issue("customer", "C1001", lifetime=HOUR)
    clock.advance(minutes=59, seconds=59)
    assert tokens.read(token).subject == "C1001"
    clock.advance(seconds=1)
    with pytest.raises(TokenExpired):
        tokens.read(token)


def test_a_token_of_another_kind_is_not_accepted(tokens: Tokens) -> None:
    with pytest.raises(TokenInvalid):
        tokens.read(tokens.issue("visitor", "v-1", lifetime=HOUR), kinds=("customer", "agent"))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another service"},
        {"aud": None},
        {"kind": "root"},
        {"kind": None},
        {"sub": ""},
        {"sub": None},
        {"sub": 7},
        {"sub": "C" * 65},
        {"exp": None},
        {"exp": "soon"},
        {"key": "another key, long enough for HS256 too -- 0123456789"},
    ],
)
def test_a_token_with_a_wrong_claim_or_signature_is_refused(tokens: Tokens, clock: FixedClock, changes: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        tokens.read(forged(clock, **changes))


def unsigned(clock: FixedClock) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, {"aud": "suixing-care", "kind": "customer", "sub": "C1001", "exp": 4102444800}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


def test_an_unsigned_token_is_refused(tokens: Tokens, clock: FixedClock) -> None:
    with pytest.raises(TokenInvalid):
        tokens.read(unsigned(clock))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "令牌.令牌.令牌", "..", "A" * 5000, "eyJhbGciOiJIUzI1NiJ9.bm90IGpzb24.AAAA"])
def test_rubbish_is_refused(tokens: Tokens, text: str) -> None:
    with pytest.raises(TokenInvalid):
        tokens.read(text)


def test_a_changed_token_is_refused(tokens: Tokens) -> None:
    header, claims, signature = tokens.issue("customer", "C1001", lifetime=HOUR).split(".")
    other = tokens.issue("customer", "C1002", lifetime=HOUR).split(".")[1]
    with pytest.raises(TokenInvalid):
        tokens.read(f"{header}.{other}.{signature}")
    assert claims != other
