"""Who at the desk saw what: an entry in the audit trail, once in a while, for a page asks again every few seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Detail, Subject
from bot.core.clock import Clock
from bot.desk.login import AgentIdentity

LOOK_MINUTES = 15
"""The same agent at the same thing within this time is one look."""


def record_look(
    session: Session,
    clock: Clock,
    action: str,
    agent: AgentIdentity,
    subject: Subject,
    details: Mapping[str, Detail] | None = None,
) -> None:
    """Leaves an entry unless the same look was recorded in the last ``LOOK_MINUTES``. Never commits."""
    trail, since = AuditTrail(session, clock), clock.now() - timedelta(minutes=LOOK_MINUTES)
    if not trail.recorded_since(action, agent.actor, subject, since, details):
        trail.record(action, agent.actor, subject, details=details)
