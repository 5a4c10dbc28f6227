"""Which of these do you mean? The likeliest meanings of a message, as buttons."""

from __future__ import annotations

from actions.topics import trouble
from actions.turn import Turn

SMALLTALK = frozenset(
    {"affirm", "deny", "greet", "goodbye", "thank", "vent", "out_of_scope", "ask_bot_identity", "report_unresolved"}
)
"""Never offered as a meaning."""


FEWEST, MOST = 2, 3
ALIKE = (
    trouble.OWN_STUCK,
    frozenset({"settle_all", "ask_outstanding"}),
)
"""Meanings whose answers hold the same facts: the state of the same payments; all contracts and what settles them today."""


def meanings(turn: Turn) -> list[str]:
    """Two or three intents, best first: what bot/nlu would choose between, else the best of its ranking."""
    sensible = [name for name in turn.heard.options if offerable(turn, name)][:MOST]
    others = [name for name in turn.heard.ranking if offerable(turn, name) and name not in sensible]
    if not turn.heard.options:
        return others[:MOST]
    return sensible + others[: max(0, FEWEST - len(sensible))]


def needs_no_choice(turn: Turn) -> str | None:
    """The likelier of two meanings that are answered alike; ``None`` when the borrower has to choose."""
    likeliest = turn.heard.options[:2]
    return likeliest[0] if len(likeliest) > 1 and any(group.issuperset(likeliest) for group in ALIKE) else None


def offerable(turn: Turn, intent: str) -> bool:
    return intent in turn.texts.answers and intent not in SMALLTALK


def ask_meaning(turn: Turn) -> None:
    names = meanings(turn)
    buttons = [{"title": turn.texts.answers[name].title, "payload": f"/{name}"} for name in names]
    buttons += [button.as_dict() for button in turn.texts.dialogue["ask_meaning"].buttons]
    turn.remember("task", {"options": names})
    turn.buttons("ask_meaning", buttons, {"type": "options", "intents": names}, said=quoted(turn.heard.text))


def quoted(text: str) -> str:
    """What was said, short enough to repeat."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 30 else flat[:29] + "…"
