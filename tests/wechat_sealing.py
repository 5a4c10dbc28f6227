"""The other side of bot/channels/wechat_crypto.py, written apart from it: how WeChat and WeCom sign and seal a callback."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def aes_key(seed: int = 0) -> str:
    """43 characters, as the console shows them."""
    return (
        base64.b64encode(bytes((seed + place * 7) % 256 for place in range(32)))
        .decode()
        .rstrip("=")
        .replace("+", "A")
        .replace("/", "B")
    )


def seal(message: bytes, key: str, receive_id: str) -> str:
    secret = base64.b64decode(key + "=")
    padder = padding.PKCS7(256).padder()
    plain = os.urandom(16) + struct.pack("!I", len(message)) + message + receive_id.encode()
    padded = padder.update(plain) + padder.finalize()
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def signature(token: str, timestamp: str, nonce: str, *more: str) -> str:
    return hashlib.sha1("".join(sorted([token, timestamp, nonce, *more])).encode()).hexdigest()  # noqa: S324


def xml(**fields: str | int) -> bytes:
    """Numbers as they are, texts as CDATA."""
    parts = [
        f"<{name}>{value}</{name}>" if isinstance(value, int) else f"<{name}><![CDATA[{value}]]></{name}>"
        for name, value in fields.items()
    ]
    return f"<xml>{''.join(parts)}</xml>".encode()


def envelope(sealed: str, to: str) -> bytes:
    return f"<xml><ToUserName><![CDATA[{escape(to)}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()
