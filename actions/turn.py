"""One turn as the actions see it: what was said, by whom, and what is answered.

A handler reads the turn and adds messages to it; nothing is sent before its database transaction has committed
(actions/base.py), so a borrower never reads of a payment that was rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from bot.cases.service import CaseService
from bot.conversations.service import ConversationContext
from bot.core.clock import Clock
from bot.core.settings import Settings
from bot.core.texts import Text, Texts
from bot.loans.port import LoanBackend

Card = dict[str, Any]


@dataclass(frozen=True)
class Entity:
    """Something found in the message by bot/nlu, or given by a button's payload."""

    name: str
    value: Any
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class Heard:
    """The latest message as Rasa parsed it. ``ranking`` holds intents best first, without ``nlu_fallback``.

    ``decision`` and ``options`` come from bot/nlu/fallback.py: ``direct``, ``ask`` (one of the options), ``answer`` (a bare value
    that means something only where a question is open), ``reject``; empty for a pressed button.
    """

    text: str
    intent: str
    ranking: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()
    decision: str = ""
    options: tuple[str, ...] = ()
    issues: tuple[str, ...] = ()
    """What a long message tells of (bot/nlu/issues.py), the leading issue first; empty for a short one."""

    @property
    def is_payload(self) -> bool:
        """Whether a button was pressed (``/intent``) rather than something typed."""
        return self.text.startswith("/")

    def all(self, name: str) -> list[Any]:
        return [entity.value for entity in self.entities if entity.name == name]

    def first(self, name: str) -> Any | None:
        return next(iter(self.all(name)), None)

    def rest(self, *names: str) -> str:
        """The text without its entities; given ``names``, without those of these names only."""
        text = list(self.text)
        for entity in self.entities:
            if entity.start is not None and entity.end is not None and (not names or entity.name in names):
                text[entity.start : entity.end] = [""] * (entity.end - entity.start)
        return "".join(text)

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Heard:
        """From the tracker's ``latest_message``."""
        ranking = tuple(
            item["name"] for item in message.get("intent_ranking") or () if item.get("name") and item["name"] != "nlu_fallback"
        )
        entities = tuple(
            Entity(item["entity"], item.get("value"), item.get("start"), item.get("end"))
            for item in message.get("entities") or ()
        )
        intent = (message.get("intent") or {}).get("name") or ""
        options = tuple(message.get("options") or ())
        issues = tuple(item["name"] for item in message.get("issues") or ())
        return cls(message.get("text") or "", intent, ranking, entities, message.get("decision") or "", options, issues)


@dataclass
class Turn:
    """What a handler works with. ``session`` is open for this turn only; services on it never commit."""

    heard: Heard
    conversation: ConversationContext
    number: str
    session: Session
    loans: LoanBackend
    texts: Texts
    clock: Clock
    settings: Settings
    slots: Mapping[str, Any]
    active_form: str | None = None
    follow_up: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)

    # ── who and when
    @property
    def customer_id(self) -> str:
        """The identified customer. Raises ``LookupError`` for an anonymous borrower: ask ``identified`` first."""
        if self.conversation.customer_id is None:
            raise LookupError("the borrower is anonymous")
        return self.conversation.customer_id

    @property
    def identified(self) -> bool:
        return self.conversation.customer_id is not None

    @property
    def today(self) -> date:
        return self.clock.today()

    @property
    def story(self) -> str:
        """The borrower's words for a case; for a pressed button, what it is called."""
        if not self.heard.is_payload:
            return self.heard.text
        return self.texts.answers[self.heard.intent].title

    @property
    def origin(self) -> dict[str, Any]:
        """Who says it where, as every command of bot/cases wants to know."""
        where = self.conversation
        return {"customer_id": where.customer_id, "conversation_id": where.conversation_id, "channel": where.channel}

    @property
    def cases(self) -> CaseService:
        return CaseService(self.session, self.clock, self.loans, own_words=not self.heard.is_payload)

    def key(self, action: str) -> str:
        """The idempotency key of a money command: a repeated turn repeats the key, not the effect."""
        return f"{self.conversation.conversation_id}:{self.number}:{action}"

    # ── state that outlives the turn
    def slot(self, name: str) -> Any:
        return self.changes.get(name, self.slots.get(name))

    def remember(self, name: str, value: Any) -> None:
        self.changes[name] = value

    def offer(self, intent: str) -> None:
        """The next plain 好的 means ``intent``; 不用 means no. Any other message closes the offer."""
        self.remember("pending_offer", {"intent": intent, "turn": self.number})

    # ── what is answered
    def answer(self, variant: str | None = None, *, intent: str | None = None, **values: str) -> None:
        """The answer of the current intent (or ``intent``), marked as such for channels and evaluation."""
        name = intent or self.heard.intent
        self._add(self.texts.answer(name, variant), values, {"type": "answer", "intent": name})

    def say(self, key: str, *, card: Card | None = None, **values: str) -> None:
        """A text of the dialogue itself (data/answers/dialogue.yml)."""
        self._add(self.texts.dialogue[key], values, card)

    def card(self, card: Card) -> None:
        self.messages.append({"json_message": card})

    def buttons(self, key: str, buttons: list[dict[str, str]], card: Card, **values: str) -> None:
        """A dialogue text with buttons made from data, such as the meanings to choose from."""
        self.messages.append({"text": self.texts.dialogue[key].render(**values), "buttons": buttons, "json_message": card})

    def _add(self, text: Text, values: Mapping[str, str], card: Card | None) -> None:
        message: dict[str, Any] = {"text": text.render(**values)}
        if text.buttons:
            message["buttons"] = [button.as_dict() for button in text.buttons]
        if card is not None:
            message["json_message"] = card
        self.messages.append(message)
