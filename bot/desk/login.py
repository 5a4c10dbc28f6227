"""Agents' passwords: argon2, and a lock after repeated wrong ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.origin import Actor
from bot.core.settings import Settings
from bot.desk.errors import LoginFailed, LoginLocked
from bot.desk.models import Agent
from bot.desk.repository import DeskRepository

Role = Literal["agent", "supervisor", "admin"]

HASHER = PasswordHasher()
_NOBODY = HASHER.hash("no such agent")
"""Checked for unknown ids, so that they take as long as known ones."""


@dataclass(frozen=True)
class AgentIdentity:
    """Who is at the desk."""

    agent_id: str
    name: str
    role: Role

    @classmethod
    def of(cls, row: Agent) -> AgentIdentity:
        return cls(row.agent_id, row.name, cast(Role, row.role))

    @property
    def actor(self) -> Actor:
        return Actor(self.role, self.agent_id)


def find_agent(session: Session, agent_id: str) -> AgentIdentity | None:
    """The active agent of this id."""
    row = DeskRepository(session).agent(agent_id)
    return AgentIdentity.of(row) if row is not None and row.active else None


_NOBODY_WE_KNOW = Actor("visitor", "unknown")
"""An id that no agent has is not recorded: it may be a password or a phone number, typed into the wrong field."""


class Login:
    """Checks a password. It makes its own transactions, because a counted failure must outlive the refusal.

    The attempt is counted before the password is checked, and forgiven after: parallel guesses gain nothing. argon2 is slow
    on purpose, so it runs outside any transaction. The audit trail keeps each checked password and the moment of locking, under
    the id that was tried; tries while it is locked are refused unrecorded, or anyone could fill the trail.
    """

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings

    def check(self, agent_id: str, password: str) -> AgentIdentity:
        """Raises ``LoginFailed``, ``LoginLocked``."""
        identity, password_hash, last_try = self._count_attempt(agent_id)
        matches = self._matches(password_hash, password)
        if identity is None or not matches:
            self._record_failure(identity, locked=last_try)
            raise LoginFailed("wrong agent id or password")
        with self._database.transaction() as session:
            DeskRepository(session).forget_failures(agent_id)
            self._trail(session).record("desk.login", identity.actor, Subject())
        return identity

    def _count_attempt(self, agent_id: str) -> tuple[AgentIdentity | None, str, bool]:
        """Whose id it is, the hash to compare with, and whether this try locks the id unless it is right."""
        now = self._clock.now()
        with self._database.transaction() as session:
            repository = DeskRepository(session)
            repository.forget_failures_before(now - timedelta(days=1))
            counter = repository.failures(agent_id, now)
            if counter.locked_until is not None and counter.locked_until > now:
                seconds = max(1, round((counter.locked_until - now).total_seconds()))
                raise LoginLocked("too many wrong passwords", retry_after=seconds)
            if counter.locked_until is not None:
                counter.failures, counter.locked_until = 0, None
            counter.failures += 1
            counter.last_at = now
            last_try = counter.failures >= self._settings.agent_login_tries
            if last_try:
                counter.locked_until = now + timedelta(minutes=self._settings.agent_lock_minutes)
            row = repository.agent(agent_id)
            if row is None or not row.active:
                return None, _NOBODY, last_try
            return AgentIdentity.of(row), row.password_hash, last_try

    def _record_failure(self, identity: AgentIdentity | None, *, locked: bool) -> None:
        actor = _NOBODY_WE_KNOW if identity is None else identity.actor
        with self._database.transaction() as session:
            self._trail(session).record("desk.login_failed", actor, Subject())
            if locked:
                self._trail(session).record("desk.login_locked", actor, Subject())

    def _trail(self, session: Session) -> AuditTrail:
        return AuditTrail(session, self._clock)

    @staticmethod
    def _matches(password_hash: str, password: str) -> bool:
        try:
            return HASHER.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
