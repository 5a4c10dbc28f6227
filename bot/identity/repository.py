"""All SQL of identity."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.identity.models import BindingAttempt, ChannelBinding, SimulatedSms, SmsToSend, StepUpChallenge


class IdentityRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, row: StepUpChallenge | SimulatedSms | SmsToSend | ChannelBinding | BindingAttempt) -> None:
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

    def end_grants(self, conversation_id: str, now: datetime) -> None:
        """What was granted in the conversation ends at ``now``."""
        self.session.execute(
            update(StepUpChallenge)
            .where(StepUpChallenge.conversation_id == conversation_id, StepUpChallenge.granted_until > now)
            .values(granted_until=now)
            .execution_options(synchronize_session=False)
        )

    def last_sms(self, recipient: str) -> SimulatedSms | None:
        query = select(SimulatedSms).where(SimulatedSms.recipient == recipient).order_by(SimulatedSms.id.desc()).limit(1)
        return self.session.scalar(query)

    # ── codes on their way to the carrier
    def replace_queued(self, purpose: str, now: datetime) -> None:
        """What still waits for ``purpose`` is not sent any more."""
        self.session.execute(
            update(SmsToSend)
            .where(SmsToSend.purpose == purpose, SmsToSend.state == "queued")
            .values(state="replaced", sealed=None, settled_at=now)
            .execution_options(synchronize_session=False)
        )

    def sms_due(self, now: datetime) -> bool:
        query = select(SmsToSend.id).where(SmsToSend.state == "queued", SmsToSend.next_try_at <= now).limit(1)
        return self.session.scalar(query) is not None

    def lock_due_sms(self, now: datetime) -> SmsToSend | None:
        """One that is due and that no other process is taking; the least tried first, then the oldest."""
        query = select(SmsToSend).where(SmsToSend.state == "queued", SmsToSend.next_try_at <= now)
        query = query.order_by(SmsToSend.attempts, SmsToSend.id).limit(1)
        return self.session.scalar(query.with_for_update(skip_locked=True))

    def lock_queued_sms(self, sms_id: int) -> SmsToSend | None:
        query = select(SmsToSend).where(SmsToSend.id == sms_id, SmsToSend.state == "queued")
        return self.session.scalar(query.with_for_update())

    # ── bindings of messaging accounts
    def active_binding(self, channel: str, address: str, *, lock: bool = False) -> ChannelBinding | None:
        query = select(ChannelBinding).where(
            ChannelBinding.channel == channel, ChannelBinding.address == address, ChannelBinding.revoked_at.is_(None)
        )
        return self.session.scalar(query.with_for_update() if lock else query)

    def latest_attempt(self, channel: str, address: str) -> BindingAttempt | None:
        query = select(BindingAttempt).where(BindingAttempt.channel == channel, BindingAttempt.address == address)
        return self.session.scalar(query.order_by(BindingAttempt.id.desc()).limit(1))

    def binding_codes_since(
        self, moment: datetime, *, channel: str | None = None, address: str | None = None, phone_hash: str | None = None
    ) -> int:
        """How many codes were "sent" to this account, or to this phone, after ``moment``."""
        query = select(func.count()).select_from(BindingAttempt).where(BindingAttempt.sent_at > moment)
        if phone_hash is not None:
            query = query.where(BindingAttempt.phone_hash == phone_hash)
        else:
            query = query.where(BindingAttempt.channel == channel, BindingAttempt.address == address)
        return self.session.scalar(query) or 0
