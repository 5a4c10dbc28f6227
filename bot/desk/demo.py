"""The demo's agents and supervisors (product §6), and an admin, who manages their accounts."""

from __future__ import annotations

from sqlalchemy.orm import Session

from bot.core.clock import SystemClock
from bot.core.settings import Settings
from bot.desk.models import Agent
from bot.desk.passwords import HASHER
from bot.desk.repository import DeskRepository

PEOPLE = (
    ("A2001", "小林", "agent"),
    ("A2002", "小何", "agent"),
    ("A2003", "小许", "agent"),
    ("S2101", "老周", "supervisor"),
    ("S2102", "老秦", "supervisor"),
    ("M2301", "老唐", "admin"),
)


def seed_agents(session: Session, settings: Settings | None = None) -> int:
    """Adds the demo agents that are missing, with ``demo_agent_password``; returns how many. Never commits."""
    settings = settings or Settings()
    repository = DeskRepository(session)
    now = SystemClock(settings.business_date).now()
    missing = [person for person in PEOPLE if repository.agent(person[0]) is None]
    for agent_id, name, role in missing:
        password_hash = HASHER.hash(settings.demo_agent_password)
        repository.add(Agent(agent_id=agent_id, name=name, role=role, password_hash=password_hash, created_at=now))
    return len(missing)
