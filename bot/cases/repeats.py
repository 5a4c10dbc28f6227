"""Is a complaint the same again, the same matter with new facts, or another matter? (product §4: repeats are merged)

Compared are pairs of neighbouring characters, without the words that every complaint has ("我要投诉", "没人管"). Numbers count
apart: a new date, amount or phone number is a new fact even in a sentence that was said before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from bot.cases.policy import RepeatPolicy

Relation = Literal["nothing", "repeat", "new_facts", "other"]
"""``nothing``: the story says nothing about what happened ("我要投诉！快点处理")."""


def relation(story: str, told: Iterable[str], policy: RepeatPolicy) -> Relation:
    """How ``story`` relates to a case in which ``told`` was said before."""
    before = list(told)
    own = _pairs(story, policy)
    if not own and not _numbers(story):
        return "nothing"
    known = set().union(*(_pairs(text, policy) for text in before))
    percent = 100 * len(own & known) // len(own) if own else 100
    if percent < policy.same_matter_percent:
        return "other"
    new_numbers = _numbers(story) - set().union(*(_numbers(text) for text in before))
    return "repeat" if percent >= policy.nothing_new_percent and not new_numbers else "new_facts"


def _pairs(text: str, policy: RepeatPolicy) -> set[str]:
    plain = unicodedata.normalize("NFKC", text).lower()
    for word in sorted(policy.generic_words, key=len, reverse=True):
        plain = plain.replace(word, " ")
    pieces = re.findall(r"[^\W\d_]+", plain)
    return {piece[i : i + 2] for piece in pieces for i in range(len(piece) - 1)}


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+", unicodedata.normalize("NFKC", text)))
