"""The adapters of the demo: a bank that pays after a while, and a sender whose notices all arrive."""

from __future__ import annotations

from datetime import timedelta

from bot.core.clock import Clock
from bot.core.settings import Settings
from bot.loans.port import Delivery
from bot.loans.servicing.channel import ChannelTimeout
from bot.loans.simulated_bank import Behaviour, SimulatedBank


class SimulatedSender:
    """``failing``: phones that no message reaches; ``silent``: how many sendings get no answer first."""

    def __init__(self, failing: frozenset[str] = frozenset(), silent: int = 0) -> None:
        self.sent: dict[str, tuple[str, str]] = {}
        self._failing = failing
        self._silent = silent

    def send(self, key: str, phone: str, text: str) -> Delivery:
        self.sent.setdefault(key, (phone, text))
        if self._silent > 0:
            self._silent -= 1
            raise ChannelTimeout(f"{key}: no answer")
        return "failed" if phone in self._failing else "delivered"


def payment_channel(settings: Settings, clock: Clock) -> SimulatedBank:
    """Raises ``RuntimeError`` outside the demo: a real debt must not be settled with invented money."""
    _only_in_the_demo(settings, "PAYMENT_CHANNEL")
    return SimulatedBank(clock=clock, default=Behaviour(after=timedelta(seconds=settings.simulated_bank_seconds)))


def notice_sender(settings: Settings, _clock: Clock) -> SimulatedSender:
    """Raises ``RuntimeError`` outside the demo."""
    _only_in_the_demo(settings, "NOTICE_SENDER")
    return SimulatedSender()


def _only_in_the_demo(settings: Settings, name: str) -> None:
    if not settings.demo:
        raise RuntimeError(f"{name} names the simulated adapter, which only serves DEMO=1; set it to your own module:function")
