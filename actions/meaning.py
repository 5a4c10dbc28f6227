"""Which of these do you mean? The likeliest meanings of a message, as buttons."""

from __future__ import annotations

from actions.turn import Turn

SMALLTALK = frozenset(
    {"affirm", "deny", "greet", "goodbye", "thank", "vent", "out_of_scope", "ask_bot_identity", "report_unresolved"}
)
"""Never offered as a meaning."""


def ask_meaning(turn: Turn) -> None:
    meanings = [name for name in turn.heard.ranking if name in turn.texts.answers and name not in SMALLTALK][:3]
    buttons = [{"title": turn.texts.answers[name].title, "payload": f"/{name}"} for name in meanings]
    buttons += [button.as_dict() for button in turn.texts.dialogue["ask_meaning"].buttons]
    turn.buttons("ask_meaning", buttons, {"type": "options", "intents": meanings}, said=quoted(turn.heard.text))


def quoted(text: str) -> str:
    """What was said, short enough to repeat."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 30 else flat[:29] + "…"
