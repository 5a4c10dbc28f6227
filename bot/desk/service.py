"""What an agent sees: the queue, and the packet of one conversation. Never commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.conversations.errors import AlreadyClaimed, ConversationNotFound, NotTheOwner
from bot.conversations.handoff import Handoff, HandoffService, Waiting
from bot.conversations.models import PLATFORM_AGENT, Conversation
from bot.conversations.outbox.service import DeliveryService
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationContext, ConversationService, LogEntry
from bot.core.clock import Clock
from bot.core.masking import mask, mask_name
from bot.core.texts import Texts
from bot.desk.attendance import default_policy
from bot.desk.borrower import BorrowerFile
from bot.desk.login import AgentIdentity, find_agent
from bot.desk.looks import record_look
from bot.desk.schemas import ConversationView, DueCase, OwnItem, Queue, QueueItem, TranscriptMessage, UnsentMessage
from bot.loans.port import LoanBackend


class DeskService:
    def __init__(self, session: Session, clock: Clock, texts: Texts, loans: LoanBackend) -> None:
        self._session = session
        self._loans = loans
        self._clock = clock
        self._repository = ConversationRepository(session)
        self._conversations = ConversationService(session, clock)
        self.handoffs = HandoffService(session, clock, texts)
        self.trail = AuditTrail(session, clock)

    def queue(self, agent: AgentIdentity) -> Queue:
        """Everyone who waits, and what the agent already owns."""
        queued, owned = self.handoffs.queue(), self._repository.owned_by(agent.agent_id)
        contexts = {each: self._conversations.context(each) for each in (item.conversation_id for item in queued)}
        contexts.update({row.id: self._conversations.context(row.id) for row in owned})
        borrowers = BorrowerFile(self._session, self._clock, self._loans)
        names = borrowers.names({context.customer_id for context in contexts.values() if context.customer_id})
        due = borrowers.due_cases([item.due_case_no for item in queued if item.due_case_no])
        return Queue(
            waiting=[
                self._waiting(item, contexts[item.conversation_id], names, due.get(item.due_case_no or "")) for item in queued
            ],
            mine=[self._own(row, contexts[row.id], names) for row in owned],
        )

    def conversation(
        self,
        agent: AgentIdentity,
        conversation_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        reveal: bool = False,
        reason: str | None = None,
    ) -> ConversationView:
        """The transcript after ``after``, or the last part of it before ``before``; masked unless ``reveal``.

        Agents see what waits and what they own, supervisors everything; what one may not see does not exist. What was seen is
        recorded, with the ``reason`` for showing it in clear. Raises ``ConversationNotFound``.
        """
        row = self.visible(agent, conversation_id)
        context = self._conversations.context(conversation_id)
        page = self._conversations.page_by_id(conversation_id, after, before=before)
        delivered, seen = self._repository.reached(conversation_id)
        self._record_look(agent, context, [entry.seq for entry in page.entries], reveal=reveal, reason=reason)
        borrower = BorrowerFile(self._session, self._clock, self._loans)
        due = self.handoffs.due_case_no(conversation_id)
        return ConversationView(
            conversation_id=conversation_id,
            channel=context.channel,
            owner=context.owner,
            agent_id=row.agent_id,
            reason=self.handoffs.reason(conversation_id),
            case_no=self.handoffs.case_no(conversation_id),
            due_case=borrower.due_cases([due]).get(due) if due else None,
            identity=borrower.identity(context),
            loans=borrower.loan_snapshot(context.customer_id),
            cases=borrower.open_cases(context.customer_id),
            messages=[_message(entry, reveal=reveal) for entry in page.entries],
            last_seq=page.last_seq,
            delivered_seq=delivered,
            read_seq=seen,
            unsent=[
                UnsentMessage(**asdict(each)) for each in DeliveryService(self._session, self._clock).unsent(conversation_id)
            ],
        )

    def claim(self, agent: AgentIdentity, conversation_id: str) -> Handoff:
        """As ``HandoffService.claim``; recorded.

        What never was in the queue does not exist for who claims; what was, every agent saw there, and is told what became of it.
        """
        before = self._repository.get(conversation_id, lock=True)
        if self.handoffs.reason(conversation_id) is None:
            raise ConversationNotFound("no such conversation")
        again = before is not None and before.agent_id == agent.agent_id
        try:
            handoff = self.handoffs.claim(conversation_id, agent.agent_id, agent_name=agent.name)
        except AlreadyClaimed as error:
            owner = None if before is None or before.agent_id is None else find_agent(self._session, before.agent_id)
            raise error if owner is None else AlreadyClaimed(error.message, by=owner.agent_id, name=owner.name) from error
        if not again:
            details = {"reason": handoff.reason}
            self.trail.record("conversation.claimed", agent.actor, self._subject(conversation_id), details=details)
        return handoff

    def reply(self, agent: AgentIdentity, conversation_id: str, text: str, *, message_id: str | None) -> int:
        """As ``HandoffService.reply``, but raises ``NotTheOwner`` only; recorded."""
        self.require_owner(agent, conversation_id)
        known = message_id is not None and self._repository.by_external_id(conversation_id, "out", message_id) is not None
        seq = self.handoffs.reply(conversation_id, agent.agent_id, text, message_id=message_id)
        if not known:
            self.trail.record("conversation.replied", agent.actor, self._subject(conversation_id), details={"message": seq})
        return seq

    def give_back(self, agent: AgentIdentity, conversation_id: str) -> None:
        """As ``HandoffService.give_back``, but raises ``NotTheOwner`` only; recorded."""
        self.require_owner(agent, conversation_id)
        self.handoffs.give_back(conversation_id, agent.agent_id)
        self.trail.record("conversation.given_back", agent.actor, self._subject(conversation_id))

    def take_over(self, supervisor: AgentIdentity, conversation_id: str) -> Handoff:
        """As ``HandoffService.take_over``; recorded, with whom it was taken from."""
        row = self._repository.get(conversation_id, lock=True)
        owner = None if row is None else row.agent_id
        handoff = self.handoffs.take_over(conversation_id, supervisor.agent_id, agent_name=supervisor.name)
        if owner != supervisor.agent_id:
            details = {"agent": owner}
            self.trail.record("conversation.taken_over", supervisor.actor, self._subject(conversation_id), details=details)
        return handoff

    def _subject(self, conversation_id: str) -> Subject:
        context = self._conversations.context(conversation_id)
        return Subject(conversation_id, self.handoffs.case_no(conversation_id), customer_id=context.customer_id)

    def _record_look(
        self, agent: AgentIdentity, context: ConversationContext, seen: list[int], *, reveal: bool, reason: str | None
    ) -> None:
        """Each message once shown; the borrower's file, which comes with every look, once in ``LOOK_MINUTES``."""
        subject = Subject(context.conversation_id, customer_id=context.customer_id)
        if seen or reveal:
            action = "transcript.revealed" if reveal else "transcript.viewed"
            details = {"first": seen[0], "last": seen[-1]} if seen else {}
            self.trail.record(action, agent.actor, subject, reason=reason, details=details)
        if context.customer_id:
            record_look(self._session, self._clock, "customer.viewed", agent, subject)

    def owns(self, agent: AgentIdentity, conversation_id: str) -> bool:
        """Whether the agent has it already, so that taking it once more needs no room."""
        row = self._repository.get(conversation_id)
        return row is not None and row.agent_id == agent.agent_id

    def require_owner(self, agent: AgentIdentity, conversation_id: str) -> None:
        """Locks the agent's own conversation. Raises ``NotTheOwner``, whether it is another's, nobody's, or not there at all."""
        row = self._repository.get(conversation_id, lock=True)
        if row is None or row.owner != "agent" or row.agent_id != agent.agent_id:
            raise NotTheOwner("not a conversation of this agent")

    def require_may_pass_on(self, agent: AgentIdentity, conversation_id: str) -> str:
        """The agent who owns the conversation, locked: the caller, or for a supervisor any agent of ours.

        Raises ``NotTheOwner``.
        """
        row = self._repository.get(conversation_id, lock=True)
        if row is None or row.agent_id is None or row.agent_id == PLATFORM_AGENT:
            raise NotTheOwner("not a conversation of this agent")
        if row.agent_id != agent.agent_id and agent.role == "agent":
            raise NotTheOwner("not a conversation of this agent")
        return row.agent_id

    def visible(self, agent: AgentIdentity, conversation_id: str) -> Conversation:
        """Raises ``ConversationNotFound``."""
        row = self._repository.get(conversation_id)
        handoff = self.handoffs.current(conversation_id)  # asked in any case: what one may not see takes as long as nothing
        if row is None:
            raise ConversationNotFound("no such conversation")
        waits = row.owner == "queue" or (handoff is not None and handoff.state == "offline")
        if not waits and row.agent_id != agent.agent_id and agent.role == "agent":
            raise ConversationNotFound("no such conversation")
        return row

    def _waiting(self, item: Waiting, context: ConversationContext, names: Mapping[str, str], due: DueCase | None) -> QueueItem:
        """The name is masked: every agent sees the queue all the time, and no look at it is recorded."""
        name = names.get(context.customer_id or "")
        return QueueItem(
            conversation_id=item.conversation_id,
            position=item.position,
            reason=item.reason,
            skill=default_policy().skills.get(item.reason),
            priority=item.priority,
            due_case=due,
            waiting_seconds=max(0, int((self._clock.now() - item.requested_at).total_seconds())),
            for_agent=item.for_agent,
            offline=item.offline,
            level=context.level,
            customer_id=context.customer_id,
            name=None if name is None else mask_name(name),
            last_text=self._last_text(item.conversation_id),
        )

    def _own(self, row: Conversation, context: ConversationContext, names: Mapping[str, str]) -> OwnItem:
        return OwnItem(
            conversation_id=row.id,
            reason=self.handoffs.reason(row.id),
            level=context.level,
            customer_id=context.customer_id,
            name=names.get(context.customer_id or ""),
            last_text=self._last_text(row.id),
            unread=self._repository.unread_by_agent(row),
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
        message_id=entry.client_id if entry.author == "agent" else None,
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
