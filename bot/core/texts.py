"""What the bot says, loaded from ``data/answers``: one file per intent, plus flat files of dialogue texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any

import yaml


def _read(path: Path) -> Any:
    """libyaml's loader: a tenth of the time, and every process and test reads all answers."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


@dataclass(frozen=True)
class Button:
    """A next step. ``payload`` is ``/<intent>``, with optional JSON entities as in Rasa."""

    title: str
    payload: str

    def as_dict(self) -> dict[str, str]:
        return {"title": self.title, "payload": self.payload}


@dataclass(frozen=True)
class Text:
    """A reply with placeholders, and its buttons."""

    text: str
    buttons: tuple[Button, ...] = ()

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(name for _, name, _, _ in Formatter().parse(self.text) if name)

    def render(self, **values: str) -> str:
        """Fills the placeholders. Raises ``KeyError`` naming one that was not given."""
        return self.text.format_map(values)

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Text:
        return cls(raw["text"].strip(), tuple(Button(b["title"], b["payload"]) for b in raw.get("buttons", ())))


@dataclass(frozen=True)
class Answer:
    """Everything said for one intent: the general answer and the variants for identified borrowers."""

    intent: str
    title: str
    general: Text
    variants: dict[str, Text] = field(default_factory=dict)


class Texts:
    """All answers by intent and all dialogue texts by key."""

    def __init__(self, answers: dict[str, Answer], dialogue: dict[str, Text]) -> None:
        self.answers = answers
        self.dialogue = dialogue

    def answer(self, intent: str, variant: str | None = None) -> Text:
        """The text for ``intent``. Raises ``KeyError`` for an unknown intent or variant: a data error, found by tests."""
        answer = self.answers[intent]
        return answer.general if variant is None else answer.variants[variant]

    @classmethod
    def load(cls, folder: Path) -> Texts:
        """Reads ``<group>/<intent>.yml`` and the flat ``*.yml`` files of ``folder``."""
        answers: dict[str, Answer] = {}
        for path in sorted(folder.glob("*/*.yml")):
            raw = _read(path)
            variants = {name: Text.of(body) for name, body in (raw.get("variants") or {}).items()}
            answers[raw["intent"]] = Answer(raw["intent"], raw["title"], Text.of(raw["answer"]), variants)
        dialogue: dict[str, Text] = {}
        for path in sorted(folder.glob("*.yml")):
            raw = _read(path)
            dialogue.update({key: Text.of(body) for key, body in raw.items()})
        return cls(answers, dialogue)
