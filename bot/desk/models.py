"""Tables of the desk: who may log in, and failed attempts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base


class Agent(Base):
    """A person at the desk. Supervisors approve what agents propose; admins also manage accounts."""

    __tablename__ = "agents"
    __table_args__ = (CheckConstraint("role IN ('agent', 'supervisor', 'admin')", name="role"),)

    agent_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class LoginFailure(Base):
    """Wrong passwords per agent id, whether or not it exists: a lock must not reveal which ids do."""

    __tablename__ = "desk_login_failures"
    __table_args__ = (CheckConstraint("failures >= 0", name="failures"),)

    agent_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    failures: Mapped[int]
    locked_until: Mapped[datetime | None]
    last_at: Mapped[datetime]
