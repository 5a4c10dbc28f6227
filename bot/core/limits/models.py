"""The table of sliding windows, used unless Redis is configured."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base


class RateHit(Base):
    """Something that was done once. ``key`` is a keyed hash: whose it is cannot be read here. Kept for an hour or so."""

    __tablename__ = "rate_hits"
    __table_args__ = (Index(None, "key", "at"), Index(None, "at"))

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
