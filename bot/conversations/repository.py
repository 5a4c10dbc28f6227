"""All SQL of conversations."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.conversations.models import Conversation, HandoffRequest, Message


class ConversationRepository:
    """Conversations and their log."""

    def __init__(self, session: Session) -> None:
        self.session = session

    # ── conversations
    def find(self, channel: str, sender: str, customer_id: str, *, lock: bool = False) -> Conversation | None:
        query = select(Conversation).where(
            Conversation.channel == channel, Conversation.sender == sender, Conversation.customer_id == customer_id
        )
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return self.session.scalar(query)

    def get(self, conversation_id: str, *, lock: bool = False) -> Conversation | None:
        query = select(Conversation).where(Conversation.id == conversation_id).execution_options(populate_existing=True)
        return self.session.scalar(query.with_for_update() if lock else query)

    def create(self, channel: str, sender: str, customer_id: str, now: datetime) -> Conversation:
        """The new row, locked; or the one that another replica made in the same moment."""
        row = Conversation(id=uuid.uuid4().hex, channel=channel, sender=sender, customer_id=customer_id, created_at=now)
        try:
            with self.session.begin_nested():
                self.session.add(row)
        except IntegrityError:
            existing = self.find(channel, sender, customer_id, lock=True)
            if existing is None:
                raise
            return existing
        return row

    def sender_belongs_to_another(self, channel: str, sender: str, customer_id: str) -> bool:
        query = select(func.count()).where(
            Conversation.channel == channel,
            Conversation.sender == sender,
            Conversation.customer_id.not_in(("", customer_id)),
        )
        return bool(self.session.scalar(query))

    def owned_by(self, agent_id: str) -> Sequence[Conversation]:
        query = select(Conversation).where(Conversation.owner == "agent", Conversation.agent_id == agent_id)
        return self.session.scalars(query.order_by(Conversation.created_at)).all()

    def change_owner(self, conversation_id: str, *, expected: str, agent: str | None, to: str, to_agent: str | None) -> bool:
        """Compare-and-set: changes the owner only if it is still ``expected`` (and, for an agent, ``agent``)."""
        same_agent = Conversation.agent_id.is_(None) if agent is None else Conversation.agent_id == agent
        result = self.session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id, Conversation.owner == expected, same_agent)
            .values(owner=to, agent_id=to_agent)
            .returning(Conversation.id)
            .execution_options(synchronize_session="fetch")
        )
        return result.first() is not None

    # ── messages
    def append(self, conversation_id: str, now: datetime, **fields: Any) -> Message:
        """Adds a message with the next ``seq``. The counter's row stays locked until commit, so no reader sees a gap."""
        seq = self.session.scalar(
            update(Conversation)
            .where(Conversation.id == conversation_id)
            .values(last_seq=Conversation.last_seq + 1)
            .returning(Conversation.last_seq)
            .execution_options(synchronize_session=False)
        )
        message = Message(conversation_id=conversation_id, seq=seq, created_at=now, **fields)
        self.session.add(message)
        self.session.flush()
        return message

    def by_external_id(self, conversation_id: str, direction: str, external_id: str) -> Message | None:
        query = select(Message).where(
            Message.conversation_id == conversation_id, Message.direction == direction, Message.external_id == external_id
        )
        return self.session.scalar(query)

    def by_seq(self, conversation_id: str, seq: int) -> Message | None:
        query = select(Message).where(Message.conversation_id == conversation_id, Message.seq == seq)
        return self.session.scalar(query.execution_options(populate_existing=True))

    def answers(self, incoming: Message) -> Sequence[Message]:
        """What was answered to the last attempt at ``incoming``."""
        query = select(Message).where(
            Message.conversation_id == incoming.conversation_id,
            Message.seq > incoming.seq,  # redundant, but it lets the index of (conversation, seq) do the work
            Message.reply_to == incoming.seq,
            Message.attempt == incoming.attempt,
        )
        return self.session.scalars(query.order_by(Message.seq)).all()

    def after(self, conversation_id: str, seq: int, limit: int) -> Sequence[Message]:
        """What came after ``seq``, oldest first; with ``seq`` 0 the newest ``limit`` messages of the log."""
        query = select(Message).where(Message.conversation_id == conversation_id, Message.seq > seq)
        if seq > 0:
            return self.session.scalars(query.order_by(Message.seq).limit(limit)).all()
        return self.session.scalars(query.order_by(Message.seq.desc()).limit(limit)).all()[::-1]

    def nth_last_incoming_at(self, conversation_id: str, n: int) -> datetime | None:
        """When the ``n``-th newest message of the borrower came."""
        query = (
            select(Message.created_at)
            .where(Message.conversation_id == conversation_id, Message.direction == "in")
            .order_by(Message.seq.desc())
            .offset(n - 1)
            .limit(1)
        )
        return self.session.scalar(query)

    def button_title(self, conversation_id: str, payload: str) -> str | None:
        """The title of the button with ``payload`` that the borrower was last shown."""
        query = (
            select(Message.buttons)
            .where(Message.conversation_id == conversation_id, Message.direction == "out", Message.buttons.is_not(None))
            .order_by(Message.seq.desc())
            .limit(10)
        )
        for buttons in self.session.scalars(query):
            for button in buttons or ():
                if button["payload"] == payload:
                    return str(button["title"])
        return None

    def last_text_of_borrower(self, conversation_id: str) -> str | None:
        query = (
            select(func.coalesce(Message.shown_text, Message.text))
            .where(Message.conversation_id == conversation_id, Message.direction == "in")
            .order_by(Message.seq.desc())
            .limit(1)
        )
        return self.session.scalar(query)

    def mark_sent(self, message_ids: Sequence[int]) -> None:
        self.session.execute(update(Message).where(Message.id.in_(message_ids), Message.state == "queued").values(state="sent"))

    def mark_received_as_answered(self, conversation_id: str) -> None:
        """A human's reply answers everything that the borrower wrote before it."""
        self.session.execute(
            update(Message)
            .where(Message.conversation_id == conversation_id, Message.direction == "in", Message.state == "received")
            .values(state="answered")
            .execution_options(synchronize_session=False)
        )

    def interrupted(self, now: datetime, *, all_of_them: bool) -> Sequence[Message]:
        """Messages in processing whose worker is gone: all, or those whose turn has run out."""
        query = select(Message).join(Conversation).where(Message.direction == "in", Message.state == "processing")
        if not all_of_them:
            query = query.where(or_(Conversation.turn_until.is_(None), Conversation.turn_until < now))
        return self.session.scalars(query.order_by(Message.id)).all()


