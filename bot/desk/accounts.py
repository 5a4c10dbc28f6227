"""Accounts of the desk, as admins manage them. Each change is recorded. Never commits.

An id is never given again: the trail, cases and notes name people by it. So an account is closed, not deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import structlog
from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Detail, Subject
from bot.cases.repository import CaseRepository
from bot.conversations.repository import ConversationRepository
from bot.core.clock import Clock
from bot.core.origin import Actor
from bot.core.texts import Texts
from bot.desk.attendance import AttendanceService
from bot.desk.errors import AccountClosed, AccountNotFound, AccountOpen, AdminThere, AgentIdTaken, LastAdmin, UnknownSkill
from bot.desk.login import Role
from bot.desk.models import Agent, Attendance
from bot.desk.repository import DeskRepository

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Profile:
    """What an admin decides about a person. ``skills`` empty: everything; ``max_conversations`` ``None``: the default."""

    name: str
    role: Role
    skills: tuple[str, ...]
    max_conversations: int | None


@dataclass(frozen=True)
class Account:
    """``conversations`` and ``open_cases``: what is in their name now."""

    agent_id: str
    profile: Profile
    active: bool
    must_change_password: bool
    created_at: datetime
    conversations: int
    open_cases: int


class AccountService:
    """``actor``: the admin at the desk, or the operator at the command line."""

    def __init__(self, session: Session, clock: Clock, texts: Texts, actor: Actor) -> None:
        self._repository = DeskRepository(session)
        self._conversations = ConversationRepository(session)
        self._cases = CaseRepository(session)
        self._attendance = AttendanceService(session, clock, texts)
        self._trail = AuditTrail(session, clock)
        self._clock = clock
        self._actor = actor

    @property
    def skills(self) -> list[str]:
        """Those that a handoff can need."""
        return sorted(set(self._attendance.policy.skills.values()))

    @property
    def default_max_conversations(self) -> int:
        return self._attendance.policy.default_max_conversations

    def all(self) -> list[Account]:
        """By id, the closed ones too."""
        attendance = {row.agent_id: row for row in self._repository.attendance()}
        loads, cases = self._conversations.loads(), self._cases.open_by_owner()
        return [
            _account(row, attendance.get(row.agent_id), loads.get(row.agent_id, 0), cases.get(row.agent_id, 0))
            for row in self._repository.accounts()
        ]

    def create(self, agent_id: str, profile: Profile, password_hash: str) -> Account:
        """With a password that they have to change. Raises ``AgentIdTaken``, ``UnknownSkill``."""
        self._require_skills(profile)
        now = self._clock.now()
        row = Agent(
            agent_id=agent_id,
            name=profile.name,
            role=profile.role,
            password_hash=password_hash,
            must_change_password=True,
            created_at=now,
        )
        if not self._repository.add_account(row):
            raise AgentIdTaken("another account has this id")
        self._attendance.configure(agent_id, skills=list(profile.skills), max_conversations=profile.max_conversations)
        self._record("created", agent_id, **_details(profile))
        return self._one(row)

    def first_admin(self, agent_id: str, name: str, password_hash: str) -> Account:
        """For whoever can run our programs: opens the account while there is no admin; later hands that admin a new password.

        Raises ``AdminThere`` when another one manages the accounts, ``AgentIdTaken``.
        """
        admins = [each.agent_id for each in self._repository.admins()]
        if agent_id in admins:
            return self.hand_out(agent_id, password_hash)
        if admins:
            raise AdminThere("an admin opens further accounts at the desk", admins=admins)
        return self.create(agent_id, Profile(name, "admin", (), None), password_hash)

    def change(self, agent_id: str, profile: Profile) -> Account:
        """Raises ``AccountNotFound``, ``AccountClosed``, ``LastAdmin``, ``UnknownSkill``."""
        self._require_skills(profile)
        if profile.role != "admin":
            self._require_another_admin(agent_id)
        row = self._open(agent_id)
        before = self._one(row).profile
        row.name, row.role = profile.name, profile.role
        self._attendance.configure(agent_id, skills=list(profile.skills), max_conversations=profile.max_conversations)
        if before != profile:
            was, now = _details(before), _details(profile)
            changed = {name: value for name, value in now.items() if value != was[name]}
            former = {"former_role": before.role} if before.role != profile.role else {}
            self._record("changed", agent_id, **former, **changed, renamed=before.name != profile.name or None)
        return self._one(row)

    def hand_out(self, agent_id: str, password_hash: str) -> Account:
        """A new password that they have to change; whoever is logged in as them is not any more, and no lock is left.

        Raises ``AccountNotFound``, ``AccountClosed``.
        """
        row = self._open(agent_id)
        self._set_password(row, password_hash)
        self._record("password_reset", agent_id)
        return self._one(row)

    def close(self, agent_id: str) -> tuple[Account, list[str]]:
        """Ends every session and token; the agent's conversations, which are also returned, go to the front of the queue.

        Raises ``AccountNotFound``, ``AccountClosed``, ``LastAdmin``.
        """
        self._require_another_admin(agent_id)
        row = self._open(agent_id)
        row.active = False
        self._repository.forget_sessions_of(agent_id)
        self._attendance.set_presence(agent_id, "away")  # locks it: nothing is assigned to them from here on
        owned = [each.id for each in self._conversations.owned_by(agent_id)]
        requeued = [each for each in owned if self._attendance.take_from(each, agent_id)]
        self._record("closed", agent_id, conversations=len(requeued))
        return self._one(row), requeued

    def reopen(self, agent_id: str, password_hash: str) -> Account:
        """With a new password that they have to change. Raises ``AccountNotFound``, ``AccountOpen``."""
        row = self._row(agent_id)
        if row.active:
            raise AccountOpen("the account is not closed")
        row.active = True
        self._set_password(row, password_hash)
        self._record("reopened", agent_id, role=row.role)
        return self._one(row)

    def _set_password(self, row: Agent, password_hash: str) -> None:
        row.password_hash, row.must_change_password = password_hash, True
        self._repository.forget_sessions_of(row.agent_id)
        self._repository.forget_failures(row.agent_id)

    def _row(self, agent_id: str) -> Agent:
        row = self._repository.account(agent_id)
        if row is None:
            raise AccountNotFound("no such account")
        return row

    def _open(self, agent_id: str) -> Agent:
        row = self._row(agent_id)
        if not row.active:
            raise AccountClosed("the account is closed")
        return row

    def _require_another_admin(self, agent_id: str) -> None:
        if [each.agent_id for each in self._repository.admins()] == [agent_id]:
            raise LastAdmin("nobody would be left who manages accounts")

    def _require_skills(self, profile: Profile) -> None:
        if not set(profile.skills) <= set(self.skills):
            raise UnknownSkill("no handoff needs that skill", skills=self.skills)

    def _one(self, row: Agent) -> Account:
        loads, cases = self._conversations.loads(), self._cases.open_by_owner()
        attendance = self._repository.attendance_of(row.agent_id)
        return _account(row, attendance, loads.get(row.agent_id, 0), cases.get(row.agent_id, 0))

    def _record(self, what: str, agent_id: str, **details: Detail) -> None:
        told = {name: value for name, value in details.items() if value is not None}
        self._trail.record(f"account.{what}", self._actor, Subject(), details={"agent": agent_id, **told})
        log.info(f"account_{what}", account=agent_id)


def _account(row: Agent, attendance: Attendance | None, conversations: int, open_cases: int) -> Account:
    skills = () if attendance is None else tuple(sorted(attendance.skills))
    most = None if attendance is None else attendance.max_conversations
    profile = Profile(row.name, cast(Role, row.role), skills, most)
    return Account(row.agent_id, profile, row.active, row.must_change_password, row.created_at, conversations, open_cases)


def _details(profile: Profile) -> dict[str, Detail]:
    """For the trail, which holds codes and numbers, no names."""
    return {"role": profile.role, "skills": list(profile.skills), "max_conversations": profile.max_conversations}
