"""All SQL of conversations."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, bindparam, case, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.conversations.models import PLATFORM_AGENT, PULLED, Conversation, HandoffRequest, InternalNote, Message, Rating
from bot.conversations.outbox.models import Delivery
from bot.identity.models import ChannelBinding

# What every turn and every look at a log asks is built once: building a statement costs more than SQLite takes to answer it.
_FIND = select(Conversation).where(
    Conversation.channel == bindparam("channel"),
    Conversation.sender == bindparam("sender"),
    Conversation.customer_id == bindparam("customer"),
)
_FIND_LOCKED = _FIND.with_for_update().execution_options(populate_existing=True)
_GET = select(Conversation).where(Conversation.id == bindparam("conversation")).execution_options(populate_existing=True)
_GET_LOCKED = _GET.with_for_update()
_OF_CONVERSATION = select(Message).where(Message.conversation_id == bindparam("conversation"))
_BY_EXTERNAL_ID = _OF_CONVERSATION.where(
    Message.direction == bindparam("direction"), Message.external_id == bindparam("external_id")
)
_BY_SEQ = _OF_CONVERSATION.where(Message.seq == bindparam("seq")).execution_options(populate_existing=True)
_LATER = _OF_CONVERSATION.where(Message.seq > bindparam("seq")).limit(bindparam("most", type_=Integer))
_AFTER, _NEWEST = _LATER.order_by(Message.seq), _LATER.order_by(Message.seq.desc())
_BEFORE = (
    _OF_CONVERSATION.where(Message.seq < bindparam("seq")).limit(bindparam("most", type_=Integer)).order_by(Message.seq.desc())
)
_COUNT_ON = (
    update(Conversation)
    .where(Conversation.id == bindparam("conversation"))
    .values(last_seq=Conversation.last_seq + bindparam("count", type_=Integer))
    .returning(Conversation.last_seq, Conversation.channel, Conversation.sender, Conversation.owner)
    .execution_options(synchronize_session=False)
)
_COUNT_ON_AND_TAKE_TURN = _COUNT_ON.values(turn_holder=bindparam("holder"), turn_until=bindparam("until"))
_COUNT_ON_AND_END_TURN = _COUNT_ON.where(Conversation.turn_holder == bindparam("holder")).values(
    turn_holder=None, turn_until=None
)
_ANSWERED = (
    update(Message)
    .where(
        Message.conversation_id == bindparam("conversation"),
        Message.seq == bindparam("asked"),
        Message.attempt == bindparam("tried", type_=Integer),
        Message.state == "processing",
    )
    .values(state="answered", failure=None)
    .execution_options(synchronize_session=False)
)
_INSERT = insert(Message).returning(Message.id, sort_by_parameter_order=True)


def seen_by_agent(agent_id: str) -> ColumnElement[bool]:
    """What an agent who is no supervisor may see (as ``DeskService.visible``): their own, and whatever waits for a human."""
    offline = exists().where(
        HandoffRequest.conversation_id == Conversation.id, HandoffRequest.state == "queued", HandoffRequest.offline
    )
    return or_(Conversation.agent_id == agent_id, Conversation.owner == "queue", offline)


class ConversationRepository:
    """Conversations and their log."""

    def __init__(self, session: Session) -> None:
        self.session = session

    # ── conversations
    def find(self, channel: str, sender: str, customer_id: str, *, lock: bool = False) -> Conversation | None:
        given = {"channel": channel, "sender": sender, "customer": customer_id}
        return self.session.scalar(_FIND_LOCKED if lock else _FIND, given)

    def get(self, conversation_id: str, *, lock: bool = False) -> Conversation | None:
        return self.session.scalar(_GET_LOCKED if lock else _GET, {"conversation": conversation_id})

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

    def of_customer(self, customer_id: str, limit: int, *, seen_by: str | None = None) -> Sequence[Conversation]:
        """Newest first; with ``seen_by`` only what this agent may see."""
        query = select(Conversation).where(Conversation.customer_id == customer_id)
        if seen_by is not None:
            query = query.where(seen_by_agent(seen_by))
        return self.session.scalars(query.order_by(Conversation.created_at.desc()).limit(limit)).all()

    def latest_of_customer(self, customer_id: str) -> str | None:
        """The id of the customer's conversation in which something was said last; none whose account is not bound any more."""
        bound = exists().where(
            ChannelBinding.channel == Conversation.channel,
            ChannelBinding.address == Conversation.sender,
            ChannelBinding.customer_id == customer_id,
            ChannelBinding.revoked_at.is_(None),
        )
        query = select(Message.conversation_id).join(Conversation).where(Conversation.customer_id == customer_id)
        query = query.where(or_(Conversation.channel.in_(PULLED), bound))
        return self.session.scalar(query.order_by(Message.id.desc()).limit(1))

    def to_resume(self, channel: str, customer_id: str) -> tuple[Conversation, int] | None:
        """The customer's conversation that goes on, and its newest message's id.

        One in which a human is waited for or present comes first; among the others, where something was said last.
        """
        query = (
            select(Conversation, Message.id)
            .join(Message, and_(Message.conversation_id == Conversation.id, Message.seq == Conversation.last_seq))
            .where(Conversation.channel == channel, Conversation.customer_id == customer_id)
            .order_by(case((Conversation.owner == "bot", 1), else_=0), Message.id.desc())
            .limit(1)
        )
        row = self.session.execute(query).first()
        return None if row is None else (row[0], row[1])

    def owned_by(self, agent_id: str) -> Sequence[Conversation]:
        query = select(Conversation).where(Conversation.owner == "agent", Conversation.agent_id == agent_id)
        return self.session.scalars(query.order_by(Conversation.created_at)).all()

    def left_alone(self, since: datetime) -> Sequence[tuple[str, str, datetime]]:
        """(conversation, its agent, waiting since) of borrowers who wait for an agent of ours at least since ``since``.

        They wait from their oldest unanswered message on, or from the agent's coming when that was later; and until the agent's
        first word also without having written.
        """
        unanswered = (
            select(Message.conversation_id, func.min(Message.created_at).label("at"))
            .where(Message.direction == "in", Message.state == "received")
            .group_by(Message.conversation_id)
            .subquery()
        )
        came = HandoffRequest.assigned_at
        spoke = exists().where(Message.conversation_id == Conversation.id, Message.author == "agent", Message.created_at >= came)
        waiting = case((and_(spoke, unanswered.c.at > came), unanswered.c.at), else_=came)
        query = (
            select(Conversation.id, Conversation.agent_id, waiting)
            .join(HandoffRequest, HandoffRequest.conversation_id == Conversation.id)
            .outerjoin(unanswered, unanswered.c.conversation_id == Conversation.id)
            .where(Conversation.owner == "agent", Conversation.agent_id != PLATFORM_AGENT, HandoffRequest.state == "assigned")
            .where(or_(~spoke, unanswered.c.at.is_not(None)), waiting <= since)
            .order_by(waiting)
        )
        return [(number, str(agent_id), at) for number, agent_id, at in self.session.execute(query)]

    def to_hand_over(self, channel: str, agents: Collection[str]) -> Sequence[tuple[str, str | None]]:
        """(account, agent) of those who wait for a human or are with one of ``agents``, when all said before has gone out."""
        untold = exists().where(Delivery.conversation_id == Conversation.id, Delivery.state == "queued")
        with_people = or_(Conversation.owner == "queue", Conversation.agent_id.in_(agents))
        query = select(Conversation.sender, Conversation.agent_id).where(Conversation.channel == channel, with_people, ~untold)
        return [(sender, agent_id) for sender, agent_id in self.session.execute(query.order_by(Conversation.created_at))]

    def loads(self) -> dict[str, int]:
        """How many conversations each agent owns."""
        query = select(Conversation.agent_id, func.count()).where(Conversation.owner == "agent").group_by(Conversation.agent_id)
        return {str(agent_id): count for agent_id, count in self.session.execute(query)}

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

    def add_note(self, row: InternalNote) -> None:
        self.session.add(row)
        self.session.flush()

    def notes(self, conversation_id: str) -> Sequence[InternalNote]:
        """Oldest first."""
        query = select(InternalNote).where(InternalNote.conversation_id == conversation_id)
        return self.session.scalars(query.order_by(InternalNote.id)).all()

    # ── messages
    def append(self, conversation_id: str, now: datetime, **fields: Any) -> Message:
        """Adds a message with the next ``seq``. The counter's row stays locked until commit, so no reader sees a gap."""
        (message,) = self.append_all(conversation_id, now, [fields])
        return message

    def append_all(
        self,
        conversation_id: str,
        now: datetime,
        rows: Sequence[dict[str, Any]],
        *,
        turn: tuple[str, datetime] | None = None,
        deliver: bool = True,
    ) -> list[Message]:
        """The same for several messages in their order: one statement for the counter, one for the messages.

        What goes out on a channel that we call gets its delivery in the same transaction, unless the borrower has read it there
        already (``deliver=False``). ``turn``: who has them at Rasa, and until when; such rows are not of the session.
        """
        given: dict[str, Any] = {"conversation": conversation_id, "count": len(rows)}
        if turn is not None:
            given |= {"holder": turn[0], "until": turn[1]}
        counting = _COUNT_ON if turn is None else _COUNT_ON_AND_TAKE_TURN
        counted = self.session.connection().execute(counting, given).one_or_none()
        if counted is None:
            raise LookupError(f"conversation {conversation_id} has vanished")
        last, channel, sender, _owner = counted
        return self._append(conversation_id, now, rows, last, channel, sender, deliver=deliver, of_session=turn is None)

    def answer(
        self,
        conversation_id: str,
        now: datetime,
        rows: Sequence[dict[str, Any]],
        *,
        beside_agent: Sequence[dict[str, Any]],
        holder: str,
        asked: int,
        attempt: int,
    ) -> list[Message] | None:
        """The answers to message ``asked``, and the end of ``holder``'s turn; ``None`` when the turn is no longer theirs.

        ``beside_agent``: which of them (never more) are stored instead when an agent has the conversation by now.
        The rows are not of the session: nothing more becomes of them in this transaction.

        Three statements and no look before: this is what each turn waits for after Rasa.
        """
        ending = {"conversation": conversation_id, "count": len(rows), "holder": holder}
        counted = self.session.connection().execute(_COUNT_ON_AND_END_TURN, ending).one_or_none()
        if counted is None:
            return None
        given = {"conversation": conversation_id, "asked": asked, "tried": attempt}
        if self.session.connection().execute(_ANSWERED, given).rowcount != 1:  # who holds the turn has this message in work
            raise LookupError(f"message {asked} of conversation {conversation_id} is not in work")
        last, channel, sender, owner = counted
        if owner == "agent":
            given = {"conversation": conversation_id, "count": len(beside_agent) - len(rows)}
            last, rows = self.session.connection().execute(_COUNT_ON, given).one().last_seq, beside_agent
        return self._append(conversation_id, now, rows, last, channel, sender, of_session=False) if rows else []

    def _append(
        self,
        conversation_id: str,
        now: datetime,
        rows: Sequence[dict[str, Any]],
        last: int,
        channel: str,
        sender: str,
        *,
        deliver: bool = True,
        of_session: bool = True,
    ) -> list[Message]:
        """``of_session=False``: without the unit of work, which takes as long as all the rest of a turn's statements."""
        first = last - len(rows) + 1
        stamped = [
            {"conversation_id": conversation_id, "seq": first + place, "created_at": now, **fields}
            for place, fields in enumerate(rows)
        ]
        if of_session:
            messages = [Message(**fields) for fields in stamped]
            self.session.add_all(messages)
            self.session.flush()
        else:
            numbers = self.session.connection().execute(_INSERT, stamped).scalars()
            messages = [Message(id=number, **fields) for number, fields in zip(numbers, stamped, strict=True)]
        if deliver and channel not in PULLED:
            self._deliver(channel, sender, [message for message in messages if message.direction == "out"])
        return messages

    def _deliver(self, channel: str, address: str, messages: Sequence[Message]) -> None:
        """To be sent by the outbox (bot/conversations/outbox)."""
        self.session.add_all(
            Delivery(
                message_id=message.id,
                conversation_id=message.conversation_id,
                channel=channel,
                address=address,
                next_try_at=message.created_at,
                created_at=message.created_at,
            )
            for message in messages
        )
        self.session.flush()

    def by_external_id(self, conversation_id: str, direction: str, external_id: str) -> Message | None:
        given = {"conversation": conversation_id, "direction": direction, "external_id": external_id}
        return self.session.scalar(_BY_EXTERNAL_ID, given)

    def by_seq(self, conversation_id: str, seq: int) -> Message | None:
        return self.session.scalar(_BY_SEQ, {"conversation": conversation_id, "seq": seq})

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
        given = {"conversation": conversation_id, "seq": seq, "most": limit}
        if seq > 0:
            return self.session.scalars(_AFTER, given).all()
        return self.session.scalars(_NEWEST, given).all()[::-1]

    def before(self, conversation_id: str, seq: int, limit: int) -> Sequence[Message]:
        """The last ``limit`` messages before ``seq``, oldest first."""
        return self.session.scalars(_BEFORE, {"conversation": conversation_id, "seq": seq, "most": limit}).all()[::-1]

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

    def words_about(self, conversation_id: str, moment: datetime, limit: int = 10) -> list[str]:
        """What the borrower wrote from their last message up to ``moment`` on, oldest first; at most the newest ``limit``."""
        words = func.coalesce(Message.shown_text, Message.text)
        query = (
            select(words, Message.created_at)
            .where(Message.conversation_id == conversation_id, Message.direction == "in", func.trim(words) != "")
            .order_by(Message.seq.desc())
            .limit(limit)
        )
        found: list[str] = []
        for text, at in self.session.execute(query):
            found.append(text)
            if at <= moment:
                break
        return found[::-1]

    def was_told(self, conversation_id: str, text: str, since: datetime) -> bool:
        """Whether the system has said this, word for word, since then."""
        query = exists().where(
            Message.conversation_id == conversation_id,
            Message.author == "system",
            Message.created_at >= since,
            Message.text == text,
        )
        return bool(self.session.scalar(select(query)))

    def log_head(self) -> int:
        """The largest message id."""
        return self.session.scalar(select(func.max(Message.id))) or 0

    def grown(self, after_id: int) -> Sequence[tuple[int, str, int]]:
        """(id, conversation, seq) of the messages with a larger id, oldest first."""
        query = select(Message.id, Message.conversation_id, Message.seq).where(Message.id > after_id).order_by(Message.id)
        return [(number, conversation_id, seq) for number, conversation_id, seq in self.session.execute(query)]

    def mark_reached(self, conversation_id: str, seq: int, state: str, from_states: Sequence[str]) -> None:
        """What was sent to the borrower up to ``seq`` goes on to ``state``, never back."""
        self.session.execute(
            update(Message)
            .where(
                Message.conversation_id == conversation_id,
                Message.direction == "out",
                Message.seq <= seq,
                Message.state.in_(from_states),
            )
            .values(state=state)
            .execution_options(synchronize_session=False)
        )

    def unread_by_agent(self, row: Conversation) -> int:
        """How many messages of the borrower came after what the owner has read."""
        query = select(func.count()).where(
            Message.conversation_id == row.id, Message.direction == "in", Message.seq > row.agent_read_seq
        )
        return self.session.scalar(query) or 0

    def reached(self, conversation_id: str) -> tuple[int, int]:
        """(delivered, read): the last of our messages that the borrower's client has, and the last one that they have read."""
        rows = self.session.execute(
            select(Message.state, func.max(Message.seq))
            .where(
                Message.conversation_id == conversation_id,
                Message.direction == "out",
                Message.state.in_(("delivered", "read")),
            )
            .group_by(Message.state)
        )
        last: dict[str, int] = {row[0]: row[1] for row in rows}
        read = last.get("read", 0)
        return max(last.get("delivered", 0), read), read

    def mark_agent_read(self, conversation_id: str, agent_id: str, seq: int) -> None:
        """Only the owner reads for the company, and never back."""
        self.session.execute(
            update(Conversation)
            .where(Conversation.id == conversation_id, Conversation.agent_id == agent_id, Conversation.agent_read_seq < seq)
            .values(agent_read_seq=case((Conversation.last_seq < seq, Conversation.last_seq), else_=seq))
            .execution_options(synchronize_session=False)
        )

    def mark_sent(self, message_ids: Sequence[int]) -> None:
        self.session.execute(update(Message).where(Message.id.in_(message_ids), Message.state == "queued").values(state="sent"))

    def mark_received_as_answered(self, conversation_id: str) -> bool:
        """A human's reply answers everything that the borrower wrote before it. Whether there was anything."""
        result = self.session.execute(
            update(Message)
            .where(Message.conversation_id == conversation_id, Message.direction == "in", Message.state == "received")
            .values(state="answered")
            .returning(Message.id)
            .execution_options(synchronize_session=False)
        )
        return result.first() is not None

    def interrupted(self, now: datetime, *, all_of_them: bool) -> Sequence[Message]:
        """Messages in processing whose worker is gone: all, or those whose turn has run out."""
        query = select(Message).join(Conversation).where(Message.direction == "in", Message.state == "processing")
        if not all_of_them:
            query = query.where(or_(Conversation.turn_until.is_(None), Conversation.turn_until < now))
        return self.session.scalars(query.order_by(Message.id)).all()


