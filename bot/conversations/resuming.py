"""A customer's conversation goes on, on whatever device they open the widget. Never commits."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService, LogPage
from bot.core.clock import Clock
from bot.core.origin import Actor
from bot.identity.step_up import end_grants


@dataclass(frozen=True)
class Resumable:
    """``sender``: the label under which the conversation is reached. ``read_seq``: up to there it was read, on any device."""

    conversation_id: str
    sender: str
    page: LogPage
    read_seq: int


class ResumingService:
    """Finds by the customer alone, so that nobody can name, or try out, what is not theirs."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._repository = ConversationRepository(session)

    def find(self, channel: str, customer_id: str, visitor: str | None = None) -> Resumable | None:
        """The conversation that goes on; ``None`` when there is none, and for whoever is not identified.

        ``visitor``: the sender under which the caller has proved to have talked before they logged in. If that dialogue comes
        first by the same rule, it is the one that goes on: ``ConversationService.open`` makes it the customer's with the next
        message, and not before.
        """
        if not customer_id:
            return None
        found = self._repository.to_resume(channel, customer_id)
        if found is None:
            return None
        row, newest = found
        if visitor is not None and self._goes_before(channel, visitor, (row.owner != "bot", newest)):
            return None
        return Resumable(
            conversation_id=row.id,
            sender=row.sender,
            page=ConversationService(self._session, self._clock).page_by_id(row.id),
            read_seq=self._repository.reached(row.id)[1],
        )

    def _goes_before(self, channel: str, visitor: str, other: tuple[bool, int]) -> bool:
        anonymous = self._repository.find(channel, visitor, "")
        if anonymous is None:
            return False
        said = self._repository.by_seq(anonymous.id, anonymous.last_seq)
        return said is not None and (anonymous.owner != "bot", said.id) > other

    def join(self, resumable: Resumable, customer_id: str) -> None:
        """A device that did not have the conversation has it now. A code typed on another one does not count on this one."""
        end_grants(self._session, self._clock, resumable.conversation_id)
        subject = Subject(resumable.conversation_id, customer_id=customer_id)
        AuditTrail(self._session, self._clock).record("conversation.resumed", Actor("customer", customer_id), subject)
