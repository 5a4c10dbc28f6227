"""Sends deliveries: in order per address, at least once, within the quotas, again after a failure. Any number at once.

A call lies between two transactions. The first leases the delivery and writes the try down, the second notes the outcome. Who
dies in between leaves a lease that runs out, and the message goes out again under the same ``OutgoingMessage.id``: twice on a
platform that does not look at the id, which nothing on our side can prevent. A try whose end nobody saw counts against the quota.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from bot.conversations.outbox.models import Delivery, DeliveryTry
from bot.conversations.outbox.port import OutgoingMessage, Sender, SendResult
from bot.conversations.outbox.quotas import Verdict, judge
from bot.conversations.outbox.render import render
from bot.conversations.outbox.repository import OutboxRepository
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.guard import Guard
from bot.core.texts import Text
from bot.identity.binding import active_customer

LEASE = timedelta(seconds=60)
"""Longer than any call of a platform (``Sender.send`` bounds them well below)."""
MAX_ATTEMPTS = 20
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(hours=1)
"""Doubling from the first, twenty tries take about nine hours: an outage of a platform loses nothing."""
LOOK_AGAIN = timedelta(hours=6)
"""What waits for the borrower is looked at so often although nothing has come from them."""
BATCH = 50
AT_ONCE = 20
"""Messages of one address before the others have their turn."""
SILENT_CALLS = 3
"""Calls in a row without a word from the platform, each of which takes seconds; then the round ends: what is due stays due."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Call:
    """One part to hand over. ``last``: with it the message is sent."""

    message_id: int
    holder: str
    try_id: int
    channel: str
    address: str
    part: OutgoingMessage
    last: bool
    at: datetime


