"""Agents' passwords: argon2, and a lock after repeated wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.origin import Actor
from bot.core.settings import Settings
from bot.desk.errors import LoginFailed, LoginLocked, WrongPassword
from bot.desk.models import Agent
from bot.desk.passwords import HASHER, matches, require_good
from bot.desk.repository import DeskRepository

Role = Literal["agent", "supervisor", "admin"]

_NOBODY = HASHER.hash("no such agent")
"""Checked for unknown ids, so that they take as long as known ones."""


@dataclass(frozen=True)
class AgentIdentity:
    """Who is at the desk. ``must_change_password``: an admin handed theirs out, and until then they may do nothing else."""

    agent_id: str
    name: str
    role: Role
    must_change_password: bool = False

    @classmethod
    def of(cls, row: Agent) -> AgentIdentity:
        return cls(row.agent_id, row.name, cast(Role, row.role), row.must_change_password)

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

        def note(session: Session, identity: AgentIdentity) -> None:
            self._trail(session).record("desk.login", identity.actor, Subject())

        return self._prove(agent_id, password, note)

    def change_password(self, agent_id: str, present: str, new: str, *, session_id: str) -> None:
        """An agent's own change: whoever else is logged in as them is not any more, only ``session_id`` goes on.

        Wrong tries count as at the login. Raises ``PasswordTooWeak``, ``WrongPassword``, ``LoginLocked``.
        """
        require_good(new, agent_id=agent_id, present=present)
        new_hash = HASHER.hash(new)

        def store(session: Session, identity: AgentIdentity) -> None:
            repository = DeskRepository(session)
            repository.set_password(identity.agent_id, new_hash, must_change=False)
            repository.forget_sessions_of(identity.agent_id, but=session_id)
            details = {"agent": identity.agent_id}
            self._trail(session).record("account.password_changed", identity.actor, Subject(), details=details)

        try:
            self._prove(agent_id, present, store)
        except LoginFailed as error:
            raise WrongPassword("the present password is another one") from error

    def _prove(self, agent_id: str, password: str, then: Callable[[Session, AgentIdentity], None]) -> AgentIdentity:
        """Whose password it is; ``then`` is done in the transaction that forgets the wrong ones. Raises as ``check``."""
        identity, password_hash, last_try = self._count_attempt(agent_id)
        right = matches(password_hash, password)
        if identity is None or not right:
            self._record_failure(identity, locked=last_try)
            raise LoginFailed("wrong agent id or password")
        with self._database.transaction() as session:
            DeskRepository(session).forget_failures(agent_id)
            then(session, identity)
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
