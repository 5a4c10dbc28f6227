"""All SQL of notifications."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.core.bulk import insert_new
from bot.core.once import add_once
from bot.notifications.models import NotificationRow


class NotificationRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def add_once(self, row: NotificationRow) -> bool:
        """Stores ``row`` unless one with its key exists; says whether it was stored."""
        if self.by_key(row.key) is not None:
            return False
        return add_once(self.session, row, lambda: self.by_key(row.key))

    def add_all(self, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> int:
        """Stores those whose key is not there yet, also when others store them meanwhile; how many.

        ``names``: the columns of ``rows``.
        """
        return insert_new(self.session, NotificationRow, names, rows, unique="key")

    def by_key(self, key: str) -> NotificationRow | None:
        return self.session.scalar(select(NotificationRow).where(NotificationRow.key == key))

    def due(self, now: datetime, limit: int) -> Sequence[int]:
        """Ids of what is to be tried now, oldest first."""
        row = NotificationRow
        query = select(row.id).where(row.state == "pending", row.next_try_at <= now)
        return self.session.scalars(query.order_by(row.next_try_at, row.id).limit(limit)).all()

    def lock_pending(self, notification_id: int) -> NotificationRow | None:
        """The row, locked; ``None`` when it is told already or another worker has it."""
        query = select(NotificationRow).where(NotificationRow.id == notification_id, NotificationRow.state == "pending")
        return self.session.scalar(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))

    def lock_failed(self, notification_id: int) -> NotificationRow | None:
        """The dead letter, locked."""
        query = select(NotificationRow).where(NotificationRow.id == notification_id, NotificationRow.state == "failed")
        return self.session.scalar(query.with_for_update().execution_options(populate_existing=True))

    def failed(self, limit: int) -> Sequence[NotificationRow]:
        """The dead letters, newest first."""
        query = select(NotificationRow).where(NotificationRow.state == "failed").order_by(NotificationRow.id.desc())
        return self.session.scalars(query.limit(limit)).all()
