"""What a finder hands on."""

from __future__ import annotations

from dataclasses import dataclass

from bot.identity.contacts.registry import ContactKind


@dataclass(frozen=True)
class Found:
    """A contact as it was written. ``normal`` is the form in which it is compared; ``at`` its place in the plain text."""

    kind: ContactKind
    written: str
    normal: str
    at: int
