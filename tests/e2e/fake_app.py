"""The app's HTTP contract for the widget, in memory, and misbehaving on demand. Serves the real build of the page.

The tests drive the object directly: ``fake.answers["…"] = [...]`` says what the bot answers, ``fake.faults`` what goes wrong.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from tests.e2e.fake_cases import FakeCases, refusal

Fault = Literal["slow", "error", "drop", "drop after", "duplicate", "expired", "too long"]
Answer = dict[str, Any]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html"
)
"""What a strict host page allows: no inline script or style, no eval, no HTML from strings."""

CUSTOMERS = [
    {"customer_id": "C1001", "name": "郭海", "story": "自动扣款因系统故障没成功，还款一直显示还款中。"},
    {"customer_id": "C1002", "name": "李婷", "story": "有三份合同，都正常，想看看一次还清要多少钱。"},
]
SLOW_SECONDS = 1.5
PAGE = 200
"""At most so many messages of the log at once; the newest first."""
SPEAKS_SECONDS = 30.0
"""On a socket the real app says something at least so often."""


@dataclass
class Conversation:
    owner: str = "bot"
    messages: list[Answer] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    code: str | None = None
    agent_read_seq: int = 0

    def add(self, author: str, **content: Any) -> None:
        at = datetime.now(UTC).isoformat()
        self.messages.append({"seq": len(self.messages) + 1, "author": author, "at": at, **content})


class Dropped(Response):
    """Promises a body and closes the connection instead."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64")]})


