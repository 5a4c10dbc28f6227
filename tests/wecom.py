"""WeCom's customer service for tests: real HTTP on loopback, real callback encryption, and WeCom's rules counted by itself.

From the documents, not from the connector: pages and cursors, codes that work once, sessions that refuse, five in 48 hours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import SecretStr

from bot.core.clock import Clock
from bot.core.settings import Settings
from tests.callbacks import callback, replaced
from tests.gateway import FakeRasa, Stack, listening, running, until
from tests.media import Shelf, hand_out

PATH = "/channels/wecom"
CORP_ID, SECRET = "ww0123456789abcdef", "the customer service secret of these tests"
TOKEN, AES_KEY = "callback-token-tests", base64.b64encode(hashlib.sha256(b"the key of these tests").digest()).decode()[:43]
KF, USER = "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q", "wmAJ2GCAAAme1XQRC-NI-q0_ZM9ukoAw"
ADDRESS = f"{KF}:{USER}"
RECORDED_TOKEN = "ENCApHxnGDNAVNY4AaSJKj4Tb5mwsEMzxhFmHVGcra996NR"
BROKEN = "broken"
"""Trouble: the server answers 500."""
MAY_SPEAK = (0, 1)
ALLOWED = {0: (1, 2, 3, 4), 1: (2, 3, 4), 2: (3, 4), 3: (3, 4), 4: ()}
"""document/path/94669: from which state an interface may go where."""


def encrypt(text: bytes, *, key: str = AES_KEY, receive_id: str = CORP_ID) -> str:
    """document/path/90968: 16 random bytes, the length, the text and for whom; PKCS#7 to 32."""
    raw = base64.b64decode(key + "=")
    plain = secrets.token_bytes(16) + len(text).to_bytes(4, "big") + text + receive_id.encode()
    padding = 32 - len(plain) % 32
    sealer = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    return base64.b64encode(sealer.update(plain + bytes([padding]) * padding) + sealer.finalize()).decode()


def signature(token: str, timestamp: str, nonce: str, sealed: str) -> str:
    return hashlib.sha1("".join(sorted((token, timestamp, nonce, sealed))).encode()).hexdigest()  # noqa: S324 WeCom's choice


@dataclass
class Session:
    """What WeCom knows of one borrower at one account."""

    state: int = 4
    servicer: str | None = None
    written_at: datetime | None = None
    sent: int = 0
    greeted_at: datetime | None = None


