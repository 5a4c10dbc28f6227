"""One turn of a conversation as the database sees it: begin (store, decide), then complete or fail. Never commits.

No transaction is open while Rasa works. ``Conversation.turn_holder`` keeps other replicas away meanwhile, and whatever
dies in between is found by ``recover``.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from bot.conversations.commands import clean, for_rasa, leaves_queue, payload_intent, wants_human
from bot.conversations.danger import danger_in
from bot.conversations.errors import MessageIdReused, TooManyMessages
from bot.conversations.handoff import HandoffService
from bot.conversations.models import Conversation, Message
from bot.conversations.office_hours import OfficeHours
from bot.conversations.rasa import BotMessage
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import Author, ConversationService, LogEntry
from bot.conversations.silence import beside_human
from bot.core.clock import Clock
from bot.core.limits.rules import Rules, Subject
from bot.core.limits.service import take_in
from bot.core.origin import Actor
from bot.core.settings import Settings
from bot.core.texts import Texts
from bot.identity.codes import code_in
from bot.identity.step_up import StepUpResult, StepUpService, seconds_until

REQUIRED_TEXTS = (
    "bot_unavailable",
    "message_too_long",
    "empty_message",
    "handoff_requested",
    "handoff_queued",
    "handoff_assigned",
    "handoff_given_back",
    "handoff_left",
    "handoff_noted",
    "handoff_offline",
    "handoff_put_off",
    "safety_distress",
    "safety_fraud",
    "step_up_failed",
    "step_up_expired",
    "step_up_locked",
    "otp_sms",
)
"""Dialogue texts without which the gateway does not start."""

STEP_UP_DONE = '/affirm{"step_up":"done"}'
"""What Rasa is told in place of a correct code."""

HIDDEN_CODE = "******"


@dataclass(frozen=True)
class OwnAnswer:
    """The gateway's own words: a text of data/answers with its values."""

    key: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inbound:
    """A borrower's message, authenticated by its channel. ``customer_id`` is empty for the anonymous.

    ``answer``: what to say to it while the bot has the conversation; Rasa is not asked then.
    """

    channel: str
    sender: str
    text: str
    customer_id: str = ""
    message_id: str | None = None
    adopt_anonymous: bool = False
    answer: OwnAnswer | None = None

    @property
    def actor(self) -> Actor:
        return Actor("customer", self.customer_id) if self.customer_id else Actor("visitor", self.sender)


@dataclass(frozen=True)
class Ticket:
    """The right to ask Rasa about one message, held by one worker."""

    conversation_id: str
    seq: int
    attempt: int
    holder: str
    channel: str
    rasa_text: str


@dataclass(frozen=True)
class Begun:
    """``ticket`` when Rasa must be asked; else ``answers`` is final. ``busy``: another worker has the conversation."""

    conversation_id: str
    kind: Literal["ask", "answered", "replayed", "busy"]
    answers: tuple[LogEntry, ...] = ()
    ticket: Ticket | None = None


@dataclass(frozen=True)
class _Plan:
    """What is to become of a new message."""

    stored_text: str
    rasa_text: str | None = None
    reply: list[BotMessage] = field(default_factory=list)


