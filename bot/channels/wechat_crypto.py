"""Callbacks of WeChat and WeCom: who signed them, what they hold, and the XML inside.

Source: 消息加解密说明 of developers.weixin.qq.com, and developer.work.weixin.qq.com/document/path/90968. ``msg_signature`` is the
SHA-1 of token, timestamp, nonce and ciphertext, sorted; the ciphertext is AES-256-CBC with the key's first half as IV, padded by
PKCS#7 to 32 bytes; the plaintext is 16 random bytes, four bytes of length, the message, and the id of whom it is for.

Whatever is wrong with a message, the answer is the same: it tells a forger nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from xml.parsers import expat

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.core.clock import Clock
from bot.core.errors import InvalidInput
from bot.core.signing import CallbackStale, CallbackUnauthenticated

AES_KEY = r"^[A-Za-z0-9]{43}$"
"""``EncodingAESKey`` as the console gives it: base64 of 32 bytes without its last character, ``=``."""
WINDOW = timedelta(minutes=5)
_BLOCK = 32
_HEAD = 20
_TIMESTAMP = re.compile(r"\d{1,12}", re.ASCII)
_MAX_DEPTH = 8
_MAX_ELEMENTS = 500


class MalformedXml(InvalidInput):
    code = "malformed_xml"


class CallbackCrypto:
    """``tokens``, ``aes_keys``: those in force, and those before while they change. ``receive_id``: our app or corporation."""

    def __init__(self, tokens: Sequence[str], aes_keys: Sequence[str], receive_id: str, clock: Clock) -> None:
        self._tokens = tokens
        self._keys = [base64.b64decode(key + "=") for key in aes_keys]
        self._receive_id = receive_id.encode()
        self._clock = clock

    def check(self, query: Mapping[str, str], signature: str, *more: str) -> None:
        """Of timestamp, nonce and ``more``. Raises ``CallbackUnauthenticated``, ``CallbackStale``."""
        timestamp = query.get("timestamp", "")
        parts = (timestamp, query.get("nonce", ""), *more)
        if not _TIMESTAMP.fullmatch(timestamp) or not any(self._signed(token, parts, signature) for token in self._tokens):
            raise _refused()
        if abs(self._clock.now().timestamp() - int(timestamp)) > WINDOW.total_seconds():
            raise CallbackStale("the timestamp is too far from our clock")

    def opened(self, query: Mapping[str, str], encrypted: str) -> bytes:
        """The message in ``encrypted``. Raises ``CallbackUnauthenticated``, ``CallbackStale``."""
        self.check(query, query.get("msg_signature", ""), encrypted)
        for key in self._keys:
            plain = self._plain(key, encrypted)
            if plain is not None:
                return plain
        raise _refused()

    def _signed(self, token: str, parts: Sequence[str], signature: str) -> bool:
        expected = hashlib.sha1("".join(sorted((token, *parts))).encode()).hexdigest()  # noqa: S324 the platform's choice
        return hmac.compare_digest(expected.encode(), signature.encode())

    def _plain(self, key: bytes, encrypted: str) -> bytes | None:
        try:
            sealed = base64.b64decode(encrypted, validate=True)
            decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
            padded = decryptor.update(sealed) + decryptor.finalize()
        except (binascii.Error, ValueError):
            return None
        padding = padded[-1] if padded else 0
        if not 1 <= padding <= _BLOCK or padded[-padding:] != bytes([padding]) * padding:
            return None
        content = padded[:-padding]
        end = _HEAD + int.from_bytes(content[16:_HEAD], "big")
        if len(content) < _HEAD or not hmac.compare_digest(content[end:], self._receive_id):
            return None
        return content[_HEAD:end]


def encrypted_in(body: bytes) -> str:
    """``Encrypt`` of a callback that nobody has checked yet. Raises ``CallbackUnauthenticated``."""
    try:
        return fields(body).get("Encrypt", "")
    except MalformedXml:
        raise _refused() from None


def fields(xml: bytes) -> dict[str, str]:
    """The texts right below the root, by their names; what lies deeper is left out. Raises ``MalformedXml``.

    A document type is refused: entities are defined there.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, LookupError, ValueError):  # also: an encoding that nobody knows
        raise MalformedXml("not the XML of a callback") from None
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._depth = 0
        self._elements = 0
        self._pieces: list[str] | None = None

    def doctype(self, *_: object) -> None:
        raise MalformedXml("a callback has no document type")

    def start(self, _name: str, _attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise MalformedXml("too deep or too long")
        self._pieces = [] if self._depth == 2 else None

    def text(self, piece: str) -> None:
        if self._pieces is not None:
            self._pieces.append(piece)

    def end(self, name: str) -> None:
        if self._depth == 2 and self._pieces is not None:
            self.found[name] = "".join(self._pieces)
        self._depth -= 1
        self._pieces = None


def _refused() -> CallbackUnauthenticated:
    return CallbackUnauthenticated("the signature is missing or wrong")