_WAITING = (HandoffRequest.state == "queued", HandoffRequest.offline.is_(False))


class HandoffRepository:
    """The queue: highest priority first, then who has waited longest."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, row: HandoffRequest) -> None:
        self.session.add(row)
        self.session.flush()

    def open_of(self, conversation_id: str) -> HandoffRequest | None:
        query = select(HandoffRequest).where(
            HandoffRequest.conversation_id == conversation_id, HandoffRequest.state.in_(("queued", "assigned"))
        )
        return self.session.scalar(query)

    def latest_of(self, conversation_id: str) -> HandoffRequest | None:
        query = select(HandoffRequest).where(HandoffRequest.conversation_id == conversation_id)
        return self.session.scalar(query.order_by(HandoffRequest.id.desc()).limit(1))

    def position(self, row: HandoffRequest) -> int:
        """1 for the next to be served."""
        ahead = or_(
            HandoffRequest.priority > row.priority,
            and_(HandoffRequest.priority == row.priority, HandoffRequest.requested_at < row.requested_at),
            and_(
                HandoffRequest.priority == row.priority,
                HandoffRequest.requested_at == row.requested_at,
                HandoffRequest.id < row.id,
            ),
        )
        query = select(func.count()).select_from(HandoffRequest).where(*_WAITING, ahead)
        return (self.session.scalar(query) or 0) + 1

    def queued(self) -> Sequence[HandoffRequest]:
        """Those who wait online first: the others are not looking at the screen."""
        query = select(HandoffRequest).where(HandoffRequest.state == "queued")
        order = (HandoffRequest.offline, HandoffRequest.priority.desc(), HandoffRequest.requested_at, HandoffRequest.id)
        return self.session.scalars(query.order_by(*order)).all()

    def queue_length(self) -> int:
        return self.session.scalar(select(func.count()).select_from(HandoffRequest).where(*_WAITING)) or 0
