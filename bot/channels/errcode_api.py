"""Calls of a platform that answers ``{"errcode": …}`` and wants an access token: WeChat's and WeCom's servers.

A call renews the token once when it is refused.

ApiError              the platform answered with an ``errcode``
  ApiUnauthorised     our credentials, the right to use the interface, or our address were refused
  ApiBusy             too many calls, or the platform is busy: later

When it does not answer: bot/channels/json_calls.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from bot.channels.access_token import AccessTokens, Granted, TokenUnavailable
from bot.channels.connector import Kit, MediumUnavailable
from bot.channels.json_calls import ApiTooLong, ApiUnanswered, ApiUnreachable, JsonCalls

T = TypeVar("T")

MAX_BYTES = 16 * 1024 * 1024


class ApiError(RuntimeError):
    def __init__(self, code: int) -> None:
        super().__init__(f"errcode {code}")
        self.code = code


class ApiUnauthorised(ApiError): ...


class ApiBusy(ApiError): ...


@dataclass(frozen=True)
class Codes:
    """What a platform's codes mean. ``stale``: another token helps; ``unauthorised``: it does not."""

    stale: frozenset[int]
    unauthorised: frozenset[int]
    busy: frozenset[int]


class ErrcodeApi:
    """``ask_token(call)`` makes the call that grants a token and returns its answer. Used from several threads."""

    def __init__(
        self,
        kit: Kit,
        channel: str,
        url: str,
        codes: Codes,
        ask_token: Callable[[ErrcodeApi], dict[str, Any]],
    ) -> None:
        self._codes = codes
        self._ask_token = ask_token
        self._calls = JsonCalls(url, MAX_BYTES)
        self._tokens = AccessTokens(kit, channel, self._new_token)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """With our token. Raises the errors above."""
        return self._with_token(lambda token: self.call("POST", path, {"access_token": token}, body))

    def medium(self, media_id: str, max_bytes: int) -> bytes:
        """``media/get``: what a borrower sent, kept there for three days. Raises ``MediumUnavailable``."""
        try:
            return self._with_token(lambda token: self._file(token, media_id, max_bytes))
        except ApiTooLong as error:
            raise MediumUnavailable("too_long", "too_long") from error
        except (ApiUnauthorised, ApiBusy, ApiUnanswered) as error:
            raise MediumUnavailable("away", str(error)) from error
        except ApiError as error:
            raise MediumUnavailable("gone", str(error)) from error

    def _with_token(self, call: Callable[[str], T]) -> T:
        token = self._token()
        try:
            return call(token)
        except ApiUnauthorised as error:
            if error.code not in self._codes.stale:
                raise
            self._tokens.drop(token)
        token = self._token()
        try:
            return call(token)
        except ApiUnauthorised as error:
            if error.code in self._codes.stale:
                self._tokens.drop(token)
            raise

    def _file(self, token: str, media_id: str, max_bytes: int) -> bytes:
        """An error comes as JSON with status 200, and under any media type."""
        got = self._calls.fetch("/cgi-bin/media/get", max_bytes, query={"access_token": token, "media_id": media_id})
        if not got.ok:
            raise ApiUnanswered(f"http_{got.status}")
        self._refused(got.told.get("errcode", 0))
        return got.data

    def call(self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None) -> dict[str, Any]:
        """Without a token."""
        answer = self._calls.call(method, f"/cgi-bin/{path}", body, query=query)
        if not answer.ok:
            raise ApiUnanswered(f"http_{answer.status}")
        self._refused(answer.body.get("errcode", 0))
        return answer.body

    def _refused(self, code: object) -> None:
        if not isinstance(code, int):
            raise ApiUnanswered("not an answer")
        if code == 0:
            return
        if code in self._codes.stale | self._codes.unauthorised:
            raise ApiUnauthorised(code)
        raise ApiBusy(code) if code in self._codes.busy else ApiError(code)

    def close(self) -> None:
        self._calls.close()

    def _token(self) -> str:
        try:
            return self._tokens.token()
        except (TokenUnavailable, ApiUnanswered) as error:
            raise ApiUnreachable("no access token in time") from error

    def _new_token(self) -> Granted:
        answer = self._ask_token(self)
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int) or seconds < 1:
            raise ApiUnreachable("an answer without an access token")
        return Granted(token, timedelta(seconds=seconds))
