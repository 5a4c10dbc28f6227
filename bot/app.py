"""Composition root of the web process: settings in, FastAPI application out.

``uvicorn bot.app:create_app_from_env --factory --no-access-log`` (our own access log leaves out query strings).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType
from typing import Any

import structlog
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from anyio import to_thread
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.middleware.cors import CORSMiddleware

from bot.attachments.upload import UPLOAD_PATHS
from bot.audit.service import audited
from bot.channels import attachments as borrower_attachments
from bot.channels import bank, callbacks, chat, demo, media, operations, rest, socket
from bot.channels import cases as borrower_cases
from bot.channels.connector import Kit
from bot.channels.push import Push
from bot.channels.registry import connectors
from bot.channels.web import install_web
from bot.conversations.gateway import Gateway
from bot.conversations.inbox.port import MEDIA_TEXT
from bot.conversations.metrics import Metrics
from bot.conversations.outbox import render
from bot.conversations.rasa import HttpRasaClient, RasaClient
from bot.conversations.runtime import Runtime
from bot.conversations.turns import REQUIRED_TEXTS, TurnService
from bot.core.clock import Clock, SystemClock
from bot.core.database import Database
from bot.core.headers import SecurityHeaders
from bot.core.http import BodyLimit, RequestBoundary, install_error_handlers
from bot.core.limits.service import Limits
from bot.core.logs import configure_logging
from bot.core.proxies import TrustedProxies
from bot.core.settings import Settings
from bot.core.texts import Texts
from bot.desk import account_routes as desk_accounts
from bot.desk import attachment_routes as desk_attachments
from bot.desk import audit as desk_audit
from bot.desk import case_commands as desk_commands
from bot.desk import case_routes as desk_cases
from bot.desk import delivery_routes as desk_deliveries
from bot.desk import incident_routes as desk_incidents
from bot.desk import remediation_routes
from bot.desk import routes as desk
from bot.desk import socket as desk_socket
from bot.desk import work_routes as desk_work
from bot.identity import binding
from bot.identity.tokens import Tokens
from bot.loans.backends import loan_backends
from bot.migrations.run import alembic_config

log = structlog.get_logger(__name__)

DESCRIPTION = """Customer service of 随星借. Borrowers talk through Rasa's REST channel shape or the widget's endpoints, \
agents through `/desk/api`. Every error has the shape `{"error": {"code", "message", "details"}}` with a stable code."""


class NotStartable(RuntimeError):
    """Something the process needs is missing; the message says what, and what to do."""


def create_app(
    settings: Settings, *, clock: Clock | None = None, rasa: RasaClient | None = None, texts: Texts | None = None
) -> FastAPI:
    """The application; what is not given is made from the settings.

    Raises ``RuntimeError`` for an unusable key, ``ChannelMisconfigured``, ``NotStartable`` for missing texts, and what the
    adapter raises that ``SMS_SENDER`` names. The database is looked at when the application starts: it must have been migrated
    before.
    """
    clock = clock or SystemClock(settings.business_date)
    rasa = rasa or HttpRasaClient(settings.rasa_url, settings.actions_url, timeout_seconds=settings.rasa_timeout_seconds)
    texts = texts or load_texts(settings)
    database = audited(Database(settings.database_url), settings)
    metrics = Metrics()
    runtime = Runtime(
        settings=settings,
        clock=clock,
        database=database,
        texts=texts,
        tokens=Tokens(settings.signing_key(), clock),
        rasa=rasa,
        gateway=Gateway(settings, clock, database, texts, rasa, metrics),
        metrics=metrics,
        loans=loan_backends(settings, clock),
        limits=Limits(settings, clock, database),
    )
    app = FastAPI(
        title="随星客服",
        description=DESCRIPTION,
        version="0.1.0",
        lifespan=lifespan,
        strict_content_type=False,
        docs_url="/docs" if settings.demo else None,  # its scripts come from a CDN: not beside the desk's cookie
        redoc_url=None,
    )
    app.state.runtime = runtime
    install_error_handlers(app)
    app.add_middleware(
        BodyLimit, max_bytes=settings.max_body_bytes, uploads=UPLOAD_PATHS, upload_bytes=settings.attachment_max_bytes
    )
    app.add_middleware(RequestBoundary)  # around everything that may fail
    if settings.cors_origins:
        allow_origins(app, settings.cors_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(TrustedProxies, proxies=settings.trusted_proxies)
    for router in (
        rest.router,
        chat.router,
        socket.router,
        borrower_cases.router,
        borrower_attachments.router,
        desk.router,
        desk_work.router,
        desk_socket.router,
        desk_audit.router,
        desk_cases.router,
        desk_commands.router,
        desk_attachments.router,
        desk_incidents.router,
        desk_deliveries.router,
        desk_accounts.router,
        operations.router,
    ):
        app.include_router(router)
    app.include_router(remediation_routes.router)
    app.include_router(bank.closed if settings.bank_callback_secret is None else bank.make_router(settings))
    connected = connectors(settings, Kit(settings, clock, database))
    app.state.push = Push(settings, clock, database, texts, runtime.gateway, runtime.loans, connected, runtime.decoders)
    for connector in connected.values():
        app.include_router(callbacks.make_router(connector))
    app.include_router(callbacks.closed)
    if settings.demo:
        app.include_router(demo.router)
    install_web(app, settings.web_dir)
    return app


def allow_origins(app: FastAPI, origins: list[str]) -> None:
    """Pages of ``origins`` may embed the widget. Around the rest, so that they can read our errors too; no cookies are in use."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
        expose_headers=["Retry-After", "X-Request-ID"],
    )


