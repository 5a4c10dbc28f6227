"""What every action shares: one transaction, one place that catches, masks and logs, and the reply when we failed.

If a custom action raises, Rasa drops that action's events and says nothing; so nothing raises past ``CareAction.run``.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import structlog
from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Heard, Turn
from bot.conversations.service import ConversationContext, ConversationService
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.errors import NotFound
from bot.core.origin import Actor, Origin, refine_origin
from bot.core.settings import Settings
from bot.core.texts import Texts
from bot.loans.backends import LoanBackends

log = structlog.get_logger(__name__)

Events = list[dict[str, Any]]


@dataclass(frozen=True)
class Services:
    """What the composition root (actions/__main__.py) hands to every action."""

    database: Database
    clock: Clock
    texts: Texts
    settings: Settings
    loans: LoanBackends


class CareAction(Action):  # type: ignore[misc]
    """Base of all actions. Subclasses set ``action_name`` and fill the turn in ``perform``."""

    action_name: ClassVar[str]

    def __init__(self, services: Services) -> None:
        self.services = services

    def name(self) -> str:
        return self.action_name

    @abstractmethod
    def perform(self, turn: Turn, tracker: Tracker) -> Events:
        """Adds messages to ``turn``; returns Rasa events beyond ``turn.changes``. Runs inside one transaction."""

    def on_error(self) -> Events:
        """Events that bring the dialogue to rest after a failure."""
        return []

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        messages, events = await asyncio.to_thread(self._safely, tracker)
        for message in messages:
            dispatcher.utter_message(**message)
        return events

    def _safely(self, tracker: Tracker) -> tuple[list[dict[str, Any]], Events]:
        try:
            return self._transaction(tracker)
        except Exception:
            error_id = secrets.token_hex(4).upper()
            log.exception("action failed", action=self.name(), conversation=tracker.sender_id, error_id=error_id)
            text = self.services.texts.dialogue["action_error"]
            message = {"text": text.render(error_id=error_id), "buttons": [button.as_dict() for button in text.buttons]}
            return [message], self.on_error()

    def _transaction(self, tracker: Tracker) -> tuple[list[dict[str, Any]], Events]:
        services = self.services
        with services.database.transaction() as session:
            conversation = self._conversation(ConversationService(session, services.clock), tracker.sender_id)
            place = origin_of(tracker, conversation)
            refine_origin(**{field.name: getattr(place, field.name) for field in fields(place)})
            turn = Turn(
                heard=Heard.of(tracker.latest_message),
                conversation=conversation,
                number=turn_number(tracker),
                session=session,
                loans=services.loans.open(session),
                texts=services.texts,
                clock=services.clock,
                settings=services.settings,
                slots=tracker.slots,
                active_form=(tracker.active_loop or {}).get("name"),
            )
            events = self.perform(turn, tracker)
            self._close_old_offer(turn)
            if turn.follow_up:
                events = [*events, FollowupAction(turn.follow_up)]
            return turn.messages, [*(SlotSet(name, value) for name, value in turn.changes.items()), *events]

    @staticmethod
    def _conversation(service: ConversationService, sender_id: str) -> ConversationContext:
        try:
            return service.context(sender_id)
        except NotFound:
            # Rasa was asked directly, not through the gateway: nobody vouched for this borrower.
            return ConversationContext(sender_id, channel="direct", customer_id=None, level="anonymous", owner="bot")

    @staticmethod
    def _close_old_offer(turn: Turn) -> None:
        """A 好的 answers only the question asked just before it."""
        offer = turn.slots.get("pending_offer")
        if offer and "pending_offer" not in turn.changes and offer.get("turn") != turn.number:
            turn.remember("pending_offer", None)


def origin_of(tracker: Tracker, conversation: ConversationContext) -> Origin:
    """The bot acts here; the request behind it is the one that the gateway names."""
    metadata = tracker.latest_message.get("metadata") or {}
    request_id, address = metadata.get("request_id"), metadata.get("address")
    return Origin(
        channel=conversation.channel,
        address=address[:45] if isinstance(address, str) else None,
        request_id=request_id[:64] if isinstance(request_id, str) else None,
        conversation_id=conversation.conversation_id,
        actor=Actor("bot", "bot"),
    )


def turn_number(tracker: Tracker) -> str:
    """The gateway's number of the borrower's message; outside the gateway, Rasa's own message id."""
    message = tracker.latest_message
    metadata = message.get("metadata") or {}
    return str(metadata.get("turn") or message.get("message_id") or len(tracker.events))
