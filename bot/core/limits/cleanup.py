"""The worker's job that deletes hits which no window reaches any more."""

from __future__ import annotations

from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.guard import Guard
from bot.core.limits.repository import RateRepository
from bot.core.limits.rules import Rules
from bot.core.settings import Settings


class OldHits:
    """Any number of workers may do this at once."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._longest = Rules.of(settings).longest
        self.guard = Guard()

    def round(self) -> dict[str, int]:
        """How many rows were deleted."""
        self.guard.reset()
        removed = 0
        with self.guard.item("old_hits"), self._database.transaction() as session:
            removed = RateRepository(session).forget_before(self._clock.now() - self._longest)
        return {"removed": removed, "errors": self.guard.errors}
