"""In-process order and wake-ups. Both only make things prompt: the database is the guarantee."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager


class KeyedLocks:
    """One lock per key, first come first served. A lock that nobody holds or awaits takes no memory."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            _, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)


class Wakeups:
    """Tells waiting long-polls of a conversation that its log has grown. Used from the event loop only."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, set[asyncio.Event]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @contextmanager
    def listen(self, key: Hashable, event: asyncio.Event | None = None) -> Iterator[asyncio.Event]:
        """An event (or the given one) that is set when ``notify(key)`` is called; clear it before looking again."""
        event = event or asyncio.Event()
        self._waiting.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]

    def notify(self, key: Hashable) -> None:
        for event in self._waiting.get(key, ()):
            event.set()

    def notify_all(self) -> None:
        for events in self._waiting.values():
            for event in events:
                event.set()
