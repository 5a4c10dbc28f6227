"""What becomes of a picture or file that a message names; who fetches and keeps it is above us (bot/channels/media.py)."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from bot.conversations.inbox.port import Medium
from bot.conversations.turns import Inbound, OwnAnswer

MEDIUM_TRIES = 5
"""Within half a minute and the time of the calls: meanwhile what the borrower writes behind it waits."""
MEDIUM_LEASE = timedelta(minutes=1)
"""More than for other messages: for a token, a call and the file."""


class MediaBusy(RuntimeError):
    """Enough are being fetched; the others leave their places to messages."""


class MediumNotKept(RuntimeError):
    """``answer``: what the borrower is told when no try brought it. ``in_log``: stands in the log then. ``again``: try
    again before. ``code``: of ours, for the log of the process.
    """

    def __init__(self, code: str, answer: OwnAnswer, in_log: str, *, again: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.answer = answer
        self.in_log = in_log
        self.again = again


class MediaKeeper(Protocol):
    async def take(self, inbound: Inbound, medium: Medium, *, again: bool) -> None:
        """Fetches, checks and keeps it in the log, with the answer; a repetition changes nothing.

        ``again``: it was tried before, and has been counted.

        Raises ``MediumNotKept``, ``MediaBusy``.
        """
        ...
