"""The same books twice, on SQLite and on PostgreSQL: asked directly, and through the reference server over a real socket.

``books.loans`` is the implementation under test. ``books.behind()`` is the embedded backend with all services on the same
database, committed at the end of its block: tests arrange with it what a borrower cannot do (banks that answer, refusals).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from bot.core.breaker import CircuitBreaker
from bot.core.calls import CallPolicy
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.http_backend import http_loan_backend
from bot.loans.http_client import LoanHttpClient
from bot.loans.http_server import OpenBackend, make_app
from bot.loans.port import LoanBackend
from bot.loans.service import SqlLoanBackend
from tests.loans.conftest import World

SECRET = "a secret of the contract tests"
START_SECONDS = 10


class EachCallCommitted:
    """``SqlLoanBackend`` with one transaction per call, as every caller of a remote backend has it."""

    def __init__(self, unit: Callable[[], AbstractContextManager[LoanBackend]]) -> None:
        self._unit = unit

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._unit() as loans:
                return getattr(loans, name)(*args, **kwargs)

        return call


@dataclass
class Faults:
    """What goes wrong on the wire: each request takes the next entry of ``script``, and none when it is empty.

    ``"lost"``: the work is done, then the connection breaks; ``"slow"``: nothing comes before ``release``; a number: that status
    without the work being done. ``at`` breaks the next request of a path; ``paths`` are all
    requests seen.
    """

    script: list[str | int] = field(default_factory=list)
    at: dict[str, str | int] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)


class FaultyServer:
    """ASGI middleware that breaks answers as ``faults`` say."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.faults = Faults()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        faults = self.faults
        faults.paths.append(scope["path"])
        fault = faults.at.pop(scope["path"], None) or (faults.script.pop(0) if faults.script else None)
        if fault == "slow":
            await asyncio.to_thread(faults.release.wait, START_SECONDS)
            fault = 503
        if isinstance(fault, int):
            await send({"type": "http.response.start", "status": fault, "headers": []})
            await send({"type": "http.response.body", "body": b"the core is being restarted"})
        elif fault == "lost":
            await self.app(scope, receive, _unsent)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})  # and no more: uvicorn then hangs up
        else:
            await self.app(scope, receive, send)


async def _unsent(_message: Message) -> None:
    """The answer goes nowhere."""


@dataclass
class Server:
    """A reference server on a free port. ``open_backend`` is whatever the running test serves."""

    url: str
    wire: FaultyServer
    open_backend: OpenBackend | None = None

    @property
    def faults(self) -> Faults:
        return self.wire.faults

    def unit(self) -> AbstractContextManager[LoanBackend]:
        assert self.open_backend is not None
        return self.open_backend()


@pytest.fixture(scope="session")
def running_server() -> Iterator[Server]:
    """One for all tests: starting it takes longer than a test."""
    server = Server("", cast(FaultyServer, None))
    server.wire = FaultyServer(make_app(server.unit, [SECRET, "the secret before: still accepted"]))
    config = uvicorn.Config(server.wire, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none")
    process = uvicorn.Server(config)
    thread = threading.Thread(target=process.run, daemon=True)
    thread.start()
    pause = threading.Event()
    for _ in range(START_SECONDS * 100):
        if process.started:
            break
        pause.wait(0.01)
    assert process.started, "the reference server did not start"
    server.url = f"http://127.0.0.1:{process.servers[0].sockets[0].getsockname()[1]}"
    yield server
    process.should_exit = True
    thread.join(START_SECONDS)
    assert not thread.is_alive()


@pytest.fixture
def unit(each_seeded: Database, clock: FixedClock) -> OpenBackend:
    """Units of work on the demo people's books."""

    @contextmanager
    def opened() -> Iterator[LoanBackend]:
        with each_seeded.transaction() as session:
            yield SqlLoanBackend(session, clock)

    return opened


@pytest.fixture
def server(running_server: Server, unit: OpenBackend) -> Iterator[Server]:
    """Serves ``unit``."""
    running_server.open_backend = unit
    running_server.wire.faults = Faults()
    yield running_server
    running_server.wire.faults.release.set()
    running_server.open_backend = None


Connect = Callable[..., LoanHttpClient]


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    """``connect(attempts=1, …)``: a client of the server with that policy."""
    clients: list[LoanHttpClient] = []

    def make(
        *, url: str | None = None, secret: str = SECRET, breaker: CircuitBreaker | None = None, **policy: Any
    ) -> LoanHttpClient:
        chosen = CallPolicy(**{"timeout_seconds": 10.0, "unit_seconds": 60.0, "backoff_seconds": 0.01, **policy})
        clients.append(LoanHttpClient(url or server.url, secret, chosen, breaker=breaker))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@dataclass
class Books:
    """Either implementation over the demo people."""

    loans: LoanBackend
    database: Database
    clock: FixedClock

    @contextmanager
    def behind(self) -> Iterator[World]:
        """Every service of the books, in one transaction."""
        with self.database.transaction() as session:
            yield World(session, self.clock)

    def prove(self) -> None:
        """The ledger balances."""
        with self.behind() as world:
            world.check()


@pytest.fixture(params=["embedded", "http"])
def books(request: pytest.FixtureRequest, each_seeded: Database, clock: FixedClock, unit: OpenBackend) -> Books:
    if request.param == "embedded":
        return Books(cast(LoanBackend, EachCallCommitted(unit)), each_seeded, clock)
    client: LoanHttpClient = request.getfixturevalue("connect")()
    return Books(http_loan_backend(client), each_seeded, clock)
