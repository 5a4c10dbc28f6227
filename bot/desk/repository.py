"""All SQL of the desk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Select, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.core.once import add_once
from bot.desk.models import Agent, Attendance, CannedAnswer, DeskCommand, DeskSession, LoginFailure, Misunderstanding

NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def _locked(query: Select[Attendance]) -> Select[Attendance]:
    return query.with_for_update().execution_options(populate_existing=True)


class DeskRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def agent(self, agent_id: str) -> Agent | None:
        return self.session.get(Agent, agent_id)

    def agents(self) -> Sequence[Agent]:
        """The active ones, by id."""
        return self.session.scalars(select(Agent).where(Agent.active).order_by(Agent.agent_id)).all()

    def accounts(self) -> Sequence[Agent]:
        """All of them, the closed ones too, by id."""
        return self.session.scalars(select(Agent).order_by(Agent.agent_id)).all()

    def account(self, agent_id: str) -> Agent | None:
        """Locked against other changes of it; rows that name the agent may go on being written."""
        query = select(Agent).where(Agent.agent_id == agent_id).with_for_update(key_share=True)
        return self.session.scalar(query.execution_options(populate_existing=True))

    def admins(self) -> Sequence[Agent]:
        """The active ones by id, locked: two who take each other's role away wait for each other."""
        query = select(Agent).where(Agent.active, Agent.role == "admin").order_by(Agent.agent_id)
        return self.session.scalars(query.with_for_update(key_share=True).execution_options(populate_existing=True)).all()

    def add_account(self, row: Agent) -> bool:
        """Stores it; ``False`` when the id is taken."""
        return add_once(self.session, row, lambda: self.agent(row.agent_id))

    def set_password(self, agent_id: str, password_hash: str, *, must_change: bool) -> None:
        new = {"password_hash": password_hash, "must_change_password": must_change}
        self.session.execute(update(Agent).where(Agent.agent_id == agent_id).values(new))

    def attendance(self, *, lock: bool = False) -> Sequence[Attendance]:
        """By agent; with ``lock`` nobody else assigns or claims before this transaction ends."""
        query = select(Attendance).order_by(Attendance.agent_id)
        return self.session.scalars(_locked(query) if lock else query).all()

    def attendance_of(self, agent_id: str) -> Attendance:
        """The agent's, locked; made when it is new."""
        query = _locked(select(Attendance).where(Attendance.agent_id == agent_id))
        row = self.session.scalar(query)
        if row is not None:
            return row
        new = Attendance(agent_id=agent_id, presence="away", skills=[], seen_at=NEVER)
        try:
            with self.session.begin_nested():
                self.session.add(new)
        except IntegrityError:
            return self.session.scalars(query).one()
        return new

    def misunderstanding(self, number: int) -> Misunderstanding | None:
        """Locked."""
        query = select(Misunderstanding).where(Misunderstanding.id == number).with_for_update()
        return self.session.scalar(query.execution_options(populate_existing=True))

    def misunderstanding_of(self, conversation_id: str, seq: int) -> Misunderstanding | None:
        query = select(Misunderstanding).where(Misunderstanding.conversation_id == conversation_id, Misunderstanding.seq == seq)
        return self.session.scalar(query)

    def misunderstandings(self, *, state: str | None = None, conversation_id: str | None = None) -> Sequence[Misunderstanding]:
        """Oldest first."""
        query = select(Misunderstanding).order_by(Misunderstanding.id)
        if state is not None:
            query = query.where(Misunderstanding.state == state)
        if conversation_id is not None:
            query = query.where(Misunderstanding.conversation_id == conversation_id)
        return self.session.scalars(query).all()

    def canned_answers(self) -> Sequence[CannedAnswer]:
        return self.session.scalars(select(CannedAnswer).order_by(CannedAnswer.title)).all()

    def canned_answer(self, number: int) -> CannedAnswer | None:
        return self.session.get(CannedAnswer, number)

    def remove(self, row: CannedAnswer) -> None:
        self.session.delete(row)

    def add_once(self, row: CannedAnswer | Misunderstanding) -> bool:
        """Stores ``row`` unless one with the same unique key exists; says whether it was stored."""
        if isinstance(row, CannedAnswer):
            same_title = select(CannedAnswer).where(CannedAnswer.title == row.title)
            return add_once(self.session, row, lambda: self.session.scalar(same_title))
        return add_once(self.session, row, lambda: self.misunderstanding_of(row.conversation_id, row.seq))

    def session_of(self, token_hash: str) -> DeskSession | None:
        return self.session.get(DeskSession, token_hash)

    def forget_session(self, token_hash: str) -> None:
        self.session.execute(delete(DeskSession).where(DeskSession.token_hash == token_hash))

    def forget_sessions_of(self, agent_id: str, *, but: str | None = None) -> None:
        """All of the agent's; the one whose hash is ``but`` goes on."""
        others = [] if but is None else [DeskSession.token_hash != but]
        self.session.execute(delete(DeskSession).where(DeskSession.agent_id == agent_id, *others))

    def forget_sessions_before(self, moment: datetime) -> None:
        """Those that have ended; keeps the table small."""
        self.session.execute(delete(DeskSession).where(DeskSession.expires_at < moment))

    def add(self, row: Agent | DeskSession) -> None:
        self.session.add(row)
        self.session.flush()

    def add_command(self, row: DeskCommand) -> bool:
        """Stores it; ``False`` when this agent used the key before. Waits for the transaction that uses it right now."""
        return add_once(self.session, row, lambda: self.command(row.agent_id, row.key))

    def command(self, agent_id: str, key: str) -> DeskCommand | None:
        return self.session.get(DeskCommand, (agent_id, key), populate_existing=True)

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