def create_app_from_env() -> FastAPI:
    """For uvicorn's ``--factory``: settings from the environment, logging for a whole process."""
    settings = Settings()
    configure_process_logging(settings)
    return create_app(settings)


def configure_process_logging(settings: Settings) -> None:
    """Every line of the process goes through the masking formatter; uvicorn's access log, which prints URLs whole, is off."""
    configure_logging(json=settings.log_json)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Refuses to start on an unmigrated database; finishes turns that an earlier process left open."""
    runtime: Runtime = app.state.runtime
    await to_thread.run_sync(check_schema, runtime.database)
    lost = await runtime.gateway.transaction(lambda session: recover(session, runtime))
    if lost:
        log.warning("answered interrupted messages with an apology", count=lost)
    end_long_polls_on_signals(runtime.gateway)
    watching = asyncio.create_task(runtime.gateway.run())
    push: Push = app.state.push
    push.start()
    yield
    await push.stop()
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await runtime.rasa.aclose()
    await runtime.limits.aclose()
    runtime.loans.close()
    runtime.database.dispose()


def end_long_polls_on_signals(gateway: Gateway) -> None:
    """uvicorn waits for open requests before it tells us to end, and a long-poll lasts up to 25 s. So its own handlers are
    called after ours. Elsewhere (tests, another server) there is nothing to hook into.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        previous = signal.getsignal(number)
        if getattr(previous, "__self__", None).__class__.__module__.partition(".")[0] != "uvicorn":
            continue

        def ours(received: int, frame: FrameType | None, then: Any = previous) -> None:
            loop.call_soon_threadsafe(gateway.close)
            then(received, frame)

        signal.signal(number, ours)


def load_texts(settings: Settings) -> Texts:
    """Raises ``NotStartable`` naming every text that the gateway needs and does not find."""
    texts = Texts.load(settings.data_dir / "answers")
    needed = (*REQUIRED_TEXTS, *binding.REQUIRED_TEXTS, *render.REQUIRED_TEXTS, *media.REQUIRED_TEXTS, MEDIA_TEXT)
    missing = [key for key in needed if key not in texts.dialogue]
    if missing:
        raise NotStartable(f"data/answers lacks {', '.join(missing)}")
    return texts


def check_schema(database: Database) -> None:
    """Raises ``NotStartable`` unless the database has the newest schema."""
    expected = ScriptDirectory.from_config(alembic_config("")).get_heads()
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_heads()
    if set(found) != set(expected):
        raise NotStartable(f"the database has schema {found or 'none'}, not {expected}: run python -m bot.migrations.run")


def recover(session: Session, runtime: Runtime) -> int:
    """With SQLite this is the only worker, so whatever is unfinished is nobody's."""
    turns = TurnService(session, runtime.clock, runtime.settings, runtime.texts)
    return turns.recover(all_of_them=session.get_bind().dialect.name == "sqlite")
