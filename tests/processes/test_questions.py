"""Held-out questions (tests/data/questions.yml) through the real entrance: answered right, or among the meanings offered."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.live import LiveApp

pytestmark = pytest.mark.processes
FLOOR = 0.85
BLOCKS = yaml.safe_load((Path(__file__).parents[1] / "data" / "questions.yml").read_text(encoding="utf-8"))["nlu"]
QUESTIONS = [(block["intent"], line.removeprefix("- ")) for block in BLOCKS for line in block["examples"].splitlines()]


def understood(live_app: LiveApp, intent: str, question: str) -> bool:
    chat = live_app.chat()
    chat.say(question)
    options: list[str] = next(
        (i["custom"]["intents"] for i in chat.replies if (i.get("custom") or {}).get("type") == "options"), []
    )
    if intent == "request_human":
        return "handoff" in chat.kinds()
    return chat.intent == intent or intent in options


def test_held_out_questions_are_understood_or_offered(live_app: LiveApp) -> None:
    results = {(intent, q): understood(live_app, intent, q) for intent, q in QUESTIONS}
    missed = [f"{intent}: {question}" for (intent, question), right in results.items() if not right]
    share = 1 - len(missed) / len(results)
    assert share >= FLOOR, f"{share:.3f} of {len(results)} understood or offered; missed: {missed}"
