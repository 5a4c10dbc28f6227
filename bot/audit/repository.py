"""All SQL of the audit trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal, select, tuple_, update
from sqlalchemy.orm import Session

from bot.audit.chain import Head
from bot.audit.models import AuditChainRow, AuditEntryRow
from bot.core.database import Base, Instant

_HEAD = (AuditChainRow.chain, AuditChainRow.count, AuditChainRow.last_hash, AuditChainRow.key_id, AuditChainRow.seal)
_ENTRIES, _CHAINS = (Base.metadata.tables[row.__tablename__] for row in (AuditEntryRow, AuditChainRow))
Place = tuple[datetime, int, int]
"""``at``, ``chain``, ``seq``: the order in which entries are read, and the cursor of a page."""


class AuditRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    # --- writing

    def lock_any_head(self) -> Head:
        """A chain that nobody else writes to at this moment; when all are busy, waits for one of them.

        A transaction locks one head only, as its last act before the commit: there is nothing to deadlock with.
        Raises ``LookupError`` when there is no chain at all.
        """
        query = select(*_HEAD).order_by(func.random()).limit(1)
        found = self.session.execute(query.with_for_update(skip_locked=True)).one_or_none()
        if found is None:
            chain = self.session.scalar(select(AuditChainRow.chain).order_by(func.random()).limit(1))
            found = self.session.execute(select(*_HEAD).where(AuditChainRow.chain == chain).with_for_update()).one_or_none()
        if found is None:
            raise LookupError("audit_chains has no row: the audit trail was torn off")
        return Head(*found)

    def add(self, rows: Sequence[Mapping[str, Any]], head: Head) -> None:
        """On the connection itself: the head is locked, and the ORM would only make that longer."""
        connection = self.session.connection()
        connection.execute(insert(_ENTRIES), [dict(row) for row in rows])
        values = asdict(head)
        connection.execute(update(_CHAINS).where(_CHAINS.c.chain == values.pop("chain")).values(values))

    def last_seq(self, chain: int) -> int:
        return self.session.scalar(select(func.max(AuditEntryRow.seq)).where(AuditEntryRow.chain == chain)) or 0

    # --- checking

    def heads(self) -> list[tuple[Head, int, int]]:
        """Each head with the lowest and the highest ``seq`` of its chain, as one consistent picture."""
        row = AuditEntryRow
        lowest, highest = (
            select(func.coalesce(edge(row.seq), 0)).where(row.chain == AuditChainRow.chain).scalar_subquery()
            for edge in (func.min, func.max)
        )
        query = select(*_HEAD, lowest, highest).order_by(AuditChainRow.chain)
        return [(Head(*found[:5]), found[5], found[6]) for found in self.session.execute(query)]

    def chains_without_head(self) -> list[int]:
        row = AuditEntryRow
        query = select(row.chain).distinct().where(row.chain.not_in(select(AuditChainRow.chain)))
        return list(self.session.scalars(query.order_by(row.chain)))

    def between(self, chain: int, first: int, last: int) -> list[dict[str, Any]]:
        """The entries with ``first`` ≤ ``seq`` ≤ ``last``, in order, as columns."""
        row = AuditEntryRow
        query = select(_ENTRIES).where(row.chain == chain, row.seq.between(first, last)).order_by(row.seq)
        return [dict(found) for found in self.session.execute(query).mappings()]

    # --- reading

    def search(self, conditions: Mapping[str, Any], *, limit: int) -> Sequence[AuditEntryRow]:
        """Newest first. ``conditions``: a column's value, or ``action_prefix``, ``first``, ``last`` (inclusive), ``after``."""
        query = select(AuditEntryRow)
        row = AuditEntryRow
        for name, value in conditions.items():
            if name == "action_prefix":
                query = query.where(row.action.startswith(value, autoescape=True))
            elif name == "first":
                query = query.where(row.at >= value)
            elif name == "last":
                query = query.where(row.at <= value)
            elif name == "after":
                at, chain, seq = value
                query = query.where(tuple_(row.at, row.chain, row.seq) < tuple_(literal(at, Instant()), chain, seq))
            else:
                query = query.where(getattr(row, name) == value)
        return self.session.scalars(query.order_by(row.at.desc(), row.chain.desc(), row.seq.desc()).limit(limit)).all()
