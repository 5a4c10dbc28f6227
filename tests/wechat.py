"""A WeChat server for tests: real HTTP on loopback, real signatures and seals, its quotas, its retries, and bad manners."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import SecretStr

from bot.core.clock import Clock
from bot.core.settings import Settings
from tests.callbacks import callback
from tests.gateway import FakeRasa, Stack, listening, running, until
from tests.media import Shelf, hand_out
from tests.wechat_sealing import aes_key, envelope, seal, signature, xml

APP_ID, APP_SECRET, TOKEN, KEY = "wx5823bf96d3bd56c7", "an app secret of the tests", "tokenOfTheTests", aes_key(5)
ACCOUNT = "gh_6a7b8c9d0e1f"
PATH = "/channels/wechat"
OPTIONS = {"app_id": APP_ID, "app_secret": APP_SECRET, "token": TOKEN, "encoding_aes_key": KEY}
SEND, STABLE_TOKEN, MEDIA = "/cgi-bin/message/custom/send", "/cgi-bin/stable_token", "/cgi-bin/media/get"


@dataclass
class Windows:
    """What WeChat allows for one borrower: (until, how many are left) of each kind."""

    message: tuple[datetime, int] | None = None
    click: tuple[datetime, int] | None = None

    def use(self, now: datetime) -> int:
        """The ``errcode``: 0, or why not."""
        for name in ("click", "message"):
            window: tuple[datetime, int] | None = getattr(self, name)
            if window is not None and now < window[0] and window[1] > 0:
                setattr(self, name, (window[0], window[1] - 1))
                return 0
        some = [window for window in (self.click, self.message) if window is not None and now < window[0]]
        return 45047 if some else 45015


@dataclass
class WeChat:
    """``got``: the customer messages it took. ``breaches``: sends that it had to refuse for a quota.

    ``behaviour``: of the next sends: an errcode, an HTTP status as text, ``slow``, ``endless``, ``lost`` (taken, but no answer).
    """

    clock: Clock
    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    behaviour: deque[int | str] = field(default_factory=deque)
    breaches: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    windows: dict[str, Windows] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    released: threading.Event = field(default_factory=threading.Event)
    shelf: Shelf = field(default_factory=Shelf)

    # ── what it is asked
    def grant(self, body: dict[str, Any]) -> dict[str, Any]:
        if (body.get("appid"), body.get("secret"), body.get("grant_type")) != (APP_ID, APP_SECRET, "client_credential"):
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        with self.lock:
            token = f"token-{len(self.tokens) + 1}"
            self.tokens.append(token)
            self.valid = {token}
            return {"access_token": token, "expires_in": 7200}

    def take(self, token: str, body: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            if token not in self.valid:
                return {"errcode": 42001, "errmsg": "access_token expired"}
            if body["msgtype"] != "text" or len(body["text"]["content"].encode()) > 2048 or not body["text"]["content"]:
                return {"errcode": 45002, "errmsg": "content size out of limit"}
            code = self.windows.setdefault(body["touser"], Windows()).use(self.clock.now())
            if code:
                self.breaches.append(f"{body['touser']}: {code}")
                return {"errcode": code, "errmsg": "out of limit"}
            self.got.append(body)
            return {"errcode": 0, "errmsg": "ok"}

    def texts(self, openid: str = "o-1") -> list[str]:
        return [body["text"]["content"] for body in self.got if body["touser"] == openid]

    # ── what it says to us
    def opens(self, openid: str, kind: str) -> None:
        """A message allows five within 48 hours, a click three within a minute."""
        now, windows = self.clock.now(), self.windows.setdefault(openid, Windows())
        if kind == "click":
            windows.click = (now + timedelta(minutes=1), 3)
        else:
            windows.message = (now + timedelta(hours=48), 5)

    def query(self, sealed: str | None, **changed: str) -> dict[str, str]:
        late, token = int(changed.pop("late", "0")), changed.pop("with_token", TOKEN)
        timestamp, nonce = str(int(self.clock.now().timestamp()) + late), str(next(self.numbers) + 10**8)
        query = {"timestamp": timestamp, "nonce": nonce, "signature": signature(token, timestamp, nonce), "openid": "o-1"}
        if sealed is not None:
            query |= {"encrypt_type": "aes", "msg_signature": signature(token, timestamp, nonce, sealed)}
        return query | changed

    def message(self, **fields: str | int) -> bytes:
        given: dict[str, str | int] = {
            "ToUserName": ACCOUNT,
            "FromUserName": "o-1",
            "CreateTime": int(self.clock.now().timestamp()),
            "MsgType": "text",
            **fields,
        }
        if given["MsgType"] != "event":
            given.setdefault("MsgId", 23000000000000000 + next(self.numbers))
        return xml(**given)

    def recorded(self, kind: str, *, openid: str = "o-1", **instead: str) -> bytes:
        """A callback of tests/data/callbacks of this borrower and now, with what WeChat allows after it."""
        at, number = int(self.clock.now().timestamp()), 23000000000000000 + next(self.numbers)
        message = callback("wechat", kind, borrower=openid, at=str(at), number=str(number), **instead)
        self.opens(openid, "click" if b"<![CDATA[event]]>" in message else "message")
        return message

    def sealed(self, message: bytes, *, key: str = KEY, app_id: str = APP_ID) -> tuple[str, bytes]:
        cipher = seal(message, key, app_id)
        return cipher, envelope(cipher, ACCOUNT)


class Handler(BaseHTTPRequestHandler):
    wechat: WeChat

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path != MEDIA:
            self.wechat.shelf.strayed.append(self.path)
            self.send_error(404)
        elif query.get("access_token") not in self.wechat.valid:
            self.say({"errcode": 42001, "errmsg": "access_token expired"})
        else:
            hand_out(self, self.wechat.shelf.take(query["media_id"], {"errcode": 40007, "errmsg": "invalid media_id"}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        url = urlsplit(self.path)
        if url.path == STABLE_TOKEN:
            self.say(self.wechat.grant(body))
        elif url.path == SEND:
            self.send(parse_qs(url.query)["access_token"][0], body)
        else:
            self.send_error(404)

    def send(self, token: str, body: dict[str, Any]) -> None:
        how = self.wechat.behaviour.popleft() if self.wechat.behaviour else 0
        if isinstance(how, int) and how:
            self.say({"errcode": how, "errmsg": "as the test wants"})
        elif isinstance(how, str) and how.isdecimal():
            self.send_error(int(how))
        elif how == "slow":
            self.wechat.released.wait(30)
            self.close_connection = True
        elif how == "endless":
            self.endless()
        else:
            answer = self.wechat.take(token, body)
            if how == "lost":
                self.close_connection = True
            else:
                self.say(answer)

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.wechat.released.wait(0.01):
                self.wfile.write(b" " * 262_144)
        except OSError:
            self.close_connection = True

    def say(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; encoding=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def serving(clock: Clock) -> Iterator[WeChat]:
    """The server on a port of its own."""
    wechat = WeChat(clock)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"wechat": wechat}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    wechat.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield wechat
    finally:
        wechat.released.set()
        wechat.shelf.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Connected:
    """The application with the channel, listening on a port, and WeChat beside it."""

    stack: Stack
    wechat: WeChat
    client: httpx.AsyncClient
    mode: str = "encrypted"

    async def post(self, body: bytes, query: dict[str, str]) -> httpx.Response:
        return await self.client.post(PATH, params=query, content=body, headers={"Content-Type": "text/xml"})

    async def deliver(self, message: bytes, **changed: str) -> httpx.Response:
        if self.mode == "plain":
            return await self.post(message, self.wechat.query(None, **changed))
        sealed, body = self.wechat.sealed(message)
        return await self.post(body, self.wechat.query(sealed, **changed))

    async def event(self, event: str, *, key: str = "", openid: str = "o-1", **fields: str | int) -> httpx.Response:
        self.wechat.opens(openid, "click")
        return await self.deliver(self.wechat.message(MsgType="event", Event=event, EventKey=key, FromUserName=openid, **fields))

    async def write(self, text: str, *, openid: str = "o-1", **fields: str | int) -> None:
        self.stack.clock.advance(seconds=1)  # nobody writes in the moment in which they are answered
        self.wechat.opens(openid, "message")
        answer = await self.deliver(self.wechat.message(Content=text, FromUserName=openid, **fields))
        assert (answer.status_code, answer.text) == (200, "success")

    async def say(self, text: str, *, openid: str = "o-1", answers: int = 1) -> list[str]:
        """The next ``answers`` messages that WeChat gets for this borrower."""
        before = len(self.wechat.texts(openid))
        await self.write(text, openid=openid)
        await until(lambda: len(self.wechat.texts(openid)) >= before + answers, 20)
        return self.wechat.texts(openid)[before:]

    async def as_time_passes(self, done: Any) -> None:
        """Lets the clock run until ``done``: what waits for a later try gets it."""
        deadline = time.monotonic() + 30
        while not done():
            assert time.monotonic() < deadline, "it did not come"
            self.stack.clock.advance(seconds=1)
            await asyncio.sleep(0.05)


def with_wechat(settings: Settings, url: str, **options: str) -> Settings:
    given = {**OPTIONS, "api_url": url, **options}
    return settings.model_copy(update={"channels": {"wechat": {name: SecretStr(value) for name, value in given.items()}}})


@asynccontextmanager
async def connected(settings: Settings, clock: Any, rasa: FakeRasa, wechat: WeChat, **options: str) -> AsyncIterator[Connected]:
    async with (
        running(with_wechat(settings, wechat.url, **options), clock, rasa) as stack,
        listening(stack.app) as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as client,
    ):
        yield Connected(stack, wechat, client, options.get("mode", "encrypted"))
