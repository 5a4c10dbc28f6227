"""Feishu, 飞书 (docs/channels/feishu.md): events over HTTP or over a connection that we hold; answers as words and cards."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, HttpUrl, model_validator

from bot.channels.connector import Callback, Connector, Kit, Received, Reply, Sink
from bot.channels.feishu.api import FeishuApi
from bot.channels.feishu.content import CARD_KINDS, content
from bot.channels.feishu.crypto import FeishuCrypto, json_object, refused
from bot.channels.feishu.long_connection import LongConnection
from bot.channels.feishu.messages import TOAST, received
from bot.channels.registry import Options, must_be_private
from bot.conversations.inbox.port import Medium
from bot.conversations.outbox.port import Capabilities, OutgoingMessage, SendResult
from bot.core.errors import InvalidInput
from bot.core.texts import Texts

NAME = "feishu"
URL = "https://open.feishu.cn"
CAPABILITIES = Capabilities(buttons=True, cards=True, card_kinds=CARD_KINDS, max_chars=4000)


class FeishuOptions(Options):
    """``CHANNELS__FEISHU__…``. ``mode``: ``long_connection`` needs no address that Feishu can reach."""

    app_id: str = Field(pattern=r"^cli_[A-Za-z0-9]{8,32}$")
    app_secret: str = Field(min_length=16)
    mode: Literal["long_connection", "http"] = "long_connection"
    encrypt_key: str | None = Field(default=None, min_length=16)
    verification_token: str | None = Field(default=None, min_length=16)
    api_url: HttpUrl = HttpUrl(URL)

    @model_validator(mode="after")
    def _sound(self) -> FeishuOptions:
        if self.mode == "http" and (self.encrypt_key is None or self.verification_token is None):
            raise ValueError("MODE=http needs ENCRYPT_KEY and VERIFICATION_TOKEN: else anybody writes in Feishu's name")
        must_be_private(self.api_url, "API_URL")
        return self


def make(options: Mapping[str, str], kit: Kit) -> Connector:
    """Raises ``ValidationError`` for options that will not do."""
    parsed = FeishuOptions.model_validate(dict(options))
    if parsed.mode == "long_connection":
        return LongConnectionConnector(parsed, kit)
    return HttpConnector(parsed, kit)


class FeishuConnector:
    """What both modes share."""

    name = NAME
    max_bytes = 262_144
    description = None
    capabilities = CAPABILITIES

    def __init__(self, options: FeishuOptions, kit: Kit) -> None:
        self._options = options
        self._texts = Texts.load(kit.settings.data_dir / "answers").dialogue
        self._api = FeishuApi(kit, NAME, str(options.api_url), options.app_id, options.app_secret)

    def accept(self, told: Mapping[str, Any]) -> Received:
        """Raises ``InvalidInput``, and ``CallbackUnauthenticated`` for an event of another app."""
        header = told.get("header")
        if isinstance(header, dict):
            app_id, number, kind = header.get("app_id"), header.get("event_id"), header.get("event_type")
        else:
            old = told.get("event")
            app_id = old.get("app_id") if isinstance(old, dict) else None
            number, kind = told.get("uuid"), old.get("type") if isinstance(old, dict) else None
        if app_id != self._options.app_id:
            raise refused()
        event = told.get("event")
        if not isinstance(number, str) or not 0 < len(number) <= 128 or not isinstance(kind, str) or not isinstance(event, dict):
            raise InvalidInput("event_id, event_type or event is missing")
        return received(number, kind, event, self._texts[TOAST].text)

    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        """One call, two when the token had ended."""
        kind, body = content(message, self._texts)
        return self._api.send(address, kind, body, message.id)

    def fetch(self, medium: Medium, max_bytes: int) -> bytes:
        """Raises ``MediumUnavailable``."""
        return self._api.resource(medium.reference["message_id"], medium.reference["file_key"], medium.kind, max_bytes)

    def close(self) -> None:
        self._api.close()


class HttpConnector(FeishuConnector):
    """Events come to us: signed, sealed, fresh, with our verification token, from our app."""

    def __init__(self, options: FeishuOptions, kit: Kit) -> None:
        super().__init__(options, kit)
        self._crypto = FeishuCrypto(options.encrypt_key or "", kit.clock)

    def verify(self, callback: Callback) -> None:
        """Raises ``CallbackUnauthenticated``, ``CallbackStale``. The console's check is sealed, but not signed."""
        told = self._opened(callback)
        if told.get("type") != "url_verification":
            self._crypto.check(callback.headers, callback.body)

    def parse(self, callback: Callback) -> Received:
        """Raises ``InvalidInput``, ``CallbackUnauthenticated``."""
        told = self._opened(callback)
        if told.get("type") == "url_verification":
            challenge = json.dumps({"challenge": str(told.get("challenge", ""))}, ensure_ascii=False)
            return Received(reply=Reply(challenge.encode()))
        return self.accept(told)

    def _opened(self, callback: Callback) -> dict[str, Any]:
        told = self._crypto.opened(callback.body)
        header = told.get("header")
        token = header.get("token") if isinstance(header, dict) else told.get("token")
        expected = self._options.verification_token or ""
        if not isinstance(token, str) or not hmac.compare_digest(token.encode(), expected.encode()):
            raise refused()
        return told


class LongConnectionConnector(FeishuConnector):
    """A ``Listener``: events come over a connection that we made with our app's secret."""

    def verify(self, callback: Callback) -> None:
        """Nothing is taken over HTTP in this mode. Raises ``CallbackUnauthenticated``."""
        raise refused()

    def parse(self, callback: Callback) -> Received:
        raise refused()

    def listen(self, sink: Sink, stopping: threading.Event) -> None:
        LongConnection(self._api, lambda raw: self.accept(json_object(raw))).run(sink, stopping)
