"""Who is at the desk, to whom a waiting borrower is assigned, and who was left alone too long (product §5). Never commits.

Rules and numbers: data/catalogue/handoff.yml. An agent takes what they are assigned exactly as if they had claimed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Detail, Subject
from bot.conversations.errors import AlreadyClaimed, NotInQueue, NotTheOwner
from bot.conversations.handoff import Handoff, HandoffService, Waiting
from bot.conversations.office_hours import OfficeHours
from bot.conversations.repository import ConversationRepository
from bot.core.clock import Clock
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.desk.errors import ColleagueNotFound, DeskFull
from bot.desk.login import AgentIdentity, find_agent
from bot.desk.models import Attendance
from bot.desk.repository import DeskRepository

Presence = Literal["online", "busy", "away"]
POLICY_FILE = ROOT / "data" / "catalogue" / "handoff.yml"

log = structlog.get_logger(__name__)


class HandoffPolicy(BaseModel):
    """data/catalogue/handoff.yml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    skills: dict[str, str]
    away_after_seconds: int = Field(gt=0)
    idle_after_minutes: int = Field(gt=0)
    silent_after_minutes: int = Field(gt=0)
    default_max_conversations: int = Field(gt=0)
    requeue_priority: int = Field(ge=0)


def load_policy(path: Path) -> HandoffPolicy:
    """Raises ``pydantic.ValidationError`` listing every problem of the file."""
    return HandoffPolicy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def default_policy() -> HandoffPolicy:
    return load_policy(POLICY_FILE)


@dataclass(frozen=True)
class Colleague:
    """An agent as others see them. ``load``: conversations that they have now; ``most``: how many they may have."""

    agent: AgentIdentity
    presence: Presence
    skills: tuple[str, ...]
    load: int
    most: int


