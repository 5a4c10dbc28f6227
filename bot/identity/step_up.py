"""Step-up: a fresh one-time code before money moves (product §2, identity levels)."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.core.clock import Clock
from bot.core.masking import mask_phone
from bot.core.origin import Actor
from bot.core.settings import Settings
from bot.core.texts import Text
from bot.identity.errors import StepUpLocked, TooManyCodes
from bot.identity.models import StepUpChallenge
from bot.identity.repository import IdentityRepository
from bot.identity.sms import SmsSender, sms_sender

_LATE = timedelta(minutes=30)
"""A code typed this long after it was sent is still recognised as one, and answered "expired"."""


@dataclass(frozen=True)
class StepUpResult:
    """``tries_left`` counts the attempts that remain for the code last sent."""

    outcome: Literal["ok", "wrong", "expired", "locked"]
    tries_left: int


@lru_cache(maxsize=4)
def sms_text(data_dir: Path) -> Text:
    raw = yaml.safe_load((data_dir / "answers" / "system.yml").read_text(encoding="utf-8"))
    return Text.of(raw["otp_sms"])


class StepUpService:
    """Sends and checks codes. Wrong ones count per code; too many lock the *customer*, in every conversation.

    Outcomes are returned, not raised, so that the caller's transaction commits the used-up attempt.
    """

    def __init__(self, session: Session, clock: Clock, settings: Settings, sms: SmsSender | None = None) -> None:
        self._session = session
        self._repository = IdentityRepository(session)
        self._clock = clock
        self._settings = settings
        self._sms = sms
        self._trail = AuditTrail(session, clock)

    def start(self, conversation_id: str, customer_id: str, phone: str) -> None:
        """Sends a code to ``phone``, the registered one. A code sent moments ago stays valid, and no second one is sent.

        Raises ``StepUpLocked``, ``TooManyCodes``, ``SmsNotConfigured``.
        """
        now = self._clock.now()
        self._refuse_when_locked(customer_id, now)
        previous = self._repository.latest(conversation_id, lock=True)
        if previous is not None and previous.state == "pending":
            fresh = now < previous.sent_at + timedelta(seconds=self._settings.otp_resend_seconds)
            if fresh and now < previous.expires_at and previous.customer_id == customer_id:
                return
            self._close(previous, "superseded", now)
        self._refuse_when_too_many(customer_id, now)
        code = f"{secrets.randbelow(10**6):06d}"
        salt = secrets.token_hex(16)
        self._repository.add(
            StepUpChallenge(
                conversation_id=conversation_id,
                customer_id=customer_id,
                salt=salt,
                code_hash=self._hash(salt, code),
                state="pending",
                tries_left=self._settings.otp_tries,
                sent_at=now,
                expires_at=now + timedelta(minutes=self._settings.otp_minutes),
            )
        )
        body = sms_text(self._settings.data_dir).render(code=code, minutes=str(self._settings.otp_minutes))
        sender = self._sms or sms_sender(self._settings, self._session, self._clock)
        until = now + timedelta(minutes=self._settings.otp_minutes)
        sender.send(phone, body, recipient=customer_id, purpose=f"step_up:{conversation_id}", until=until)
        self._trail.record("otp.sent", None, Subject(conversation_id, customer_id=customer_id), details={"to": mask_phone(phone)})

    def verify(self, conversation_id: str, code: str) -> StepUpResult:
        """Checks ``code`` against the newest challenge; ``ok`` steps the conversation up for ``step_up_minutes``.

        ``expired`` also when nothing was sent; ``locked`` as long as the customer's lock lasts.
        """
        challenge = self._repository.latest(conversation_id, lock=True)
        result = self._check(challenge, code)
        if challenge is not None:
            self._trail.record(
                "otp.locked" if result.outcome == "locked" else "otp.checked",
                Actor("customer", challenge.customer_id),
                Subject(conversation_id, customer_id=challenge.customer_id),
                details={"outcome": result.outcome, "tries_left": result.tries_left},
            )
        return result

    def _check(self, challenge: StepUpChallenge | None, code: str) -> StepUpResult:
        now = self._clock.now()
        if challenge is not None and self._locked_until(challenge.customer_id, now) is not None:
            return StepUpResult("locked", 0)
        if challenge is None or challenge.state != "pending":
            return StepUpResult("expired", 0)
        if now >= challenge.expires_at:
            self._close(challenge, "expired", now)
            return StepUpResult("expired", 0)
        if hmac.compare_digest(challenge.code_hash, self._hash(challenge.salt, code)):
            challenge.granted_until = now + timedelta(minutes=self._settings.step_up_minutes)
            self._close(challenge, "verified", now)
            return StepUpResult("ok", challenge.tries_left)
        challenge.tries_left -= 1
        if challenge.tries_left == 0:
            self._close(challenge, "locked", now)
            return StepUpResult("locked", 0)
        return StepUpResult("wrong", challenge.tries_left)

    def pending(self, conversation_id: str) -> bool:
        """Whether a code was sent that can still be entered."""
        challenge = self._repository.latest(conversation_id)
        return challenge is not None and challenge.state == "pending" and self._clock.now() < challenge.expires_at

    def expects_code(self, conversation_id: str) -> bool:
        """Whether six digits typed now are a code, though perhaps a late or locked one. The gateway asks this."""
        now = self._clock.now()
        challenge = self._repository.latest(conversation_id)
        if challenge is None:
            return False
        if challenge.state == "pending":
            return now < challenge.sent_at + _LATE
        return challenge.state == "locked" and self._locked_until(challenge.customer_id, now) is not None

    def granted(self, conversation_id: str, customer_id: str) -> bool:
        """Whether the conversation is stepped up at this moment, for this customer."""
        return is_granted(self._session, self._clock, conversation_id, customer_id)

    def _refuse_when_locked(self, customer_id: str, now: datetime) -> None:
        until = self._locked_until(customer_id, now)
        if until is not None:
            raise StepUpLocked("too many wrong codes", retry_after=seconds_until(until, now))

    def _refuse_when_too_many(self, customer_id: str, now: datetime) -> None:
        sent = self._repository.sent_since(customer_id, now - timedelta(hours=1))
        if len(sent) >= self._settings.otp_per_hour:
            free_at = sent[-self._settings.otp_per_hour] + timedelta(hours=1)
            raise TooManyCodes("too many codes within an hour", retry_after=seconds_until(free_at, now))

    def _locked_until(self, customer_id: str, now: datetime) -> datetime | None:
        lock = timedelta(minutes=self._settings.otp_lock_minutes)
        since = self._repository.locked_since(customer_id, now - lock)
        return None if since is None else since + lock

    def _close(self, challenge: StepUpChallenge, state: str, now: datetime) -> None:
        challenge.state = state
        challenge.closed_at = now
        self._session.flush()

    def _hash(self, salt: str, code: str) -> str:
        """Keyed: without the signing key, a stolen table does not give six digits away."""
        return hmac.new(self._settings.signing_key().encode(), f"otp:{salt}:{code}".encode(), "sha256").hexdigest()


def is_granted(session: Session, clock: Clock, conversation_id: str, customer_id: str) -> bool:
    """Whether a verified code of this customer still counts in this conversation."""
    until = IdentityRepository(session).granted_until(conversation_id, customer_id)
    return until is not None and clock.now() < until


def end_grants(session: Session, clock: Clock, conversation_id: str) -> None:
    """The conversation is not stepped up any more: the next time money moves, a fresh code is asked for."""
    IdentityRepository(session).end_grants(conversation_id, clock.now())


def seconds_until(moment: datetime, now: datetime) -> int:
    """Whole seconds, at least one: a value for ``Retry-After``."""
    return max(1, round((moment - now).total_seconds()))
