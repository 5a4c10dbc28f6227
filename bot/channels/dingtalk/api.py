"""Calls of DingTalk: each is bounded in time and size.

open.dingtalk.com: 自定义机器人发送消息 (sessionWebhook), 批量发送单聊消息 (oToMessages/batchSend), 获取企业内部应用的
accessToken, 下载机器人接收消息的文件内容 (messageFiles/download).
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from bot.channels.access_token import AccessTokens, Granted, TokenUnavailable
from bot.channels.connector import Kit, MediumUnavailable
from bot.channels.json_calls import ApiTooLong, ApiUnanswered, ApiUnreachable, JsonCalls, unsent
from bot.channels.registry import LOOPBACK
from bot.conversations.outbox.port import SendResult

BUSY_AGAIN = timedelta(minutes=1)
_SESSION_BUSY = frozenset({130101, 130102, 90018, -1})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


class DingTalkApi:
    def __init__(self, kit: Kit, channel: str, url: str, app_key: str, app_secret: str, robot_code: str) -> None:
        self._credentials = {"appKey": app_key, "appSecret": app_secret}
        self._robot_code = robot_code
        self._calls = JsonCalls(url)
        self._files = JsonCalls("")
        """Knows neither our address nor our token: files lie elsewhere."""
        self._at_home = urlsplit(url).hostname in LOOPBACK
        self._tokens = AccessTokens(kit, channel, self._new_token)

    def reply(self, session_webhook: str, body: Mapping[str, Any]) -> SendResult:
        """To the conversation in which the borrower wrote. ``error`` of ``session_…``: this webhook will not do any more."""
        try:
            status, answer = self._call(session_webhook, body, {})
        except ApiUnanswered as error:
            return unsent(error)
        code = answer.get("errcode", 0 if status == httpx.codes.OK else status)
        if code == 0:
            return SendResult("taken")
        if code in _SESSION_BUSY or status in _LATER:
            return SendResult("later", error=f"dingtalk_{code}", retry_after=BUSY_AGAIN)
        return SendResult("never", error=f"session_{code}")

    def send(self, staff_id: str, key: str, parameters: Mapping[str, str]) -> SendResult:
        """The robot speaks first. ``key``: the kind of message, with its ``parameters``."""
        body = {
            "robotCode": self._robot_code,
            "userIds": [staff_id],
            "msgKey": key,
            "msgParam": json.dumps(parameters, ensure_ascii=False),
        }
        try:
            status, answer = self._with_token("/v1.0/robot/oToMessages/batchSend", body)
        except ApiUnanswered as error:
            return unsent(error)
        if status == httpx.codes.OK:
            return _outcome(staff_id, answer)
        code = _code(status, answer)
        if _unauthorised(status, answer):
            return SendResult("reauthorise", error=f"dingtalk_{code}")
        if _busy(status, answer):
            return SendResult("later", error=f"dingtalk_{code}", retry_after=BUSY_AGAIN)
        return SendResult("never", error=f"dingtalk_{code}")

    def file(self, download_code: str, max_bytes: int) -> bytes:
        """A picture or file that a borrower sent: DingTalk names an address for a while. Raises ``MediumUnavailable``."""
        body = {"downloadCode": download_code, "robotCode": self._robot_code}
        try:
            status, answer = self._with_token("/v1.0/robot/messageFiles/download", body)
            if status != httpx.codes.OK:
                passing = _unauthorised(status, answer) or _busy(status, answer)
                raise MediumUnavailable("away" if passing else "gone", f"dingtalk_{_code(status, answer)}")
            url = answer.get("downloadUrl")
            if not isinstance(url, str) or not fit_for_download(url, at_home=self._at_home):
                raise MediumUnavailable("gone", "no_safe_address")
            got = self._files.fetch(url, max_bytes)
        except ApiTooLong as error:
            raise MediumUnavailable("too_long", "too_long") from error
        except ApiUnanswered as error:
            raise MediumUnavailable("away", str(error)) from error
        if not got.ok:  # a redirect too: nobody but DingTalk says where we go
            raise MediumUnavailable("away", f"file_http_{got.status}")
        return got.data

    def open_stream(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """The address and the ticket of a connection. Raises ``ApiUnanswered``, ``ApiUnreachable``, ``PermissionError``."""
        status, answer = self._call("/v1.0/gateway/connections/open", body, {})
        endpoint, ticket = answer.get("endpoint"), answer.get("ticket")
        if status != httpx.codes.OK:
            raise PermissionError(f"http_{status}")
        if not isinstance(endpoint, str) or not isinstance(ticket, str):
            raise ApiUnanswered("an answer without endpoint and ticket")
        return endpoint, ticket

    def close(self) -> None:
        self._calls.close()
        self._files.close()

    # ── the wire
    def _with_token(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Once more with a new token when ours is refused."""
        for again in (True, False):
            token = self._token()
            status, answer = self._call(path, body, {"x-acs-dingtalk-access-token": token})
            if not _stale(status, answer):
                break
            self._tokens.drop(token)
            if not again:
                break
        return status, answer

    def _token(self) -> str:
        try:
            return self._tokens.token()
        except (TokenUnavailable, ApiUnanswered) as error:
            raise ApiUnreachable("no access token in time") from error

    def _new_token(self) -> Granted:
        status, answer = self._call("/v1.0/oauth2/accessToken", self._credentials, {})
        token, seconds = answer.get("accessToken"), answer.get("expireIn")
        if status != httpx.codes.OK or not isinstance(token, str) or not token or not isinstance(seconds, int) or seconds < 1:
            raise ApiUnreachable("no access token was granted")
        return Granted(token, timedelta(seconds=seconds))

    def _call(self, url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        answer = self._calls.call("POST", url, body, headers=headers)
        return answer.status, answer.body


def fit_for_download(url: str, *, at_home: bool) -> bool:
    """Over https, and not from a machine of ours. ``at_home``: DingTalk itself is on loopback."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if host in LOOPBACK:
        return at_home
    if parts.scheme != "https" or not host or parts.username is not None:
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host


def _code(status: int, answer: Mapping[str, Any]) -> str:
    return str(answer.get("code", status))[:48]


def _unauthorised(status: int, answer: Mapping[str, Any]) -> bool:
    return _stale(status, answer) or _code(status, answer).startswith("Forbidden")


def _busy(status: int, answer: Mapping[str, Any]) -> bool:
    return status in _LATER or "hrottling" in _code(status, answer)


def _stale(status: int, answer: Mapping[str, Any]) -> bool:
    """A token that is no longer good is a 400 on most interfaces and a 401 on others."""
    return status == httpx.codes.UNAUTHORIZED or answer.get("code") == "InvalidAuthentication"


def _outcome(staff_id: str, answer: Mapping[str, Any]) -> SendResult:
    """A batch of one: it names those it could not or would not reach."""
    if staff_id in (answer.get("flowControlledStaffIdList") or ()):
        return SendResult("later", error="dingtalk_flow_controlled", retry_after=BUSY_AGAIN)
    if staff_id in (answer.get("invalidStaffIdList") or ()):
        return SendResult("never", error="dingtalk_invalid_staff_id")
    return SendResult("taken")
