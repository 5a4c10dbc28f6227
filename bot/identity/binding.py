"""Binding: who writes on a messaging platform proves with the registered phone to be a customer (issue 7, item 5).

The answers and the statements are the same whether a phone belongs to a customer or not; only the SMS goes to customers alone,
because codes for strangers would be a nuisance of their own, and it goes later (``bot.identity.sms_outbox``). So neither text nor
time of an answer tells who is a customer.
"""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.core.clock import Clock
from bot.core.masking import mask_phone
from bot.core.origin import Actor
from bot.core.settings import Settings
from bot.identity.codes import code_in
from bot.identity.errors import BindingNotFound, SmsNotConfigured
from bot.identity.models import BindingAttempt, ChannelBinding
from bot.identity.repository import IdentityRepository
from bot.identity.sms import SmsSender, sms_sender
from bot.identity.step_up import sms_text

Word = Literal["bind", "unbind", "stop_binding"]
HIDDEN = "******"
REQUIRED_TEXTS = (
    "bind_ask_phone",
    "bind_phone_unclear",
    "bind_code_sent",
    "bind_code_wrong",
    "bind_code_unclear",
    "bind_failed",
    "bind_too_many",
    "bind_cancelled",
    "bind_done",
    "bind_already",
    "bind_none",
    "bind_revoked",
    "bind_revoked_for_people",
    "bind_revoked_by_us",
    "bind_unavailable",
)
_PHONE = re.compile(r"(?<!\d)(?:\+?86)?(1[3-9]\d{9})(?!\d)")


@dataclass(frozen=True)
class BindingAnswer:
    """What becomes of a message of the dialogue. ``shown``: what is stored of it. ``key`` and ``values``: the text that answers.

    ``customer_id``: in whose name the conversation goes on from this message; ``None`` as before.
    """

    shown: str
    key: str | None
    values: Mapping[str, str] = field(default_factory=dict)
    customer_id: str | None = None


def active_customer(session: Session, channel: str, address: str) -> str:
    """The customer whom this account is bound to; empty for nobody."""
    row = IdentityRepository(session).active_binding(channel, address)
    return "" if row is None else row.customer_id


def phone_in(text: str) -> str | None:
    """The one mobile number (11 digits) of a message, in whatever spelling; ``None`` for none or several."""
    found = set(_PHONE.findall(re.sub(r"[ \-–—().]", "", unicodedata.normalize("NFKC", text))))
    return found.pop() if len(found) == 1 else None


