"""Takes stored messages through the same turn as REST: of one account one at a time and in order, of many accounts at once.

Any number of processes share the work. Who takes a message leases it; a lease that runs out is taken over, and because the turn
knows the message by the platform's id, it is then finished, not repeated. What stands in the conversation's log as answered (also
with an apology for an interruption) is done.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bot.conversations.commands import says
from bot.conversations.errors import ConversationBusy, TooManyMessages
from bot.conversations.gateway import Gateway
from bot.conversations.inbox.media import MEDIUM_LEASE, MEDIUM_TRIES, MediaBusy, MediaKeeper, MediumNotKept
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.inbox.port import Medium
from bot.conversations.inbox.repository import InboxRepository
from bot.conversations.inbox.service import INBOX
from bot.conversations.models import Conversation
from bot.conversations.outbox.port import Sender
from bot.conversations.outbox.render import chosen
from bot.conversations.outbox.repository import OutboxRepository
from bot.conversations.repository import ConversationRepository
from bot.conversations.turns import Inbound, OwnAnswer
from bot.core.clock import Clock
from bot.core.origin import Actor, Origin, coming_from
from bot.core.sealing import sealer
from bot.core.settings import Settings
from bot.identity.binding import BindingService, Word, active_customer
from bot.loans.backends import LoanBackends

MAX_ATTEMPTS = 8
FIRST_PAUSE = timedelta(seconds=2)
LOOK_SECONDS = 1.0
"""How often we look for what other processes have stored, or what is to be tried again."""
_WORDS: tuple[Word, ...] = ("bind", "unbind", "stop_binding")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Taken:
    inbox_id: int
    holder: str
    inbound: Inbound | None
    """``None``: the log shows that it is done."""
    medium: Medium | None = None
    again: bool = False
    """It was tried before."""


class InboxProcessor:
    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        gateway: Gateway,
        loans: LoanBackends,
        connectors: Mapping[str, Sender],
        media: MediaKeeper,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._gateway = gateway
        self._loans = loans
        self._connectors = connectors
        self._media = media
        self._lease = timedelta(seconds=2 * settings.rasa_timeout_seconds + 20)
        self._stopping = False
        self.errors = 0

    async def run(self) -> None:
        """Until ``stop``; turns in progress go on to their end."""
        tasks: dict[int, asyncio.Task[None]] = {}
        behind_rasa: set[int] = set()
        while not self._stopping:
            with self._gateway.wakeups.listen(INBOX) as woken:
                begun = 0
                with suppress(SQLAlchemyError):  # the next look tries again; what is broken is reported where it is used
                    # What people wait for does not queue behind turns that wait for Rasa: it has as much room of its own.
                    for with_people in (True, False):
                        begun += await self._begin(tasks, behind_rasa, with_people=with_people)
                if not begun:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await woken.wait()
        if tasks:
            await asyncio.wait(list(tasks.values()))

    async def _begin(self, tasks: dict[int, asyncio.Task[None]], behind_rasa: set[int], *, with_people: bool) -> int:
        """Takes what is due of one kind, as far as there is room; how many."""
        busy = len(tasks.keys() - behind_rasa) if with_people else len(tasks.keys() & behind_rasa)
        room = self._settings.inbox_at_once - busy
        due = await self._due(tasks.keys(), room, with_people=with_people) if room > 0 else []
        for inbox_id in due:
            if not with_people:
                behind_rasa.add(inbox_id)
            tasks[inbox_id] = asyncio.create_task(self._take_in_turn(inbox_id))
            tasks[inbox_id].add_done_callback(partial(self._ended, tasks, behind_rasa, inbox_id))
        return len(due)

    def stop(self) -> None:
        self._stopping = True
        self._gateway.wakeups.notify(INBOX)

    async def drain(self) -> int:
        """Takes what is due, until nothing is; how many."""
        taken = 0
        while due := await self._due((), self._settings.inbox_at_once):
            done = await asyncio.gather(*(self._take(inbox_id) for inbox_id in due))
            taken += sum(done)
            if not any(done):  # others have them
                break
        return taken

    def _ended(
        self, tasks: dict[int, asyncio.Task[None]], behind_rasa: set[int], inbox_id: int, _task: asyncio.Task[None]
    ) -> None:
        del tasks[inbox_id]
        behind_rasa.discard(inbox_id)
        self._gateway.wakeups.notify(INBOX)

    async def _due(self, without: Collection[int], limit: int, *, with_people: bool = False) -> list[int]:
        def look(session: Session) -> list[int]:
            now, most = self._clock.now(), limit + len(without)
            found = InboxRepository(session).due(self._connectors.keys(), now, most, with_people=with_people)
            return [inbox_id for inbox_id in found if inbox_id not in without][:limit]

        return await self._gateway.transaction(look)

    async def _take_in_turn(self, inbox_id: int) -> None:
        """A task of its own: nobody awaits what it raises, so it is logged here."""
        try:
            await self._take(inbox_id)
        except Exception:
            log.exception("inbox_broke", inbox=inbox_id)
            await asyncio.sleep(LOOK_SECONDS)

    async def _take(self, inbox_id: int) -> bool:
        """One message; says whether it was ours to take."""
        holder = uuid.uuid4().hex
        with coming_from(Origin("inbox", request_id=f"inbox-{inbox_id}", actor=Actor("system", "inbox"))):
            try:
                taken = await self._gateway.transaction(lambda session: self._claim(session, inbox_id, holder))
                if taken is None:
                    return False
                if taken.inbound is not None and taken.medium is not None:
                    await self._media.take(taken.inbound, taken.medium, again=taken.again)
                elif taken.inbound is not None:
                    await self._gateway.handle(taken.inbound)
            except MediaBusy:
                await self._settle(inbox_id, holder, again_in=timedelta(seconds=LOOK_SECONDS))
            except MediumNotKept as error:
                await self._gateway.transaction(partial(self._without_medium, inbox_id=inbox_id, holder=holder, why=error))
            except (TooManyMessages, ConversationBusy) as error:
                wait = error.details["retry_after"]
                seconds = wait if isinstance(wait, int) else 1
                await self._settle(inbox_id, holder, again_in=timedelta(seconds=seconds))
            except Exception as error:
                log.exception("inbox_failed", inbox=inbox_id)
                self.errors += 1
                name = getattr(error, "code", type(error).__name__)
                await self._settle(inbox_id, holder, failure=str(name)[:64])
            else:
                await self._settle(inbox_id, holder)
        return True

    # ── before the turn
    def _claim(self, session: Session, inbox_id: int, holder: str) -> _Taken | None:
        repository, now = InboxRepository(session), self._clock.now()
        row = repository.lock_due(inbox_id, now)
        if row is None:
            return None
        row.holder, row.lease_until = holder, now + self._lease + (timedelta(0) if row.medium is None else MEDIUM_LEASE)
        found = repository.in_log(row)
        if found is not None:
            message, conversation = found
            if message.state in ("answered", "failed") or (message.state == "received" and conversation.owner == "agent"):
                return _Taken(inbox_id, holder, None)
        if not row.resolved:
            self._resolve(session, row)
        session.flush()
        own = None if row.reply is None else OwnAnswer(row.reply["key"], row.reply["values"])
        inbound = Inbound(
            channel=row.channel,
            sender=row.sender,
            text=sealer(session).opened(row.text or ""),
            customer_id=row.customer_id,
            message_id=row.external_id,
            adopt_anonymous=bool(row.customer_id),
            answer=own,
        )
        return _Taken(inbox_id, holder, inbound, None if row.medium is None else Medium.of(row.medium), row.attempts > 0)

    def _resolve(self, session: Session, row: InboxMessage) -> None:
        """Who speaks, and what they mean: kept with the message, so that a repetition decides the same."""
        seal = sealer(session)
        text = seal.opened(row.text or "")
        row.customer_id = active_customer(session, row.channel, row.sender)
        row.resolved = True
        if row.kind != "text" or row.reply is not None:
            return
        conversation = ConversationRepository(session).find(row.channel, row.sender, row.customer_id)
        binding = BindingService(session, self._clock, self._settings, self._customer_with(session))
        word = next((word for word in _WORDS if says(word, text)), None)
        with_people = conversation is not None and conversation.owner != "bot"
        if with_people and word != "unbind":
            text = binding.hidden(row.channel, row.sender, text)
            row.text = seal.seal(text)
        else:
            answer = binding.take(row.channel, row.sender, text, word)
            if answer is not None:
                if with_people and conversation is not None and answer.key == "bind_revoked":
                    self._tell_people(session, conversation)
                row.text = seal.seal(answer.shown)
                if answer.customer_id is not None:
                    row.customer_id = answer.customer_id
                if answer.key is not None:
                    row.reply = {"key": answer.key, "values": dict(answer.values)}
                return
        offer = None if conversation is None else OutboxRepository(session).last_offer(conversation.id)
        can = self._connectors[row.channel].capabilities
        if offer is not None and not can.shows_as_buttons(offer.text or "", offer.buttons or ()):
            payload = chosen(text, offer.buttons or ())
            row.text = row.text if payload is None else seal.seal(payload)

    def _tell_people(self, session: Session, conversation: Conversation) -> None:
        """The customer has left this conversation: the colleague who has it is told, and nobody else."""
        text = self._gateway.texts.dialogue["bind_revoked_for_people"].render()
        row = {"direction": "out", "author": "system", "text": text, "state": "sent"}
        ConversationRepository(session).append_all(conversation.id, self._clock.now(), [row], deliver=False)

    def _customer_with(self, session: Session) -> Any:
        def find(phone: str) -> str | None:
            customer = self._loans.open(session).customer_by_phone(phone)
            return None if customer is None else customer.customer_id

        return find

    # ── after the turn
    async def _settle(self, inbox_id: int, holder: str, *, again_in: timedelta | None = None, failure: str | None = None) -> None:
        def settle(session: Session) -> None:
            row, now = self._released(session, inbox_id, holder), self._clock.now()
            if row is None:
                return
            if again_in is not None:
                row.next_try_at = now + again_in
            elif failure is None:
                row.done()
            else:
                self._later(row)
                if row.attempts >= MAX_ATTEMPTS:
                    row.state, row.failure = "failed", failure
                    log.warning("inbox_given_up", inbox=inbox_id, failure=failure)

        await self._gateway.transaction(settle)

    def _without_medium(self, session: Session, inbox_id: int, holder: str, why: MediumNotKept) -> None:
        """Tried again; or, when that will not help, a message like any other, whose answer says what to do instead."""
        row = self._released(session, inbox_id, holder)
        if row is None:
            return
        self._later(row)
        log.info("medium_not_kept", inbox=inbox_id, reason=why.code, attempts=row.attempts)
        if not why.again or row.attempts >= MEDIUM_TRIES:
            row.medium, row.attempts, row.next_try_at = None, 0, self._clock.now()
            row.reply, row.text = {"key": why.answer.key, "values": dict(why.answer.values)}, sealer(session).seal(why.in_log)

    def _released(self, session: Session, inbox_id: int, holder: str) -> InboxMessage | None:
        """``None``: our lease ran out, and another has it."""
        row = InboxRepository(session).lock(inbox_id)
        if row is None or row.state != "pending" or row.holder not in (holder, None):
            return None
        row.holder = row.lease_until = None
        return row

    def _later(self, row: InboxMessage) -> None:
        row.attempts += 1
        row.next_try_at = self._clock.now() + FIRST_PAUSE * 2 ** (row.attempts - 1)
