"""What all replicas share of a platform: an access token, a cursor, what is still to be fetched, who is at it (``Lease``)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from bot.channels.models import ChannelState
from bot.core.clock import Clock
from bot.core.database import Database
from bot.loans.unit import insert_once


class SharedState:
    """The values of one channel, in the caller's transaction. Never commits."""

    def __init__(self, session: Session, clock: Clock, channel: str) -> None:
        self._session = session
        self._clock = clock
        self._channel = channel

    def get(self, key: str) -> str | None:
        """``None`` when nothing was put, or it has expired."""
        row = self._session.get(ChannelState, (self._channel, key), populate_existing=True)
        if row is None or (row.expires_at is not None and row.expires_at <= self._clock.now()):
            return None
        return row.value

    def put(self, key: str, value: str | None, expires_at: datetime | None = None) -> None:
        """Waits for a transaction that puts the same key."""
        row = self._row(key)
        row.value, row.expires_at = value, expires_at

    def lock(self, key: str) -> str | None:
        """``get``, and nobody else puts it or locks it before this transaction ends."""
        row = self._row(key)
        return None if row.expires_at is not None and row.expires_at <= self._clock.now() else row.value

    def keys(self, prefix: str) -> list[str]:
        """Those that start with ``prefix`` and have a value, in order."""
        query = select(ChannelState.key).where(
            ChannelState.channel == self._channel,
            ChannelState.key.startswith(prefix, autoescape=True),
            ChannelState.value.is_not(None),
        )
        return list(self._session.scalars(query.order_by(ChannelState.key)))

    def claim(self, key: str, holder: str, lasting: timedelta) -> bool:
        """Whether ``holder`` has it now; for ``lasting`` nobody else gets it. A holder prolongs its own."""
        insert_once(self._session, ChannelState, {"channel": self._channel, "key": key})
        now = self._clock.now()
        free = or_(ChannelState.holder.is_(None), ChannelState.holder == holder, ChannelState.lease_until <= now)
        claimed = (
            update(ChannelState)
            .where(ChannelState.channel == self._channel, ChannelState.key == key, free)
            .values(holder=holder, lease_until=now + lasting)
        )
        return self._session.connection().execute(claimed).rowcount == 1

    def release(self, key: str, holder: str) -> None:
        """Nothing happens when somebody else has it by now."""
        released = (
            update(ChannelState)
            .where(ChannelState.channel == self._channel, ChannelState.key == key, ChannelState.holder == holder)
            .values(holder=None, lease_until=None)
        )
        self._session.connection().execute(released)

    def _row(self, key: str) -> ChannelState:
        insert_once(self._session, ChannelState, {"channel": self._channel, "key": key})
        query = select(ChannelState).where(ChannelState.channel == self._channel, ChannelState.key == key)
        return self._session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()


@contextmanager
def leased(database: Database, clock: Clock, channel: str, key: str, lasting: timedelta) -> Iterator[bool]:
    """Whether this block alone works on ``key``, of all replicas; for ``lasting`` at most, so a process that dies is followed."""
    holder = uuid.uuid4().hex
    with database.transaction() as session:
        claimed = SharedState(session, clock, channel).claim(key, holder, lasting)
    try:
        yield claimed
    finally:
        if claimed:
            with database.transaction() as session:
                SharedState(session, clock, channel).release(key, holder)