@dataclass
class WeCom:
    """``got``: what borrowers see, in order. ``calls``: every request. ``trouble``: what the next calls of a path meet."""

    clock: Clock
    url: str = ""
    page: int = 1000
    """At most so many messages at once, whatever was asked for: a short page is not the last."""
    got: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    trouble: dict[str, deque[Any]] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    assigned_to: str | None = None
    """New sessions go straight to this colleague."""
    receiving: set[str] = field(default_factory=lambda: {"zhangsan", "lisi"})
    log: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tokens: dict[str, datetime] = field(default_factory=dict)
    callback_tokens: dict[str, datetime] = field(default_factory=dict)
    codes: dict[str, tuple[str, int | None, datetime]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    """Cursors that are no longer known."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    shelf: Shelf = field(default_factory=Shelf)

    # ── what people do
    def write(self, text: str, *, address: str = ADDRESS, menu_id: str | None = None) -> str:
        """A borrower's message; its id."""
        words = {"content": text} if menu_id is None else {"content": text, "menu_id": menu_id}
        return self.send_in("text", words, address=address)

    def send_in(self, kind: str, content: Any, *, address: str = ADDRESS, **changed: Any) -> str:
        with self.lock:
            self._has_written(address)
            kf, user = address.split(":")
            return self._append(
                kf, {"open_kfid": kf, "external_userid": user, "origin": 3, "msgtype": kind, kind: content, **changed}
            )

    def _has_written(self, address: str) -> None:
        session = self.sessions.setdefault(address, Session())
        session.written_at, session.sent = self.clock.now(), 0
        if session.state == 4:
            session.state, session.servicer = (0, None) if self.assigned_to is None else (3, self.assigned_to)

    def recorded(self, kind: str, *, user: str = USER, **instead: str) -> None:
        """A message or event of tests/data/callbacks of this borrower and now, at the account ``KF``."""
        with self.lock:
            at, number = str(int(self.clock.now().timestamp())), f"msg_{next(self.numbers)}"
            told: dict[str, Any] = json.loads(callback("wecom", kind, borrower=user, at=at, number=number, **instead))
            if "event" not in told:
                self._has_written(f"{KF}:{user}")
            elif "welcome_code" in told["event"]:
                self.sessions.setdefault(f"{KF}:{user}", Session())
                told["event"]["welcome_code"] = self._code(f"{KF}:{user}", None, timedelta(seconds=20))
            self.log.setdefault(KF, []).append(told)

    def enter(self, *, address: str = ADDRESS) -> str | None:
        """Opens the chat; the code of a welcome if WeCom gives one."""
        with self.lock:
            session, now = self.sessions.setdefault(address, Session()), self.clock.now()
            code = None
            if session.written_at is None and (session.greeted_at is None or session.greeted_at + timedelta(hours=48) <= now):
                code = self._code(address, None, timedelta(seconds=20))
            self._event(address, "enter_session", scene="123", **({} if code is None else {"welcome_code": code}))
            return code

    def take(self, userid: str, *, address: str = ADDRESS, change_type: int = 1) -> None:
        """A colleague takes the session in WeCom's client."""
        with self.lock:
            session = self.sessions[address]
            session.state, session.servicer = 3, userid
            code = self._code(address, 3, timedelta(hours=48))
            self._event(address, "session_status_change", change_type=change_type, new_servicer_userid=userid, msg_code=code)

    def answer(self, text: str, *, address: str = ADDRESS) -> None:
        """The colleague writes in WeCom's client."""
        with self.lock:
            kf, user = address.split(":")
            named = {"open_kfid": kf, "external_userid": user, "servicer_userid": self.sessions[address].servicer}
            self._append(kf, {**named, "origin": 5, "msgtype": "text", "text": {"content": text}})

    def end(self, *, address: str = ADDRESS, silently: bool = False) -> None:
        """The colleague ends the session; ``silently``: it ran out, and nobody is told."""
        with self.lock:
            session = self.sessions[address]
            old, session.state, session.servicer = session.servicer, 4, None
            if not silently:
                code = self._code(address, 4, timedelta(seconds=20))
                self._event(address, "session_status_change", change_type=3, old_servicer_userid=old, msg_code=code)

    def fail(self, message_id: str, fail_type: int, *, address: str = ADDRESS) -> None:
        """A message that was taken did not get through."""
        self._event(address, "msg_send_fail", fail_msgid=message_id, fail_type=fail_type)

    def event(self, kind: str, *, address: str = ADDRESS, **fields: Any) -> str:
        return self._event(address, kind, **fields)

    def _event(self, address: str, kind: str, **fields: Any) -> str:
        kf, user = address.split(":")
        event = {"event_type": kind, "open_kfid": kf, "external_userid": user, **fields}
        return self._append(kf, {"origin": 4, "msgtype": "event", "event": event})

    def _append(self, kf: str, message: dict[str, Any]) -> str:
        with self.lock:
            number = f"msg_{next(self.numbers)}"
            at = int(self.clock.now().timestamp())
            self.log.setdefault(kf, []).append({"msgid": number, "send_time": at, **message})
            return str(self.log[kf][-1]["msgid"])

    def _code(self, address: str, state: int | None, lasting: timedelta) -> str:
        code = f"code_{next(self.numbers)}"
        self.codes[code] = (address, state, self.clock.now() + lasting)
        return code

    # ── callbacks
    def signed(self, sealed: str, *, token: str = TOKEN, late: int = 0) -> dict[str, str]:
        timestamp, nonce = str(int(self.clock.now().timestamp()) + late), f"nonce{next(self.numbers)}"
        return {"msg_signature": signature(token, timestamp, nonce, sealed), "timestamp": timestamp, "nonce": nonce}

    def notice_xml(self, kf: str = KF) -> bytes:
        """Word that there is something to fetch, with a token that makes it cheap."""
        token = f"ENC{secrets.token_hex(16)}"
        self.callback_tokens[token] = self.clock.now() + timedelta(minutes=10)
        return event_xml(kf, token, int(self.clock.now().timestamp()))

    def notice(self, kf: str = KF, *, late: int = 0) -> tuple[dict[str, str], bytes]:
        """The same as query and body."""
        return self.sealed(self.notice_xml(kf), late=late)

    def sealed(self, plain: bytes, *, late: int = 0, token: str = TOKEN, **crypto: str) -> tuple[dict[str, str], bytes]:
        sealed = encrypt(plain, **crypto)
        return self.signed(sealed, late=late, token=token), envelope(sealed)

    # ── the interface
    def handle(self, path: str, query: dict[str, str], body: dict[str, Any]) -> Any:
        """The answer; bytes or a status go out as they are."""
        with self.lock:
            self.calls.append((path, body))
            happens = self.trouble[path].popleft() if self.trouble.get(path) else None
        if callable(happens):
            happens = happens()
        if happens is not None:
            return _no(happens) if isinstance(happens, int) else happens
        with self.lock:
            if path == "gettoken":
                return self._gettoken(query)
            if self.tokens.get(query.get("access_token", ""), self.clock.now()) <= self.clock.now():
                return _no(42001 if query.get("access_token") in self.tokens else 40014)
            answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
                "kf/sync_msg": self._sync,
                "kf/send_msg": self._send,
                "kf/send_msg_on_event": self._send_on_event,
                "kf/service_state/get": self._state,
                "kf/service_state/trans": self._trans,
            }
            return answers[path](body)

    def _gettoken(self, query: dict[str, str]) -> dict[str, Any]:
        if query != {"corpid": CORP_ID, "corpsecret": SECRET}:
            return _no(40001)
        token = f"access_{next(self.numbers)}"
        self.tokens[token] = self.clock.now() + timedelta(seconds=7200)
        return {"errcode": 0, "access_token": token, "expires_in": 7200}

    def expire_tokens(self) -> None:
        with self.lock:
            self.tokens = dict.fromkeys(self.tokens, self.clock.now())

    def _sync(self, body: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= body["limit"] <= 1000:
            return _no(40058)
        if "token" in body and self.callback_tokens.get(body["token"], self.clock.now()) <= self.clock.now():
            return _no(95007)
        begin = int(body["cursor"].removeprefix("cursor_")) if "cursor" in body else 0
        if body.get("cursor") in self.forgotten:
            return _no(40058)
        kept = self.log.get(body["open_kfid"], [])
        oldest = (self.clock.now() - timedelta(days=3)).timestamp()
        end = min(begin + min(body["limit"], self.page), len(kept))
        found = [each for each in kept[begin:end] if each["send_time"] >= oldest]
        return {"errcode": 0, "msg_list": found, "next_cursor": f"cursor_{end}", "has_more": int(end < len(kept))}

    def _send(self, body: dict[str, Any]) -> dict[str, Any]:
        session = self.sessions.setdefault(f"{body['open_kfid']}:{body['touser']}", Session())
        if session.state not in MAY_SPEAK:
            return _no(95018)
        if session.written_at is None or session.written_at + timedelta(hours=48) <= self.clock.now():
            return _no(95002)
        if body["msgid"] in self.ids:
            return _no(95033)
        if session.sent >= 5:
            return _no(95001)
        wrong = _wrong(body, items=50)
        if wrong:
            return _no(wrong)
        session.sent += 1
        return self._shown(f"{body['open_kfid']}:{body['touser']}", body)

    def _send_on_event(self, body: dict[str, Any]) -> dict[str, Any]:
        address, state, until_ = self.codes.pop(body["code"], ("", None, self.clock.now()))
        if until_ <= self.clock.now():
            return _no(95034)
        if state is not None and self.sessions[address].state != state:
            return _no(95018)
        wrong = _wrong(body, items=10)
        if wrong:
            return _no(wrong)
        if state is None:
            self.sessions[address].greeted_at = self.clock.now()
        return self._shown(address, body)

    def _shown(self, address: str, body: dict[str, Any]) -> dict[str, Any]:
        self.ids.add(body["msgid"])
        self.got.append({"address": address, **body})
        return {"errcode": 0, "errmsg": "ok", "msgid": body["msgid"]}

    def _state(self, body: dict[str, Any]) -> dict[str, Any]:
        session = self.sessions.setdefault(f"{body['open_kfid']}:{body['external_userid']}", Session())
        return {
            "errcode": 0,
            "service_state": session.state,
            **({"servicer_userid": session.servicer} if session.servicer else {}),
        }

    def _trans(self, body: dict[str, Any]) -> dict[str, Any]:
        address, to = f"{body['open_kfid']}:{body['external_userid']}", body["service_state"]
        session = self.sessions.setdefault(address, Session())
        if to not in ALLOWED[session.state]:
            return _no(95016)
        if to == 3 and body.get("servicer_userid") not in self.receiving:
            return _no(95014)
        session.state, session.servicer = to, body.get("servicer_userid")
        lasting = timedelta(seconds=20) if to == 4 else timedelta(hours=48)
        return {"errcode": 0, **({"msg_code": self._code(address, to, lasting)} if to in (2, 3, 4) else {})}

    # ── for assertions
    def texts(self, address: str = ADDRESS) -> list[str]:
        return [shown(body) for body in self.got if body["address"] == address]

    def state(self, address: str = ADDRESS) -> int:
        return self.sessions[address].state

    def changes(self) -> list[int]:
        return [body["service_state"] for path, body in self.calls if path == "kf/service_state/trans"]


def _no(code: int) -> dict[str, Any]:
    return {"errcode": code, "errmsg": f"refused, hint: [{secrets.token_hex(8)}]"}


def _wrong(body: dict[str, Any], items: int) -> int | None:
    """What the documents allow of a message."""
    if len(body["msgid"]) > 32 or not body["msgid"].replace("-", "").replace("_", "").isalnum():
        return 40058
    if body["msgtype"] == "text":
        return None if 0 < len(body["text"]["content"].encode()) <= 2048 else 40058
    menu = body["msgmenu"]
    if len(menu["head_content"].encode()) > 1024:
        return 40058
    if len(menu["list"]) > min(items, 10):
        return 95008
    each = [value for item in menu["list"] for value in (item["click"]["id"], item["click"]["content"])]
    return None if all(1 <= len(value.encode()) <= 128 for value in each) else 40058


def shown(body: dict[str, Any]) -> str:
    return str(body["text"]["content"] if body["msgtype"] == "text" else body["msgmenu"]["head_content"])


def menu(body: dict[str, Any]) -> dict[str, str]:
    """Title → id of the items on the screen."""
    items = body["msgmenu"]["list"] if body["msgtype"] == "msgmenu" else []
    return {item["click"]["content"]: item["click"]["id"] for item in items}


def event_xml(kf: str, token: str, at: int, to: str = CORP_ID) -> bytes:
    recorded = {KF: kf, RECORDED_TOKEN: token, "1787364000": str(at), CORP_ID: to}
    return replaced("wecom/kf_msg_or_event.xml", recorded)


def envelope(sealed: str) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{CORP_ID}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt>"
        "<AgentID><![CDATA[]]></AgentID></xml>"
    ).encode()


