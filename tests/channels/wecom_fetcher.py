"""A process that fetches WeCom's pages, for tests that kill it: ``python -m tests.channels.wecom_fetcher DATABASE WECOM [PAGE]``.

With ``PAGE`` it kills itself in the transaction of that page, right before the commit.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from bot.channels.connector import Kit, Received
from bot.channels.reception import keep
from bot.channels.state import SharedState
from bot.channels.wecom.connector import make
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from tests.conftest import audited_for_tests
from tests.wecom import KF, options


class StoringSink:
    """Stores as the web process does. ``dies_at``: the page in whose transaction the process is killed."""

    def __init__(self, database: Database, clock: FixedClock, dies_at: int = 0) -> None:
        self._database = database
        self._clock = clock
        self._left = dies_at

    def store(self, received: Received) -> int:
        with self._database.transaction() as session:
            new = keep(session, self._clock, "wecom", received)
            session.flush()
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return new


def main() -> None:
    database, clock = audited_for_tests(sys.argv[1]), FixedClock()
    with database.transaction() as session:
        SharedState(session, clock, "wecom").put(f"want:{KF}", '{"token": "", "until": "2026-08-22T10:00:00+08:00"}')
    connector: Any = make(options(sys.argv[2]), Kit(Settings(), clock, database))
    sink = StoringSink(database, clock, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    connector.listen(sink, threading.Event())


if __name__ == "__main__":
    main()
