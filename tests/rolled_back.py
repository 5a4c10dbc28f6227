"""A database for one test in which everything is undone afterwards, commits included."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from bot.core.database import Database


class RolledBack(Database):
    """All transactions are savepoints on one connection, and so one after the other, also from several threads."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.engine = database.engine
        self.session_info = database.session_info
        self._connection = connection
        self._one_at_a_time = threading.RLock()

    @classmethod
    @contextmanager
    def of(cls, database: Database) -> Iterator[RolledBack]:
        with database.engine.connect() as connection:
            outer = connection.begin()
            try:
                yield cls(database, connection)
            finally:
                outer.rollback()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with (
            self._one_at_a_time,
            Session(
                self._connection, join_transaction_mode="create_savepoint", expire_on_commit=False, info=self.session_info
            ) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """On the same connection: another would not see what is undone in the end."""
        with self.transaction() as session:
            yield session
