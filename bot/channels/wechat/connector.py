"""WeChat Official Account, 公众号 (docs/channels/wechat.md): called back, answered through customer messages (客服消息).

Calls and codes: developers.weixin.qq.com, 客服消息 (message/custom/send), 获取稳定版接口调用凭据 (stable_token), 全局返回码说明.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, HttpUrl, model_validator

from bot.channels.connector import Callback, Connector, Kit, Received, Reply
from bot.channels.errcode_api import ApiBusy, ApiError, ApiUnauthorised, Codes, ErrcodeApi
from bot.channels.json_calls import ApiUnanswered, unsent
from bot.channels.registry import Options, must_be_private
from bot.channels.wechat.messages import message_of
from bot.channels.wechat_crypto import AES_KEY, CallbackCrypto, encrypted_in, fields
from bot.conversations.inbox.port import Medium
from bot.conversations.outbox.port import Capabilities, OutgoingMessage, QuotaRule, SendResult

NAME = "wechat"
URL = "https://api.weixin.qq.com"
ACKNOWLEDGED = Reply(b"success", "text/plain")
"""Anything else, or nothing within five seconds, and WeChat delivers the message again (three times)."""
CAPABILITIES = Capabilities(
    max_chars=500,  # 2,048 bytes, of which a character takes up to four
    quotas=(
        QuotaRule("wechat_48h", 5, timedelta(hours=48), "message", margin=timedelta(minutes=5)),
        QuotaRule("wechat_click", 3, timedelta(minutes=1), "click", margin=timedelta(seconds=5)),
    ),
)
CODES = Codes(
    stale=frozenset({40001, 40014, 41001, 42001}),
    unauthorised=frozenset({40013, 40125, 40164, 48001, 48004, 50002}),
    busy=frozenset({-1, 45009, 45011}),
)
_QUOTA = frozenset({45015, 45047})
BUSY_AGAIN = timedelta(minutes=1)


class WeChatOptions(Options):
    """``CHANNELS__WECHAT__…``. ``mode``: as in the console; ``encrypted`` takes nothing that is not sealed for our app."""

    app_id: str = Field(pattern=r"^wx[A-Za-z0-9]{6,32}$")
    app_secret: str = Field(min_length=16)
    token: str = Field(pattern=r"^[A-Za-z0-9]{8,32}$")
    previous_token: str | None = Field(default=None, pattern=r"^[A-Za-z0-9]{8,32}$")
    mode: Literal["encrypted", "plain"] = "encrypted"
    encoding_aes_key: str | None = Field(default=None, pattern=AES_KEY)
    previous_encoding_aes_key: str | None = Field(default=None, pattern=AES_KEY)
    api_url: HttpUrl = HttpUrl(URL)

    @model_validator(mode="after")
    def _sound(self) -> WeChatOptions:
        if self.mode == "encrypted" and self.encoding_aes_key is None:
            raise ValueError("ENCODING_AES_KEY is missing; MODE=plain goes without")
        must_be_private(self.api_url, "API_URL")
        return self


def make(options: Mapping[str, str], kit: Kit) -> Connector:
    """Raises ``ValidationError`` for options that will not do."""
    return WeChatConnector(WeChatOptions.model_validate(dict(options)), kit)


class WeChatConnector:
    name = NAME
    max_bytes = 65_536
    description = None
    capabilities = CAPABILITIES

    def __init__(self, options: WeChatOptions, kit: Kit) -> None:
        self._options = options
        tokens = [token for token in (options.token, options.previous_token) if token]
        keys = [key for key in (options.encoding_aes_key, options.previous_encoding_aes_key) if key]
        self._crypto = CallbackCrypto(tokens, keys, options.app_id, kit.clock)
        self._api = ErrcodeApi(kit, NAME, str(options.api_url), CODES, self._ask_token)

    # ── in
    def verify(self, callback: Callback) -> None:
        """Raises ``CallbackUnauthenticated``, ``CallbackStale``."""
        self._content(callback)

    def parse(self, callback: Callback) -> Received:
        """The console's check of our address, or one message. Raises ``InvalidInput``."""
        content = self._content(callback)
        if callback.method == "GET":
            return Received(reply=Reply(content, "text/plain"))
        message = message_of(fields(content))
        return Received(messages=() if message is None else (message,), reply=ACKNOWLEDGED)

    def _content(self, callback: Callback) -> bytes:
        """What is to be echoed, or the XML of the message."""
        query = callback.query
        if callback.method == "GET":
            self._crypto.check(query, query.get("signature", ""))
            return query.get("echostr", "").encode()
        if self._options.mode == "encrypted":
            return self._crypto.opened(query, encrypted_in(callback.body))
        self._crypto.check(query, query.get("signature", ""))
        return callback.body

    # ── out
    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        """One call, two when the token had ended."""
        body = {"touser": address, "msgtype": "text", "text": {"content": message.text or ""}}
        try:
            self._api.post("message/custom/send", body)
        except ApiUnauthorised as error:
            return SendResult("reauthorise", error=f"wechat_{error.code}")
        except ApiBusy as error:
            return SendResult("later", error=f"wechat_{error.code}", retry_after=BUSY_AGAIN)
        except ApiError as error:
            return SendResult("quota" if error.code in _QUOTA else "never", error=f"wechat_{error.code}")
        except ApiUnanswered as error:
            return unsent(error)
        return SendResult("taken", platform_id=message.id)

    def fetch(self, medium: Medium, max_bytes: int) -> bytes:
        """Raises ``MediumUnavailable``."""
        return self._api.medium(medium.reference["media_id"], max_bytes)

    def _ask_token(self, api: ErrcodeApi) -> dict[str, Any]:
        """The stable token: asking for it does not end the one that others of our servers use."""
        options = self._options
        body = {"grant_type": "client_credential", "appid": options.app_id, "secret": options.app_secret}
        return api.call("POST", "stable_token", {}, body)

    def close(self) -> None:
        self._api.close()
