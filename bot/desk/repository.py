"""All SQL of the desk."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.desk.models import Agent, LoginFailure


class DeskRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def agent(self, agent_id: str) -> Agent | None:
        return self.session.get(Agent, agent_id)

    def add(self, row: Agent) -> None:
        self.session.add(row)
        self.session.flush()

    def failures(self, agent_id: str, now: datetime) -> LoginFailure:
        """The counter of this id, locked; made when it is new."""
        query = select(LoginFailure).where(LoginFailure.agent_id == agent_id).with_for_update()
        row = self.session.scalar(query)
        if row is not None:
            return row
        row = LoginFailure(agent_id=agent_id, failures=0, last_at=now)
        try:
            with self.session.begin_nested():
                self.session.add(row)
        except IntegrityError:
            return self.session.scalars(query).one()
        return row

    def forget_failures(self, agent_id: str) -> None:
        self.session.execute(delete(LoginFailure).where(LoginFailure.agent_id == agent_id))

    def forget_failures_before(self, moment: datetime) -> None:
        """Attempts long past; keeps the table small however many ids are tried."""
        self.session.execute(delete(LoginFailure).where(LoginFailure.last_at < moment))
