"""Where step-up and binding leave the SMS with a code, and the simulated carrier of the demo."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from bot.core.clock import Clock
from bot.core.settings import Settings
from bot.identity.errors import NoCodeSent, SmsNotConfigured
from bot.identity.models import SimulatedSms
from bot.identity.repository import IdentityRepository
from bot.identity.sms_outbox import SmsOutbox


class SmsSender(Protocol):
    """Takes a short message within the transaction of whoever asked for it. Never waits for a carrier."""

    def send(self, phone: str, body: str, *, recipient: str | None, purpose: str, until: datetime) -> None:
        """``recipient``: the customer id; ``None`` for a phone that is nobody's: the same is done, and nothing goes out.

        ``purpose``: what the code is for; only the newest one for it is sent. ``until``: when the code in it expires.
        """


class SimulatedCarrier:
    """Keeps the message in a table, where ``GET /demo/otp`` reads it as the customer would read a phone."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._repository = IdentityRepository(session)
        self._clock = clock

    def send(self, phone: str, body: str, *, recipient: str | None, purpose: str, until: datetime) -> None:
        if recipient is not None:
            self._repository.add(SimulatedSms(recipient=recipient, phone=phone, body=body, sent_at=self._clock.now()))

    def last_code(self, recipient: str) -> str:
        """The code in the newest message to ``recipient``. Raises ``NoCodeSent``."""
        sms = self._repository.last_sms(recipient)
        found = re.search(r"(?<![0-9])[0-9]{6}(?![0-9])", sms.body) if sms else None
        if found is None:
            raise NoCodeSent("no code was sent to this customer")
        return found.group()


def sms_sender(settings: Settings, session: Session, clock: Clock) -> SmsSender:
    """In the demo the simulated carrier, else the outbox to the one that ``SMS_SENDER`` names.

    Raises ``SmsNotConfigured`` without one: pretending to send would lock borrowers out.
    """
    if settings.demo:
        return SimulatedCarrier(session, clock)
    if settings.sms_sender:
        return SmsOutbox(session, clock)
    raise SmsNotConfigured("no SMS carrier is configured")
