"""A DingTalk server for tests: real HTTP and WebSocket on loopback, real signatures, its limits, and bad manners."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.core.clock import Clock
from bot.core.settings import Settings
from tests.callbacks import callback
from tests.gateway import FakeRasa, Stack, listening, running, until
from tests.media import Shelf

APP_KEY, APP_SECRET = "dingappkeyofthetests", "an app secret of the tests"
ROBOT, CORP = "dingrobotofthetests", "dingcorpofthetests0"
PATH = "/channels/dingtalk"
OPTIONS = {"app_key": APP_KEY, "app_secret": APP_SECRET, "robot_code": ROBOT, "corp_id": CORP}
OUTSIDER = "o:$:LWCP_v1:$outsider=="
TOPIC = "/v1.0/im/bot/messages/get"


def address_of(told: dict[str, Any]) -> str:
    """Where answers to a message go."""
    return str(told.get("senderStaffId") or f"o:{told['senderId']}")


@dataclass
class DingTalk:
    """``got``: (how, whom, words) of what it took. ``behaviour``: of the next messages to it: ``(status, body)`` or ``lost``."""

    clock: Clock
    url: str = ""
    got: list[tuple[str, str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    behaviour: deque[tuple[int, dict[str, Any]] | str] = field(default_factory=deque)
    sessions: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    tickets: set[str] = field(default_factory=set)
    streams: list[WebSocket] = field(default_factory=list)
    acknowledged: list[tuple[str, int]] = field(default_factory=list)
    unacknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop | None = None
    shelf: Shelf = field(default_factory=Shelf)
    download_url: str | None = None
    """Where it says that files lie, if not here."""

    def texts(self, whom: str = "staff1") -> list[str]:
        return [words for _, address, words in self.got if address == whom]

    # ── what a borrower does
    def recorded(self, kind: str, *, whom: str = "staff1", session_minutes: float = 90, **instead: str) -> dict[str, Any]:
        """A callback of tests/data/callbacks of this borrower and now, with a session of ours."""
        now, number = self.clock.now(), f"msg{next(self.numbers)}=="
        at = str(int(now.timestamp() * 1000))
        told: dict[str, Any] = json.loads(callback("dingtalk", kind, borrower=whom, at=at, number=number, **instead))
        session = f"{self.url}/robot/sendBySession?session={next(self.numbers)}"
        self.sessions[session] = address_of(told)
        ends_at = int((now + timedelta(minutes=session_minutes)).timestamp() * 1000)
        return told | {"sessionWebhook": session, "sessionWebhookExpiredTime": ends_at}

    def message(
        self, text: str = "你好", *, staff: str | None = "staff1", session_minutes: float = 90, **fields: Any
    ) -> dict[str, Any]:
        kind, whom = ("text_of_an_outsider", "outsider") if staff is None else ("text", staff)
        return self.recorded(kind, whom=whom, session_minutes=session_minutes) | {"text": {"content": text}} | fields

    def headers(self, *, late: int = 0, secret: str = APP_SECRET) -> dict[str, str]:
        timestamp = str(int(self.clock.now().timestamp() * 1000) + late * 1000)
        digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
        return {"timestamp": timestamp, "sign": base64.b64encode(digest).decode(), "Content-Type": "application/json"}

    # ── its interface
    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1.0/oauth2/accessToken", self._grant, methods=["POST"]),
                Route("/v1.0/robot/oToMessages/batchSend", self._send, methods=["POST"]),
                Route("/robot/sendBySession", self._session, methods=["POST"]),
                Route("/v1.0/gateway/connections/open", self._open, methods=["POST"]),
                Route("/v1.0/robot/messageFiles/download", self._address, methods=["POST"]),
                Route("/files/{code}", self._file),
                WebSocketRoute("/connect", self._stream),
                Route("/{path:path}", self.shelf.stray),
            ]
        )

    async def _grant(self, request: Request) -> Response:
        if await request.json() != {"appKey": APP_KEY, "appSecret": APP_SECRET}:
            return JSONResponse({"code": "invalidClientIdOrSecret"}, 400)
        token = f"token-{len(self.tokens) + 1}"
        self.tokens.append(token)
        self.valid = {token}
        return JSONResponse({"accessToken": token, "expireIn": 7200})

    async def _misbehave(self) -> Response | None:
        if not self.behaviour:
            return None
        how = self.behaviour.popleft()
        if isinstance(how, tuple):
            return JSONResponse(how[1], how[0])
        await asyncio.sleep(0)
        return Response(b"<html>", 200)  # taken or not: nobody can tell

    async def _send(self, request: Request) -> Response:
        misbehaviour = await self._misbehave()
        if misbehaviour is not None:
            return misbehaviour
        if request.headers.get("x-acs-dingtalk-access-token") not in self.valid:
            return JSONResponse({"code": "InvalidAuthentication", "message": "不合法的access_token"}, 400)
        body = await request.json()
        if body["robotCode"] != ROBOT:
            return JSONResponse({"code": "invalidParameter.robotCode"}, 400)
        self.bodies.append(body)
        for staff in body["userIds"]:
            self.got.append(("robot", staff, json.loads(body["msgParam"])["content"]))
        return JSONResponse({"processQueryKey": "k", "invalidStaffIdList": [], "flowControlledStaffIdList": []})

    async def _session(self, request: Request) -> Response:
        misbehaviour = await self._misbehave()
        if misbehaviour is not None:
            return misbehaviour
        whom = self.sessions.get(str(request.url))
        if whom is None:
            return JSONResponse({"errcode": 300001, "errmsg": "session is not exist"})
        body = await request.json()
        self.bodies.append(body)
        words = body["text"]["content"] if body["msgtype"] == "text" else body["actionCard"]["text"]
        self.got.append(("session", whom, words))
        return JSONResponse({"errcode": 0, "errmsg": "ok"})

    async def _address(self, request: Request) -> Response:
        """Where a file lies for a while."""
        if request.headers.get("x-acs-dingtalk-access-token") not in self.valid:
            return JSONResponse({"code": "InvalidAuthentication", "message": "不合法的access_token"}, 400)
        body = await request.json()
        if body["robotCode"] != ROBOT:
            return JSONResponse({"code": "invalidParameter.robotCode"}, 400)
        if self.shelf.forgotten(body["downloadCode"]):
            return JSONResponse({"code": "invalidParameter.downloadCode", "message": "downloadCode expired"}, 400)
        return JSONResponse({"downloadUrl": self.download_url or f"{self.url}/files/{body['downloadCode']}"})

    async def _file(self, request: Request) -> Response:
        self.shelf.headers.append(dict(request.headers))
        return self.shelf.take(request.path_params["code"], {"code": "NoSuchKey"}, 404).response()

    async def _open(self, request: Request) -> Response:
        body = await request.json()
        if (body.get("clientId"), body.get("clientSecret")) != (APP_KEY, APP_SECRET):
            return JSONResponse({"code": "authFailed"}, 401)
        if {"type": "CALLBACK", "topic": TOPIC} not in body["subscriptions"]:
            return JSONResponse({"code": "invalidParameter"}, 400)
        ticket = f"ticket/{next(self.numbers)}+x"
        self.tickets.add(ticket)
        return JSONResponse({"endpoint": self.url.replace("http", "ws", 1) + "/connect", "ticket": ticket})

    async def _stream(self, socket: WebSocket) -> None:
        """A ticket opens once. What was not acknowledged is delivered again on the next connection."""
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self.tickets:
            await socket.close(4403)
            return
        self.tickets.remove(ticket)
        self.loop = asyncio.get_running_loop()
        await socket.accept()
        self.streams.append(socket)
        try:
            for frame in list(self.unacknowledged.values()):
                await socket.send_text(json.dumps(frame))
            while True:
                ack = json.loads(await socket.receive_text())
                number = ack["headers"]["messageId"]
                self.acknowledged.append((number, ack["code"]))
                if ack["code"] != 500:
                    self.unacknowledged.pop(number, None)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.streams.remove(socket)

    # ── the stream from outside
    def push(self, data: dict[str, Any] | None, *, kind: str = "CALLBACK", topic: str = TOPIC) -> str:
        """Called from the test's thread; the frame goes out on the connection that is open, or the next."""
        number = f"frame-{next(self.numbers)}"
        headers = {"appId": "app", "connectionId": "c", "contentType": "application/json", "messageId": number, "topic": topic}
        frame = {"specVersion": "1.0", "type": kind, "headers": headers, "data": json.dumps(data or {})}
        if kind == "CALLBACK":
            self.unacknowledged[number] = frame
        self._on_loop(self._push(json.dumps(frame)))
        return number

    def push_raw(self, frame: str) -> None:
        self._on_loop(self._push(frame))

    def cut(self) -> None:
        self._on_loop(self._cut())

    async def _push(self, frame: str) -> None:
        for socket in self.streams[:1]:
            await socket.send_text(frame)

    async def _cut(self) -> None:
        for socket in list(self.streams):
            await socket.close(1011)

    def _on_loop(self, work: Any) -> None:
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)


