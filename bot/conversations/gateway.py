"""Takes a borrower's message through a turn: one at a time and in order, stored before it is used, always answered."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import structlog
from anyio import CancelScope, to_thread
from sqlalchemy.orm import Session

from bot.conversations.errors import ConversationBusy
from bot.conversations.locks import KeyedLocks, Wakeups
from bot.conversations.metrics import Metrics
from bot.conversations.rasa import BotMessage, RasaClient, RasaError, RasaSilent, RasaTimeout
from bot.conversations.service import ConversationService, LogEntry, LogPage
from bot.conversations.turns import Begun, Inbound, Ticket, TurnService
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.core.texts import Texts

log = structlog.get_logger(__name__)

T = TypeVar("T")

DATABASE_POLL_SECONDS = 1.0
"""How soon a long-poll sees what another process wrote (the action server, another replica)."""
_BUSY_POLL_SECONDS = 0.1


class Gateway:
    """The only way from a channel to Rasa. Database work runs in threads, in short transactions."""

    def __init__(
        self, settings: Settings, clock: Clock, database: Database, texts: Texts, rasa: RasaClient, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._database = database
        self._texts = texts
        self._rasa = rasa
        self._metrics = metrics
        self._locks = KeyedLocks()
        self._closing = False
        self.wakeups = Wakeups()

    def close(self) -> None:
        """Ends every long-poll at once with what there is; turns in progress go on to their end."""
        self._closing = True
        self.wakeups.notify_all()

    async def handle(self, inbound: Inbound) -> tuple[LogEntry, ...]:
        """The answers to one message. Never raises because of Rasa.

        Raises ``MessageIdReused``, ``TooManyMessages``, ``ConversationBusy``.
        """
        async with self._locks.hold((inbound.channel, inbound.sender)):
            begun = await self._begin(inbound)
            structlog.contextvars.bind_contextvars(conversation=begun.conversation_id)
            if begun.kind != "replayed":
                self._metrics.messages.labels("in", inbound.channel).inc()
            self.wakeups.notify(begun.conversation_id)
            answers = begun.answers if begun.ticket is None else await self._turn(begun.ticket)
        if begun.kind != "replayed":
            self._metrics.messages.labels("out", inbound.channel).inc(len(answers))
        self.wakeups.notify(begun.conversation_id)
        return answers

    async def mark_sent(self, message_ids: list[int]) -> None:
        """The client has taken these messages."""
        if message_ids:
            await self.transaction(lambda session: ConversationService(session, self._clock).mark_sent(message_ids))

    async def wait_for_messages(self, read: Callable[[ConversationService], LogPage], after: int, seconds: float) -> LogPage:
        """What ``read`` finds after ``after``; when there is nothing, waits up to ``seconds`` for it."""
        deadline = time.monotonic() + seconds
        page = await self._read(read)
        while not (page.entries or page.last_seq < after or self._closing) and (left := deadline - time.monotonic()) > 0:
            with self.wakeups.listen(page.conversation_id) as grown:
                page = await self._read(read)  # listen first, then look: what arrives in between still wakes us
                if not page.entries and not self._closing:
                    with suppress(TimeoutError):  # then look into the database all the same
                        async with asyncio.timeout(min(left, DATABASE_POLL_SECONDS)):
                            await grown.wait()
        return page

    async def transaction(self, work: Callable[[Session], T]) -> T:
        """Runs ``work`` in a thread, in a transaction of its own."""

        def run() -> T:
            with self._database.transaction() as session:
                return work(session)

        return await to_thread.run_sync(run)

    async def _read(self, read: Callable[[ConversationService], LogPage]) -> LogPage:
        return await self.transaction(lambda session: read(ConversationService(session, self._clock)))

    async def _begin(self, inbound: Inbound) -> Begun:
        holder = uuid.uuid4().hex
        deadline = time.monotonic() + self._settings.rasa_timeout_seconds + 2
        while True:
            begun = await self.transaction(lambda session: self._turns(session).begin(inbound, holder))
            if begun.kind != "busy":
                return begun
            if time.monotonic() > deadline:
                raise ConversationBusy("another message of this conversation is in work", retry_after=2)
            await asyncio.sleep(_BUSY_POLL_SECONDS)

    async def _turn(self, ticket: Ticket) -> tuple[LogEntry, ...]:
        try:
            try:
                messages = await self._ask(ticket)
            except RasaError as error:
                self._metrics.failures.labels(error.kind).inc()
                log.warning("rasa gave no answer", kind=error.kind, seq=ticket.seq, reason=str(error))
                kind = error.kind
                return await self.transaction(lambda session: self._turns(session).fail(ticket, kind))
            return await self.transaction(lambda session: self._turns(session).complete(ticket, messages))
        except BaseException:
            # Cancelled, or the database failed: let the next message in, and a retry of this one be processed again.
            with CancelScope(shield=True):
                await self.transaction(lambda session: self._turns(session).fail(ticket, "interrupted"))
            raise

    async def _ask(self, ticket: Ticket) -> list[BotMessage]:
        """Bounded here as well, whatever the client does."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._settings.rasa_timeout_seconds):
                metadata = {"turn": ticket.seq, "channel": ticket.channel}
                messages = await self._rasa.send(ticket.conversation_id, ticket.rasa_text, metadata)
        except TimeoutError as error:
            raise RasaTimeout("no answer in time") from error
        finally:
            self._metrics.rasa_seconds.observe(time.perf_counter() - started)
        if not messages:
            raise RasaSilent("an empty answer")
        return messages

    def _turns(self, session: Session) -> TurnService:
        return TurnService(session, self._clock, self._settings, self._texts)
