"""What of the bot's answer still counts when a human took the conversation over while Rasa worked (product §5).

Who owns a conversation speaks in it. But what has been done is told (a case, a booked repayment), and so is what was asked before
the human came: in the system's name. What only a bot could go on with is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.conversations.rasa import BotMessage

_OVER = frozenset({"handoff", "options", "step_up_required"})
"""Cards of what is over: a place in a queue that was left, meanings to choose from, a code that nobody asks for any more."""


def beside_human(messages: Sequence[BotMessage]) -> list[BotMessage]:
    """Without those messages, and without buttons: what they send would reach the human, who cannot read it."""
    kept = (replace(message, buttons=()) for message in messages if not _is_over(message))
    return [message for message in kept if message != BotMessage()]


def _is_over(message: BotMessage) -> bool:
    card = message.custom or {}
    return card.get("type") in _OVER or (card.get("type"), card.get("intent")) == ("answer", "request_human")