@contextmanager
def serving(clock: Clock, **given: Any) -> Iterator[WeCom]:
    """WeCom on a port of its own."""
    wecom = WeCom(clock, **given)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if urlsplit(self.path).path == "/cgi-bin/media/get":
                self._media()
            elif self.path.startswith("/cgi-bin/"):
                self._answer({})
            else:
                wecom.shelf.strayed.append(self.path)
                self.send_error(404)

        def _media(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            if wecom.tokens.get(query["access_token"][0], wecom.clock.now()) <= wecom.clock.now():
                hand_out(self, wecom.shelf.refused({"errcode": 42001}))
            else:
                hand_out(self, wecom.shelf.take(query["media_id"][0], {"errcode": 40007, "errmsg": "invalid media_id"}))

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            answer = wecom.handle(parts.path.removeprefix("/cgi-bin/"), query, body)
            raw = b"" if answer == BROKEN else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(500 if answer == BROKEN else 200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    wecom.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield wecom
    finally:
        wecom.shelf.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def options(url: str, **changed: str) -> dict[str, str]:
    given = {"corp_id": CORP_ID, "secret": SECRET, "token": TOKEN, "encoding_aes_key": AES_KEY, "api_url": url}
    return {**given, **changed}


def with_wecom(settings: Settings, url: str, **changed: str) -> Settings:
    given = {name: SecretStr(value) for name, value in options(url, **changed).items()}
    return settings.model_copy(update={"channels": {"wecom": given}})


@dataclass
class Connected:
    """The application with WeCom, listening on a port, and WeCom beside it."""

    stack: Stack
    wecom: WeCom
    client: httpx.AsyncClient

    async def call_back(self, query: dict[str, str], body: bytes) -> httpx.Response:
        return await self.client.post(PATH, params=query, content=body)

    async def notify(self, kf: str = KF) -> None:
        answer = await self.call_back(*self.wecom.notice(kf))
        assert answer.status_code == 200, answer.text

    async def write(self, text: str, *, address: str = ADDRESS, menu_id: str | None = None) -> None:
        self.stack.clock.advance(seconds=1)  # what was sent before is told from what follows
        self.wecom.write(text, address=address, menu_id=menu_id)
        await self.notify(address.split(":", maxsplit=1)[0])

    async def say(self, text: str, *, address: str = ADDRESS, answers: int = 1, **more: Any) -> list[dict[str, Any]]:
        """The next ``answers`` messages that this borrower gets."""
        before = len(self.wecom.texts(address))
        await self.write(text, address=address, **more)
        await until(lambda: len(self.wecom.texts(address)) >= before + answers, 20)
        return [body for body in self.wecom.got if body["address"] == address][before:]


@asynccontextmanager
async def connected(settings: Settings, clock: Any, rasa: FakeRasa, wecom: WeCom, **changed: str) -> AsyncIterator[Connected]:
    async with (
        running(with_wecom(settings, wecom.url, **changed), clock, rasa) as stack,
        listening(stack.app) as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as client,
    ):
        yield Connected(stack, wecom, client)
