"""One-time codes on their way to a real carrier (``SMS_SENDER=module:function``).

Whoever asks for a code leaves the message in the table, sealed, in their own transaction; couriers in every web process hand it
over within a second. So no answer waits for the carrier, and none tells by its time whose phone it is.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Literal, Protocol

import structlog
from sqlalchemy.orm import Session

from bot.core.adapters import make
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.sealing import Unsealable, sealer
from bot.core.settings import Settings
from bot.identity.models import SmsToSend
from bot.identity.repository import IdentityRepository

LEASE = timedelta(seconds=60)
"""A process that tries and dies is followed by another after this. A carrier's ``send`` must end before."""
FIRST_PAUSE = timedelta(seconds=1)
"""Doubles with each try without an answer."""
LONGEST_PAUSE = timedelta(seconds=30)

Settled = Literal["sent", "failed", "expired", "nobody"]

log = structlog.get_logger(__name__)


class SmsCarrier(Protocol):
    """The way to a phone. Same shape as a ``NoticeSender``, so one adapter can serve both. Used by several threads at once."""

    def send(self, key: str, phone: str, text: str) -> Literal["pending", "delivered", "failed"]:
        """Ends within 30 s. ``failed``: it will never arrive; ``pending``: taken. Raises anything when it was not
        taken, or nobody knows: then it is called again with the same ``key``, and must not send what it has sent under it.
        """


def carrier(settings: Settings, clock: Clock) -> SmsCarrier | None:
    """The one that ``SMS_SENDER`` names; ``None`` without it, and in the demo. Raises what making it raises."""
    if settings.demo or not settings.sms_sender:
        return None
    made: SmsCarrier = make(settings.sms_sender, settings, clock)
    return made


class SmsOutbox:
    """Implements ``SmsSender``. The same statements for every phone."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._repository = IdentityRepository(session)
        self._clock = clock

    def send(self, phone: str, body: str, *, recipient: str | None, purpose: str, until: datetime) -> None:
        now = self._clock.now()
        self._repository.replace_queued(purpose, now)
        self._repository.add(
            SmsToSend(
                key=uuid.uuid4().hex,
                purpose=purpose,
                recipient=recipient,
                sealed=sealer(self._session).seal(json.dumps([phone, body])),
                state="queued",
                attempts=0,
                created_at=now,
                next_try_at=now,
                expires_at=until,
            )
        )


class SmsCourier:
    """Hands over what is due. Any number may run at once; not one for several threads."""

    def __init__(self, database: Database, clock: Clock, sms: SmsCarrier) -> None:
        self._database = database
        self._clock = clock
        self._sms = sms

    def round(self) -> int:
        """Until nothing is due; how many the carrier took. A code that was never tried comes before those that a carrier, perhaps
        after a long silence, has not taken.
        """
        sent = 0
        while self._anything_due():
            claimed, outcome = self._next()
            sent += outcome == "sent"
            if not claimed:  # others have it
                break
        return sent

    def _anything_due(self) -> bool:
        with self._database.reading() as session:
            return IdentityRepository(session).sms_due(self._clock.now())

    def _next(self) -> tuple[bool, Settled | None]:
        """Whether there was one for us, and what became of it: ``None`` when it is tried again."""
        with self._database.transaction() as session:
            now = self._clock.now()
            row = IdentityRepository(session).lock_due_sms(now)
            if row is None:
                return False, None
            if now >= row.expires_at:
                return True, self._settle(row, "expired")
            try:
                phone, text = json.loads(sealer(session).opened(row.sealed or ""))
            except Unsealable:
                return True, self._settle(row, "failed")
            row.attempts += 1
            row.next_try_at = now + LEASE
            sms_id, key, attempt, known = row.id, row.key, row.attempts, row.recipient is not None
        outcome = self._call(sms_id, key, phone, text) if known else "nobody"
        with self._database.transaction() as session:
            row = IdentityRepository(session).lock_queued_sms(sms_id)
            if row is None:  # replaced by a newer one meanwhile, or others were faster after our lease
                return True, outcome
            if outcome is not None:
                return True, self._settle(row, outcome)
            if row.attempts == attempt:  # else our lease has ended, and another process is trying
                self._again(row)
            return True, None

    def _call(self, sms_id: int, key: str, phone: str, text: str) -> Settled | None:
        """Neither phone nor text get into a log, so of what a carrier raises only the kind does."""
        try:
            delivery = self._sms.send(key, phone, text)
        except Exception as error:  # noqa: BLE001 it is the operator's code, and may raise anything
            log.warning("sms_not_taken", sms=sms_id, error=type(error).__name__)
            return None
        if delivery in ("pending", "delivered"):
            return "sent"
        if delivery == "failed":
            return "failed"
        log.warning("sms_not_taken", sms=sms_id, error=f"answered a {type(delivery).__name__}")
        return None

    def _again(self, row: SmsToSend) -> None:
        """Later; at the code's end at the latest, when it is wiped."""
        now = self._clock.now()
        pause = min(FIRST_PAUSE * 2 ** min(row.attempts - 1, 10), LONGEST_PAUSE)
        row.next_try_at = min(now + pause, row.expires_at)

    def _settle(self, row: SmsToSend, state: Settled) -> Settled:
        row.state, row.sealed, row.settled_at = state, None, self._clock.now()
        if state in ("failed", "expired"):
            log.warning("sms_given_up", sms=row.id, state=state, attempts=row.attempts)
        return state