class FakeApp:
    def __init__(self, dist: Path) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.faults: deque[Fault] = deque()
        """What happens to the next messages sent, one each."""
        self.poll_faults: deque[Fault] = deque()
        self.received: list[dict[str, Any]] = []
        self.polls = 0
        self.sockets = False
        """Whether `/chat/socket` works; without it the widget long-polls."""
        self.hellos: list[dict[str, Any]] = []
        self.ratings: list[dict[str, Any]] = []
        self.uploads: list[bytes] = []
        self.upload_faults: deque[tuple[int, str]] = deque()
        self.upload_seconds = 0.0
        self.older_seconds = 0.0
        self.files: dict[str, tuple[str, bytes]] = {}
        self.expired: set[str] = set()
        self.cases = FakeCases(self._customer)
        self.demo = True
        self.down = False
        self.conversations: dict[tuple[str, str], Conversation] = {}
        self.asgi = self._build(dist)

    @property
    def conversation(self) -> Conversation:
        """The one that was used last."""
        return list(self.conversations.values())[-1]

    @property
    def texts_received(self) -> list[str]:
        return [message["message"] for message in self.received]

    def _customer(self, request: Request, sender: str) -> str:
        """The customer of the token, or "" for the visitor of ``sender``."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token in self.expired:
            raise HTTPException(401, "token_expired")
        if token == f"visitor {sender}":
            return ""
        try:
            customer: str = json.loads(base64.urlsafe_b64decode(token.split(".")[1]))["sub"]
        except (IndexError, ValueError) as error:
            raise HTTPException(401, "token_invalid") from error
        return customer

    def _open(self, sender: str, customer: str, visitor_token: str | None = None) -> Conversation:
        key = (sender, customer)
        proved = bool(customer) and visitor_token == f"visitor {sender}"
        if proved and key not in self.conversations and (sender, "") in self.conversations:
            self.conversations[key] = self.conversations.pop((sender, ""))
        return self.conversations.setdefault(key, Conversation())

    def _build(self, dist: Path) -> FastAPI:
        app = FastAPI()

        @app.exception_handler(HTTPException)
        async def refused(_request: Request, error: HTTPException) -> Response:
            return refusal(error.status_code, str(error.detail))

        @app.middleware("http")
        async def unreachable(request: Request, call_next: Any) -> Response:
            if self.down and not request.url.path.startswith("/assets") and request.url.path not in ("/", "/widget.js"):
                return Dropped()
            response: Response = await call_next(request)
            return response

        app.post("/chat/visitor", status_code=201)(self._visitor)
        app.post("/webhooks/rest/webhook", response_model=None)(self._receive)
        app.post("/chat/resume", response_model=None)(self._resume)
        self.cases.add_to(app)
        app.post("/chat/leave-queue", response_model=None)(self._leave)
        app.get("/chat/messages", response_model=None)(self._messages)
        app.post("/demo/login")(self._login)
        app.post("/chat/ack", status_code=204)(self._ack)
        app.post("/chat/rating", status_code=204)(self._rate)
        app.post("/chat/attachments", response_model=None)(self._upload)
        app.get("/chat/attachments/{attachment_id}")(self._download)
        app.websocket("/chat/socket")(self._socket)
        app.get("/demo/otp")(self._otp)
        app.get("/demo/customers")(self._customers)

        @app.get("/")
        async def page() -> FileResponse:
            return FileResponse(dist / "index.html", headers={"Content-Security-Policy": POLICY})

        app.mount("/", StaticFiles(directory=dist))
        return app

    async def _visitor(self) -> dict[str, str]:
        sender = f"v-{secrets.token_hex(16)}"
        return {"sender": sender, "token": f"visitor {sender}"}

    async def _resume(self, request: Request) -> Response:
        """A conversation with a human first, else the newest; a newer dialogue from before login goes on."""
        body = await request.json()
        customer = self._customer(request, "")
        before = self.conversations.get((body.get("visitor_token", "").removeprefix("visitor "), ""))

        def rank(conversation: Conversation) -> tuple[bool, str]:
            return conversation.owner != "bot", conversation.messages[-1]["at"] if conversation.messages else ""

        own = [(key[0], found) for key, found in self.conversations.items() if key[1] == customer and found.messages]
        if not own:
            return JSONResponse({})
        sender, found = max(own, key=lambda item: rank(item[1]))
        if before is not None and rank(before) > rank(found):
            return JSONResponse({})
        position = 2 if found.owner == "queue" else None
        page = {**self._page(found, 0), "sender": sender, "queue_position": position, "read_seq": 0}
        return JSONResponse({"conversation": page})

    async def _leave(self, request: Request) -> Response:
        sender = (await request.json())["sender"]
        conversation = self._open(sender, self._customer(request, sender))
        if conversation.owner != "queue":
            return refusal(409, "not_in_queue")
        conversation.owner = "bot"
        conversation.add("system", text="好的，先不排队了，我接着帮您。")
        return JSONResponse(self._page(conversation, 0))

    async def _ack(self, request: Request) -> None:
        body = await request.json()
        self._customer(request, body["sender"])

    async def _rate(self, request: Request) -> None:
        body = await request.json()
        self._customer(request, body["sender"])
        self.ratings.append(body)

    async def _upload(self, request: Request, sender: str, message_id: str, case_no: str | None = None) -> Response:
        data = await request.body()
        self.uploads.append(data)
        await asyncio.sleep(self.upload_seconds)
        conversation = self._open(sender, self._customer(request, sender))
        if self.upload_faults:
            return refusal(*self.upload_faults.popleft())
        kind = "application/pdf" if data.startswith(b"%PDF") else "image/png"
        name = f"{len(self.files):032x}"
        self.files[name] = (kind, data)
        card = {"type": "attachment", "attachment_id": name, "media_type": kind, "size": len(data), "case_no": case_no}
        conversation.add("borrower", custom=card, client_id=message_id)
        if case_no is not None:
            file = {**card, "created_at": datetime.now(UTC).isoformat(), "uploaded_by": "borrower"}
            self.cases.own(request, case_no)["attachments"].append(file)
        return JSONResponse({"attachment_id": name}, status_code=201)

    async def _download(self, attachment_id: str, request: Request) -> Response:
        if not request.headers.get("authorization"):
            raise HTTPException(401, "token_missing")
        kind, data = self.files[attachment_id]
        return Response(data, media_type=kind)

    async def _socket(self, websocket: WebSocket) -> None:
        """Pushes what is new, as the real one does; cut when `sockets` becomes false."""
        if not self.sockets or self.down:
            await websocket.close()
            return
        await websocket.accept()
        try:
            hello = await websocket.receive_json()
            self.hellos.append(hello)
            claims = Request({"type": "http", "headers": [(b"authorization", f"Bearer {hello['token']}".encode())]})
            conversation = self._open(hello["sender"], self._customer(claims, hello["sender"]))
            after, seen, spoke = hello["after"], None, 0.0
            while self.sockets and not self.down:
                page = self._page(conversation, after)
                now = (page["owner"], page["agent_read_seq"])
                if page["messages"] or now != seen or time.monotonic() - spoke > SPEAKS_SECONDS:
                    await websocket.send_json({"type": "log", **page})
                    spoke = time.monotonic()
                after, seen = page["last_seq"], now
                await asyncio.sleep(0.02)
            await websocket.close(1001)
        except (WebSocketDisconnect, RuntimeError):
            return  # the browser went away

    async def _login(self, request: Request) -> dict[str, str]:
        claims = json.dumps({"sub": (await request.json())["customer_id"], "jti": secrets.token_hex(4)})
        return {"token": f"fake.{base64.urlsafe_b64encode(claims.encode()).decode()}.unsigned"}

    async def _otp(self, customer_id: str) -> dict[str, str]:
        codes = [found.code for (_, customer), found in self.conversations.items() if customer == customer_id and found.code]
        if not codes:
            raise HTTPException(404, "no_code_sent")
        return {"code": codes[-1]}

    async def _customers(self) -> list[dict[str, str]]:
        if not self.demo:
            raise HTTPException(404, "not_found")
        return CUSTOMERS

    async def _receive(self, request: Request) -> Response:
        body = await request.json()
        fault = self.faults.popleft() if self.faults else None
        sender, text, metadata = body["sender"], body["message"], body["metadata"]
        self.received.append({**body, "fault": fault})
        if fault == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        if fault == "error":
            return refusal(500, "internal_error")
        if fault == "drop":
            return Dropped()
        if fault == "expired":
            return refusal(401, "token_expired")
        if fault == "too long":
            return refusal(413, "message_too_long")
        conversation = self._open(sender, self._customer(request, sender), metadata.get("visitor_token"))
        if metadata["message_id"] not in conversation.taken:
            conversation.taken.add(metadata["message_id"])
            self._turn(conversation, text, metadata["message_id"])
        return Dropped() if fault == "drop after" else JSONResponse([])

    def _turn(self, conversation: Conversation, text: str, message_id: str) -> None:
        is_code = conversation.code is not None and text == conversation.code
        conversation.add("borrower", text="******" if is_code else text, client_id=message_id)
        if conversation.owner == "agent":
            return
        if text == "转人工":
            conversation.owner = "queue"
            card = {"type": "handoff", "state": "queued", "position": 2, "reason": "user_request", "case_no": None}
            conversation.add("bot", text="正在为您转人工，您排在第2位。", custom=card)
            return
        if is_code:
            conversation.code = None
            conversation.add("bot", text="验证通过，已经办好了。")
            return
        for answer in self.answers.get(text, [{"text": f"收到：{text}"}]):
            if (answer.get("custom") or {}).get("type") == "step_up_required":
                conversation.code = "428571"
            conversation.add("bot", **answer)

    async def _messages(
        self, request: Request, sender: str, after: int = 0, wait: float = 0, before: int | None = None
    ) -> Response:
        self.polls += 1
        fault = self.poll_faults.popleft() if self.poll_faults else None
        if fault == "error":
            return refusal(500, "internal_error")
        if fault == "drop":
            return Dropped()
        conversation = self._open(sender, self._customer(request, sender))
        if before is not None:
            await asyncio.sleep(self.older_seconds)
            return JSONResponse({**self._page(conversation, 0), "messages": conversation.messages[: before - 1][-PAGE:]})
        deadline = time.monotonic() + wait
        while len(conversation.messages) <= after and time.monotonic() < deadline and not self.down:
            await asyncio.sleep(0.02)
        page = self._page(conversation, 0 if fault == "duplicate" else after)
        if fault == "duplicate":
            page["messages"] = page["messages"] * 2
        return JSONResponse(page)

    @staticmethod
    def _page(conversation: Conversation, after: int) -> dict[str, Any]:
        fresh = conversation.messages[after:][:PAGE] if after else conversation.messages[-PAGE:]
        last_seq = fresh[-1]["seq"] if fresh else min(after, len(conversation.messages))
        return {
            "messages": fresh,
            "last_seq": last_seq,
            "owner": conversation.owner,
            "agent_read_seq": conversation.agent_read_seq,
        }


@contextmanager
def serving(fake: FakeApp) -> Iterator[str]:
    """Runs the app in a thread on a free port; gives its address."""
    # No logging settings: they would be set for the whole process, and other tests look at what is logged.
    config = uvicorn.Config(fake.asgi, host="127.0.0.1", port=0, log_config=None, ws="websockets-sansio", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the fake app did not start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        fake.down = True  # ends the long polls
        server.should_exit = server.force_exit = True
        thread.join(10)