class BindingService:
    """Never commits. Called for one message of an account at a time."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        settings: Settings,
        customer_with: Callable[[str], str | None],
        sms: SmsSender | None = None,
    ) -> None:
        """``customer_with`` finds the customer id of a phone number."""
        self._session = session
        self._repository = IdentityRepository(session)
        self._clock = clock
        self._settings = settings
        self._customer_with = customer_with
        self._sms = sms
        self._trail = AuditTrail(session, clock)

    def take(self, channel: str, address: str, text: str, word: Word | None) -> BindingAnswer | None:
        """Answers what belongs to this dialogue; ``None`` for everything else, which goes on to the bot."""
        bound = self._repository.active_binding(channel, address)
        if bound is not None:
            return self._when_bound(bound, text, word)
        if word == "bind":
            return self._start(channel, address, text)
        if word == "unbind":
            return BindingAnswer(text, "bind_none")
        attempt = self._open_attempt(channel, address)
        return None if attempt is None else self._go_on(attempt, text, word)

    def hidden(self, channel: str, address: str, text: str) -> str:
        """``text`` without the code that was asked for: while a human has the conversation, nobody may read it."""
        attempt = self._open_attempt(channel, address)
        return HIDDEN if attempt is not None and attempt.state == "code" and code_in(text) is not None else text

    def revoke(self, channel: str, address: str, *, by: Actor) -> str:
        """Unbinds the account; the customer it was bound to. Raises ``BindingNotFound``."""
        row = self._repository.active_binding(channel, address, lock=True)
        if row is None:
            raise BindingNotFound("this account is not bound")
        row.revoked_at = self._clock.now()
        row.revoked_by = "customer" if by.kind == "customer" else by.identifier
        self._session.flush()
        self._record("binding.revoked", row.customer_id, channel, by)
        return row.customer_id

    # ── steps
    def _go_on(self, attempt: BindingAttempt, text: str, word: Word | None) -> BindingAnswer | None:
        """A question in between goes to the bot, and the dialogue waits."""
        if word == "stop_binding":
            self._end(attempt)
            return BindingAnswer(text, "bind_cancelled")
        phone, code = phone_in(text), code_in(text)
        if phone is not None:
            return self._send_code(attempt, phone)
        if code is not None and attempt.state == "code":
            return self._check(attempt, code)
        if not _mostly_digits(text):
            return None
        return BindingAnswer(HIDDEN, "bind_code_unclear" if attempt.state == "code" else "bind_phone_unclear")

    def _when_bound(self, bound: ChannelBinding, text: str, word: Word | None) -> BindingAnswer | None:
        if word == "bind":
            return BindingAnswer(text, "bind_already")
        if word != "unbind":
            return None
        self.revoke(bound.channel, bound.address, by=Actor("customer", bound.customer_id))
        return BindingAnswer(text, "bind_revoked", customer_id="")

    def _start(self, channel: str, address: str, text: str) -> BindingAnswer:
        attempt = self._open_attempt(channel, address)
        if attempt is not None:
            self._end(attempt)
        if self._too_many(channel, address, None):
            return self._later(text)
        self._add(channel, address)
        return BindingAnswer(text, "bind_ask_phone")

    def _send_code(self, attempt: BindingAttempt, phone: str) -> BindingAnswer:
        shown, phone_hash = mask_phone(phone), self._hash("phone", phone)
        try:
            sender = self._sms or sms_sender(self._settings, self._session, self._clock)
        except SmsNotConfigured:  # known before we look whose phone it is
            self._end(attempt)
            return BindingAnswer(shown, "bind_unavailable")
        if attempt.state == "code":  # another number, or the same once more
            self._end(attempt)
            attempt = self._add(attempt.channel, attempt.address)
        if self._too_many(attempt.channel, attempt.address, phone_hash):
            self._end(attempt)
            return self._later(shown)
        now, code = self._clock.now(), f"{secrets.randbelow(10**6):06d}"
        attempt.salt = secrets.token_hex(16)
        attempt.phone_hash, attempt.code_hash = phone_hash, self._hash(attempt.salt, code)
        attempt.customer_id = self._customer_with(phone)
        attempt.state, attempt.sent_at = "code", now
        attempt.expires_at = now + timedelta(minutes=self._settings.binding_minutes)
        self._session.flush()
        minutes = str(self._settings.binding_minutes)
        body = sms_text(self._settings.data_dir).render(code=code, minutes=minutes)
        purpose = f"binding:{attempt.channel}:{attempt.address}"
        sender.send(phone, body, recipient=attempt.customer_id, purpose=purpose, until=attempt.expires_at)
        self._record("binding.code_sent", attempt.customer_id, attempt.channel, None)
        return BindingAnswer(shown, "bind_code_sent", {"phone": shown, "minutes": minutes})

    def _check(self, attempt: BindingAttempt, code: str) -> BindingAnswer:
        right = hmac.compare_digest(attempt.code_hash or "", self._hash(attempt.salt or "", code))
        if right and attempt.customer_id is not None:
            return self._bind(attempt, attempt.customer_id)
        attempt.tries_left -= 1
        if attempt.tries_left > 0:
            self._session.flush()
            return BindingAnswer(HIDDEN, "bind_code_wrong", {"tries_left": str(attempt.tries_left)})
        self._end(attempt)
        return BindingAnswer(HIDDEN, "bind_failed")

    def _bind(self, attempt: BindingAttempt, customer_id: str) -> BindingAnswer:
        self._repository.add(
            ChannelBinding(channel=attempt.channel, address=attempt.address, customer_id=customer_id, bound_at=self._clock.now())
        )
        attempt.state = "bound"
        self._record("binding.made", customer_id, attempt.channel, Actor("customer", customer_id))
        return BindingAnswer(HIDDEN, "bind_done", customer_id=customer_id)

    # ── parts
    def _open_attempt(self, channel: str, address: str) -> BindingAttempt | None:
        attempt = self._repository.latest_attempt(channel, address)
        if attempt is None or attempt.state not in ("phone", "code") or self._clock.now() >= attempt.expires_at:
            return None
        return attempt

    def _add(self, channel: str, address: str) -> BindingAttempt:
        now = self._clock.now()
        attempt = BindingAttempt(
            channel=channel,
            address=address,
            state="phone",
            tries_left=self._settings.otp_tries,
            started_at=now,
            expires_at=now + timedelta(minutes=self._settings.binding_minutes),
        )
        self._repository.add(attempt)
        return attempt

    def _too_many(self, channel: str, address: str, phone_hash: str | None) -> bool:
        since = self._clock.now() - timedelta(hours=1)
        most = self._settings.binding_per_hour
        if self._repository.binding_codes_since(since, channel=channel, address=address) >= most:
            return True
        return phone_hash is not None and self._repository.binding_codes_since(since, phone_hash=phone_hash) >= most

    def _later(self, shown: str) -> BindingAnswer:
        return BindingAnswer(shown, "bind_too_many", {"minutes": "60"})

    def _end(self, attempt: BindingAttempt) -> None:
        attempt.state = "ended"
        self._session.flush()

    def _record(self, action: str, customer_id: str | None, channel: str, actor: Actor | None) -> None:
        self._trail.record(action, actor, Subject(customer_id=customer_id), details={"channel": channel})

    def _hash(self, salt: str, value: str) -> str:
        """Keyed: without the signing key, a stolen table gives neither numbers nor codes away."""
        return hmac.new(self._settings.signing_key().encode(), f"binding:{salt}:{value}".encode(), "sha256").hexdigest()


def _mostly_digits(text: str) -> bool:
    """A try at a number rather than a question in between."""
    compact = re.sub(r"[\s\-+()]", "", unicodedata.normalize("NFKC", text))
    return sum(character.isdigit() for character in compact) * 2 > len(compact)
