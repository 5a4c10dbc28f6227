"""DingTalk's robot, 钉钉机器人 (docs/channels/dingtalk.md): called back over HTTP, or over a stream that we hold."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, model_validator
from sqlalchemy.orm import Session

from bot.channels.connector import Callback, Connector, Kit, Received, Sink
from bot.channels.dingtalk.api import DingTalkApi
from bot.channels.dingtalk.content import plain, reply_body
from bot.channels.dingtalk.messages import PRIVATE, Incoming
from bot.channels.dingtalk.stream import Stream
from bot.channels.registry import LOOPBACK, Options, must_be_private
from bot.channels.state import SharedState
from bot.conversations.inbox.port import Medium
from bot.conversations.outbox.port import Capabilities, OutgoingMessage, QuotaRule, SendResult
from bot.core.errors import NotFound
from bot.core.signing import CallbackStale, CallbackUnauthenticated
from bot.core.texts import Texts

NAME = "dingtalk"
URL = "https://api.dingtalk.com"
WINDOW = timedelta(hours=1)
MARGIN = timedelta(minutes=1)
"""So long before its end a sessionWebhook is used no more."""
SESSION_HOST = "oapi.dingtalk.com"
SESSION = "session:"
CAPABILITIES = Capabilities(
    buttons=True,
    max_chars=2000,
    quotas=(QuotaRule("dingtalk_minute", 20, timedelta(minutes=1)),),
)
_MILLISECONDS = re.compile(r"\d{1,15}", re.ASCII)
_STAFF_ID = re.compile(r"[\w.@-]{1,64}", re.ASCII)


class DingTalkOptions(Options):
    """``CHANNELS__DINGTALK__…``. ``mode``: ``stream`` needs no address that DingTalk can reach."""

    app_key: str = Field(min_length=8)
    app_secret: str = Field(min_length=16)
    robot_code: str = Field(min_length=8)
    corp_id: str = Field(pattern=r"^ding[A-Za-z0-9]{8,64}$")
    mode: Literal["stream", "http"] = "stream"
    api_url: HttpUrl = HttpUrl(URL)

    @model_validator(mode="after")
    def _private(self) -> DingTalkOptions:
        must_be_private(self.api_url, "API_URL")
        return self


def make(options: Mapping[str, str], kit: Kit) -> Connector:
    """Raises ``ValidationError`` for options that will not do."""
    parsed = DingTalkOptions.model_validate(dict(options))
    return StreamConnector(parsed, kit) if parsed.mode == "stream" else DingTalkConnector(parsed, kit)


class DingTalkConnector:
    """HTTP mode."""

    name = NAME
    max_bytes = 65_536
    description = None
    capabilities = CAPABILITIES

    def __init__(self, options: DingTalkOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._texts = Texts.load(kit.settings.data_dir / "answers").dialogue
        self._api = DingTalkApi(kit, NAME, str(options.api_url), options.app_key, options.app_secret, options.robot_code)
        local = options.api_url.host if options.api_url.host in LOOPBACK else None
        self._session_hosts = {SESSION_HOST, local}

    # ── in
    def verify(self, callback: Callback) -> None:
        """Raises ``CallbackUnauthenticated``, ``CallbackStale``, also for a message to another company's robot."""
        timestamp, signature = callback.headers.get("timestamp", ""), callback.headers.get("sign", "")
        digest = hmac.new(self._options.app_secret.encode(), f"{timestamp}\n{self._options.app_secret}".encode(), hashlib.sha256)
        expected = base64.b64encode(digest.digest())
        if not _MILLISECONDS.fullmatch(timestamp) or not hmac.compare_digest(expected, signature.encode()):
            raise CallbackUnauthenticated("the signature is missing or wrong")
        if abs(self._kit.clock.now().timestamp() - int(timestamp) / 1000) > WINDOW.total_seconds():
            raise CallbackStale("the timestamp is too far from our clock")

    def parse(self, callback: Callback) -> Received:
        """Raises ``InvalidInput``, ``CallbackUnauthenticated``."""
        if callback.method != "POST":
            raise NotFound("Not Found")
        return self.accept(Incoming.read(callback.body))

    def accept(self, incoming: Incoming) -> Received:
        """Raises ``CallbackUnauthenticated`` for what was said to another robot, or comes from another company."""
        ours = (self._options.corp_id, self._options.robot_code)
        if (incoming.chatbot_corp_id, incoming.robot_code) != ours:
            raise CallbackUnauthenticated("the signature is missing or wrong")
        messages = incoming.messages()
        if not messages:
            return Received()
        return Received(messages=messages, also=lambda session: self._remember_session(session, incoming))

    def _remember_session(self, session: Session, incoming: Incoming) -> None:
        """Where answers go until it ends. Elsewhere than to DingTalk we send nothing."""
        url, ends_at = incoming.session_webhook or "", incoming.session_ends_at - MARGIN
        parts = urlsplit(url)
        secure = parts.scheme == "https" or parts.hostname in LOOPBACK
        if incoming.conversation_type == PRIVATE and secure and parts.hostname in self._session_hosts and parts.username is None:
            SharedState(session, self._kit.clock, NAME).put(SESSION + incoming.address, url, ends_at)

    # ── out
    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        """The body of an HTTP callback is not signed, so who caught one could name another sessionWebhook for somebody's account.
        Whoever has a staff id is therefore written to under that, which DingTalk itself delivers.
        """
        if _STAFF_ID.fullmatch(address):
            return self._speak_first(address, message)
        return self._reply(address, message) or SendResult("quota", error="session_ended")

    def _speak_first(self, address: str, message: OutgoingMessage) -> SendResult:
        return _named(self._api.send(address, "sampleText", plain(message, self._texts)), message)

    def _reply(self, address: str, message: OutgoingMessage) -> SendResult | None:
        """``None`` when there is no sessionWebhook, or it is good no longer."""
        with self._kit.database.reading() as session:
            url = SharedState(session, self._kit.clock, NAME).get(SESSION + address)
        if url is None:
            return None
        result = self._api.reply(url, reply_body(message, self._texts))
        if result.outcome == "never":
            self._forget(address, url)
            return None
        return _named(result, message)

    def _forget(self, address: str, url: str) -> None:
        with self._kit.database.transaction() as session:
            shared = SharedState(session, self._kit.clock, NAME)
            if shared.lock(SESSION + address) == url:
                shared.put(SESSION + address, None)

    def fetch(self, medium: Medium, max_bytes: int) -> bytes:
        """Raises ``MediumUnavailable``."""
        return self._api.file(medium.reference["download_code"], max_bytes)

    def close(self) -> None:
        self._api.close()


class StreamConnector(DingTalkConnector):
    """Stream mode: a ``Listener`` whose frames come over a connection that we made, so their sessionWebhook is DingTalk's."""

    def verify(self, callback: Callback) -> None:
        """Nothing is taken over HTTP in this mode. Raises ``CallbackUnauthenticated``."""
        raise CallbackUnauthenticated("the signature is missing or wrong")

    def listen(self, sink: Sink, stopping: threading.Event) -> None:
        options = self._options
        Stream(self._api, options.app_key, options.app_secret, self.accept).run(sink, stopping)

    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        replied = self._reply(address, message)
        if replied is not None:
            return replied
        if _STAFF_ID.fullmatch(address):
            return self._speak_first(address, message)
        return SendResult("quota", error="session_ended")


def _named(result: SendResult, message: OutgoingMessage) -> SendResult:
    if result.outcome != "taken":
        return result
    return SendResult("taken", platform_id=message.id)
