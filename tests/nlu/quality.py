"""What test_quality.py compares, and how its record is made: make record-quality, after a change that was meant."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from opencc import OpenCC

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[1] / "scripts")]

from bot.nlu.evaluation import Question, read_questions, report  # noqa: E402

RECORD = HERE / "quality.yml"
QUESTIONS = read_questions(HERE.parent / "data" / "held_out.tsv")
SOME = QUESTIONS[::3]
"""Enough to see what sloppy writing costs."""
FLOOR_FROM_QUESTIONS = 8
CALIBRATION_SLACK = 0.02

Parse = Callable[[Iterable[str]], dict[str, dict[str, Any]]]
_TRADITIONAL = OpenCC("s2t")


def _homophones(text: str) -> str:
    for right, wrong in (("还款", "换款"), ("借钱", "接钱"), ("逾期", "预期"), ("账", "帐")):
        text = text.replace(right, wrong)
    return text


def _swapped(text: str) -> str:
    middle = len(text) // 2
    return text[:middle] + text[middle : middle + 2][::-1] + text[middle + 2 :]


SPOILT: dict[str, Callable[[str], str]] = {
    "traditional": _TRADITIONAL.convert,
    "emoji": lambda text: f"{text}😭😭🙏",
    "repeated": lambda text: f"{text}{text[-1] * 4}！！！！",
    "spaces": lambda text: " ".join((text[: len(text) // 2], text[len(text) // 2 :])),
    "homophone": _homophones,
    "letter lost": lambda text: text[: len(text) // 3] + text[len(text) // 3 + 1 :],
    "letters swapped": _swapped,
}
"""How people write when they are in a hurry."""


def measure(parse: Parse, spoil: Callable[[str], str] = str, questions: Sequence[Question] = QUESTIONS) -> dict[str, Any]:
    """The measures of `make eval`, of each question as `spoil` writes it."""
    from evaluate import outcome  # noqa: PLC0415 - imports all of Rasa

    parsed = parse(spoil(question.text) for question in questions)
    return report([(question, outcome(parsed[spoil(question.text)], 0.0)) for question in questions])


def lost(parse: Parse, kind: str) -> float:
    """How much of top-1 this way of writing costs."""
    plain, spoilt = (measure(parse, spoil, SOME)["accuracy"]["all"]["top1"] for spoil in (str, SPOILT[kind]))
    return float(plain - spoilt)


def record(parse: Parse) -> dict[str, Any]:
    """What the record says of this model. A floor is two questions, at least 12 points, below what the model reaches."""
    found = measure(parse)
    counted = {name: row for name, row in found["per_intent"].items() if row["questions"] >= FLOOR_FROM_QUESTIONS}
    floors = {
        name: max(0.0, math.floor(100 * (row["recall"] - max(0.12, 2 / row["questions"]))) / 100) for name, row in counted.items()
    }
    return {
        "accuracy": {name: round(found["accuracy"]["all"][name], 4) for name in ("top1", "top3")},
        "decisions": {name: round(found["decisions"][name], 4) for name in ("direct_wrong", "asked_right", "false_rejection")},
        "expected_calibration_error_at_most": round(found["calibration"]["expected_error"] + CALIBRATION_SLACK, 4),
        "recall_floors": floors,
        "lost_at_most": {kind: round(lost(parse, kind) + 0.02, 4) for kind in SPOILT},
    }


def main() -> None:
    """Writes the record of the model of the present data."""
    from evaluate import load_agent  # noqa: PLC0415 - imports all of Rasa
    from train import current_model  # noqa: PLC0415

    agent = load_agent(current_model())

    async def ask(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
        return {text: await agent.parse_message(text) for text in texts}

    head = RECORD.read_text(encoding="utf-8").split("accuracy:")[0]
    body = yaml.safe_dump(record(lambda texts: asyncio.run(ask(texts))), sort_keys=False, allow_unicode=True)
    RECORD.write_text(head + body, encoding="utf-8")


if __name__ == "__main__":
    main()
