"""Calls of WeCom's customer service (微信客服), bounded in time and size. A refused access token is renewed once.

Fields and codes: developer.work.weixin.qq.com/document/path/94670 (sync_msg), 94677 (send_msg), 95122 (send_msg_on_event),
94669 (service_state), 91039 (gettoken), 90313 (codes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.channels.connector import Kit
from bot.channels.errcode_api import Codes, ErrcodeApi
from bot.channels.json_calls import ApiUnanswered

CODES = Codes(
    stale=frozenset({40001, 40014, 41001, 42001}),
    unauthorised=frozenset({40013, 48002, 60011, 60020, 95011, 95012, 95017}),
    busy=frozenset({-1, 45009, 45033}),
)


@dataclass(frozen=True)
class Account:
    """A borrower (``external_userid``) at one of our service accounts (``open_kfid``); both stand in the platform address."""

    open_kfid: str
    external_userid: str

    @property
    def address(self) -> str:
        return f"{self.open_kfid}:{self.external_userid}"

    @classmethod
    def of(cls, address: str) -> Account:
        open_kfid, _, external_userid = address.partition(":")
        return cls(open_kfid, external_userid)


class KfApi:
    """Raises what ``bot.channels.errcode_api`` raises."""

    def __init__(self, kit: Kit, channel: str, url: str, corp_id: str, secret: str) -> None:
        self._credentials = {"corpid": corp_id, "corpsecret": secret}
        self._calls = ErrcodeApi(kit, channel, url, CODES, self._ask_token)

    def sync_msg(self, open_kfid: str, cursor: str, token: str | None, limit: int) -> dict[str, Any]:
        """A page: ``msg_list``, ``next_cursor``, ``has_more``. Without ``token`` WeCom allows few calls."""
        body: dict[str, Any] = {"open_kfid": open_kfid, "limit": limit, "voice_format": 0}
        if cursor:
            body["cursor"] = cursor
        if token:
            body["token"] = token
        return self._calls.post("kf/sync_msg", body)

    def medium(self, media_id: str, max_bytes: int) -> bytes:
        """What a borrower sent. Raises ``MediumUnavailable``."""
        return self._calls.medium(media_id, max_bytes)

    def send_msg(self, account: Account, message_id: str, content: Mapping[str, Any]) -> None:
        """Only in the states 0 and 1, 5 times within 48 hours of the borrower's last message."""
        body = {"touser": account.external_userid, "open_kfid": account.open_kfid, "msgid": message_id, **content}
        self._calls.post("kf/send_msg", body)

    def send_msg_on_event(self, code: str, message_id: str, content: Mapping[str, Any]) -> None:
        """With the code of an event, once."""
        self._calls.post("kf/send_msg_on_event", {"code": code, "msgid": message_id, **content})

    def state(self, account: Account) -> int:
        """0 new, 1 assistant, 2 in the pool, 3 with a colleague, 4 ended or not begun."""
        answer = self._calls.post("kf/service_state/get", self._whose(account))
        state = answer.get("service_state")
        if not isinstance(state, int):
            raise ApiUnanswered("an answer without service_state")
        return state

    def change_state(self, account: Account, state: int, servicer: str | None = None) -> str | None:
        """``servicer``: whose turn it is, for state 3. The code with which one message may follow, if there is one."""
        named = {} if servicer is None else {"servicer_userid": servicer}
        answer = self._calls.post("kf/service_state/trans", {**self._whose(account), "service_state": state, **named})
        code = answer.get("msg_code")
        return code if isinstance(code, str) and code else None

    def close(self) -> None:
        self._calls.close()

    def _whose(self, account: Account) -> dict[str, str]:
        return {"open_kfid": account.open_kfid, "external_userid": account.external_userid}

    def _ask_token(self, calls: ErrcodeApi) -> dict[str, Any]:
        return calls.call("GET", "gettoken", self._credentials, None)
