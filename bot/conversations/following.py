"""Waits for what is new in one log, for a long-poll or a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from bot.conversations.locks import Wakeups
from bot.conversations.service import LogPage, Seen

SAFETY_LOOK_SECONDS = 30.0
"""A waiting client looks into its own log at least so often, should a wake-up ever be missed."""


class LogFollower:
    """Listens from its first look until it is closed, so each wake-up costs one look.

    ``look(after)`` reads the log. ``person``: the key under which the first message of who has no conversation yet is told.
    """

    def __init__(
        self, look: Callable[[int], Awaitable[LogPage]], wakeups: Wakeups, person: Hashable, closing: Callable[[], bool]
    ) -> None:
        self._look = look
        self._wakeups = wakeups
        self._closing = closing
        self._grown = asyncio.Event()
        self._listening = ExitStack()
        self._heard: Hashable = None
        self._listen(person)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        self._listening.close()

    async def news(self, after: int, seconds: float, seen: Seen | None = None) -> LogPage:
        """What came after ``after``; when there is nothing, waits up to ``seconds`` for it.

        A change of owner, of what the agent has read or of the place in the queue is something as well: since ``seen``
        (``LogPage.seen``), without it since the first look.
        """
        deadline = time.monotonic() + seconds
        while True:
            await self._wait(deadline - time.monotonic())
            self._grown.clear()
            page = await self._look(after)
            if page.conversation_id is not None and page.conversation_id != self._heard:
                self._listen(page.conversation_id)
            seen = page.seen() if seen is None else seen
            news = page.entries or page.last_seq < after or page.seen() != seen
            if news or self._closing() or time.monotonic() >= deadline:
                return page

    def _listen(self, key: Hashable) -> None:
        """To ``key`` only; what came before, while nobody listened, is to be looked for."""
        self._listening.close()
        self._listening.enter_context(self._wakeups.listen(key, self._grown))
        self._heard = key
        self._grown.set()

    async def _wait(self, seconds: float) -> None:
        if seconds > 0 and not self._closing():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(seconds, SAFETY_LOOK_SECONDS)):
                    await self._grown.wait()
