"""Carries a run through, one transaction after the other. May be killed anywhere, repeated, and run several times at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from bot.cases.remediation.service import RemediationService
from bot.core.clock import Clock
from bot.core.database import Database
from bot.loans.backends import LoanBackends

FIND, EXAMINE, POST = 5000, 1000, 1000
"""Items of one transaction."""
MAX_CLASHES = 10
_CLASHES = {"40P01", "40001"}
"""PostgreSQL ended our transaction in favour of another one: deadlock, serialisation."""

Tick = Callable[[int], object]
"""Is told how many items were settled."""
Step = Callable[[RemediationService], int]
T = TypeVar("T")


def nothing(_count: int) -> None:
    """For those who do not watch."""


class Driver:
    """Over the loan books of this process."""

    def __init__(self, database: Database, clock: Clock, loans: LoanBackends) -> None:
        self._database = database
        self._clock = clock
        self._loans = loans

    def once(self, step: Callable[[RemediationService], T]) -> T:
        """One step in a transaction of its own; repeated when the database preferred another transaction."""
        for clash in range(MAX_CLASHES):
            try:
                with self._database.transaction() as session:
                    return step(RemediationService(session, self._clock, self._loans.open(session)))
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _CLASHES or clash == MAX_CLASHES - 1:
                    raise
                time.sleep(timedelta(milliseconds=50 * 2**clash).total_seconds())
        raise AssertionError("the last try returns or raises")

    def find(self, run_no: str, tick: Tick = nothing, batch: int = FIND) -> int:
        """Finds everyone; how many were new."""
        return self._until_none(lambda service: service.find_more(run_no, batch), tick)

    def examine(self, run_no: str, tick: Tick = nothing, batch: int = EXAMINE) -> int:
        """Examines what is found and free; how many."""
        return self._until_none(lambda service: service.examine_more(run_no, batch), tick)

    def list(self, run_no: str, tick: Tick = nothing) -> int:
        """Both, one after the other; how many were examined."""
        self.find(run_no)
        return self.examine(run_no, tick)

    def post(self, run_no: str, tick: Tick = nothing, batch: int = POST) -> int:
        """Posts what is approved and free; how many. The last one marks the run as done.

        Raises ``NotApproved``, ``ItemsChanged``, before anything is posted.
        """
        self.once(lambda service: service.verify(run_no))
        return self._until_none(lambda service: service.post_more(run_no, batch), tick)

    def _until_none(self, step: Step, tick: Tick) -> int:
        total = 0
        while True:
            done = self.once(step)
            if done == 0:
                return total
            total += done
            tick(done)