@contextmanager
def serving(clock: Clock) -> Iterator[DingTalk]:
    """The server on a port of its own, in a thread of its own."""
    dingtalk = DingTalk(clock)
    server = uvicorn.Server(
        uvicorn.Config(dingtalk.application(), port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        threading.Event().wait(0.01)
    dingtalk.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield dingtalk
    finally:
        dingtalk.shelf.released.set()
        server.should_exit = True
        thread.join()


@dataclass
class Connected:
    """The application with the channel, listening on a port, and DingTalk beside it."""

    stack: Stack
    dingtalk: DingTalk
    client: httpx.AsyncClient
    mode: str

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.client.post(PATH, content=body, headers=headers)

    async def deliver(self, message: dict[str, Any], **changed: Any) -> None:
        if self.mode == "http":
            answer = await self.post(json.dumps(message).encode(), self.dingtalk.headers(**changed))
            assert (answer.status_code, answer.json()) == (200, {})
        else:
            await until(lambda: bool(self.dingtalk.streams), 20)
            await asyncio.to_thread(self.dingtalk.push, message)

    async def write(self, text: str, **fields: Any) -> None:
        await self.deliver(self.dingtalk.message(text, **fields))

    async def say(self, text: str, *, answers: int = 1, **fields: Any) -> list[str]:
        """The next ``answers`` messages that DingTalk gets for this borrower."""
        whom = fields.get("staff", "staff1") or OUTSIDER
        before = len(self.dingtalk.texts(whom))
        await self.write(text, **fields)
        await until(lambda: len(self.dingtalk.texts(whom)) >= before + answers, 20)
        return self.dingtalk.texts(whom)[before:]

    async def as_time_passes(self, done: Any) -> None:
        """Lets the clock run until ``done``: what waits for a later try gets it."""
        for _ in range(300):
            if done():
                return
            self.stack.clock.advance(seconds=1)
            await asyncio.sleep(0.05)
        raise AssertionError("it did not come")


def with_dingtalk(settings: Settings, url: str, **options: str) -> Settings:
    given = {**OPTIONS, "api_url": url, **options}
    return settings.model_copy(update={"channels": {"dingtalk": {name: SecretStr(value) for name, value in given.items()}}})


@asynccontextmanager
async def connected(
    settings: Settings, clock: Any, rasa: FakeRasa, dingtalk: DingTalk, **options: str
) -> AsyncIterator[Connected]:
    async with (
        running(with_dingtalk(settings, dingtalk.url, **options), clock, rasa) as stack,
        listening(stack.app) as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as client,
    ):
        yield Connected(stack, dingtalk, client, options.get("mode", "stream"))
