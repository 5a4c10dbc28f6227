"""A complaint told as a story has several issues: what the pieces of a long message are about.

A story is cut into clauses; each clause and each pair of neighbours is classified on its own, and what a piece is surely about
counts. Which intents can be issues of a story, and in which order they lead, stands in data/lexicon/issues.yml.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from bot.nlu import lexicon, safety

_SENTENCE_END = re.compile(r"[。！？；\n]+")
_CLAUSE_END = re.compile(r"[，、：\s]+")
_MEANINGFUL = re.compile(r"[\u4e00-\u9fff]")

Classify = Callable[[str], tuple[str, float]]
"""Canonical text → the best intent and its probability."""


@dataclass(frozen=True)
class StorySettings:
    """What was chosen by measurement on our own stories (docs/nlu.md)."""

    story_from: int = 40
    """Characters from which a message is looked at piece by piece."""
    shortest_piece: int = 5
    longest_piece: int = 40
    longest_clause: int = 30
    """A longer run without a mark (voice input) is looked at through a window."""
    window: int = 18
    issue: float = 0.85
    """Probability from which a piece is about its best intent."""


@dataclass(frozen=True)
class Issue:
    """One thing that a story is about, and how sure that is."""

    name: str
    confidence: float
    leads: bool
    """Whether a story may be answered as this intent."""


@dataclass(frozen=True)
class IssueRules:
    """See the head of issues.yml."""

    order: tuple[str, ...]
    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    leads: frozenset[str]


@lru_cache(maxsize=1)
def rules() -> IssueRules:
    """The rules of the lexicon. Raises ValueError for an intent that is listed twice."""
    listed = lexicon.read("issues.yml")["issues"]
    order = tuple(item["intent"] for item in listed)
    if len(set(order)) != len(order):
        raise ValueError("data/lexicon/issues.yml: an intent is listed twice")
    patterns = tuple((item["intent"], re.compile(pattern)) for item in listed for pattern in item.get("patterns", ()))
    return IssueRules(order, patterns, frozenset(item["intent"] for item in listed if item.get("leads")))


def pieces(canonical: str, settings: StorySettings) -> list[str]:
    """Clauses in order, then the pairs of neighbours within a sentence that are not too long."""
    single: list[str] = []
    pairs: list[str] = []
    for sentence in _SENTENCE_END.split(canonical):
        clauses = [
            part for clause in _CLAUSE_END.split(sentence) if _MEANINGFUL.search(clause) for part in windows(clause, settings)
        ]
        single += [clause for clause in clauses if len(clause) >= settings.shortest_piece]
        pairs += [f"{left}，{right}" for left, right in pairwise(clauses) if len(left) + len(right) < settings.longest_piece]
    return single + pairs


def windows(clause: str, settings: StorySettings) -> list[str]:
    """The clause, or overlapping parts of one that is too long to be about one thing."""
    if len(clause) <= settings.longest_clause:
        return [clause]
    return [
        clause[start : start + settings.window] for start in range(0, len(clause) - settings.window // 2, settings.window // 2)
    ]


def find(canonical: str, classify: Classify, settings: StorySettings) -> tuple[Issue, ...]:
    """The issues of a message, in the order of issues.yml; none for a short one.

    A piece counts when the classifier is sure, or when a phrase of issues.yml or of safety.yml says so (confidence 1).
    """
    if len(canonical) < settings.story_from:
        return ()
    wanted = rules()
    found: dict[str, float] = {}
    for piece in pieces(canonical, settings):
        for name, confidence in (classify(piece), *((name, 1.0) for name in _by_phrase(piece, wanted))):
            if name in wanted.order and confidence >= settings.issue:
                found[name] = max(confidence, found.get(name, 0.0))
    return tuple(Issue(name, found[name], name in wanted.leads) for name in wanted.order if name in found)


def _by_phrase(piece: str, wanted: IssueRules) -> list[str]:
    named = [intent for intent, pattern in wanted.patterns if pattern.search(piece)]
    rule = safety.first_match(piece)
    return [*named, rule.intent] if rule and rule.intent else named
