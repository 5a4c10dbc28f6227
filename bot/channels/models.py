"""Table of what replicas share of a messaging platform."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base


class ChannelState(Base):
    """One named value of a channel. ``value`` may be a secret that lasts for hours: it is never logged."""

    __tablename__ = "channel_states"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    value: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None]
    holder: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