class TurnService:
    def __init__(self, session: Session, clock: Clock, settings: Settings, texts: Texts) -> None:
        self._session = session
        self._clock = clock
        self._settings = settings
        self._texts = texts
        self._repository = ConversationRepository(session)
        self._conversations = ConversationService(session, clock)
        self._hours = OfficeHours.parse(settings.office_hours)
        self._handoffs = HandoffService(session, clock, texts, self._hours)

    # ── begin
    def begin(self, inbound: Inbound, holder: str) -> Begun:
        """Stores the message and decides who answers. Raises ``MessageIdReused``, ``TooManyMessages``."""
        conversation = self._conversations.open(
            inbound.channel, inbound.sender, inbound.customer_id, adopt_anonymous=inbound.adopt_anonymous
        )
        text = clean(inbound.text)
        fingerprint = self._fingerprint(text)
        earlier = None
        if inbound.message_id is not None:
            earlier = self._repository.by_external_id(conversation.id, "in", inbound.message_id)
        if earlier is not None:
            if earlier.fingerprint != fingerprint:
                raise MessageIdReused("this message_id was used for another text")
            if earlier.state == "answered" or (earlier.state == "received" and conversation.owner == "agent"):
                return Begun(conversation.id, "replayed", self._answers(earlier))
        now = self._clock.now()
        if conversation.turn_until is not None and conversation.turn_until > now:
            return Begun(conversation.id, "busy")
        if earlier is not None:
            return self._route(conversation, earlier, holder)
        self._refuse_flood(conversation)
        self._refuse_flood_of_customer(conversation.customer_id)
        own = inbound.answer if conversation.owner == "bot" else None
        plan = self._plan(conversation, text) if own is None else _Plan(text, reply=[self._say(own.key, card=None, **own.values)])
        to_rasa = conversation.owner == "bot" and not plan.reply
        row = {
            "direction": "in",
            "author": "borrower",
            "external_id": inbound.message_id,
            "text": plan.stored_text,
            "shown_text": self._shown(conversation.id, plan.stored_text),
            "rasa_text": plan.rasa_text,
            "fingerprint": fingerprint,
            "state": "processing" if to_rasa else "received",
            "attempt": 1 if to_rasa else 0,
        }
        turn = (holder, now + self._lease) if to_rasa else None
        (message,) = self._repository.append_all(conversation.id, now, [row], turn=turn)
        if to_rasa:
            return self._ticket(conversation, message, holder)
        if plan.reply:
            return self._settle(conversation, message, plan.reply)
        return self._route(conversation, message, holder)

    def _plan(self, conversation: Conversation, text: str) -> _Plan:
        limit = self._settings.max_message_chars
        if len(text) > limit:
            return _Plan(text[:limit], reply=[self._say("message_too_long", max=f"{limit:,}")])
        if not text:
            return _Plan("", reply=[self._say("empty_message")])
        code = code_in(text)
        step_up = StepUpService(self._session, self._clock, self._settings)
        if code is None or not step_up.expects_code(conversation.id):
            return _Plan(text, rasa_text=for_rasa(text))
        if conversation.owner != "bot":
            return _Plan(HIDDEN_CODE)  # no human reads it either
        return self._plan_code(step_up.verify(conversation.id, code))

    def _plan_code(self, result: StepUpResult) -> _Plan:
        if result.outcome == "ok":
            return _Plan(HIDDEN_CODE, rasa_text=STEP_UP_DONE)
        if result.outcome == "wrong":
            reply = self._say("step_up_failed", card={"type": "step_up_required"}, tries_left=str(result.tries_left))
            return _Plan(HIDDEN_CODE, reply=[reply])
        return _Plan(HIDDEN_CODE, reply=[self._say(f"step_up_{result.outcome}")])

    def _route(self, conversation: Conversation, message: Message, holder: str) -> Begun:
        """To the queue (a card says where the borrower stands, or they leave it), to the agent (silence), or to Rasa.

        Nobody asks Rasa about a borrower in danger any more, so the gateway listens itself.
        """
        if conversation.owner == "agent":
            message.state = "received"
            words = self._words_in_danger(conversation.id, message)
            return Begun(conversation.id, "answered", self._store_answers(conversation.id, message, words, "system"))
        if conversation.owner == "queue":
            message.attempt += 1
            if not leaves_queue(message.text or ""):
                words = self._words_in_danger(conversation.id, message)
                return self._settle(conversation, message, [*words, *self._where_in_queue(conversation.id)])
            self._handoffs.leave(conversation.id, announce=False)
            return self._settle(conversation, message, [self._say("handoff_left")])
        message.state = "processing"
        message.attempt += 1
        conversation.turn_holder, conversation.turn_until = holder, self._clock.now() + self._lease
        self._session.flush()
        return self._ticket(conversation, message, holder)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self._settings.rasa_timeout_seconds + 10)

    def _ticket(self, conversation: Conversation, message: Message, holder: str) -> Begun:
        rasa_text = message.rasa_text or message.text or ""
        ticket = Ticket(conversation.id, message.seq, message.attempt, holder, conversation.channel, rasa_text)
        return Begun(conversation.id, "ask", ticket=ticket)

    def answer(self, conversation: Conversation, message_id: str, own: OwnAnswer) -> tuple[LogEntry, ...]:
        """Our own words to a message that another part has put into the log; none while an agent has the conversation.

        The caller holds the conversation's lock.
        """
        message = self._repository.by_external_id(conversation.id, "in", message_id)
        if message is None:
            raise LookupError(f"conversation {conversation.id} has no message {message_id}")
        if conversation.owner == "agent":
            return ()
        return self._settle(conversation, message, [self._say(own.key, card=None, **own.values)]).answers

    # ── end
    def complete(self, ticket: Ticket, messages: Sequence[BotMessage]) -> tuple[LogEntry, ...]:
        """Stores Rasa's answer; what the bot may still say of it when a human has taken over meanwhile (silence.py)."""
        stored = self._repository.answer(
            ticket.conversation_id,
            self._clock.now(),
            _answer_rows(messages, "bot", ticket.seq, ticket.attempt),
            beside_agent=_answer_rows(beside_human(messages), "system", ticket.seq, ticket.attempt),
            holder=ticket.holder,
            asked=ticket.seq,
            attempt=ticket.attempt,
        )
        if stored is not None:
            return tuple(LogEntry.of(row) for row in stored)
        conversation, message = self._release(ticket)
        if message.attempt != ticket.attempt or message.state != "processing":
            return self._answers(message)  # our turn had run out, and another worker has answered
        message.state, message.failure = "answered", None
        if conversation.owner == "agent":
            return self._store_answers(conversation.id, message, beside_human(messages), "system")
        return self._store_answers(conversation.id, message, messages)

    def fail(self, ticket: Ticket, failure: str) -> tuple[LogEntry, ...]:
        """Rasa gave no answer: the borrower is told, and whoever wants a human gets one without Rasa."""
        conversation, message = self._release(ticket)
        if message.attempt == ticket.attempt and message.state == "processing":
            self._give_up(conversation, message, failure)
        return self._answers(message)

    def recover(self, *, all_of_them: bool) -> int:
        """Answers, with an apology, messages whose worker died; returns how many. A retry of them is processed again.

        ``all_of_them``: at the start of the only worker (SQLite). Otherwise only those whose turn has run out.
        """
        lost = self._repository.interrupted(self._clock.now(), all_of_them=all_of_them)
        return sum(self._apologise(message.conversation_id, message.seq) for message in lost)

    def _apologise(self, conversation_id: str, seq: int) -> bool:
        """The conversation is locked first, as everywhere; meanwhile another worker may have answered."""
        conversation = self._repository.get(conversation_id, lock=True)
        message = self._repository.by_seq(conversation_id, seq)
        if conversation is None or message is None or message.state != "processing":
            return False
        conversation.turn_holder = conversation.turn_until = None
        self._give_up(conversation, message, "interrupted")
        return True

    def _release(self, ticket: Ticket) -> tuple[Conversation, Message]:
        conversation = self._repository.get(ticket.conversation_id, lock=True)
        message = self._repository.by_seq(ticket.conversation_id, ticket.seq)
        if conversation is None or message is None:
            raise LookupError(f"message {ticket.seq} of conversation {ticket.conversation_id} has vanished")
        if conversation.turn_holder == ticket.holder:
            conversation.turn_holder = conversation.turn_until = None
        return conversation, message

    def _give_up(self, conversation: Conversation, message: Message, failure: str) -> None:
        """A human who has come meanwhile answers it; who waits for one sees their place, and who wants one gets one."""
        if conversation.owner == "agent":
            message.state = "received"
        elif conversation.owner == "queue":
            self._store_answers(conversation.id, message, self._where_in_queue(conversation.id), "system")
            message.state = "answered"
        elif wants_human(message.text or ""):
            self._store_answers(conversation.id, message, [self._ask_for_human(conversation.id)])
            message.state = "answered"
        else:
            self._store_answers(conversation.id, message, [self._say("bot_unavailable")])
            message.state = "failed"
        message.failure = failure
        self._session.flush()

    def _ask_for_human(self, conversation_id: str) -> BotMessage:
        handoff = self._handoffs.request(conversation_id, reason="asked")
        if handoff.case_no is not None and handoff.state == "offline":
            return self._say("handoff_offline", card=handoff.card(), case_no=handoff.case_no)
        if handoff.state == "offline":
            return self._say("handoff_noted", card=handoff.card(), hours=str(self._hours))
        return self._say("handoff_queued", card=handoff.card(), position=str(handoff.position))

    # ── parts
    def _settle(self, conversation: Conversation, message: Message, reply: Sequence[BotMessage]) -> Begun:
        """Answered by the gateway itself; not in the bot's name while a human is asked for."""
        author: Author = "bot" if conversation.owner == "bot" else "system"
        message.state = "answered"
        return Begun(conversation.id, "answered", self._store_answers(conversation.id, message, reply, author))

    def _store_answers(
        self, conversation_id: str, message: Message, reply: Sequence[BotMessage], author: Author = "bot"
    ) -> tuple[LogEntry, ...]:
        rows = _answer_rows(reply, author, message.seq, message.attempt)
        if not rows:
            return ()
        return tuple(LogEntry.of(row) for row in self._repository.append_all(conversation_id, self._clock.now(), rows))

    def _answers(self, message: Message) -> tuple[LogEntry, ...]:
        return tuple(LogEntry.of(answer) for answer in self._repository.answers(message))

    def _words_in_danger(self, conversation_id: str, message: Message) -> list[BotMessage]:
        danger = danger_in(message.text or "")
        if danger is None or not self._handoffs.hear(conversation_id, danger):
            return []
        return [self._say(danger.words)]

    def _where_in_queue(self, conversation_id: str) -> list[BotMessage]:
        handoff = self._handoffs.current(conversation_id)
        if handoff is None:
            raise LookupError(f"conversation {conversation_id} is in the queue but has no open request")
        return [BotMessage(custom=handoff.card())]

    def _say(self, key: str, *, card: dict[str, Any] | None = None, **values: str) -> BotMessage:
        text = self._texts.dialogue[key]
        return BotMessage(text.render(**values), tuple(button.as_dict() for button in text.buttons), card)

    def _shown(self, conversation_id: str, text: str) -> str | None:
        intent = payload_intent(text)
        if intent is None:
            return None
        title = self._repository.button_title(conversation_id, text)
        if title is None and intent in self._texts.answers:
            title = self._texts.answers[intent].title
        return title

    def _refuse_flood(self, conversation: Conversation) -> None:
        limit = self._settings.messages_per_minute
        if conversation.last_seq < limit:
            return  # not so many messages in all
        now = self._clock.now()
        nth_last = self._repository.nth_last_incoming_at(conversation.id, limit)
        if nth_last is not None and nth_last + timedelta(minutes=1) > now:
            wait = seconds_until(nth_last + timedelta(minutes=1), now)
            raise TooManyMessages("too many messages within a minute", limit=limit, retry_after=wait)

    def _refuse_flood_of_customer(self, customer_id: str) -> None:
        """Over all conversations and devices: a customer may open as many as they like."""
        if customer_id:
            rule = Rules.of(self._settings).messages
            take_in(self._session, self._settings, self._clock.now(), rule, Subject("customer", customer_id))

    def _fingerprint(self, text: str) -> str:
        """Keyed, because the text may be a one-time code."""
        return hmac.new(self._settings.signing_key().encode(), f"message:{text}".encode(), "sha256").hexdigest()


def _answer_rows(reply: Sequence[BotMessage], author: Author, reply_to: int, attempt: int) -> list[dict[str, Any]]:
    return [
        {
            "direction": "out",
            "author": author,
            "text": item.text,
            "buttons": list(item.buttons) or None,
            "custom": item.custom,
            "state": "queued",
            "reply_to": reply_to,
            "attempt": attempt,
        }
        for item in reply
    ]
