"""What clients say they have: written for all of them together, a moment later.

Each would otherwise be a transaction of its own, several a turn, and on SQLite the turns would wait for them. A kill loses
the states of a moment, and the client's next acknowledgement covers them: a message is never lost or repeated because of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.1


@dataclass
class Batch:
    """``sent``: message ids; ``reached``: conversation to (delivered up to, read up to)."""

    sent: set[int] = field(default_factory=set)
    reached: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.sent or self.reached)

    def reach(self, conversation_id: str, delivered: int, read: int) -> None:
        """Never goes back."""
        known = self.reached.get(conversation_id, (0, 0))
        self.reached[conversation_id] = (max(known[0], delivered), max(known[1], read))

    def add(self, other: Batch) -> None:
        self.sent |= other.sent
        for conversation_id, (delivered, read) in other.reached.items():
            self.reach(conversation_id, delivered, read)


class Receipts:
    """Used from the event loop only."""

    def __init__(self, write: Callable[[Batch], Awaitable[None]]) -> None:
        self._write = write
        self._batch = Batch()
        self._some = asyncio.Event()

    def sent(self, message_ids: Iterable[int]) -> None:
        """The client has taken these messages."""
        self._batch.sent.update(message_ids)
        self._noted()

    def reached(self, conversation_id: str, *, delivered: int, read: int) -> None:
        """The borrower's client holds the log up to ``delivered``; the borrower saw it up to ``read``."""
        self._batch.reach(conversation_id, delivered, read)
        self._noted()

    def _noted(self) -> None:
        if self._batch:
            self._some.set()

    async def run(self) -> None:
        """Until it is cancelled. A database that does not answer is asked again."""
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER_SECONDS)
            try:
                await self.flush()
            except SQLAlchemyError as error:
                log.warning("receipts not written; trying again", reason=type(error).__name__)

    async def flush(self) -> None:
        """Writes what there is. What could not be written is kept for the next time."""
        batch, self._batch = self._batch, Batch()
        self._some.clear()
        if not batch:
            return
        try:
            await self._write(batch)
        except BaseException:
            self._batch.add(batch)
            self._noted()
            raise
