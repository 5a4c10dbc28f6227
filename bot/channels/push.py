"""Runs the messaging platforms' inbox and outbox, in web processes and as jobs of the worker; in web processes also
listeners, and the couriers of one-time codes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

import structlog
from anyio import CapacityLimiter, to_thread

from bot.channels.connector import Connector, Listener
from bot.channels.media import Media
from bot.channels.reception import Reception
from bot.conversations.fanout import EVERYTHING
from bot.conversations.gateway import Gateway
from bot.conversations.inbox.processor import InboxProcessor
from bot.conversations.inbox.service import Inbox
from bot.conversations.metrics import Metrics
from bot.conversations.outbox.sender import OutboxSender
from bot.conversations.rasa import HttpRasaClient
from bot.conversations.runtime import DECODERS
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.core.texts import Texts
from bot.identity.sms_outbox import SmsCourier, carrier
from bot.loans.backends import LoanBackends

LOOK_SECONDS = 1.0
"""How often a sender looks for what is to be tried again; what is new wakes it."""
CODE_LOOK_SECONDS = 0.5
"""The same for one-time codes: another process may have left one, and a borrower is waiting for it."""
STOP_SECONDS = 15.0
LISTENER_SECONDS = 5.0
"""So long a listener may take to see that the process ends; it may hang in a read for ever."""
AGAIN_SECONDS = 2.0
"""After which a listener that broke begins again."""

log = structlog.get_logger(__name__)


class Push:
    """From ``start`` until ``stop``. Without connectors and without a carrier of codes it does nothing."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        database: Database,
        texts: Texts,
        gateway: Gateway,
        loans: LoanBackends,
        connectors: Mapping[str, Connector],
        decoders: CapacityLimiter,
    ) -> None:
        """Raises what making the carrier raises that the settings name."""
        sms = carrier(settings, clock)
        self._clock = clock
        self._database = database
        self._gateway = gateway
        self._connectors = connectors
        media = Media(settings, clock, gateway, texts, connectors, decoders)
        self._processor = InboxProcessor(settings, clock, gateway, loans, connectors, media)
        threads = 1 if database.engine.dialect.name == "sqlite" else settings.outbox_threads
        # Each platform has its own: one that hangs holds up nobody's messages but its own.
        self._senders = [
            OutboxSender(database, clock, texts.dialogue, {name: connector})
            for name, connector in connectors.items()
            for _ in range(threads)
        ]
        self._couriers = [] if sms is None else [SmsCourier(database, clock, sms) for _ in range(threads)]
        self._threads = CapacityLimiter(max(1, len(self._senders) + len(self._couriers)))
        self._stopping = False
        self._ending = threading.Event()
        self._listeners: list[threading.Thread] = []
        self._running: asyncio.Future[list[None]] | None = None

    def start(self) -> None:
        running: list[Coroutine[Any, Any, None]] = []
        if self._connectors:
            running.append(self._processor.run())
        running += [self._repeat(sender.round, LOOK_SECONDS) for sender in self._senders]
        running += [self._repeat(courier.round, CODE_LOOK_SECONDS) for courier in self._couriers]
        if running:
            self._running = asyncio.gather(*running)
        for connector in self._connectors.values():
            if isinstance(connector, Listener):
                sink = Reception(connector.name, self._database, self._clock, self._gateway)
                # A daemon: a platform's library may hang in a read, and the process must end all the same.
                name = f"{connector.name}-listener"
                self._listeners.append(threading.Thread(target=self._listen, args=(connector, sink), name=name, daemon=True))
        for listener in self._listeners:
            listener.start()

    async def stop(self) -> None:
        """Nothing new is begun; turns and calls in progress go on to their end."""
        self._stopping = True
        self._ending.set()
        self._processor.stop()
        self._gateway.wakeups.notify(EVERYTHING)
        if self._running is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._running
        await asyncio.gather(*(to_thread.run_sync(thread.join, LISTENER_SECONDS) for thread in self._listeners))
        for connector in self._connectors.values():
            connector.close()

    def _listen(self, listener: Listener, sink: Reception) -> None:
        while not self._ending.is_set():
            try:
                listener.listen(sink, self._ending)
            except Exception:  # the platform or the database is away: what was not kept is fetched or delivered again
                log.exception("listener_broke")
            self._ending.wait(AGAIN_SECONDS)

    async def _repeat(self, work: Callable[[], object], look_seconds: float) -> None:
        while not self._stopping:
            with self._gateway.wakeups.listen(EVERYTHING) as grown:
                try:
                    await to_thread.run_sync(work, limiter=self._threads)
                except Exception:  # the database is away: what is due stays due
                    log.exception("outbox_broke")
                if not self._stopping:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(look_seconds):
                            await grown.wait()


class InboxJob:
    """The worker's part: takes what no web process has taken, and forgets old nonces."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        database: Database,
        texts: Texts,
        loans: LoanBackends,
        connectors: Mapping[str, Connector],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._texts = texts
        self._loans = loans
        self._connectors = connectors

    def round(self) -> dict[str, int]:
        with self._database.transaction() as session:
            forgotten = Inbox(session, self._clock).forget()
        taken, errors = asyncio.run(self._drain())
        return {"taken": taken, "forgotten": forgotten, "errors": errors}

    async def _drain(self) -> tuple[int, int]:
        """With a client of its own: connections belong to the loop that made them."""
        settings = self._settings
        rasa = HttpRasaClient(settings.rasa_url, settings.actions_url, timeout_seconds=settings.rasa_timeout_seconds)
        try:
            gateway = Gateway(settings, self._clock, self._database, self._texts, rasa, Metrics())
            media = Media(settings, self._clock, gateway, self._texts, self._connectors, CapacityLimiter(DECODERS))
            processor = InboxProcessor(settings, self._clock, gateway, self._loans, self._connectors, media)
            return await processor.drain(), processor.errors
        finally:
            await rasa.aclose()
