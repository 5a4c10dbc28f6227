"""All SQL of identity."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.identity.models import SimulatedSms, StepUpChallenge


class IdentityRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, row: StepUpChallenge | SimulatedSms) -> None:
        self.session.add(row)
        self.session.flush()

    def latest(self, conversation_id: str, *, lock: bool = False) -> StepUpChallenge | None:
        """The newest challenge of a conversation; ``lock`` keeps others from checking a code against it meanwhile."""
        query = (
            select(StepUpChallenge)
            .where(StepUpChallenge.conversation_id == conversation_id)
            .order_by(StepUpChallenge.id.desc())
            .limit(1)
        )
        return self.session.scalar(query.with_for_update() if lock else query)

    def locked_since(self, customer_id: str, moment: datetime) -> datetime | None:
        """When the customer was last locked, if after ``moment``."""
        query = select(func.max(StepUpChallenge.closed_at)).where(
            StepUpChallenge.customer_id == customer_id, StepUpChallenge.state == "locked", StepUpChallenge.closed_at > moment
        )
        return self.session.scalar(query)

    def sent_since(self, customer_id: str, moment: datetime) -> list[datetime]:
        """When codes were sent to the customer after ``moment``, oldest first."""
        query = (
            select(StepUpChallenge.sent_at)
            .where(StepUpChallenge.customer_id == customer_id, StepUpChallenge.sent_at > moment)
            .order_by(StepUpChallenge.sent_at)
        )
        return list(self.session.scalars(query))

    def granted_until(self, conversation_id: str, customer_id: str) -> datetime | None:
        """Until when the last verified code of this conversation and this customer counts."""
        query = select(func.max(StepUpChallenge.granted_until)).where(
            StepUpChallenge.conversation_id == conversation_id, StepUpChallenge.customer_id == customer_id
        )
        return self.session.scalar(query)

    def last_sms(self, recipient: str) -> SimulatedSms | None:
        query = select(SimulatedSms).where(SimulatedSms.recipient == recipient).order_by(SimulatedSms.id.desc()).limit(1)
        return self.session.scalar(query)
