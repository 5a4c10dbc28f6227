"""Feishu's long connection (长连接): we hold a WebSocket, Feishu sends frames, each is acknowledged after its event is kept.

The frame is the official SDK's (lark-oapi). Its loop is not used: it takes events in any order and cannot be
stopped. Importing the SDK takes seconds and 120 MB, so it is done where a connection is opened and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import structlog
from anyio import to_thread
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.channels.connector import Received, Sink
from bot.channels.feishu.api import FeishuApi
from bot.core.errors import CareError

LOOK_SECONDS = 0.5
"""How soon a stop is noticed."""
OPEN_SECONDS = 10.0
MAX_FRAME_BYTES = 1024 * 1024
PARTS_SECONDS = 5.0
"""Parts of an event that come later belong to nothing any more."""
_MOST_PARTS = 64
_CONTROL, _DATA = 0, 1

log = structlog.get_logger(__name__)


class LongConnection:
    """``accept``: what an event (the bytes of its JSON) holds; raises ``CareError`` for what is not for us or cannot be read."""

    def __init__(self, api: FeishuApi, accept: Callable[[bytes], Received]) -> None:
        self._api = api
        self._accept = accept

    def run(self, sink: Sink, stopping: threading.Event) -> None:
        """One connection, until it or this process ends. Raises what keeps it from opening."""
        from lark_oapi.ws.pb.pbbp2_pb2 import Frame  # noqa: PLC0415

        url, pause = self._api.connection()
        service = int(parse_qs(urlsplit(url).query).get("service_id", ["0"])[0])
        try:
            asyncio.run(_Held(Frame, service, pause, self._accept, sink, stopping).hold(url))
        except ConnectionClosed as closed:
            log.info("feishu_connection_closed", code=None if closed.rcvd is None else closed.rcvd.code)


class _Held:
    def __init__(
        self,
        frame: Any,
        service: int,
        pause: float,
        accept: Callable[[bytes], Received],
        sink: Sink,
        stopping: threading.Event,
    ) -> None:
        self._frame = frame
        self._service = service
        self._pause = pause
        self._accept = accept
        self._sink = sink
        self._stopping = stopping
        self._parts: dict[str, tuple[float, dict[int, bytes]]] = {}

    async def hold(self, url: str) -> None:
        async with connect(url, open_timeout=OPEN_SECONDS, max_size=MAX_FRAME_BYTES, close_timeout=2, proxy=None) as socket:
            log.info("feishu_connection_open")
            ping_at = time.monotonic()
            while not self._stopping.is_set():
                if time.monotonic() >= ping_at:
                    await socket.send(self._ping())
                    ping_at = time.monotonic() + self._pause
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        raw = await socket.recv()
                except TimeoutError:
                    continue
                if isinstance(raw, bytes):
                    await self._take(socket, raw)  # one after the other: the order is the borrower's

    def _ping(self) -> bytes:
        frame = self._frame(SeqID=0, LogID=0, service=self._service, method=_CONTROL)
        frame.headers.add(key="type", value="ping")
        packed: bytes = frame.SerializeToString()
        return packed

    async def _take(self, socket: ClientConnection, raw: bytes) -> None:
        frame = self._frame()
        frame.ParseFromString(raw)
        headers = {header.key: header.value for header in frame.headers}
        if frame.method == _CONTROL:
            self._configure(headers, frame.payload)
            return
        payload = self._whole(headers, frame.payload)
        if payload is None or headers.get("type") != "event":
            return
        started = time.monotonic()
        frame.payload = json.dumps(await self._answer(payload)).encode()
        frame.headers.add(key="biz_rt", value=str(int((time.monotonic() - started) * 1000)))
        await socket.send(frame.SerializeToString())

    def _configure(self, headers: dict[str, str], payload: bytes) -> None:
        """A pong may change how often a ping is wanted."""
        if headers.get("type") == "pong" and payload:
            pause = json.loads(payload).get("PingInterval")
            self._pause = float(pause) if isinstance(pause, int) and pause > 0 else self._pause

    async def _answer(self, payload: bytes) -> dict[str, Any]:
        """``code`` 500: what the database did not take comes again."""
        try:
            received = self._accept(payload)
        except CareError as error:
            log.warning("feishu_refused", code=error.code)
            return {"code": 400}
        try:
            await to_thread.run_sync(self._sink.store, received)
        except Exception:
            log.exception("feishu_not_kept")
            return {"code": 500}
        if received.reply is None:
            return {"code": 200}
        return {"code": 200, "data": base64.b64encode(received.reply.body).decode()}

    def _whole(self, headers: dict[str, str], payload: bytes) -> bytes | None:
        """An event may come in several frames; ``None`` until all are there."""
        count, place, number = int(headers.get("sum", "1")), int(headers.get("seq", "0")), headers.get("message_id", "")
        if count <= 1:
            return payload
        now = time.monotonic()
        self._parts = {key: (until, parts) for key, (until, parts) in self._parts.items() if until > now}
        if count > _MOST_PARTS or not 0 <= place < count:
            return None
        parts = self._parts.setdefault(number, (now + PARTS_SECONDS, {}))[1]
        parts[place] = payload
        if len(parts) < count:
            return None
        del self._parts[number]
        return b"".join(parts[each] for each in range(count))
