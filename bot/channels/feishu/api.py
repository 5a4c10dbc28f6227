"""Calls of Feishu: each is bounded in time and size.

open.feishu.cn: 发送消息, 获取消息中的资源文件, 自建应用获取 tenant_access_token, 使用长连接接收事件.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from bot.channels.access_token import AccessTokens, Granted, TokenUnavailable
from bot.channels.connector import Kit, MediumUnavailable
from bot.channels.json_calls import ApiTooLong, ApiUnanswered, ApiUnreachable, JsonCalls, unsent
from bot.conversations.outbox.port import SendResult

BUSY_AGAIN = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
_STALE_TOKEN = frozenset({99991661, 99991663, 99991664, 99991665, 99991668})
_UNAUTHORISED = frozenset({99991401, 99991672, 99991673, 10003, 10014, 230006, 230027})
_TOO_LONG = frozenset({234037})
_BUSY = frozenset({99991400, 230020, 232034, 1500, 55002})
_PASSING_STATUS = frozenset({408, 425, 429})
"""With these and all from 500 on the code does not matter: it is one of the gateway or of an interface behind it."""


class FeishuApi:
    def __init__(self, kit: Kit, channel: str, url: str, app_id: str, app_secret: str) -> None:
        self._app_id = app_id
        self._app_secret = app_secret
        self._calls = JsonCalls(url)
        self._tokens = AccessTokens(kit, channel, self._new_token)

    def send(self, open_id: str, kind: str, content: str, uuid: str) -> SendResult:
        """``uuid``: Feishu takes a message once under it, within an hour."""
        body = {"receive_id": open_id, "msg_type": kind, "content": content, "uuid": uuid}
        try:
            answer, headers = self._with_token("/open-apis/im/v1/messages?receive_id_type=open_id", body)
        except ApiUnanswered as error:
            return unsent(error)
        code = answer.get("code")
        if code == 0:
            number = (answer.get("data") or {}).get("message_id")
            return SendResult("taken", platform_id=number if isinstance(number, str) else uuid)
        if code in _STALE_TOKEN or code in _UNAUTHORISED:
            return SendResult("reauthorise", error=f"feishu_{code}")
        if code in _BUSY or code is None or _passing(int(headers["status"])):
            return SendResult("later", error=f"feishu_{code or headers['status']}", retry_after=_wait(headers))
        return SendResult("never", error=f"feishu_{code}")

    def resource(self, message_id: str, file_key: str, kind: str, max_bytes: int) -> bytes:
        """A picture (``image``) or ``file`` of a message. Raises ``MediumUnavailable``."""
        path = f"/open-apis/im/v1/messages/{quote(message_id, safe='')}/resources/{quote(file_key, safe='')}"
        try:
            for _ in range(2):
                token = self._token()
                got = self._calls.fetch(path, max_bytes, query={"type": kind}, headers={"Authorization": f"Bearer {token}"})
                told = got.told.get("code", 0 if got.ok else None)
                code = told if isinstance(told, int) else None
                if code not in _STALE_TOKEN:
                    break
                self._tokens.drop(token)
        except ApiTooLong as error:
            raise MediumUnavailable("too_long", "too_long") from error
        except ApiUnanswered as error:
            raise MediumUnavailable("away", str(error)) from error
        if code == 0 and got.ok:
            return got.data
        if code in _TOO_LONG:
            raise MediumUnavailable("too_long", f"feishu_{code}")
        passing = code is None or code in _STALE_TOKEN | _UNAUTHORISED | _BUSY or _passing(got.status)
        raise MediumUnavailable("away" if passing else "gone", f"feishu_{code or got.status}")

    def connection(self) -> tuple[str, float]:
        """The address of a long connection, and the seconds between two pings. Raises ``ApiUnanswered``, ``PermissionError``."""
        body = {"AppID": self._app_id, "AppSecret": self._app_secret}
        answer, _ = self._call("/callback/ws/endpoint", body, {})
        data = answer.get("data") or {}
        url = data.get("URL")
        if answer.get("code") != 0 or not isinstance(url, str):
            raise PermissionError(f"code {answer.get('code')}")
        pause = (data.get("ClientConfig") or {}).get("PingInterval")
        return url, float(pause) if isinstance(pause, int) and pause > 0 else 120.0

    def close(self) -> None:
        self._calls.close()

    # ── the wire
    def _with_token(self, path: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Once more with a new token when ours is refused."""
        for _ in range(2):
            token = self._token()
            answer, headers = self._call(path, body, {"Authorization": f"Bearer {token}"})
            if answer.get("code") not in _STALE_TOKEN:
                break
            self._tokens.drop(token)
        return answer, headers

    def _token(self) -> str:
        try:
            return self._tokens.token()
        except (TokenUnavailable, ApiUnanswered) as error:
            raise ApiUnreachable("no access token in time") from error

    def _new_token(self) -> Granted:
        body = {"app_id": self._app_id, "app_secret": self._app_secret}
        answer, _ = self._call("/open-apis/auth/v3/tenant_access_token/internal", body, {})
        token, seconds = answer.get("tenant_access_token"), answer.get("expire")
        if answer.get("code") != 0 or not isinstance(token, str) or not token or not isinstance(seconds, int) or seconds < 1:
            raise ApiUnreachable("no access token was granted")
        return Granted(token, timedelta(seconds=seconds))

    def _call(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
        """The answer and its headers (with ``status``)."""
        answer = self._calls.call("POST", path, body, headers=headers)
        return answer.body, {"status": str(answer.status), **answer.headers}


def _passing(status: int) -> bool:
    return status in _PASSING_STATUS or status >= 500


def _wait(headers: Mapping[str, str]) -> timedelta:
    """``x-ogw-ratelimit-reset`` says in how many seconds calls are taken again."""
    given = headers.get("x-ogw-ratelimit-reset", "")
    return min(timedelta(seconds=int(given)), LONGEST_WAIT) if given.isascii() and given.isdecimal() else BUSY_AGAIN
