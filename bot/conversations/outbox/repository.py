"""All SQL of the outbox."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, update
from sqlalchemy.orm import Session

from bot.conversations.inbox.models import InboxMessage
from bot.conversations.models import Conversation, Message
from bot.conversations.outbox.models import Delivery, DeliveryTry
from bot.conversations.outbox.port import Opening

_ORDER = ("queued", "sent", "delivered", "read")


class OutboxRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    # ── whose turn it is
    def due(self, channels: Collection[str], now: datetime, limit: int) -> Sequence[int]:
        """The first queued message of each address, where it may be tried now and nobody has it; longest due first."""
        heads = (
            select(func.min(Delivery.message_id))
            .where(Delivery.state == "queued", Delivery.channel.in_(channels))
            .group_by(Delivery.channel, Delivery.address)
        )
        query = select(Delivery.message_id).where(Delivery.message_id.in_(heads), Delivery.next_try_at <= now, _free(now))
        return self.session.scalars(query.order_by(Delivery.next_try_at, Delivery.message_id).limit(limit)).all()

    def lock_due(self, message_id: int, now: datetime) -> Delivery | None:
        """``None`` when it is done, not due, or somebody else has it."""
        query = select(Delivery).where(
            Delivery.message_id == message_id, Delivery.state == "queued", Delivery.next_try_at <= now, _free(now)
        )
        return self.session.scalar(query.with_for_update(skip_locked=True).execution_options(populate_existing=True))

    def lock(self, message_id: int) -> Delivery | None:
        query = select(Delivery).where(Delivery.message_id == message_id)
        return self.session.scalar(query.with_for_update().execution_options(populate_existing=True))

    def next_of(self, channel: str, address: str) -> int | None:
        """The first queued message of an address."""
        query = select(func.min(Delivery.message_id)).where(
            Delivery.state == "queued", Delivery.channel == channel, Delivery.address == address
        )
        return self.session.scalar(query)

    # ── what is sent
    def message(self, message_id: int) -> Message:
        return self.session.get_one(Message, message_id)

    def customer_of(self, conversation_id: str) -> str:
        return self.session.get_one(Conversation, conversation_id).customer_id

    def set_state(self, delivery: Delivery, state: str) -> None:
        """Of the delivery and of its message in the log."""
        delivery.state = state
        self.session.execute(
            update(Message)
            .where(Message.id == delivery.message_id)
            .values(state=state)
            .execution_options(synchronize_session=False)
        )
        self.session.flush()

    def reached(self, channel: str, platform_id: str, state: str) -> bool:
        """The platform reports how far a message of ours came; never back. Says whether that was news."""
        query = select(DeliveryTry.message_id).where(DeliveryTry.channel == channel, DeliveryTry.platform_id == platform_id)
        message_id = self.session.scalar(query)
        delivery = None if message_id is None else self.lock(message_id)
        if delivery is None or delivery.state not in _ORDER or _ORDER.index(delivery.state) >= _ORDER.index(state):
            return False
        if delivery.state == "queued":
            return False  # a part of it; the whole is not sent yet
        self.set_state(delivery, state)
        return True

    def refused_later(self, channel: str, platform_id: str, failure: str) -> bool:
        """The platform reports that a message which it had taken did not get through: a dead letter. Whether that was news."""
        query = select(DeliveryTry).where(
            DeliveryTry.channel == channel, DeliveryTry.platform_id == platform_id, DeliveryTry.outcome == "taken"
        )
        row = self.session.scalar(query)
        delivery = None if row is None else self.lock(row.message_id)
        if row is None or delivery is None or delivery.state == "failed":
            return False
        row.error = failure[:64]
        delivery.waits_for, delivery.failure, delivery.parts_sent = None, failure[:64], min(row.part, delivery.parts_sent)
        delivery.holder = delivery.lease_until = None
        delivery.sent_at = delivery.sent_at or delivery.created_at
        self.set_state(delivery, "failed")
        return True

    def refused_before(self, message_id: int, part: int) -> int:
        """How often the platform took this part and reported later that it did not get through."""
        query = select(func.count()).where(
            DeliveryTry.message_id == message_id,
            DeliveryTry.part == part,
            DeliveryTry.outcome == "taken",
            DeliveryTry.error.is_not(None),
        )
        return self.session.scalar(query) or 0

    # ── quotas
    def add_try(self, row: DeliveryTry) -> None:
        self.session.add(row)
        self.session.flush()

    def set_outcome(self, try_id: int, outcome: str, *, error: str | None = None, platform_id: str | None = None) -> None:
        values = {"outcome": outcome, "error": error, "platform_id": platform_id}
        self.session.execute(update(DeliveryTry).where(DeliveryTry.id == try_id).values(values))

    def lost(self, message_id: int) -> None:
        """Whoever tried has died: the platform may have taken it."""
        query = update(DeliveryTry).where(DeliveryTry.message_id == message_id, DeliveryTry.outcome == "under_way")
        self.session.execute(query.values(outcome="unknown", error="interrupted"))

    def counted_since(self, channel: str, address: str, moment: datetime) -> list[datetime]:
        """When the platform was given something that it may have counted, oldest first."""
        query = select(DeliveryTry.at).where(
            DeliveryTry.channel == channel,
            DeliveryTry.address == address,
            DeliveryTry.outcome != "refused",
            DeliveryTry.at > moment,
        )
        return list(self.session.scalars(query.order_by(DeliveryTry.at)))

    def opened(self, channel: str, address: str, kinds: Collection[Opening]) -> dict[Opening, datetime]:
        """When the borrower last opened each window."""
        found: dict[Opening, datetime] = {}
        for kind in kinds:
            query = select(func.max(InboxMessage.at)).where(
                InboxMessage.channel == channel, InboxMessage.sender == address, InboxMessage.opens == kind
            )
            at = self.session.scalar(query)
            if at is not None:
                found[kind] = at
        return found

    def reopen(self, channel: str, address: str, now: datetime) -> None:
        """What waits for the borrower to write is tried now.

        All that is queued is touched, so that who is just deciding that one must wait comes before or after: PostgreSQL looks at
        it again afterwards. A pause after a failure stays as it is.
        """
        waiting = case((Delivery.waits_for == "quota", literal(now, Delivery.next_try_at.type)), else_=Delivery.next_try_at)
        self.session.execute(
            update(Delivery)
            .where(Delivery.channel == channel, Delivery.address == address, Delivery.state == "queued")
            .values(next_try_at=waiting)
            .execution_options(synchronize_session=False)
        )

    def heard_after(self, channel: str, address: str, moment: datetime) -> bool:
        """Whether something that opens a window has come from the borrower."""
        query = select(InboxMessage.id).where(
            InboxMessage.channel == channel,
            InboxMessage.sender == address,
            InboxMessage.opens.is_not(None),
            InboxMessage.received_at > moment,
        )
        return self.session.scalar(query.limit(1)) is not None

    # ── what people look at
    def failed(self, limit: int) -> Sequence[tuple[Delivery, str]]:
        """The dead letters with their conversation's customer, newest first."""
        query = select(Delivery, Conversation.customer_id).join(Conversation, Conversation.id == Delivery.conversation_id)
        query = query.where(Delivery.state == "failed").order_by(Delivery.message_id.desc()).limit(limit)
        return [(delivery, customer_id) for delivery, customer_id in self.session.execute(query)]

    def unsent_of(self, conversation_id: str) -> Sequence[tuple[Delivery, Message]]:
        """What is queued or given up in a conversation, oldest first."""
        query = select(Delivery, Message).join(Message, Message.id == Delivery.message_id)
        query = query.where(Delivery.conversation_id == conversation_id, Delivery.state.in_(("queued", "failed")))
        return [(delivery, message) for delivery, message in self.session.execute(query.order_by(Delivery.message_id))]

    def last_offer(self, conversation_id: str) -> Message | None:
        """The message with the options that the borrower has on the screen since their last message.

        What had to wait was written before that message and shown after it, so the moment of sending counts, and when we heard of
        theirs: what waited for it may go out before it enters the log.
        """
        heard = (
            select(Message.seq, func.coalesce(InboxMessage.received_at, Message.created_at))
            .select_from(Message)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .outerjoin(
                InboxMessage,
                and_(
                    InboxMessage.channel == Conversation.channel,
                    InboxMessage.sender == Conversation.sender,
                    InboxMessage.external_id == Message.external_id,
                ),
            )
            .where(Message.conversation_id == conversation_id, Message.direction == "in")
        )
        newest = self.session.execute(heard.order_by(Message.seq.desc()).limit(1)).first()
        on_screen = [] if newest is None else [or_(Message.seq > newest[0], Delivery.sent_at > newest[1])]
        query = (
            select(Message)
            .join(Delivery, Delivery.message_id == Message.id)
            .where(
                Message.conversation_id == conversation_id,
                *on_screen,
                Message.buttons.is_not(None),
                Delivery.state.in_(("sent", "delivered", "read")),
            )
            .order_by(Delivery.sent_at.desc(), Message.seq.desc())
            .limit(1)
        )
        return self.session.scalar(query)


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(Delivery.lease_until.is_(None), Delivery.lease_until <= now)
