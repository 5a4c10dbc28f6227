"""A carrier of one-time codes as an operator plugs it in (``SMS_SENDER=tests.identity.carriers:make``); it misbehaves as told."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

from bot.core.clock import Clock
from bot.core.settings import Settings

NAME = f"{__name__}:make"


@dataclass
class Carrier:
    """``trouble``: ``down`` refuses the call, ``lost`` takes it but gives no answer, ``refused`` says that it will never arrive,
    ``odd`` answers something that we do not know. ``open``: cleared, a call hangs. What it has sent under a key
    it does not send again.
    """

    calls: list[tuple[str, str, str]] = field(default_factory=list)
    arrived: dict[str, tuple[str, str]] = field(default_factory=dict)
    trouble: str | None = None
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def send(self, key: str, phone: str, text: str) -> Any:
        self.calls.append((key, phone, text))
        self.open.wait(20)
        if self.trouble == "down":
            raise ConnectionError(f"could not send {text} to {phone}")
        if self.trouble == "refused":
            return "failed"
        if self.trouble == "odd":
            return None
        self.arrived.setdefault(key, (phone, text))
        if self.trouble == "lost":
            raise TimeoutError(f"no answer for {phone}: {text}")
        return "pending"

    @property
    def codes(self) -> list[tuple[str, str]]:
        return [(phone, code_of(text)) for phone, text in self.arrived.values()]


def code_of(text: str) -> str:
    (code,) = re.findall(r"(?<![0-9])[0-9]{6}(?![0-9])", text)
    return str(code)


plugged_in = Carrier()


def plug_in() -> Carrier:
    """A new one for the next process that ``make`` is asked by."""
    global plugged_in  # noqa: PLW0603 the process under test makes its own by the name in its settings
    plugged_in = Carrier()
    return plugged_in


def make(_settings: Settings, _clock: Clock) -> Carrier:
    return plugged_in