_WAITING = (HandoffRequest.state == "queued", HandoffRequest.offline.is_(False))
_NEXT_FIRST = (HandoffRequest.priority.desc(), HandoffRequest.requested_at, HandoffRequest.id)


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

    def place_of(self, conversation_id: str) -> int | None:
        """As ``position``, of the request of a conversation that is in the queue."""
        row = self.session.scalar(select(HandoffRequest).where(HandoffRequest.conversation_id == conversation_id, *_WAITING))
        return None if row is None else self.position(row)

    def queued(self) -> Sequence[HandoffRequest]:
        """Those who wait online first: the others are not looking at the screen."""
        query = select(HandoffRequest).where(HandoffRequest.state == "queued")
        return self.session.scalars(query.order_by(HandoffRequest.offline, *_NEXT_FIRST)).all()

    def order(self) -> Sequence[str]:
        """The conversations that wait online, the next one first."""
        query = select(HandoffRequest.conversation_id).where(*_WAITING)
        return self.session.scalars(query.order_by(*_NEXT_FIRST)).all()

    def by_id(self, handoff_id: int) -> HandoffRequest | None:
        return self.session.get(HandoffRequest, handoff_id)

    def rating(self, handoff_id: int) -> Rating | None:
        return self.session.scalar(select(Rating).where(Rating.handoff_id == handoff_id))

    def add_rating_once(self, row: Rating) -> bool:
        """Stores it unless the handoff was rated before; says whether it was stored."""
        try:
            with self.session.begin_nested():
                self.session.add(row)
        except IntegrityError:
            return False
        return True

    def queue_length(self) -> int:
        return self.session.scalar(select(func.count()).select_from(HandoffRequest).where(*_WAITING)) or 0
