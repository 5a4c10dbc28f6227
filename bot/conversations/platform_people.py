"""Colleagues who answer in a platform's own client. Never commits.

The conversation is theirs (``PLATFORM_AGENT``), the bot is silent, and our log keeps what was said there.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.conversations.models import PLATFORM_AGENT, Conversation, HandoffRequest
from bot.conversations.repository import ConversationRepository, HandoffRepository
from bot.conversations.service import ConversationService
from bot.core.clock import Clock
from bot.core.http import storable
from bot.core.origin import Actor
from bot.core.texts import Text
from bot.identity.binding import active_customer

REASON = "platform"
"""Why such a conversation came to a human, when nobody had asked for one here."""


class PlatformPeople:
    """``channel`` and ``address`` name the borrower's account; its conversation is made when it is new."""

    def __init__(self, session: Session, clock: Clock, channel: str) -> None:
        self._session = session
        self._clock = clock
        self._channel = channel
        self._conversations = ConversationRepository(session)
        self._requests = HandoffRepository(session)
        self._trail = AuditTrail(session, clock)

    def has(self, address: str) -> bool:
        """Whether the conversation is theirs now."""
        row = self._conversations.find(self._channel, address, active_customer(self._session, self._channel, address))
        return row is not None and row.owner == "agent" and row.agent_id == PLATFORM_AGENT

    def take(self, address: str, note: Text) -> bool:
        """The conversation becomes theirs, whoever had it; ``note`` says so in the log. ``False``: it was theirs already."""
        conversation = self._open(address)
        if conversation.owner == "agent" and conversation.agent_id == PLATFORM_AGENT:
            return False
        request = self._requests.open_of(conversation.id)
        now = self._clock.now()
        if request is None:
            request = HandoffRequest(conversation_id=conversation.id, reason=REASON, priority=0, state="queued", requested_at=now)
            self._requests.add(request)
        request.state, request.agent_id, request.assigned_at = "assigned", PLATFORM_AGENT, now
        request.offline, request.for_agent = False, None
        self._hand(conversation, "agent", PLATFORM_AGENT)
        self._say(conversation, note, author="system", deliver=False)
        self._record("conversation.taken_on_platform", conversation)
        return True

    def give_back(self, address: str, note: Text | None, *, deliver: bool) -> bool:
        """They are done: the bot goes on. ``deliver``: we may still tell the borrower. ``False``: it was not theirs."""
        conversation = self._open(address)
        if conversation.owner != "agent" or conversation.agent_id != PLATFORM_AGENT:
            return False
        request = self._requests.open_of(conversation.id)
        if request is not None:
            request.state, request.closed_at = "closed", self._clock.now()
        self._conversations.mark_received_as_answered(conversation.id)
        self._hand(conversation, "bot", None)
        if note is not None:
            self._say(conversation, note, author="system", deliver=deliver)
        self._record("conversation.given_back_on_platform", conversation)
        return True

    def said(self, address: str, text: str, message_id: str) -> None:
        """What one of them wrote to the borrower in the platform's client; a repetition changes nothing."""
        conversation = self._open(address)
        if self._conversations.by_external_id(conversation.id, "out", message_id) is None:
            self._conversations.mark_received_as_answered(conversation.id)
            self._append(conversation, author="agent", text=storable(text), external_id=message_id)

    def shown(self, address: str, text: Text, message_id: str) -> None:
        """What the platform showed the borrower in our name outside the outbox, e.g. a welcome."""
        conversation = self._open(address)
        if self._conversations.by_external_id(conversation.id, "out", message_id) is None:
            self._say(conversation, text, author="bot", deliver=False, external_id=message_id)

    # ── parts
    def _open(self, address: str) -> Conversation:
        customer_id = active_customer(self._session, self._channel, address)
        conversations = ConversationService(self._session, self._clock)
        return conversations.open(self._channel, address, customer_id, adopt_anonymous=bool(customer_id))

    def _hand(self, conversation: Conversation, to: str, to_agent: str | None) -> None:
        self._session.flush()
        expected, agent = conversation.owner, conversation.agent_id
        if not self._conversations.change_owner(conversation.id, expected=expected, agent=agent, to=to, to_agent=to_agent):
            raise LookupError(f"conversation {conversation.id} changed hands although it is locked")

    def _say(self, conversation: Conversation, text: Text, *, author: str, deliver: bool, external_id: str | None = None) -> None:
        buttons = [button.as_dict() for button in text.buttons] or None
        self._append(conversation, author=author, text=text.render(), buttons=buttons, external_id=external_id, deliver=deliver)

    def _append(self, conversation: Conversation, *, deliver: bool = False, **fields: object) -> None:
        row = {"direction": "out", "state": "queued" if deliver else "sent", **fields}
        self._conversations.append_all(conversation.id, self._clock.now(), [row], deliver=deliver)

    def _record(self, action: str, conversation: Conversation) -> None:
        subject = Subject(conversation.id, customer_id=conversation.customer_id or None)
        self._trail.record(action, Actor("system", self._channel), subject)
