"""Calls of a platform in JSON, each bounded in time and size.

ApiUnanswered         nothing that can be read came in time; the call may have been carried out
  ApiUnreachable      it was not even made
  ApiTooLong          more bytes than are wanted

What is raised names neither the address nor the answer: both may hold secrets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bot.conversations.outbox.port import UNREACHABLE, SendResult

CALL_SECONDS = 5.0
"""Of one call. The outbox leases a message for 60 s, and sending it takes up to five calls."""
FILE_SECONDS = 15.0
"""Of a file of some megabytes."""


_MOST_TOLD = 65_536


class ApiUnanswered(RuntimeError): ...


class ApiUnreachable(ApiUnanswered): ...


class ApiTooLong(ApiUnanswered): ...


@dataclass(frozen=True)
class Answer:
    """``body`` is empty where an error came without a JSON object."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        return httpx.codes.is_success(self.status)


@dataclass(frozen=True)
class Fetched:
    """A file; or, whatever the status and the headers say, a JSON object about why there is none: ``told`` (else empty)."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def ok(self) -> bool:
        return httpx.codes.is_success(self.status)

    @property
    def told(self) -> dict[str, Any]:
        return (_object(self.data) or {}) if len(self.data) <= _MOST_TOLD else {}


class JsonCalls:
    """``url``: before paths that are no whole address. Used from several threads."""

    def __init__(self, url: str, max_bytes: int = 1024 * 1024) -> None:
        self._client = httpx.Client(base_url=url, timeout=CALL_SECONDS, follow_redirects=False)
        self._max_bytes = max_bytes

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Raises ``ApiUnanswered``, ``ApiUnreachable``."""
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()  # \\u… would be shown as it stands
        given = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        with _no_secrets(), self._client.stream(method, path, params=query, content=content, headers=given) as answer:
            return Answer(answer.status_code, answer.headers, self._read(answer))

    def fetch(
        self, path: str, max_bytes: int, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        """A file as it is sent: what is packed is not unpacked, redirects are not followed.

        Raises ``ApiTooLong``, ``ApiUnanswered``, ``ApiUnreachable``.
        """
        given = {"Accept-Encoding": "identity", **(headers or {})}
        with _no_secrets(), self._client.stream("GET", path, params=query, headers=given) as answer:
            if not answer.is_success:
                return Fetched(answer.status_code, answer.headers, self._refusal(answer))
            declared = answer.headers.get("content-length", "")
            if declared.isdecimal() and int(declared) > max_bytes:
                raise ApiTooLong("too long")
            return Fetched(answer.status_code, answer.headers, _bounded(answer.iter_raw(), max_bytes, FILE_SECONDS))

    def close(self) -> None:
        self._client.close()

    def _refusal(self, answer: httpx.Response) -> bytes:
        """Why there is no file; nothing where that is no short text."""
        try:
            return _bounded(answer.iter_raw(), _MOST_TOLD, CALL_SECONDS)
        except ApiTooLong:
            return b""

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        read = _object(_bounded(answer.iter_bytes(), self._max_bytes, CALL_SECONDS))
        if answer.is_success and read is None:
            raise ApiUnanswered("not an answer")
        return read or {}


@contextmanager
def _no_secrets() -> Iterator[None]:
    """httpx's errors as ours."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL) as error:
        raise ApiUnreachable(type(error).__name__) from None
    except httpx.HTTPError as error:
        raise ApiUnanswered(type(error).__name__) from None


def _bounded(pieces: Iterator[bytes], max_bytes: int, seconds: float) -> bytes:
    """httpx bounds the wait for each piece; here the whole answer is bounded."""
    deadline, read = time.monotonic() + seconds, bytearray()
    for piece in pieces:
        read += piece
        if len(read) > max_bytes:
            raise ApiTooLong("too long")
        if time.monotonic() > deadline:
            raise ApiUnanswered("too slow")
    return bytes(read)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def unsent(error: ApiUnanswered) -> SendResult:
    """What became of a message when the platform did not speak."""
    if isinstance(error, ApiUnreachable):
        return SendResult("later", error=UNREACHABLE)
    return SendResult("later", error="no_answer", answered=False)
