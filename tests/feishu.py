"""A Feishu server for tests: real HTTP and WebSocket on loopback, real signatures and seals, its limits, and bad manners."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import uvicorn
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
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

APP_ID, APP_SECRET = "cli_a1b2c3d4e5f6", "an app secret of the tests"
ENCRYPT_KEY, TOKEN = "an encrypt key of the tests", "verificationtokenofthetests"
PATH = "/channels/feishu"
OPTIONS = {"app_id": APP_ID, "app_secret": APP_SECRET, "encrypt_key": ENCRYPT_KEY, "verification_token": TOKEN}


def seal(plain: bytes, key: str = ENCRYPT_KEY) -> bytes:
    """The body as it is sent: AES-256-CBC, the IV in front."""
    iv, missing = os.urandom(16), 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(plain + bytes([missing]) * missing) + encryptor.finalize()
    return json.dumps({"encrypt": base64.b64encode(iv + sealed).decode()}).encode()


@dataclass
class Feishu:
    """``got``: (whom, kind, content) it took. ``behaviour``: of the next messages: ``(status, body, headers)`` or ``lost``."""

    clock: Clock
    url: str = ""
    got: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)
    behaviour: deque[tuple[int, dict[str, Any], dict[str, str]] | str] = field(default_factory=deque)
    tokens: list[str] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    connections: list[WebSocket] = field(default_factory=list)
    pings: int = 0
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    unacknowledged: dict[str, list[bytes]] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop | None = None
    shelf: Shelf = field(default_factory=Shelf)

    def texts(self, whom: str = "ou_1") -> list[str]:
        """Words of messages, and of what stands on cards."""
        return [_shown(kind, content) for address, kind, content in self.got if address == whom]

    # ── what a borrower does
    def recorded(self, kind: str, *, whom: str = "ou_1", **instead: str) -> dict[str, Any]:
        """A callback of tests/data/callbacks of this borrower and now."""
        at, number = str(int(self.clock.now().timestamp() * 1000)), f"event-{next(self.numbers)}"
        told: dict[str, Any] = json.loads(callback("feishu", kind, borrower=whom, at=at, number=number, **instead))
        return told

    def event(self, kind: str, event: dict[str, Any], **header: Any) -> dict[str, Any]:
        told = self.recorded("text")
        return {"schema": "2.0", "header": told["header"] | {"event_type": kind} | header, "event": event}

    def message(self, text: str = "你好", *, whom: str = "ou_1", **fields: Any) -> dict[str, Any]:
        told = self.recorded("text", whom=whom)
        told["event"]["message"] |= {"content": json.dumps({"text": text})} | fields
        return told

    def pressed(self, payload: str, *, whom: str = "ou_1") -> dict[str, Any]:
        told = self.recorded("card_action", whom=whom)
        told["event"]["action"]["value"] = {"payload": payload}
        return told

    def headers(self, body: bytes, *, late: int = 0, key: str = ENCRYPT_KEY) -> dict[str, str]:
        timestamp, nonce = str(int(self.clock.now().timestamp()) + late), str(next(self.numbers))
        signature = hashlib.sha256((timestamp + nonce + key).encode() + body).hexdigest()
        return {"X-Lark-Request-Timestamp": timestamp, "X-Lark-Request-Nonce": nonce, "X-Lark-Signature": signature}

    # ── its interface
    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/open-apis/auth/v3/tenant_access_token/internal", self._grant, methods=["POST"]),
                Route("/open-apis/im/v1/messages", self._send, methods=["POST"]),
                Route("/open-apis/im/v1/messages/{message_id}/resources/{file_key}", self._resource),
                Route("/callback/ws/endpoint", self._endpoint, methods=["POST"]),
                WebSocketRoute("/ws", self._connection),
                Route("/{path:path}", self.shelf.stray),
            ]
        )

    async def _grant(self, request: Request) -> Response:
        if await request.json() != {"app_id": APP_ID, "app_secret": APP_SECRET}:
            return JSONResponse({"code": 10014, "msg": "app secret invalid"})
        token = f"token-{len(self.tokens) + 1}"
        self.tokens.append(token)
        self.valid = {token}
        return JSONResponse({"code": 0, "tenant_access_token": token, "expire": 7200})

    async def _send(self, request: Request) -> Response:
        how = self.behaviour.popleft() if self.behaviour else None
        if isinstance(how, tuple):
            return JSONResponse(how[1], how[0], how[2])
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.valid:
            return JSONResponse({"code": 99991663, "msg": "token invalid"}, 400)
        body = await request.json()
        if len(body["uuid"]) > 50 or request.query_params["receive_id_type"] != "open_id":
            return JSONResponse({"code": 230001}, 400)
        if body["uuid"] not in self.taken:  # the same again is the same message
            self.taken[body["uuid"]] = f"om_sent_{len(self.taken) + 1}"
            self.got.append((body["receive_id"], body["msg_type"], json.loads(body["content"])))
        if how == "lost":
            return Response(b"<html>")
        return JSONResponse({"code": 0, "data": {"message_id": self.taken[body["uuid"]]}})

    async def _resource(self, request: Request) -> Response:
        """A file belongs to one message."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.valid:
            return JSONResponse({"code": 99991663, "msg": "token invalid"}, 400)
        key = "{message_id}/{file_key}".format(**request.path_params)
        refusal = {"code": 234003, "msg": "File not in msg."}
        kind = "image" if request.path_params["file_key"].startswith("img_") else "file"
        if request.query_params["type"] != kind:
            return JSONResponse({"code": 234001, "msg": "Invalid request param."}, 400)
        return self.shelf.take(key, refusal, 400).response()

    async def _endpoint(self, request: Request) -> Response:
        body = await request.json()
        if (body.get("AppID"), body.get("AppSecret")) != (APP_ID, APP_SECRET):
            return JSONResponse({"code": 514, "msg": "auth failed"})
        url = self.url.replace("http", "ws", 1) + "/ws?device_id=d-1&service_id=33554678"
        return JSONResponse({"code": 0, "data": {"URL": url, "ClientConfig": {"PingInterval": 1, "ReconnectCount": -1}}})

    async def _connection(self, socket: WebSocket) -> None:
        """What was not acknowledged is delivered again on the next connection."""
        self.loop = asyncio.get_running_loop()
        await socket.accept()
        self.connections.append(socket)
        try:
            for frames in list(self.unacknowledged.values()):
                for frame in frames:
                    await socket.send_bytes(frame)
            while True:
                await self._heard(socket, await socket.receive_bytes())
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.connections.remove(socket)

    async def _heard(self, socket: WebSocket, raw: bytes) -> None:
        frame = new_frame()
        frame.ParseFromString(raw)
        headers = {header.key: header.value for header in frame.headers}
        if headers["type"] == "ping":
            assert frame.service == 33554678
            self.pings += 1
            pong = new_frame(SeqID=0, LogID=0, service=frame.service, method=0, payload=b'{"PingInterval": 1}')
            pong.headers.add(key="type", value="pong")
            await socket.send_bytes(pong.SerializeToString())
            return
        answer = json.loads(frame.payload)
        self.answers[headers["message_id"]] = answer
        if answer["code"] != 500:
            self.unacknowledged.pop(headers["message_id"], None)

    # ── the connection from outside
    def push(self, event: dict[str, Any], *, parts: int = 1) -> str:
        """Called from the test's thread; the frames go out on the connection that is open, or the next. Parts come in reverse."""
        number, payload = f"message-{next(self.numbers)}", json.dumps(event).encode()
        size = -(-len(payload) // parts)
        frames = []
        for place in range(parts):
            piece = payload[place * size : (place + 1) * size]
            frame = new_frame(SeqID=1, LogID=1, service=33554678, method=1, payload=piece)
            for key, value in {"type": "event", "message_id": number, "trace_id": "t", "sum": parts, "seq": place}.items():
                frame.headers.add(key=key, value=str(value))
            frames.append(frame.SerializeToString())
        self.unacknowledged[number] = frames[::-1]
        self._on_loop(self._push(frames[::-1]))
        return number

    def cut(self) -> None:
        self._on_loop(self._cut())

    async def _push(self, frames: list[bytes]) -> None:
        for socket in self.connections[:1]:
            for frame in frames:
                await socket.send_bytes(frame)

    async def _cut(self) -> None:
        for socket in list(self.connections):
            await socket.close(1011)

    def _on_loop(self, work: Any) -> None:
        assert self.loop is not None
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)


