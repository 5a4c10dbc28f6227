"""An integrator's messaging server for tests of the generic webhook: real HTTP on loopback, real signatures, and bad manners."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import httpx
from pydantic import SecretStr

from bot.channels.webhook.connector import NONCE, SIGNATURE, TIMESTAMP
from bot.core.clock import Clock
from bot.core.settings import Settings
from bot.core.signing import Signed, check_signature, sign
from tests.callbacks import callback
from tests.gateway import FakeRasa, Stack, listening, running, until

SECRET = "the integrator's secret of these tests, long enough"
PATH = "/channels/webhook"


@dataclass
class Integrator:
    """``got``: what it accepted, in order. ``answers``: statuses for the next requests; then 200."""

    clock: Clock
    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    retry_after: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def take(self, message: Signed) -> int:
        check_signature(message, [SECRET], self.clock.now(), timedelta(minutes=5))
        with self.lock:
            status = self.answers.popleft() if self.answers else 200
            if status == 200:
                self.got.append(json.loads(message.body))
            else:
                self.refused.append(status)
            return status

    def texts(self, address: str = "wx-1") -> list[str]:
        return [body.get("text", "") for body in self.got if body["address"] == address]

    def recorded(self, kind: str, *, sender: str, **instead: str) -> bytes:
        """A body of tests/data/callbacks of this borrower and now."""
        at, number = self.clock.now().isoformat(), f"m-{next(self.numbers)}"
        return callback("webhook", kind, borrower=sender, at=at, number=number, **instead)

    def headers(self, body: bytes, **changed: Any) -> dict[str, str]:
        timestamp = str(int(self.clock.now().timestamp()) + changed.get("late", 0))
        nonce = changed.get("nonce", f"nonce-of-these-tests-{next(self.numbers)}")
        signature = sign(changed.get("secret", SECRET), timestamp, nonce, body)
        return {TIMESTAMP: timestamp, NONCE: nonce, SIGNATURE: signature}


@contextmanager
def serving(clock: Clock) -> Iterator[Integrator]:
    """The server on a port of its own."""
    integrator = Integrator(clock)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = integrator.take(Signed(self.headers[TIMESTAMP], self.headers[NONCE], self.headers[SIGNATURE], body))
            self.send_response(status)
            if integrator.retry_after is not None:
                self.send_header("Retry-After", integrator.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    integrator.url = f"http://127.0.0.1:{server.server_address[1]}/messages"
    try:
        yield integrator
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Connected:
    """The application with the webhook, listening on a port, and the integrator beside it."""

    stack: Stack
    integrator: Integrator
    client: httpx.AsyncClient
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.client.post(PATH, content=body, headers=headers)

    async def deliver(self, *messages: dict[str, Any], receipts: Any = (), **changed: Any) -> httpx.Response:
        body = json.dumps({"messages": list(messages), "receipts": list(receipts)}).encode()
        return await self.post(body, self.integrator.headers(body, **changed))

    async def write(self, text: str, *, sender: str = "wx-1", **more: Any) -> None:
        """A borrower's message; whoever wants the answer waits for it."""
        message = {"message_id": f"m-{next(self.numbers)}", "sender": sender, "text": text, **more}
        answer = await self.deliver(message)
        assert answer.status_code == 200, answer.text

    async def say(self, text: str, *, sender: str = "wx-1", answers: int = 1, **more: Any) -> list[dict[str, Any]]:
        """The next ``answers`` messages that the integrator gets for this borrower."""
        before = len(self.integrator.texts(sender))
        await self.write(text, sender=sender, **more)
        await until(lambda: len(self.integrator.texts(sender)) >= before + answers, 10)
        return [body for body in self.integrator.got if body["address"] == sender][before:]


def with_webhook(settings: Settings, url: str, **options: str) -> Settings:
    given = {"secret": SECRET, "url": url, **options}
    return settings.model_copy(update={"channels": {"webhook": {name: SecretStr(value) for name, value in given.items()}}})


@asynccontextmanager
async def connected(
    settings: Settings, clock: Any, rasa: FakeRasa, integrator: Integrator, **options: str
) -> AsyncIterator[Connected]:
    async with (
        running(with_webhook(settings, integrator.url, **options), clock, rasa) as stack,
        listening(stack.app) as address,
        httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as client,
    ):
        yield Connected(stack, integrator, client)
