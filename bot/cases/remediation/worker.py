"""The worker's part: what the desk started is listed, what the desk approved is posted, some batches each round."""

from __future__ import annotations

from bot.cases.remediation.driver import EXAMINE, FIND, POST, Driver, Step
from bot.cases.remediation.service import RemediationService
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.guard import Guard
from bot.loans.backends import LoanBackends

BATCHES = 50
"""Of one run and step in one round, so that a large run does not keep the other jobs waiting."""


class RemediationWorker:
    """Any number of them may run at once."""

    def __init__(self, database: Database, clock: Clock, loans: LoanBackends) -> None:
        self._driver = Driver(database, clock, loans)
        self.guard = Guard()

    def round(self) -> dict[str, int]:
        """How many instalments were found, examined and settled; what broke is logged and counted under ``errors``."""
        self.guard.reset()
        done = {"found": 0, "examined": 0, "posted": 0}
        for run_no, status in self._open_runs():
            with self.guard.item("remediation", run_no):
                for step, count in self._work(run_no, status).items():
                    done[step] += count
        return {**done, "errors": self.guard.errors}

    def _work(self, run_no: str, status: str) -> dict[str, int]:
        if status == "draft":
            found = self._batches(lambda service: service.find_more(run_no, FIND))
            return {"found": found, "examined": self._batches(lambda service: service.examine_more(run_no, EXAMINE))}
        self._driver.once(lambda service: service.verify(run_no))
        return {"posted": self._batches(lambda service: service.post_more(run_no, POST))}

    def _open_runs(self) -> list[tuple[str, str]]:
        def read(service: RemediationService) -> list[tuple[str, str]]:
            rows = service.repository.in_status(("draft", "approved", "posting"))
            return [(row.run_no, row.status) for row in rows]

        return self._driver.once(read)

    def _batches(self, step: Step) -> int:
        total = 0
        for _ in range(BATCHES):
            done = self._driver.once(step)
            if done == 0:
                break
            total += done
        return total