class AttendanceService:
    """``hours``: by default those of the settings."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        texts: Texts,
        policy: HandoffPolicy | None = None,
        hours: OfficeHours | None = None,
    ) -> None:
        self._session = session
        self._clock = clock
        self._repository = DeskRepository(session)
        self._conversations = ConversationRepository(session)
        self._handoffs = HandoffService(session, clock, texts, hours)
        self._trail = AuditTrail(session, clock)
        self.policy = policy or default_policy()

    # --- being there

    def set_presence(self, agent_id: str, presence: Presence) -> None:
        row = self._repository.attendance_of(agent_id)
        row.presence, row.seen_at = presence, self._clock.now()

    def seen(self, agent_id: str) -> None:
        """The desk page of this agent is open."""
        self._repository.attendance_of(agent_id).seen_at = self._clock.now()

    def configure(self, agent_id: str, *, skills: list[str], max_conversations: int | None) -> None:
        """What may be assigned to the agent. Raises ``ColleagueNotFound``."""
        self._agent(agent_id)
        row = self._repository.attendance_of(agent_id)
        row.skills, row.max_conversations = sorted(set(skills)), max_conversations

    def colleagues(self) -> list[Colleague]:
        """Every active agent, by id."""
        rows = {row.agent_id: row for row in self._repository.attendance()}
        loads = self._conversations.loads()
        return [
            Colleague(
                agent=AgentIdentity.of(agent),
                presence=self._presence(rows.get(agent.agent_id)),
                skills=tuple(rows[agent.agent_id].skills) if agent.agent_id in rows else (),
                load=loads.get(agent.agent_id, 0),
                most=self._most(rows.get(agent.agent_id)),
            )
            for agent in self._repository.agents()
        ]

    def _presence(self, row: Attendance | None) -> Presence:
        """Whose page has not been heard of is away, whatever they said last."""
        if row is None or row.seen_at + timedelta(seconds=self.policy.away_after_seconds) <= self._clock.now():
            return "away"
        return cast(Presence, row.presence)

    def _most(self, row: Attendance | None) -> int:
        own = row.max_conversations if row is not None else None
        return self.policy.default_max_conversations if own is None else own

    def _agent(self, agent_id: str) -> AgentIdentity:
        agent = find_agent(self._session, agent_id)
        if agent is None:
            raise ColleagueNotFound("no active agent has this id")
        return agent

    # --- taking and passing on

    def require_room(self, agent_id: str) -> None:
        """Raises ``DeskFull`` when the agent may not take one more."""
        most = self._most(self._repository.attendance_of(agent_id))
        if self._conversations.loads().get(agent_id, 0) >= most:
            raise DeskFull("as many conversations as this agent may have at once", most=most)

    def transfer(self, conversation_id: str, agent_id: str, *, to_agent: str | None) -> Handoff:
        """From the agent who owns it to a colleague by name, or to whoever is next.

        Raises ``ColleagueNotFound``, ``NotTheOwner``.
        """
        if to_agent is not None:
            self._agent(to_agent)
        handoff = self._handoffs.transfer(conversation_id, agent_id, to_agent=to_agent)
        self._record("transferred", conversation_id, to=to_agent, agent=agent_id)
        return handoff

    # --- runs of the worker

    def assign_next(self) -> str | None:
        """Gives the first waiting borrower who can be served to the fitting agent with the lightest load.

        Returns the conversation, or ``None`` when nobody waits or nobody fits. Outside office hours nothing is assigned: who is
        still there may claim.
        """
        if not self._handoffs.open_now():
            return None
        self._repository.attendance(lock=True)  # so that two workers cannot both give the same borrower, or fill the same gap
        there = [each for each in self.colleagues() if each.presence == "online" and each.load < each.most]
        if not there:
            return None
        for item in self._handoffs.queue():
            chosen = None if item.offline else self._fitting(item, there)
            if chosen is not None and self._give(item, chosen):
                return item.conversation_id
        return None

    def _fitting(self, item: Waiting, there: list[Colleague]) -> Colleague | None:
        """To whom it was passed on, else the lightest load; who has only the skill asked for comes before all-rounders.

        Who passed it on, or left the borrower alone, comes after everybody else.
        """
        named = [each for each in there if each.agent.agent_id == item.for_agent]
        if named:
            return named[0]
        skill = self.policy.skills.get(item.reason)
        able = [each for each in there if not each.skills or skill is None or skill in each.skills]
        able = [each for each in able if each.agent.agent_id != item.previous_agent] or able
        return min(able, key=lambda each: (each.load, skill not in each.skills, each.agent.agent_id), default=None)

    def _give(self, item: Waiting, to: Colleague) -> bool:
        try:
            self._handoffs.claim(item.conversation_id, to.agent.agent_id, agent_name=to.agent.name)
        except (AlreadyClaimed, NotInQueue):
            return False  # somebody took it, or the borrower left, since the queue was read
        self._record("assigned", item.conversation_id, to=to.agent.agent_id)
        log.info("handoff_assigned", conversation=item.conversation_id, agent=to.agent.agent_id)
        return True

    def left_alone(self) -> list[tuple[str, str]]:
        """(conversation, its agent) where the borrower has waited too long for a reply. A closed account is away."""
        now = self._clock.now()
        idle, silent = (timedelta(minutes=n) for n in (self.policy.idle_after_minutes, self.policy.silent_after_minutes))
        there = {each.agent.agent_id for each in self.colleagues() if each.presence != "away"}
        waiting = self._conversations.left_alone(now - idle)
        return [(number, agent_id) for number, agent_id, at in waiting if agent_id not in there or at + silent <= now]

    def take_back(self, conversation_id: str, agent_id: str) -> bool:
        """Puts such a borrower to the front of the queue; ``False`` when the agent has answered or given them back meanwhile."""
        self._conversations.get(conversation_id, lock=True)
        return (conversation_id, agent_id) in self.left_alone() and self.take_from(conversation_id, agent_id)

    def take_from(self, conversation_id: str, agent_id: str) -> bool:
        """The same whether or not the agent has answered, for an agent who is gone; ``False``: it is not theirs any more."""
        try:
            self._handoffs.requeue(conversation_id, agent_id, priority=self.policy.requeue_priority)
        except NotTheOwner:
            return False
        self._record("taken_back", conversation_id, agent=agent_id)
        log.warning("handoff_taken_back", conversation=conversation_id, agent=agent_id)
        return True

    def to_put_off(self) -> list[str]:
        """Who still waits online although the office has closed."""
        return [] if self._handoffs.open_now() else [item.conversation_id for item in self._handoffs.queue() if not item.offline]

    def put_off(self, conversation_id: str) -> bool:
        """The bot goes on with such a borrower, and the request is kept; ``False`` when they were taken or left meanwhile."""
        handoff = self._handoffs.put_off(conversation_id)
        if handoff is None:
            return False
        self._record("put_off", conversation_id)
        log.info("handoff_put_off", conversation=conversation_id, case=handoff.case_no)
        return True

    def _record(self, what: str, conversation_id: str, **details: Detail) -> None:
        row = self._conversations.get(conversation_id)
        subject = Subject(conversation_id, customer_id=row.customer_id or None if row is not None else None)
        self._trail.record(f"conversation.{what}", None, subject, details=details)
