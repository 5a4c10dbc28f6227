"""Signed messages between us and a partner: who may speak, how old a message may be. The caller keeps the nonces.

CallbackUnauthenticated (401)  the signature is missing or wrong; nothing else is said about the message
CallbackStale (401)            signed by the partner, but its timestamp is too far from our clock
CallbackReplayed (409)         signed by the partner, but its nonce was used before
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.errors import Conflict, Unauthenticated

NONCES_KEPT = timedelta(days=1)
"""Longer than any window in which a signature is accepted (an hour at most)."""
MIN_SECRET_CHARS = 32
_TIMESTAMP = re.compile(r"\d{1,12}", re.ASCII)
_NONCE = re.compile(r"[\w-]{16,64}", re.ASCII)


class CallbackUnauthenticated(Unauthenticated):
    code = "callback_unauthenticated"


class CallbackStale(Unauthenticated):
    code = "callback_stale"


class CallbackReplayed(Conflict):
    code = "callback_replayed"


@dataclass(frozen=True)
class Signed:
    """A message as it came: the three headers and the bytes of the body."""

    timestamp: str
    nonce: str
    signature: str
    body: bytes


def sign(secret: str, timestamp: str, nonce: str, body: bytes) -> str:
    """``v1=`` and the hex HMAC-SHA256 of ``timestamp.nonce.body``."""
    message = timestamp.encode() + b"." + nonce.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def check_signature(message: Signed, secrets: Sequence[str], now: datetime, window: timedelta) -> None:
    """Raises ``CallbackUnauthenticated``, then ``CallbackStale``: who cannot sign learns nothing more than that."""
    formed = _TIMESTAMP.fullmatch(message.timestamp) and _NONCE.fullmatch(message.nonce) and message.signature.isascii()
    expected = [sign(secret, message.timestamp, message.nonce, message.body) for secret in secrets] if formed else []
    if not any(hmac.compare_digest(message.signature, each) for each in expected):
        raise CallbackUnauthenticated("the signature is missing or wrong")
    if abs(now.timestamp() - int(message.timestamp)) > window.total_seconds():
        raise CallbackStale("the timestamp is too far from our clock")