class OutboxSender:
    """``senders``: one platform, by its name. With several a silent one would hold up the others. Not for several threads."""

    def __init__(self, database: Database, clock: Clock, texts: Mapping[str, Text], senders: Mapping[str, Sender]) -> None:
        self._database = database
        self._clock = clock
        self._texts = texts
        self._senders = senders
        self._random = random.Random()  # noqa: S311 spreads retries, guards nothing
        self._silent = 0
        self.guard = Guard()

    def round(self) -> dict[str, int]:
        """Sends what is due until nothing is, or the platform falls silent; how many calls were taken.

        What broke is logged and counted under ``errors``.
        """
        self.guard.reset()
        taken, self._silent = 0, 0
        while due := self._due():
            moved = 0
            for message_id in due:
                with self.guard.item("delivery", message_id):
                    calls, changes = self._address(message_id)
                    taken, moved = taken + calls, moved + changes
                if self._silent >= SILENT_CALLS:
                    log.warning("platform_silent", channels=sorted(self._senders))
                    return {"sent": taken, "errors": self.guard.errors}
            if not moved:  # others have them, or they break
                break
        return {"sent": taken, "errors": self.guard.errors}

    def _due(self) -> list[int]:
        with self._database.reading() as session:
            return list(OutboxRepository(session).due(self._senders.keys(), self._clock.now(), BATCH))

    def _address(self, message_id: int) -> tuple[int, int]:
        """Sends this message and those behind it until one must wait: (calls that were taken, deliveries that moved)."""
        with self._database.transaction() as session:
            call, moved = self._next_call(session, message_id)
        taken = 0
        while call is not None:
            result = self._send(call)
            self._silent = self._silent + 1 if result.silent else 0
            taken += result.outcome == "taken"
            with self._database.transaction() as session:
                following = None
                if self._mark(session, call, result) and moved < AT_ONCE:
                    following = OutboxRepository(session).next_of(call.channel, call.address)
                call, more = (None, 0) if following is None else self._next_call(session, following)
                moved += more
        return taken, moved

    def _next_call(self, session: Session, message_id: int) -> tuple[_Call | None, int]:
        """The call to make for this address, and how many deliveries moved; those that need no call are settled on the way."""
        repository, looked = OutboxRepository(session), 0
        current: int | None = message_id
        while current is not None:
            delivery = repository.lock_due(current, self._clock.now())
            if delivery is None:
                break
            looked += 1
            call = self._claim(session, delivery)
            if call is not None or delivery.state == "queued":
                return call, looked
            current = repository.next_of(delivery.channel, delivery.address)
        return None, looked

    # ── before the call
    def _claim(self, session: Session, delivery: Delivery) -> _Call | None:
        """``None`` when there is nothing to call for: it waits, was given up, or shows nothing on this platform."""
        repository, now = OutboxRepository(session), self._clock.now()
        if delivery.holder is not None:
            repository.lost(delivery.message_id)
            delivery.holder = delivery.lease_until = None
        customer_id = repository.customer_of(delivery.conversation_id)
        if customer_id and active_customer(session, delivery.channel, delivery.address) != customer_id:
            self._give_up(repository, delivery, "unbound")  # the account is no longer this customer's: they must not read it
            return None
        sender = self._senders[delivery.channel]
        parts = render(repository.message(delivery.message_id), sender.capabilities, self._texts)
        if delivery.parts_sent >= len(parts):
            self._sent(repository, delivery)
            return None
        verdict = self._verdict(repository, delivery, now)
        if not verdict.allowed:
            delivery.waits_for, delivery.next_try_at = "quota", verdict.reopens_at or now + LOOK_AGAIN
            log.info("delivery_waits", channel=delivery.channel, message=delivery.message_id, rule=verdict.rule)
            return None
        number, holder = delivery.parts_sent, uuid.uuid4().hex
        row = DeliveryTry(
            message_id=delivery.message_id,
            part=number,
            channel=delivery.channel,
            address=delivery.address,
            at=now,
            outcome="under_way",
        )
        repository.add_try(row)
        delivery.holder, delivery.lease_until = holder, now + LEASE
        part, last = parts[number], number == len(parts) - 1
        again = repository.refused_before(delivery.message_id, number) if delivery.sent_at is not None else 0
        if again:  # the platform knows the id of what did not get through
            part = replace(part, id=f"{part.id}-{again}")
        return _Call(delivery.message_id, holder, row.id, delivery.channel, delivery.address, part, last, now)

    def _verdict(self, repository: OutboxRepository, delivery: Delivery, now: datetime) -> Verdict:
        rules = self._senders[delivery.channel].capabilities.quotas
        if not rules:
            return Verdict(True)
        longest = max(rule.within for rule in rules)
        sent = repository.counted_since(delivery.channel, delivery.address, now - longest)
        kinds = {rule.opened_by for rule in rules if rule.opened_by is not None}
        return judge(rules, sent, repository.opened(delivery.channel, delivery.address, kinds), now)

    # ── the call
    def _send(self, call: _Call) -> SendResult:
        try:
            return self._senders[call.channel].send(call.address, call.part)
        except Exception as error:
            log.exception("sender_broke", channel=call.channel, message=call.message_id)
            return SendResult("later", error=type(error).__name__[:64], answered=False)

    # ── after the call
    def _mark(self, session: Session, call: _Call, result: SendResult) -> bool:
        """Whether the address may get its next message."""
        repository, now = OutboxRepository(session), self._clock.now()
        counted = "taken" if result.outcome == "taken" else ("refused" if result.answered else "unknown")
        repository.set_outcome(call.try_id, counted, error=result.error, platform_id=result.platform_id)
        delivery = repository.lock(call.message_id)
        if delivery is None or delivery.holder != call.holder:
            log.warning("lease_lost", channel=call.channel, message=call.message_id)
            return False
        delivery.holder = delivery.lease_until = None
        if result.outcome == "taken":
            delivery.parts_sent, delivery.attempts, delivery.waits_for = delivery.parts_sent + 1, 0, None
            if call.last:
                self._sent(repository, delivery)
            return True
        if result.outcome == "never":
            self._give_up(repository, delivery, result.error or "refused")
            return True
        if result.outcome == "quota":
            # What the borrower wrote during the call opens a window that its answer does not know of.
            heard = repository.heard_after(call.channel, call.address, call.at)
            delivery.waits_for = "quota"
            delivery.next_try_at = now + (FIRST_PAUSE if heard else result.retry_after or LOOK_AGAIN)
            return False
        delivery.attempts += 1
        if delivery.attempts >= MAX_ATTEMPTS:
            self._give_up(repository, delivery, result.error or "no_answer")
            return True
        delivery.waits_for = "authorisation" if result.outcome == "reauthorise" else "retry"
        delivery.next_try_at = now + max(self._pause(delivery.attempts), result.retry_after or timedelta(0))
        return False

    def _pause(self, attempts: int) -> timedelta:
        """Half of it is chance, so that what failed together is not tried together."""
        whole = min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)
        return timedelta(seconds=whole.total_seconds() * self._random.uniform(0.5, 1))

    def _sent(self, repository: OutboxRepository, delivery: Delivery) -> None:
        delivery.waits_for, delivery.sent_at = None, self._clock.now()
        repository.set_state(delivery, "sent")

    def _give_up(self, repository: OutboxRepository, delivery: Delivery, failure: str) -> None:
        delivery.waits_for, delivery.failure = None, failure[:64]
        repository.set_state(delivery, "failed")
        log.warning("delivery_failed", channel=delivery.channel, message=delivery.message_id, failure=failure)
