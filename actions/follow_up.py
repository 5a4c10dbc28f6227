"""A short message that goes on from the last topic: "那利息呢" after an early repayment asks what that saves.

The words stand in data/lexicon/follow_ups.yml. What has a topic of its own ("利息多少") is left to the classifier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from actions.lexicon import PUNCTUATION, any_of
from actions.topics.repayment import chosen_contracts
from actions.turn import Entity, Turn
from bot.core.settings import ROOT

LONGEST = 14
"""Characters; a longer message says itself what it is about."""


@dataclass(frozen=True)
class Subject:
    """``words`` asked about; ``after`` maps a topic to the intent it then means, ``means`` is for every other topic."""

    words: frozenset[str]
    means: str | None
    after: Mapping[str, str]


@dataclass(frozen=True)
class FollowUps:
    """The data file, with one pattern per list."""

    opener: re.Pattern[str]
    ending: re.Pattern[str]
    filler: re.Pattern[str]
    another: re.Pattern[str]
    subjects: tuple[Subject, ...]

    def elliptic(self, text: str) -> str | None:
        """What is left of a message that goes on from something; ``None`` when it stands for itself."""
        bare = re.sub(PUNCTUATION, "", text)
        if len(bare) > LONGEST or not (self.opener.match(bare) or self.ending.search(bare)):
            return None
        return self.ending.sub("", self.opener.sub("", bare))

    def meaning(self, rest: str, topic: str) -> str | None:
        """The intent of ``rest`` after ``topic``: what remains without filler must be exactly one subject's word."""
        candidates = {rest, self.filler.sub("", rest)}
        for subject in self.subjects:
            if candidates & subject.words:
                return subject.after.get(topic, subject.means)
        return None


@cache
def follow_ups(path: Path = ROOT / "data" / "lexicon" / "follow_ups.yml") -> FollowUps:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return FollowUps(
        opener=re.compile(f"^(?:{any_of(raw['openers'])})"),
        ending=re.compile(f"(?:{any_of(raw['endings'])})$"),
        filler=re.compile(any_of(raw["filler"])),
        another=re.compile(any_of(raw["another"])),
        subjects=tuple(
            Subject(
                frozenset(item["words"]),
                item.get("means"),
                {topic: intent for intent, topics in item.get("after", {}).items() for topic in topics},
            )
            for item in raw["subjects"]
        ),
    )


def inherit_topic(turn: Turn) -> str | None:
    """The intent of an elliptic message, with the loans it is about added to what was heard; ``None`` for any other message."""
    topic: dict[str, Any] = turn.slots.get("topic") or {}
    if not topic or turn.heard.is_payload or turn.active_form:
        return None
    words = follow_ups()
    rest = words.elliptic(turn.heard.text)
    if rest is None:
        return None
    intent = words.meaning(rest, topic["intent"])
    if intent:
        turn.heard = replace(turn.heard, intent=intent, entities=(*turn.heard.entities, *_loans(topic["contracts"])))
        return intent
    if turn.heard.all("product") or turn.heard.all("contract_no"):
        intent = topic["intent"] if _only_names_a_loan(turn, words) else None
    elif words.another.search(turn.heard.text):
        intent = topic["intent"]
        turn.heard = replace(turn.heard, entities=(*turn.heard.entities, *_loans(_others(turn, topic["contracts"]))))
    if intent:
        turn.heard = replace(turn.heard, intent=intent)
    return intent


def remember_topic(turn: Turn, intent: str) -> None:
    """What the next elliptic message goes on from."""
    turn.remember("topic", {"intent": intent, "contracts": chosen_contracts(turn) if turn.identified else []})


def _loans(contract_nos: list[str]) -> tuple[Entity, ...]:
    return tuple(Entity("contract_no", number) for number in contract_nos)


def _others(turn: Turn, spoken_of: list[str]) -> list[str]:
    """The open contracts that were not spoken of; all of them stay meant when none was singled out."""
    if not turn.identified or not spoken_of:
        return []
    return [item.contract_no for item in turn.loans.contracts(turn.customer_id) if item.contract_no not in spoken_of]


def _only_names_a_loan(turn: Turn, words: FollowUps) -> bool:
    """ "快贷那笔呢": nothing but the loan, an opener or ending, and small words."""
    left = words.elliptic(turn.heard.rest("product", "contract_no")) or ""
    return not re.sub(r"[这那笔个款一]", "", words.filler.sub("", left))
