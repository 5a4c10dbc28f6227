"""Tables of the audit trail. Entries are append-only: triggers (migration 0009) refuse UPDATE, DELETE and TRUNCATE."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base
from bot.core.origin import ACTOR_KINDS

CHAINS = 8
"""So many transactions can commit audited deeds at the same moment; the migration makes the heads."""
Count = BigInteger().with_variant(Integer, "sqlite")


def _by(column: str) -> Index:
    """For searches by ``column``; rows without it are left out."""
    there = text(f"{column} IS NOT NULL")
    return Index(None, column, "at", postgresql_where=there, sqlite_where=there)


class AuditEntryRow(Base):
    """One deed or look. All columns are under ``hash``; ``prev_hash`` is the hash of entry ``seq`` - 1 of the same chain."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint("seq >= 1", name="seq"),
        CheckConstraint(f"actor_kind IN ({', '.join(repr(kind) for kind in ACTOR_KINDS)})", name="actor_kind"),
        Index(None, "at", "chain", "seq"),
        Index(None, "actor_id", "at"),
        *(_by(column) for column in ("conversation_id", "case_no", "contract_no", "customer_id")),
    )
    chain: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Count, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(String(12))
    actor_id: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(24))
    address: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(48))
    conversation_id: Mapped[str | None] = mapped_column(String(64))
    case_no: Mapped[str | None] = mapped_column(String(24))
    contract_no: Mapped[str | None] = mapped_column(String(40))
    customer_id: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(String(300))
    details: Mapped[dict[str, Any]]
    key_id: Mapped[str] = mapped_column(String(16))
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditChainRow(Base):
    """The head of a chain: how many entries it has and the hash of the last. ``seal`` proves that we wrote this row."""

    __tablename__ = "audit_chains"
    __table_args__ = (CheckConstraint("count >= 0", name="count"),)
    chain: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(Count)
    last_hash: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str | None] = mapped_column(String(16))
    seal: Mapped[str | None] = mapped_column(String(64))
