"""What an agent sees: the queue, and the packet of one conversation. Never commits."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy.orm import Session

from bot.conversations.errors import ConversationNotFound
from bot.conversations.handoff import HandoffService
from bot.conversations.models import Conversation
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService, LogEntry
from bot.core.clock import Clock
from bot.core.masking import mask
from bot.core.texts import Texts
from bot.desk.borrower import BorrowerFile
from bot.desk.login import AgentIdentity
from bot.desk.schemas import ConversationView, OwnItem, Queue, QueueItem, TranscriptMessage
from bot.loans.port import LoanBackend


class DeskService:
    def __init__(self, session: Session, clock: Clock, texts: Texts, loans: LoanBackend) -> None:
        self._session = session
        self._loans = loans
        self._clock = clock
        self._repository = ConversationRepository(session)
        self._conversations = ConversationService(session, clock)
        self.handoffs = HandoffService(session, clock, texts)

    def queue(self, agent: AgentIdentity) -> Queue:
        """Everyone who waits, and what the agent already owns."""
        now = self._clock.now()
        waiting = []
        for item in self.handoffs.queue():
            context = self._conversations.context(item.conversation_id)
            waiting.append(
                QueueItem(
                    conversation_id=item.conversation_id,
                    position=item.position,
                    reason=item.reason,
                    priority=item.priority,
                    waiting_seconds=max(0, int((now - item.requested_at).total_seconds())),
                    offline=item.offline,
                    level=context.level,
                    customer_id=context.customer_id,
                    last_text=self._last_text(item.conversation_id),
                )
            )
        mine = [self._own(row) for row in self._repository.owned_by(agent.agent_id)]
        return Queue(waiting=waiting, mine=mine)

    def conversation(
        self, agent: AgentIdentity, conversation_id: str, *, after: int = 0, reveal: bool = False
    ) -> ConversationView:
        """The transcript after ``after``, masked unless ``reveal``.

        Agents see what waits and what they own, supervisors everything; what one may not see does not exist.
        Raises ``ConversationNotFound``.
        """
        row = self.visible(agent, conversation_id)
        context = self._conversations.context(conversation_id)
        page = self._conversations.page_by_id(conversation_id, after)
        borrower = BorrowerFile(self._session, self._clock, self._loans)
        return ConversationView(
            conversation_id=conversation_id,
            channel=context.channel,
            owner=context.owner,
            agent_id=row.agent_id,
            reason=self.handoffs.reason(conversation_id),
            case_no=self.handoffs.case_no(conversation_id),
            identity=borrower.identity(context),
            loans=borrower.loan_snapshot(context.customer_id),
            cases=borrower.open_cases(context.customer_id),
            messages=[_message(entry, reveal=reveal) for entry in page.entries],
            last_seq=page.last_seq,
        )

    def visible(self, agent: AgentIdentity, conversation_id: str) -> Conversation:
        """Raises ``ConversationNotFound``."""
        row = self._repository.get(conversation_id)
        if row is None:
            raise ConversationNotFound("no such conversation")
        handoff = self.handoffs.current(conversation_id)
        waits = row.owner == "queue" or (handoff is not None and handoff.state == "offline")
        if not waits and row.agent_id != agent.agent_id and agent.role == "agent":
            raise ConversationNotFound("no such conversation")
        return row

    def _own(self, row: Conversation) -> OwnItem:
        context = self._conversations.context(row.id)
        return OwnItem(
            conversation_id=row.id,
            reason=self.handoffs.reason(row.id),
            level=context.level,
            customer_id=context.customer_id,
            last_text=self._last_text(row.id),
        )

    def _last_text(self, conversation_id: str) -> str | None:
        text = self._repository.last_text_of_borrower(conversation_id)
        return None if text is None else mask(text)[:200]


def _message(entry: LogEntry, *, reveal: bool) -> TranscriptMessage:
    return TranscriptMessage(
        seq=entry.seq,
        author=entry.author,
        at=entry.at,
        text=entry.text if reveal or entry.text is None else mask(entry.text),
        buttons=entry.buttons,
        custom=entry.custom if reveal or entry.custom is None else cast(dict[str, Any], masked(entry.custom)),
    )


def masked(value: Any) -> Any:
    """``value`` with every string in it masked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [masked(item) for item in value]
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    return value
