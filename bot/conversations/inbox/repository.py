"""All SQL of the inbox."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from bot.conversations.inbox.models import InboxMessage, InboxNonce
from bot.conversations.models import Conversation, Message
from bot.loans.unit import insert_once


class InboxRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def add_once(self, row: dict[str, Any]) -> bool:
        """Whether it was new. Waits for a process that adds the same one."""
        return insert_once(self.session, InboxMessage, row)

    def add_nonce_once(self, channel: str, nonce: str, now: datetime) -> bool:
        return insert_once(self.session, InboxNonce, {"channel": channel, "nonce": nonce, "received_at": now})

    def forget_nonces(self, before: datetime) -> int:
        return self.session.connection().execute(delete(InboxNonce).where(InboxNonce.received_at < before)).rowcount

    def due(self, channels: Collection[str], now: datetime, limit: int, *, with_people: bool = False) -> Sequence[int]:
        """The first pending message of each account, where it may be taken now and nobody has it; oldest first.

        ``with_people``: only of accounts with a conversation that is not the bot's.
        """
        heads = (
            select(func.min(InboxMessage.id))
            .where(InboxMessage.state == "pending", InboxMessage.channel.in_(channels))
            .group_by(InboxMessage.channel, InboxMessage.sender)
        )
        query = select(InboxMessage.id).where(
            InboxMessage.id.in_(heads),
            InboxMessage.next_try_at <= now,
            or_(InboxMessage.lease_until.is_(None), InboxMessage.lease_until <= now),
        )
        if with_people:
            theirs = select(Conversation.id).where(
                Conversation.channel == InboxMessage.channel,
                Conversation.sender == InboxMessage.sender,
                Conversation.owner != "bot",
            )
            query = query.where(theirs.exists())
        return self.session.scalars(query.order_by(InboxMessage.id).limit(limit)).all()

    def lock_due(self, inbox_id: int, now: datetime) -> InboxMessage | None:
        """``None`` when it is done, not due, or somebody else has it."""
        query = select(InboxMessage).where(
            InboxMessage.id == inbox_id,
            InboxMessage.state == "pending",
            InboxMessage.next_try_at <= now,
            or_(InboxMessage.lease_until.is_(None), InboxMessage.lease_until <= now),
        )
        return self.session.scalar(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))

    def lock(self, inbox_id: int) -> InboxMessage | None:
        query = select(InboxMessage).where(InboxMessage.id == inbox_id)
        return self.session.scalar(query.with_for_update().execution_options(populate_existing=True))

    def lock_untouched(self, channel: str, external_id: str) -> InboxMessage | None:
        """A pending message that nobody has begun."""
        query = select(InboxMessage).where(
            InboxMessage.channel == channel,
            InboxMessage.external_id == external_id,
            InboxMessage.state == "pending",
            InboxMessage.holder.is_(None),
            InboxMessage.resolved.is_(False),
        )
        return self.session.scalar(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))

    def in_log(self, row: InboxMessage) -> tuple[Message, Conversation] | None:
        """The entry that an earlier try has made of it."""
        query = select(Message, Conversation).join(Conversation, Conversation.id == Message.conversation_id)
        query = query.where(
            Conversation.channel == row.channel,
            Conversation.sender == row.sender,
            Message.direction == "in",
            Message.external_id == row.external_id,
        )
        found = self.session.execute(query.execution_options(populate_existing=True)).first()
        return None if found is None else (found[0], found[1])

    def failed(self, limit: int) -> Sequence[InboxMessage]:
        """The dead letters, newest first."""
        query = select(InboxMessage).where(InboxMessage.state == "failed").order_by(InboxMessage.id.desc())
        return self.session.scalars(query.limit(limit)).all()
