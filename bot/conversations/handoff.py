"""Handing a conversation to a human and back (product §5). The owner changes by compare-and-set, on the server only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy.orm import Session

from bot.cases.book import CaseBook
from bot.cases.near import NearDeadline, nearest_deadline
from bot.cases.policy import CasePolicies
from bot.cases.thread import EVENT_TYPES
from bot.conversations.call_back import call_back_case
from bot.conversations.danger import Danger
from bot.conversations.errors import AlreadyClaimed, ConversationNotFound, NotInQueue, NotTheOwner, NotWithAgent
from bot.conversations.models import PLATFORM_AGENT, Conversation, HandoffRequest
from bot.conversations.office_hours import OfficeHours
from bot.conversations.repository import ConversationRepository, HandoffRepository
from bot.core.clock import Clock
from bot.core.settings import Settings
from bot.core.texts import Text, Texts


@dataclass(frozen=True)
class Handoff:
    """Where the borrower stands. ``position`` counts from 1 and is ``None`` unless queued.

    ``offline``: asked for outside office hours. The request is kept for the agents, and the bot keeps the conversation until one
    of them claims it.
    """

    state: Literal["queued", "assigned", "offline"]
    position: int | None
    reason: str
    case_no: str | None

    def card(self) -> dict[str, Any]:
        return {
            "type": "handoff",
            "state": self.state,
            "position": self.position,
            "reason": self.reason,
            "case_no": self.case_no,
        }


@dataclass(frozen=True)
class Waiting:
    """One entry of the queue as agents see it."""

    conversation_id: str
    position: int
    reason: str
    priority: int
    requested_at: datetime
    offline: bool
    for_agent: str | None = None
    due_case_no: str | None = None
    """The case near its deadline because of which they go before others."""
    previous_agent: str | None = None
    """Who passed them on, or left them alone."""


@lru_cache(maxsize=1)
def _default_texts() -> Texts:
    return Texts.load(Settings().data_dir / "answers")


@lru_cache(maxsize=1)
def _default_hours() -> OfficeHours:
    return OfficeHours.parse(Settings().office_hours)


class HandoffService:
    """Never commits. Each change of owner leaves a message in the log, in plain words for the borrower."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        texts: Texts | None = None,
        hours: OfficeHours | None = None,
        policies: CasePolicies | None = None,
    ) -> None:
        self._conversations = ConversationRepository(session)
        self._requests = HandoffRepository(session)
        self._session = session
        self._clock = clock
        self._texts = texts
        self._hours = hours or _default_hours()
        self._policies = policies

    def request(
        self, conversation_id: str, *, reason: str, priority: int = 0, case_no: str | None = None, story: str | None = None
    ) -> Handoff:
        """Puts the conversation into the queue; asked again, it keeps its place (and may gain priority, or a case). A higher need
        takes over the reason, and with it the skill that the agent must have.

        Who has a case near its deadline goes before those who have none (data/catalogue/complaint_clock.yml).
        Outside office hours it stays with the bot (state ``offline``), and of an identified borrower it becomes a case with a
        call-back (product §5), unless it is about a case already; asked again within them, it joins the queue.

        ``reason`` is a short code (``asked``, ``fraud``, ``distress``, …); ``case_no`` the case that it is about, shown on the
        card and to the agent; ``story`` what the case is to say, by default what they wrote. Raises ``ConversationNotFound``.
        """
        conversation = self._lock(conversation_id)
        near = self._near_deadline(conversation)
        existing = self._requests.open_of(conversation_id)
        if existing is not None:
            _raise(existing, reason, priority)
        priority = max(priority, near.priority if near else 0)
        if existing is not None:
            if existing.state == "queued":
                existing.priority = max(priority, existing.priority)
                existing.due_case_no = near.case.case_no if near else existing.due_case_no
            existing.case_no = case_no or existing.case_no
            if existing.offline and existing.state == "queued" and self.open_now():
                existing.offline, existing.requested_at = False, self._clock.now()
                self._enqueue(conversation_id)
            self._call_back(existing, conversation, story)
            self._session.flush()
            return self._describe(existing)
        row = HandoffRequest(
            conversation_id=conversation_id,
            reason=reason,
            priority=priority,
            case_no=case_no,
            due_case_no=near.case.case_no if near else None,
            state="queued",
            offline=not self.open_now(),
            requested_at=self._clock.now(),
        )
        self._requests.add(row)
        if not row.offline:
            self._enqueue(conversation_id)
        self._call_back(row, conversation, story)
        return self._describe(row)

    def hear(self, conversation_id: str, danger: Danger) -> bool:
        """The borrower tells of ``danger`` while a human is waited for or present: the request gains by it.

        Says whether the words that help until the human answers are still to be told: once in a handoff. The caller holds the
        conversation's lock.
        """
        row = self._open(conversation_id)
        told = row.reason == danger.reason or self._conversations.was_told(
            conversation_id, self._words(danger.words).render(), row.requested_at
        )
        _raise(row, danger.reason, danger.priority)
        self._session.flush()
        return not told

    def current(self, conversation_id: str) -> Handoff | None:
        """The open request, if there is one."""
        row = self._requests.open_of(conversation_id)
        return None if row is None else self._describe(row)

    def queue(self) -> list[Waiting]:
        """Who waits, the next one first; after them, who asked outside office hours."""
        return [
            Waiting(
                row.conversation_id,
                position,
                row.reason,
                row.priority,
                row.requested_at,
                row.offline,
                row.for_agent,
                row.due_case_no,
                row.previous_agent,
            )
            for position, row in enumerate(self._requests.queued(), start=1)
        ]

    def queue_length(self) -> int:
        return self._requests.queue_length()

    def reason(self, conversation_id: str) -> str | None:
        """Why the conversation last came to a human."""
        row = self._requests.latest_of(conversation_id)
        return None if row is None else row.reason

    def due_case_no(self, conversation_id: str) -> str | None:
        """The case near its deadline when the latest request was made, if any."""
        row = self._requests.latest_of(conversation_id)
        return None if row is None else row.due_case_no

    def case_no(self, conversation_id: str) -> str | None:
        """The case that the latest request named, if any."""
        row = self._requests.latest_of(conversation_id)
        return None if row is None else row.case_no

    def claim(self, conversation_id: str, agent_id: str, *, agent_name: str | None = None) -> Handoff:
        """The agent takes the conversation; a repetition by the same agent changes nothing.

        Raises ``AlreadyClaimed``, ``NotInQueue``, ``ConversationNotFound``.
        """
        conversation = self._lock(conversation_id)
        if not self._conversations.change_owner(conversation_id, expected="queue", agent=None, to="agent", to_agent=agent_id):
            if conversation.owner == "bot":
                return self._claim_offline(conversation_id, agent_id, agent_name)
            if conversation.agent_id != agent_id:
                raise AlreadyClaimed("another agent owns the conversation")
            return self._describe(self._open(conversation_id))
        return self._assign(self._open(conversation_id), agent_id, agent_name)

    def take_over(self, conversation_id: str, agent_id: str, *, agent_name: str) -> Handoff:
        """The agent takes the conversation from the colleague who owns it; a repetition changes nothing. Who may, the desk says.

        Raises ``NotWithAgent`` (the bot's, in the queue, or with colleagues on a platform), ``ConversationNotFound``.
        """
        owner = self._lock(conversation_id).agent_id
        if owner is None or owner == PLATFORM_AGENT:
            raise NotWithAgent("no agent of ours has the conversation")
        row = self._open(conversation_id)
        if owner == agent_id:
            return self._describe(row)
        self._conversations.change_owner(conversation_id, expected="agent", agent=owner, to="agent", to_agent=agent_id)
        return self._assign(row, agent_id, agent_name, note="handoff_taken_over")

    def give_back(self, conversation_id: str, agent_id: str) -> None:
        """The owner returns the conversation to the bot. What they left unanswered nobody will answer: the borrower is told.

        Raises ``NotTheOwner``, ``ConversationNotFound``.
        """
        self._lock(conversation_id)
        if not self._conversations.change_owner(conversation_id, expected="agent", agent=agent_id, to="bot", to_agent=None):
            raise NotTheOwner("another one owns the conversation")
        unanswered = self._conversations.mark_received_as_answered(conversation_id)
        request = self._end(conversation_id, "handoff_given_back_unanswered" if unanswered else "handoff_given_back")
        self._note(conversation_id, "rating_request", custom={"type": "rating", "handoff_id": request.id, "score": None})

    def transfer(self, conversation_id: str, agent_id: str, *, to_agent: str | None = None) -> Handoff:
        """The owner passes the conversation on: back to its place in the queue, meant for ``to_agent`` when one is named.

        Raises ``NotTheOwner``, ``ConversationNotFound``.
        """
        return self._requeue(conversation_id, agent_id, "handoff_transferred", for_agent=to_agent)

    def requeue(self, conversation_id: str, agent_id: str, *, priority: int) -> Handoff:
        """The owner has left the borrower alone for too long: back to the queue with at least ``priority``.

        Raises ``NotTheOwner``, ``ConversationNotFound``.
        """
        return self._requeue(conversation_id, agent_id, "handoff_requeued", priority=priority)

    def put_off(self, conversation_id: str) -> Handoff | None:
        """The office has closed: who still waits goes on with the bot, and the request is kept, as if made now.

        ``None`` when there is nobody to put off: the office is open, or they were taken, left, or put off meanwhile.
        Raises ``ConversationNotFound``.
        """
        conversation = self._lock(conversation_id)
        row = self._requests.open_of(conversation_id)
        if self.open_now() or row is None or row.state != "queued" or row.offline:
            return None
        return self._put_off(row, conversation)

    def open_now(self) -> bool:
        """Whether the office is open."""
        return self._hours.open_at(self._clock.now())

    def _requeue(
        self, conversation_id: str, agent_id: str, note: str, *, for_agent: str | None = None, priority: int = 0
    ) -> Handoff:
        """The request keeps its place in time: who has waited is not sent to the end, and is told where they stand.

        Office closed: it is put off.
        """
        conversation = self._lock(conversation_id)
        if not self._conversations.change_owner(conversation_id, expected="agent", agent=agent_id, to="queue", to_agent=None):
            raise NotTheOwner("another one owns the conversation")
        row = self._open(conversation_id)
        row.state, row.agent_id, row.assigned_at, row.offline = "queued", None, None, False
        row.for_agent, row.previous_agent, row.priority = for_agent, agent_id, max(row.priority, priority)
        self._session.flush()
        if not self.open_now():
            return self._put_off(row, conversation)
        handoff = self._describe(row)
        self._note(conversation_id, note, custom=handoff.card(), position=str(handoff.position))
        return handoff

    def _put_off(self, row: HandoffRequest, conversation: Conversation) -> Handoff:
        """From the queue to the bot, with the words and the card that whoever asks at this hour gets."""
        self._conversations.change_owner(conversation.id, expected="queue", agent=None, to="bot", to_agent=None)
        self._conversations.mark_received_as_answered(conversation.id)  # agents find it with the request
        row.offline = True
        self._call_back(row, conversation, None)
        handoff = self._describe(row)
        hours = str(self._hours)
        if handoff.case_no is None:
            self._note(conversation.id, "handoff_noted", custom=handoff.card(), hours=hours)
        else:
            self._note(conversation.id, "handoff_put_off", custom=handoff.card(), hours=hours, case_no=handoff.case_no)
        return handoff

    def _call_back(self, row: HandoffRequest, conversation: Conversation, story: str | None) -> None:
        """Outside office hours nothing is lost (product §5): an identified borrower's request becomes a case, once."""
        if not row.offline or row.state != "queued" or row.case_no is not None or not conversation.customer_id:
            return
        words = story or "\n".join(self._conversations.words_about(conversation.id, row.requested_at))
        words = words or (self._texts or _default_texts()).answers["request_human"].title
        book = CaseBook(self._session, self._clock, self._policies, untold=EVENT_TYPES)
        row.case_no = call_back_case(book, conversation, words, key=f"{conversation.id}:handoff:{row.id}:call_back")
        self._session.flush()

    def leave(self, conversation_id: str, *, announce: bool = True) -> None:
        """The borrower no longer wants to wait. Without ``announce`` the caller tells them (text ``handoff_left``).

        Raises ``NotInQueue``, ``ConversationNotFound``.
        """
        self._lock(conversation_id)
        if not self._conversations.change_owner(conversation_id, expected="queue", agent=None, to="bot", to_agent=None):
            raise NotInQueue("the conversation does not wait for a human")
        self._conversations.mark_received_as_answered(conversation_id)  # of an agent who left them alone
        self._end(conversation_id, "handoff_left" if announce else None)

    def reply(self, conversation_id: str, agent_id: str, text: str, *, message_id: str | None = None) -> int:
        """Stores the owner's words for the borrower; returns their ``seq``. The same ``message_id`` is stored once.

        Raises ``NotTheOwner``, ``ConversationNotFound``.
        """
        conversation = self._lock(conversation_id)
        if conversation.owner != "agent" or conversation.agent_id != agent_id:
            raise NotTheOwner("another one owns the conversation")
        if message_id is not None:
            existing = self._conversations.by_external_id(conversation_id, "out", message_id)
            if existing is not None:
                return existing.seq
        self._conversations.mark_received_as_answered(conversation_id)
        message = self._conversations.append(
            conversation_id,
            self._clock.now(),
            direction="out",
            author="agent",
            text=text,
            state="queued",
            external_id=message_id,
        )
        return message.seq

    def _near_deadline(self, conversation: Conversation) -> NearDeadline | None:
        book = CaseBook(self._session, self._clock, self._policies)
        return nearest_deadline(book, conversation.customer_id) if conversation.customer_id else None

    def _enqueue(self, conversation_id: str) -> None:
        self._conversations.change_owner(conversation_id, expected="bot", agent=None, to="queue", to_agent=None)
        self._note(conversation_id, "handoff_requested")

    def _claim_offline(self, conversation_id: str, agent_id: str, agent_name: str | None) -> Handoff:
        """From the bot to the agent, if the borrower asked for a human outside office hours."""
        row = self._requests.open_of(conversation_id)
        if row is None:
            raise NotInQueue("the conversation does not wait for a human")
        self._conversations.change_owner(conversation_id, expected="bot", agent=None, to="agent", to_agent=agent_id)
        return self._assign(row, agent_id, agent_name)

    def _assign(self, row: HandoffRequest, agent_id: str, agent_name: str | None, *, note: str = "handoff_assigned") -> Handoff:
        row.agent_id, row.assigned_at, row.state, row.for_agent = agent_id, self._clock.now(), "assigned", None
        self._note(row.conversation_id, note, agent_name=agent_name or agent_id)
        return self._describe(row)

    def _lock(self, conversation_id: str) -> Conversation:
        conversation = self._conversations.get(conversation_id, lock=True)
        if conversation is None:
            raise ConversationNotFound("no such conversation")
        return conversation

    def _open(self, conversation_id: str) -> HandoffRequest:
        row = self._requests.open_of(conversation_id)
        if row is None:
            raise LookupError(f"conversation {conversation_id} is with a human but has no open request")
        return row

    def _end(self, conversation_id: str, key: str | None) -> HandoffRequest:
        row = self._open(conversation_id)
        row.closed_at, row.state = self._clock.now(), "closed"
        self._session.flush()
        if key is not None:
            self._note(conversation_id, key)
        return row

    def _describe(self, row: HandoffRequest) -> Handoff:
        if row.state == "assigned":
            return Handoff("assigned", None, row.reason, row.case_no)
        if row.offline:
            return Handoff("offline", None, row.reason, row.case_no)
        return Handoff("queued", self._requests.position(row), row.reason, row.case_no)

    def _note(self, conversation_id: str, key: str, *, custom: dict[str, Any] | None = None, **values: str) -> None:
        text = self._words(key)
        self._conversations.append(
            conversation_id,
            self._clock.now(),
            direction="out",
            author="system",
            text=text.render(**values),
            buttons=[button.as_dict() for button in text.buttons] or None,
            custom=custom,
            state="queued",
        )

    def _words(self, key: str) -> Text:
        return (self._texts or _default_texts()).dialogue[key]


def _raise(row: HandoffRequest, reason: str, priority: int) -> None:
    """A case near its deadline lifts the priority as well, but says nothing about why a human is needed."""
    if priority > row.priority:
        row.reason, row.priority = reason, priority
