"""Fixtures of the web process: the real application on a migrated database, with a Rasa that does as it is told."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.app import configure_process_logging, create_app, load_texts
from bot.conversations.handoff import HandoffService
from bot.conversations.models import Conversation, Message
from bot.conversations.rasa import BotMessage, RasaClient
from bot.conversations.runtime import Runtime
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT, Settings
from bot.core.texts import Texts
from bot.desk.demo import seed_agents
from bot.desk.login import find_agent
from bot.desk.sessions import DeskSessions
from bot.identity.step_up import StepUpService
from bot.loans.models import CustomerRow
from tests.secret import SECRET

PHONE = "13900001002"
Answerer = Callable[[str, str, dict[str, Any]], Awaitable[list[BotMessage]]]


@dataclass
class FakeRasa:
    """Implements ``RasaClient``. Echoes unless ``answer`` is replaced; remembers what it was asked."""

    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    answer: Answerer | None = None
    parts: dict[str, bool] = field(default_factory=lambda: {"rasa": True, "actions": True})
    closed: bool = False

    async def send(self, sender: str, message: str, metadata: dict[str, Any]) -> list[BotMessage]:
        self.asked.append((sender, message, metadata))
        if self.answer is not None:
            return await self.answer(sender, message, metadata)
        return [BotMessage(text=f"听到：{message}")]

    async def health(self) -> dict[str, bool]:
        return self.parts

    async def aclose(self) -> None:
        self.closed = True

    @property
    def texts(self) -> list[str]:
        return [text for _, text, _ in self.asked]


@dataclass
class Stack:
    """The application and a client that talks to it without a network."""

    app: FastAPI
    client: httpx.AsyncClient
    settings: Settings
    clock: FixedClock
    rasa: FakeRasa

    @property
    def runtime(self) -> Runtime:
        runtime: Runtime = self.app.state.runtime
        return runtime

    @property
    def database(self) -> Database:
        return self.runtime.database

    def customer_token(self, customer_id: str = "C1002") -> str:
        return self.runtime.tokens.issue("customer", customer_id, lifetime=timedelta(hours=1))

    async def visitor(self) -> tuple[str, str]:
        body = (await self.client.post("/chat/visitor")).json()
        return body["sender"], body["token"]

    async def post(self, message: str, *, sender: str = "u-1", token: str | None = None, **metadata: Any) -> httpx.Response:
        body = {"sender": sender, "message": message, "metadata": metadata}
        response = await self.client.post("/webhooks/rest/webhook", json=body, headers=bearer(token))
        await self.runtime.gateway.receipts.flush()  # would be written a moment later
        return response

    async def say(self, message: str, *, sender: str = "u-1", token: str | None = None, **metadata: Any) -> list[dict[str, Any]]:
        response = await self.post(message, sender=sender, token=token, **metadata)
        assert response.status_code == 200, response.text
        answers: list[dict[str, Any]] = response.json()
        return answers

    async def read(
        self, sender: str, token: str, *, after: int = 0, wait: float = 0, before: int | None = None
    ) -> dict[str, Any]:
        query: dict[str, str | float] = {"sender": sender, "after": after, "wait": wait}
        if before is not None:
            query["before"] = before
        response = await self.client.get("/chat/messages", params=query, headers=bearer(token))
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page

    def agent(self, agent_id: str = "A2001") -> dict[str, str]:
        """The headers of an agent who has just logged in."""
        with self.database.transaction() as session:
            agent = find_agent(session, agent_id)
            assert agent is not None, agent_id
            opened = DeskSessions(session, self.clock, self.settings).open(agent)
        return bearer(self.runtime.tokens.issue("agent", agent_id, lifetime=timedelta(hours=10), session_id=opened.session_id))

    def conversation(self, sender: str = "u-1", customer_id: str = "") -> Conversation:
        with self.database.transaction() as session:
            query = select(Conversation).where(Conversation.sender == sender, Conversation.customer_id == customer_id)
            return session.scalars(query).one()

    def log(self, conversation_id: str) -> list[Message]:
        with self.database.transaction() as session:
            query = select(Message).where(Message.conversation_id == conversation_id).order_by(Message.seq)
            return list(session.scalars(query))

    def request_human(self, conversation_id: str, reason: str = "asked", priority: int = 0) -> None:
        """What the action server does in its own process."""
        with self.database.transaction() as session:
            HandoffService(session, self.clock, self.runtime.texts).request(conversation_id, reason=reason, priority=priority)

    def start_step_up(self, conversation_id: str, customer_id: str = "C1002") -> None:
        """What the action server does before money moves."""
        with self.database.transaction() as session:
            StepUpService(session, self.clock, self.settings).start(conversation_id, customer_id, PHONE)

    async def sent_code(self, customer_id: str = "C1002") -> str:
        code: str = (await self.client.get("/demo/otp", params={"customer_id": customer_id})).json()["code"]
        return code


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def gateway_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The migrated SQLite file with the demo agents and two customers; each test works on a copy."""
    path = tmp_path_factory.getbasetemp() / "gateway.db"
    if path.exists():  # made for another folder's tests of this run
        return path
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    with database.transaction() as session:
        seed_agents(session, Settings(demo=True))
        add_customers(session)
    database.dispose()
    return path


def add_customers(session: Session) -> None:
    """Whom tests log in as. They have no loans: those have tests of their own."""
    for customer_id, name, phone in (("C1001", "郭海", "13900001001"), ("C1002", "李婷", PHONE)):
        session.add(
            CustomerRow(
                customer_id=customer_id,
                name=name,
                phone=phone,
                bank_name="招商银行",
                card_tail="1234",
                registered_at=FixedClock().now(),
            )
        )


@pytest.fixture
def gateway_settings(gateway_file: Path, tmp_path: Path) -> Settings:
    path = tmp_path / "care.db"
    shutil.copy(gateway_file, path)
    return Settings(
        demo=True,
        database_url=f"sqlite:///{path}",
        secret_key=SecretStr(SECRET),
        data_dir=ROOT / "data",
        var_dir=tmp_path / "var",
        web_dir=tmp_path / "web",
        rasa_timeout_seconds=0.5,
    )


@pytest.fixture
def process_logging(gateway_settings: Settings) -> Iterator[None]:
    """The logging of a real process, undone afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_process_logging(gateway_settings)
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@lru_cache(maxsize=1)
def shipped_texts() -> Texts:
    """What the bot really says, read once."""
    return load_texts(Settings())


@asynccontextmanager
async def running(
    settings: Settings, clock: FixedClock, rasa: FakeRasa, client_of: RasaClient | None = None
) -> AsyncIterator[Stack]:
    """The started application; ``client_of`` replaces the fake by another implementation of the port."""
    app = create_app(settings, clock=clock, rasa=client_of or rasa, texts=shipped_texts())
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://care") as client:
        yield Stack(app, client, settings, clock, rasa)


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """The started application on a port of its own, for what needs a real connection; gives ``127.0.0.1:port``."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def stack(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Stack]:
    async with running(gateway_settings, FixedClock(), FakeRasa()) as started:
        yield started


async def until(condition: Callable[[], bool], seconds: float = 3) -> None:
    """Waits for something that another task brings about."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
