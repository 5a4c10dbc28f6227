"""DingTalk's stream mode: we hold a WebSocket, DingTalk sends frames, each is acknowledged after its message is kept.

Frames and acknowledgements are the official SDK's (dingtalk-stream). Its loop is not used: it takes messages in any order, cannot
be stopped, waits without bound, logs the ticket, and forgets at its end what it has seen.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import structlog
from anyio import to_thread
from dingtalk_stream import (
    AckMessage,
    CallbackHandler,
    CallbackMessage,
    ChatbotMessage,
    Credential,
    DingTalkStreamClient,
)
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bot.channels.connector import Received, Sink
from bot.channels.dingtalk.api import DingTalkApi
from bot.channels.dingtalk.messages import Incoming
from bot.core.errors import CareError

LOOK_SECONDS = 0.5
"""How soon a stop is noticed."""
OPEN_SECONDS = 10.0
PING_SECONDS = 30.0
MAX_FRAME_BYTES = 1024 * 1024

log = structlog.get_logger(__name__)


class Stream:
    """``accept``: what a message holds; raises ``CareError`` for what is not for us or cannot be read."""

    def __init__(self, api: DingTalkApi, app_key: str, app_secret: str, accept: Callable[[Incoming], Received]) -> None:
        self._api = api
        self._app_key = app_key
        self._app_secret = app_secret
        self._accept = accept

    def run(self, sink: Sink, stopping: threading.Event) -> None:
        """One connection, until it or this process ends. Raises what breaks it; what was not acknowledged comes again."""
        endpoint, ticket = self._api.open_stream(self._subscription())
        try:
            asyncio.run(self._hold(f"{endpoint}?ticket={quote_plus(ticket)}", sink, stopping))
        except ConnectionClosed as closed:
            log.info("dingtalk_stream_closed", code=None if closed.rcvd is None else closed.rcvd.code)

    def _subscription(self) -> dict[str, object]:
        topics = [{"type": CallbackMessage.TYPE, "topic": ChatbotMessage.TOPIC}]
        return {"clientId": self._app_key, "clientSecret": self._app_secret, "subscriptions": topics, "ua": "suixing-care"}

    async def _hold(self, address: str, sink: Sink, stopping: threading.Event) -> None:
        quiet = logging.getLogger("bot.channels.dingtalk.sdk")  # the SDK repeats whole messages in its log
        quiet.disabled = True
        client = DingTalkStreamClient(Credential(self._app_key, self._app_secret), logger=quiet)
        client.register_callback_handler(ChatbotMessage.TOPIC, _Keeps(sink, self._accept))
        async with connect(
            address, open_timeout=OPEN_SECONDS, ping_interval=PING_SECONDS, max_size=MAX_FRAME_BYTES, close_timeout=2
        ) as socket:
            client.websocket = socket
            log.info("dingtalk_stream_open")
            while not stopping.is_set():
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        frame = await socket.recv()
                except TimeoutError:
                    continue
                told = _object(frame)
                if told is None:
                    log.warning("dingtalk_frame_not_read")
                # One after the other: the order is the borrower's.
                elif await client.route_message(told) == DingTalkStreamClient.TAG_DISCONNECT:
                    return


def _object(frame: str | bytes) -> dict[str, Any] | None:
    """A frame whose data, if it has any, are JSON: the SDK would raise, and the same frame come again and again."""
    try:
        told = json.loads(frame)
        json.loads(told.get("data") or "{}")
    except (AttributeError, RecursionError, TypeError, ValueError):
        return None
    return told if isinstance(told.get("headers"), dict) else None


class _Keeps(CallbackHandler):  # type: ignore[misc] # the SDK has no types
    """Acknowledges what is kept, and what nobody can keep. What the database did not take is not acknowledged well."""

    def __init__(self, sink: Sink, accept: Callable[[Incoming], Received]) -> None:
        super().__init__()
        self._sink = sink
        self._accept = accept

    async def process(self, message: CallbackMessage) -> tuple[int, str]:
        try:
            received = self._accept(Incoming.read(json.dumps(message.data)))
        except CareError as error:
            log.warning("dingtalk_refused", code=error.code)
            return AckMessage.STATUS_BAD_REQUEST, error.code
        try:
            await to_thread.run_sync(self._sink.store, received)
        except Exception:  # DingTalk delivers it again
            log.exception("dingtalk_not_kept")
            return AckMessage.STATUS_SYSTEM_EXCEPTION, "later"
        return AckMessage.STATUS_OK, "OK"