def new_frame(**fields: Any) -> Any:
    """The official SDK's frame. Imported here: it takes seconds."""
    from lark_oapi.ws.pb.pbbp2_pb2 import Frame  # noqa: PLC0415

    return Frame(**fields)


def _shown(kind: str, content: dict[str, Any]) -> str:
    if kind == "text":
        return str(content["text"])
    elements = content["body"]["elements"]
    return "\n".join(element["text"]["content"] for element in elements if element["tag"] == "div")


@contextmanager
def serving(clock: Clock) -> Iterator[Feishu]:
    """The server on a port of its own, in a thread of its own."""
    feishu = Feishu(clock)
    server = uvicorn.Server(
        uvicorn.Config(feishu.application(), port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        threading.Event().wait(0.01)
    feishu.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield feishu
    finally:
        feishu.shelf.released.set()
        server.should_exit = True
        thread.join()


@dataclass
class Connected:
    """The application with the channel, listening on a port, and Feishu beside it."""

    stack: Stack
    feishu: Feishu
    client: httpx.AsyncClient
    mode: str

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.client.post(PATH, content=body, headers={"Content-Type": "application/json", **headers})

    async def deliver(self, event: dict[str, Any], **changed: Any) -> None:
        if self.mode == "http":
            body = seal(json.dumps(event).encode())
            answer = await self.post(body, self.feishu.headers(body, **changed))
            assert answer.status_code == 200, answer.text
        else:
            await until(lambda: bool(self.feishu.connections), 60)
            await asyncio.to_thread(self.feishu.push, event)

    async def write(self, text: str, **fields: Any) -> None:
        await self.deliver(self.feishu.message(text, **fields))

    async def say(self, text: str, *, answers: int = 1, **fields: Any) -> list[str]:
        """The next ``answers`` messages that Feishu gets for this borrower."""
        whom = fields.get("whom", "ou_1")
        before = len(self.feishu.texts(whom))
        await self.write(text, **fields)
        await until(lambda: len(self.feishu.texts(whom)) >= before + answers, 20)
        return self.feishu.texts(whom)[before:]

    async def as_time_passes(self, done: Any) -> None:
        """Lets the clock run until ``done``: what waits for a later try gets it."""
        for _ in range(300):
            if done():
                return
            self.stack.clock.advance(seconds=1)
            await asyncio.sleep(0.05)
        raise AssertionError("it did not come")


def with_feishu(settings: Settings, url: str, **options: str) -> Settings:
    given = {**OPTIONS, "api_url": url, **options}
    return settings.model_copy(update={"channels": {"feishu": {name: SecretStr(value) for name, value in given.items()}}})


@asynccontextmanager
async def connected(settings: Settings, clock: Any, rasa: FakeRasa, feishu: Feishu, **options: str) -> AsyncIterator[Connected]:
    async with (
        running(with_feishu(settings, feishu.url, **options), clock, rasa) as stack,
        listening(stack.app) as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as client,
    ):
        yield Connected(stack, feishu, client, options.get("mode", "long_connection"))
