"""``Inbox``: keeps what platforms deliver, each message once, and the dead letters. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot.conversations.commands import clean
from bot.conversations.errors import IncomingNotFound
from bot.conversations.inbox.port import InboundMessage
from bot.conversations.inbox.repository import InboxRepository
from bot.conversations.outbox.repository import OutboxRepository
from bot.core.clock import Clock
from bot.core.http import storable
from bot.core.sealing import sealer
from bot.core.signing import NONCES_KEPT, CallbackReplayed

INBOX = "inbox"
"""Who listens for this key (``Wakeups``) hears that something was stored."""


@dataclass(frozen=True)
class LostIncoming:
    """A message of a borrower that no try could take through a turn. ``number`` retries it."""

    number: int
    channel: str
    received_at: datetime
    attempts: int
    failure: str


class Inbox:
    MOST = 200

    def __init__(self, session: Session, clock: Clock) -> None:
        self._repository = InboxRepository(session)
        self._outbox = OutboxRepository(session)
        self._sealer = sealer(session)
        self._clock = clock

    def store(self, channel: str, messages: Sequence[InboundMessage], *, nonce: str | None = None) -> int:
        """Keeps what is new, and lets what waited for the borrower go out; how many were new.

        ``nonce``: of a message that counts once as a whole. Raises ``CallbackReplayed``; then nothing is stored.
        """
        now = self._clock.now()
        if nonce is not None and not self._repository.add_nonce_once(channel, nonce, now):
            raise CallbackReplayed("this message came before")
        new = 0
        for message in messages:
            reply_key = message.answered_by()
            at_rest = message.kind == "event" and reply_key is None
            row = {
                "channel": channel,
                "external_id": message.message_id,
                "sender": message.sender,
                "kind": message.kind,
                "text": None if at_rest else self._sealer.seal(storable(clean(message.text))),
                "opens": message.opens,
                "at": min(message.at or now, now),
                "received_at": now,
                "state": "done" if at_rest else "pending",
                "reply": None if reply_key is None else {"key": reply_key, "values": {}},
                "medium": None if message.medium is None else message.medium.as_dict(),
                "next_try_at": now,
            }
            if self._repository.add_once(row):
                new += 1
                if message.opens is not None:
                    self._outbox.reopen(channel, message.sender, now)
        return new

    def withdraw(self, channel: str, message_id: str) -> bool:
        """The borrower took a message back: what has not begun is not answered. Whether it was in time."""
        row = self._repository.lock_untouched(channel, message_id)
        if row is None:
            return False
        row.done()
        return True

    def forget(self) -> int:
        """Deletes marks that protect nothing any more; how many."""
        return self._repository.forget_nonces(self._clock.now() - NONCES_KEPT)

    def lost(self) -> list[LostIncoming]:
        """The dead letters, newest first."""
        return [
            LostIncoming(row.id, row.channel, row.received_at, row.attempts, row.failure or "unknown")
            for row in self._repository.failed(self.MOST)
        ]

    def retry(self, number: int) -> None:
        """It is taken again at once. Raises ``IncomingNotFound``."""
        row = self._repository.lock(number)
        if row is None or row.state != "failed":
            raise IncomingNotFound("no lost message has this number")
        row.state, row.failure, row.attempts, row.next_try_at = "pending", None, 0, self._clock.now()
