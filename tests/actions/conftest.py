"""Runs actions as Rasa would: a tracker goes in, messages and slots come out; real database, real services."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from actions.base import Services
from actions.registry import make_executor
from bot.conversations.service import ConversationService
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT, Settings
from bot.core.texts import Texts
from bot.loans.backends import EmbeddedBackends


@dataclass
class Server:
    """The action server around one database, and one conversation on it."""

    services: Services
    conversation_id: str
    slots: dict[str, Any] = field(default_factory=dict)
    active_form: str | None = None
    turn: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, intent: str, text: str | None = None, **entities: Any) -> None:
        """The borrower's next message, as bot/nlu would have parsed it."""
        self.turn += 2
        self.latest = {
            "text": text or f"/{intent}",
            "intent": {"name": intent, "confidence": 1.0},
            "intent_ranking": [{"name": name, "confidence": 0.3} for name in (intent, "ask_bill", "ask_fees")],
            "entities": [{"entity": name, "value": value} for name, value in entities.items()],
            "metadata": {"turn": self.turn},
        }

    def run(self, action: str) -> list[dict[str, Any]]:
        """Runs one action on the latest message; its slots stay for the next one."""
        tracker = {
            "sender_id": self.conversation_id,
            "slots": self.slots,
            "latest_message": self.latest,
            "events": [{"event": "active_loop", "name": self.active_form}, {"event": "user"}] if self.active_form else [],
            "paused": False,
            "followup_action": None,
            "active_loop": {"name": self.active_form} if self.active_form else {},
            "latest_action_name": "action_listen",
        }
        call = {"next_action": action, "sender_id": self.conversation_id, "tracker": tracker, "domain": {}}
        result = asyncio.run(make_executor(self.services).run(call))
        assert result is not None
        for event in result.events:
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
        self.messages = result.responses
        return self.messages

    def answer(self, intent: str, text: str | None = None, **entities: Any) -> str:
        """Hears a message and answers it with ``action_answer``; returns all texts."""
        self.hear(intent, text, **entities)
        self.run("action_answer")
        return self.text

    @property
    def text(self) -> str:
        return "\n".join(message["text"] for message in self.messages if message.get("text"))

    def cards(self) -> dict[str, dict[str, Any]]:
        return {message["custom"]["type"]: message["custom"] for message in self.messages if message.get("custom")}


@pytest.fixture
def settings() -> Settings:
    return Settings(demo=True)


@pytest.fixture
def serve(seeded: Database, clock: FixedClock, settings: Settings) -> Callable[[str | None], Server]:
    """``serve("C1002")``: the action server with a conversation of that customer; ``serve(None)``: an anonymous one."""
    services = Services(seeded, clock, Texts.load(ROOT / "data" / "answers"), settings, EmbeddedBackends(clock))

    def make(customer_id: str | None) -> Server:
        with seeded.transaction() as session:
            conversation = ConversationService(session, clock).open("rest", f"s-{customer_id}", customer_id or "")
            return Server(services, conversation.id)

    return make
