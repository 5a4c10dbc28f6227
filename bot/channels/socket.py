"""``/chat/socket``: the log of a conversation, pushed as it grows. Messages are still sent by POST; this is the fast way to read.

A client says hello with the last ``seq`` that it has, and gets exactly what it missed, then everything new. A socket that breaks
loses nothing: the client says hello again, or falls back to the long-poll (``GET /chat/messages``).

Frames are JSON objects. Client: ``{"type": "hello", "sender", "token", "after"}`` once, then ``{"type": "ack", "delivered",
"read"}``. Server: ``{"type": "log", …}`` with what ``GET /chat/messages`` answers, and before it closes ``{"type": "error",
"code"}``. When nothing is new for ``socket_look_seconds``, a ``log`` without messages says that the line is alive: a page does
not hear WebSocket pings, and ours hangs up after 75 s of silence. Close codes: 4400 malformed, 4401 log in again, 4403 foreign
origin, 4404 foreign conversation, 4408 no hello in time, 1001 the server ends, 1013 too often: later.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, WebSocket
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect

from bot.channels.access import reader_of
from bot.channels.rest import CHANNEL
from bot.channels.schemas import Acknowledgement, MessagesPage, Sender
from bot.conversations.runtime import Runtime
from bot.conversations.service import ConversationService, LogPage
from bot.core.errors import CareError, TooManyRequests, Unauthenticated
from bot.core.http import CleanStr, same_origin

log = structlog.get_logger(__name__)

MAX_FRAME_CHARS = 16_384

router = APIRouter(prefix="/chat", tags=["borrower"])


class Hello(BaseModel):
    type: Literal["hello"]
    sender: Sender
    token: CleanStr
    after: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class Ack(Acknowledgement):
    type: Literal["ack"]


_HELLO = TypeAdapter(Hello)
_ACK = TypeAdapter(Ack)


class Refused(Exception):
    """The socket is closed with this code."""

    def __init__(self, close_code: int, code: str) -> None:
        super().__init__(code)
        self.close_code = close_code
        self.code = code


@router.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    runtime: Runtime = websocket.app.state.runtime
    await websocket.accept()
    try:
        if not known_origin(websocket, runtime.settings.cors_origins):
            raise Refused(4403, "foreign_origin")
        hello = await _hello(websocket, runtime.settings.socket_hello_seconds)
        await _Reader(runtime, websocket, hello).run()
    except Refused as refused:
        await _close(websocket, refused.close_code, refused.code)
    except Unauthenticated as error:
        await _close(websocket, 4401, error.code)
    except TooManyRequests as error:
        await _close(websocket, 1013, error.code)
    except CareError as error:
        await _close(websocket, 4404 if error.status in {403, 404} else 4400, error.code)
    except WebSocketDisconnect:
        pass  # the client went away, as clients do


def known_origin(websocket: WebSocket, allowed: list[str]) -> bool:
    """Browsers name the page's origin and do not ask before they connect, so we look. Other clients name none."""
    return same_origin(websocket) or websocket.headers["origin"].rstrip("/") in allowed


async def _hello(websocket: WebSocket, seconds: float) -> Hello:
    try:
        async with asyncio.timeout(seconds):
            return _HELLO.validate_json(await _frame(websocket))
    except TimeoutError as error:
        raise Refused(4408, "no_hello") from error
    except ValidationError as error:
        raise Refused(4400, "malformed_frame") from error


async def _frame(websocket: WebSocket) -> str:
    """The next text frame. Raises ``Refused``, ``WebSocketDisconnect``."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text: str | None = message.get("text")
    if text is None or len(text) > MAX_FRAME_CHARS:
        raise Refused(4400, "malformed_frame")
    return text


async def _close(websocket: WebSocket, close_code: int, code: str) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # it may be gone already
        await websocket.send_json({"type": "error", "code": code})
        await websocket.close(close_code)


class _Reader:
    """One socket: a task that pushes what is new, and one that takes acknowledgements. The first to end ends both."""

    def __init__(self, runtime: Runtime, websocket: WebSocket, hello: Hello) -> None:
        self._runtime = runtime
        self._websocket = websocket
        self._hello = hello
        self._conversation_id: str | None = None

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._push()), asyncio.create_task(self._take())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _push(self) -> None:
        gateway, after, seen = self._runtime.gateway, self._hello.after, None
        # Each at its own pace: sockets that came together after a restart would look together ever after.
        look = self._runtime.settings.socket_look_seconds * random.uniform(0.75, 1)  # noqa: S311 no secret
        customer_id, checked = await self._reader(), time.monotonic()

        def read(service: ConversationService, after: int) -> LogPage:
            return service.page(CHANNEL, self._hello.sender, customer_id, after)

        with gateway.follow(read, CHANNEL, self._hello.sender) as log:
            while not gateway.closing:
                if time.monotonic() - checked >= look:
                    customer_id, checked = await self._reader(), time.monotonic()
                page = await log.news(after, look if seen else 0, seen)
                if page.entries or not gateway.closing:
                    await self._send(page)  # unchanged, too: see above
                self._conversation_id, after, seen = page.conversation_id, page.last_seq, page.seen()
        await self._websocket.close(1001)

    async def _reader(self) -> str:
        """Whose log it is; raises what the routes raise when the token is no longer good."""
        return await reader_of(self._runtime, self._hello.token, self._hello.sender)

    async def _send(self, page: LogPage) -> None:
        body: dict[str, Any] = MessagesPage.of(page).model_dump(mode="json", exclude_none=True)
        await self._websocket.send_json({"type": "log", **body})
        self._runtime.gateway.receipts.sent(entry.id for entry in page.entries if entry.state == "queued")

    async def _take(self) -> None:
        while True:
            try:
                ack = _ACK.validate_json(await _frame(self._websocket))
            except ValidationError as error:
                raise Refused(4400, "malformed_frame") from error
            if self._conversation_id is not None:
                self._runtime.gateway.receipts.reached(self._conversation_id, delivered=ack.delivered, read=ack.read)
