"""What the outbox needs of a platform: ``Sender``, and what it says about itself and about a message it was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

Opening = Literal["message", "click"]
Outcome = Literal["taken", "later", "never", "quota", "reauthorise"]
UNREACHABLE = "unreachable"
"""``SendResult.error`` when no connection came about: the platform cannot have taken anything."""


@dataclass(frozen=True)
class QuotaRule:
    """At most ``most`` platform messages to one address ``within`` a time.

    With ``opened_by``: counted since the borrower's last event of that kind; nothing is allowed before one or after ``within``
    (one open window is enough). Without: in any stretch of that length (every such rule must allow it).
    ``name`` stands in the desk. ``margin``: so much before the end of the window nothing is sent any more.
    """

    name: str
    most: int
    within: timedelta
    opened_by: Opening | None = None
    margin: timedelta = timedelta(0)


@dataclass(frozen=True)
class ButtonLimits:
    """What a message with buttons may hold: ``most`` buttons, ``text_bytes`` of words, ``each_bytes`` of a title or a payload."""

    most: int
    text_bytes: int
    each_bytes: int


@dataclass(frozen=True)
class Capabilities:
    """``max_chars`` of one message, and ``max_bytes`` (UTF-8) where the platform counts those.

    Without ``cards`` only words are sent; ``card_kinds``: which cards, if not all. Without ``buttons``, and beyond
    ``button_limits``, options become "回复 1".
    """

    buttons: bool = False
    cards: bool = False
    markdown: bool = False
    max_chars: int = 2000
    quotas: tuple[QuotaRule, ...] = ()
    max_bytes: int | None = None
    button_limits: ButtonLimits | None = None
    card_kinds: frozenset[str] | None = None

    def shows_card(self, card: Mapping[str, Any] | None) -> bool:
        return card is not None and self.cards and (self.card_kinds is None or card.get("type") in self.card_kinds)

    def shows_as_buttons(self, text: str, buttons: Sequence[Mapping[str, str]]) -> bool:
        limits = self.button_limits
        if not self.buttons or limits is None:
            return self.buttons
        each = [len(word.encode()) for button in buttons for word in (button["title"], button["payload"])]
        fits = len(buttons) <= limits.most and max(each, default=0) <= limits.each_bytes
        return fits and len(text.encode()) <= limits.text_bytes


@dataclass(frozen=True)
class OutgoingMessage:
    """One platform message. ``id`` (``[0-9-]``, at most 32 characters) stays the same when it is tried again."""

    id: str
    author: Literal["bot", "agent", "system"]
    at: datetime
    text: str | None
    buttons: tuple[Mapping[str, str], ...] = ()
    card: Mapping[str, Any] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class SendResult:
    """What became of one call.

    ``taken``: the platform has it. ``later``: try again. ``never``: this message or address will not do. ``quota``: not before
    the borrower writes again, or ``retry_after``. ``reauthorise``: our credentials were refused; the sender has dropped them.
    ``answered``: the platform spoke; without an answer it may have taken the message all the same.
    ``error``: a short code of ours for the desk; never what the platform wrote.
    """

    outcome: Outcome
    platform_id: str | None = None
    error: str | None = None
    retry_after: timedelta | None = None
    answered: bool = True

    @property
    def silent(self) -> bool:
        """Not a word came from the platform; such a call may have taken as long as it is allowed to."""
        return not self.answered or self.error == UNREACHABLE


class Sender(Protocol):
    """One platform. Called from several threads."""

    @property
    def capabilities(self) -> Capabilities: ...

    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        """One call with a bound on its time. What it raises counts as ``later`` without an answer."""
        ...
