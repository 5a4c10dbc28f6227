"""Takes a borrower's message through a turn: one at a time and in order, stored before it is used, always answered."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import structlog
from anyio import CancelScope, to_thread
from sqlalchemy.orm import Session

from bot.conversations.errors import ConversationBusy
from bot.conversations.fanout import EVERYTHING, LogWatcher, make_fanout
from bot.conversations.following import LogFollower
from bot.conversations.locks import KeyedLocks, Wakeups
from bot.conversations.metrics import Metrics
from bot.conversations.rasa import BotMessage, RasaClient, RasaError, RasaSilent, RasaTimeout
from bot.conversations.receipts import Batch, Receipts
from bot.conversations.repository import ConversationRepository, HandoffRepository
from bot.conversations.service import ConversationService, LogEntry, LogPage
from bot.conversations.turns import Begun, Inbound, Ticket, TurnService
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.origin import origin, refine_origin
from bot.core.settings import Settings
from bot.core.texts import Texts

log = structlog.get_logger(__name__)

T = TypeVar("T")

_BUSY_POLL_SECONDS = 0.1
QUESTION_TOLD_SECONDS = 0.25
"""An answer that comes sooner is told together with its question: one look and one frame for each waiting client, not two."""
_ANNOUNCED = 10_000
"""So many conversations are remembered as told; forgetting one only costs a look."""


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
        self.receipts = Receipts(self._write_receipts)
        self._announced: dict[str, int] = {}
        """Up to which seq of a conversation everybody here has been told."""
        self._fanout = make_fanout(settings.redis_url, self.wakeups)
        self._watcher = LogWatcher(self._grown, self.wakeups, settings.watch_seconds, queue=self._queue)

    @property
    def texts(self) -> Texts:
        """What is said in our own name."""
        return self._texts

    @property
    def closing(self) -> bool:
        """The process is about to end: no wait begins any more."""
        return self._closing

    async def run(self) -> None:
        """Wakes waiting clients for what other processes write, and writes receipts, until it is cancelled."""
        try:
            await asyncio.gather(self._watcher.run(), self._fanout.run(), self.receipts.run())
        finally:
            with CancelScope(shield=True):
                await self.receipts.flush()

    def grew(self, conversation_id: str | None, *, up_to: int = 0) -> None:
        """The log of the conversation has grown (to seq ``up_to``), or its owner has changed, and this is committed."""
        if conversation_id is not None:
            if up_to:
                if len(self._announced) >= _ANNOUNCED:
                    self._announced.clear()
                self._announced[conversation_id] = max(up_to, self._announced.get(conversation_id, 0))
            self.wakeups.notify(conversation_id)
            self.wakeups.notify(EVERYTHING)
            self._fanout.publish(conversation_id)

    def close(self) -> None:
        """Ends every long-poll at once with what there is; turns in progress go on to their end."""
        self._closing = True
        self.wakeups.notify_all()

    async def handle(self, inbound: Inbound) -> tuple[LogEntry, ...]:
        """The answers to one message. Never raises because of Rasa.

        Raises ``MessageIdReused``, ``TooManyMessages``, ``ConversationBusy``.
        """
        refine_origin(channel=inbound.channel, actor=inbound.actor)
        async with self._locks.hold((inbound.channel, inbound.sender)):
            started, asking = time.perf_counter(), 0.0
            begun = await self._begin(inbound)
            structlog.contextvars.bind_contextvars(conversation=begun.conversation_id)
            refine_origin(conversation_id=begun.conversation_id)
            if begun.kind != "replayed":
                self._metrics.messages.labels("in", inbound.channel).inc()
            self.wakeups.notify(_person(inbound.channel, inbound.sender))
            if begun.ticket is None:
                answers = begun.answers
            else:
                told = asyncio.get_running_loop().call_later(QUESTION_TOLD_SECONDS, self._tell, begun.ticket)
                try:
                    answers, asking = await self._turn(begun.ticket)
                finally:
                    told.cancel()  # its answer tells it as well; should there be none, the watcher does
        if begun.kind != "replayed":
            self._metrics.messages.labels("out", inbound.channel).inc(len(answers))
        self.grew(begun.conversation_id, up_to=answers[-1].seq if answers else 0)
        self._metrics.own_seconds.observe(time.perf_counter() - started - asking)
        return answers

    def follow(self, read: Callable[[ConversationService, int], LogPage], channel: str, sender: str) -> LogFollower:
        """Waits for what ``read(service, after)`` finds; ``sender``: whose log that is. To be closed (``with``)."""

        async def look(after: int) -> LogPage:
            return await self.reading(lambda session: read(ConversationService(session, self._clock), after))

        return LogFollower(look, self.wakeups, _person(channel, sender), lambda: self._closing)

    async def _grown(self, after_id: int) -> Sequence[tuple[int, str]]:
        def look(session: Session) -> Sequence[tuple[int, str]]:
            repository = ConversationRepository(session)
            if after_id < 0:
                return [(repository.log_head(), "")]
            announced = self._announced
            return [
                (number, "" if seq <= announced.get(conversation_id, 0) else conversation_id)
                for number, conversation_id, seq in repository.grown(after_id)
            ]

        return await self.reading(look)

    async def _queue(self) -> Sequence[str]:
        return await self.reading(lambda session: HandoffRepository(session).order())

    async def transaction(self, work: Callable[[Session], T]) -> T:
        """Runs ``work`` in a thread, in a transaction of its own."""

        def run() -> T:
            with self._database.transaction() as session:
                return work(session)

        return await _to_its_end(run)

    async def reading(self, work: Callable[[Session], T]) -> T:
        """The same for ``work`` that only reads: on SQLite nobody waits for it."""

        def run() -> T:
            with self._database.reading() as session:
                return work(session)

        return await _to_its_end(run)

    async def _write_receipts(self, batch: Batch) -> None:
        await self.transaction(lambda session: ConversationService(session, self._clock).take_receipts(batch.sent, batch.reached))

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

    def _tell(self, ticket: Ticket) -> None:
        self.grew(ticket.conversation_id, up_to=ticket.seq)

    async def _turn(self, ticket: Ticket) -> tuple[tuple[LogEntry, ...], float]:
        """The answers, and how many seconds Rasa took."""
        started = time.perf_counter()
        try:
            try:
                messages = await self._ask(ticket)
            except RasaError as error:
                asking, kind = time.perf_counter() - started, error.kind
                self._metrics.failures.labels(kind).inc()
                log.warning("rasa gave no answer", kind=kind, seq=ticket.seq, reason=str(error))
                return await self.transaction(lambda session: self._turns(session).fail(ticket, kind)), asking
            asking = time.perf_counter() - started
            return await self.transaction(lambda session: self._turns(session).complete(ticket, messages)), asking
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
                place = origin()
                metadata = {
                    "turn": ticket.seq,
                    "channel": ticket.channel,
                    "request_id": place.request_id,
                    "address": place.address,
                }
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


async def _to_its_end(work: Callable[[], T]) -> T:
    """In a thread. Whoever is cancelled meanwhile waits for its end: it holds a connection that must not be disposed of."""
    working = asyncio.ensure_future(to_thread.run_sync(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


def _person(channel: str, sender: str) -> Hashable:
    """The key of somebody who may not have a conversation yet."""
    return channel, sender
