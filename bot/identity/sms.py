"""The SMS port, and the simulated carrier of the demo."""

from __future__ import annotations

import re
from typing import Protocol

from sqlalchemy.orm import Session

from bot.core.clock import Clock
from bot.core.settings import Settings
from bot.identity.errors import NoCodeSent, SmsNotConfigured
from bot.identity.models import SimulatedSms
from bot.identity.repository import IdentityRepository


class SmsSender(Protocol):
    """Hands a short message to a carrier. Raises ``Unavailable`` when it was not taken."""

    def send(self, phone: str, body: str, *, recipient: str) -> None:
        """``recipient`` is the customer id: our reference for the carrier's delivery reports."""


class SimulatedCarrier:
    """Keeps the message in a table, where ``GET /demo/otp`` reads it as the customer would read a phone."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._repository = IdentityRepository(session)
        self._clock = clock

    def send(self, phone: str, body: str, *, recipient: str) -> None:
        self._repository.add(SimulatedSms(recipient=recipient, phone=phone, body=body, sent_at=self._clock.now()))

    def last_code(self, recipient: str) -> str:
        """The code in the newest message to ``recipient``. Raises ``NoCodeSent``."""
        sms = self._repository.last_sms(recipient)
        found = re.search(r"(?<![0-9])[0-9]{6}(?![0-9])", sms.body) if sms else None
        if found is None:
            raise NoCodeSent("no code was sent to this customer")
        return found.group()


def sms_sender(settings: Settings, session: Session, clock: Clock) -> SmsSender:
    """The carrier in use. Raises ``SmsNotConfigured`` outside the demo: pretending to send would lock borrowers out."""
    if settings.demo:
        return SimulatedCarrier(session, clock)
    raise SmsNotConfigured("no SMS carrier is configured")
