"""Tables of the desk: who may log in, and failed attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial


class Agent(Base):
    """A person at the desk. Supervisors approve what agents propose; admins also manage accounts."""

    __tablename__ = "agents"
    __table_args__ = (CheckConstraint("role IN ('agent', 'supervisor', 'admin')", name="role"),)

    agent_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(default=True)
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]


class LoginFailure(Base):
    """Wrong passwords per agent id, whether or not it exists: a lock must not reveal which ids do."""

    __tablename__ = "desk_login_failures"
    __table_args__ = (CheckConstraint("failures >= 0", name="failures"),)

    agent_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    failures: Mapped[int]
    locked_until: Mapped[datetime | None]
    last_at: Mapped[datetime]


class DeskSession(Base):
    """A browser that is logged in. Only a hash of the cookie is kept: the table opens no door."""

    __tablename__ = "desk_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.agent_id"), index=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Attendance(Base):
    """Whether an agent is there, and what may be assigned to them. ``skills`` empty: everything.

    ``online`` gets conversations assigned, ``busy`` keeps what they have, ``away`` is not there.
    """

    __tablename__ = "attendance"
    __table_args__ = (
        CheckConstraint("presence IN ('online', 'busy', 'away')", name="presence"),
        CheckConstraint("max_conversations IS NULL OR max_conversations >= 0", name="max_conversations"),
    )

    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.agent_id"), primary_key=True)
    presence: Mapped[str] = mapped_column(String(8))
    skills: Mapped[list[Any]]
    max_conversations: Mapped[int | None]
    seen_at: Mapped[datetime]


class CannedAnswer(Base):
    """A reply that agents use often; placeholders as in bot/desk/canned.py."""

    __tablename__ = "canned_answers"

    id: Mapped[Serial]
    title: Mapped[str] = mapped_column(String(60), unique=True)
    text: Mapped[str] = mapped_column(Text)
    written_by: Mapped[str] = mapped_column(String(32))
    written_at: Mapped[datetime]


class Misunderstanding(Base):
    """A message that the bot took for something else. ``text`` is masked. The schema, too, wants a second person's look."""

    __tablename__ = "misunderstandings"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        CheckConstraint("state IN ('marked', 'accepted', 'rejected')", name="state"),
        CheckConstraint(
            "(state = 'marked') = (reviewed_by IS NULL) AND (reviewed_by IS NULL OR reviewed_by <> marked_by)",
            name="second_look",
        ),
        Index(None, "state"),
    )

    id: Mapped[Serial]
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id"))
    seq: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    understood_as: Mapped[str | None] = mapped_column(String(64))
    intent: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(12))
    marked_by: Mapped[str] = mapped_column(String(32))
    marked_at: Mapped[datetime]
    reviewed_by: Mapped[str | None] = mapped_column(String(32))
    reviewed_at: Mapped[datetime | None]


class DeskCommand(Base):
    """A command that an agent may send again under the same key: what it came to. Written in the command's own transaction."""

    __tablename__ = "desk_commands"

    agent_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    made_at: Mapped[datetime]
