"""Words of distress or fraud, heard without Rasa: whoever waits for a human, or is with one, is not asked about by Rasa any more.

The phrases are the model's (data/lexicon/safety.yml). Only Rasa's environment has its normaliser; here they are read on a plainer
text, and tests/conversations/test_danger.py holds both to the same list.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from bot.conversations.commands import payload_intent
from bot.core.settings import ROOT

PRIORITY_FRAUD = 5
PRIORITY_DISTRESS = 10

_SPACE = re.compile(r"\s+")
_SPACE_IN_CHINESE = re.compile(r"(?<=[\u4e00-\u9fff，。！？]) (?=[\u4e00-\u9fff，。！？])")
_REPEATED = re.compile(r"(\S)\1{2,}")
_MARKS = str.maketrans({",": "，", "?": "？", "!": "！", ";": "；", "…": "。"})
_FRAUD = "report_fraud"


@dataclass(frozen=True)
class Danger:
    """What a human must know at once. ``words``: the text (data/answers/system.yml) that helps until they answer."""

    reason: str
    priority: int
    words: str


DISTRESS = Danger("distress", PRIORITY_DISTRESS, "safety_distress")
FRAUD = Danger("fraud", PRIORITY_FRAUD, "safety_fraud")


def danger_in(text: str) -> Danger | None:
    """Distress before fraud, as the rules stand in their file; ``None`` for whatever else is said."""
    if text.startswith("/"):
        return FRAUD if payload_intent(text) == _FRAUD else None
    plain = _plain(text)
    return next((rule.danger for rule in _rules() if rule.matches(plain)), None)


@dataclass(frozen=True)
class _Rule:
    danger: Danger
    patterns: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...]

    def matches(self, plain: str) -> bool:
        """As in the model: what ``unless`` describes is cut out first."""
        for pattern in self.unless:
            plain = pattern.sub(" ", plain)
        return any(pattern.search(plain) for pattern in self.patterns)


@cache
def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(danger, tuple(map(re.compile, rule["patterns"])), tuple(map(re.compile, rule.get("unless", ()))))
        for rule in _read("data/lexicon/safety.yml")["rules"]
        if (danger := DISTRESS if rule.get("distress") else FRAUD if rule["intent"] == _FRAUD else None) is not None
    )


@cache
def _simplified() -> dict[int, str]:
    return {ord(form): simple for simple, forms in _read("data/catalogue/traditional.yml").items() for form in forms}


def _read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def _plain(text: str) -> str:
    """Half width, lower case, simplified, without invisible characters; spaces between Chinese words are commas."""
    text = unicodedata.normalize("NFKC", "".join(" " if each.isspace() else each for each in text))
    text = "".join(each for each in text if each == " " or unicodedata.category(each)[0] not in "CZ")
    text = text.translate(_simplified()).translate(_MARKS).lower()
    text = _SPACE_IN_CHINESE.sub("，", _SPACE.sub(" ", text))
    return _REPEATED.sub(r"\1\1", text)
