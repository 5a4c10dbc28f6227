"""What a change of the training data changes: the same labelled questions answered by two models, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

from bot.nlu.evaluation import Outcome, Question, Result, accuracy, decisions, label

MEASURES = ("top1", "top3", "direct_right", "direct_wrong", "asked")


@dataclass(frozen=True)
class Change:
    """A question whose answer differs. `worth`: +1 better, −1 worse, 0 neither."""

    question: Question
    before: Outcome
    after: Outcome
    worth: int


@dataclass(frozen=True)
class IntentChange:
    """Of one gold intent: its in-scope questions, how many of them are newly right and newly wrong (best intent)."""

    intent: str
    questions: int
    gained: int
    lost: int


@dataclass(frozen=True)
class Comparison:
    """`measures` maps a name of MEASURES to its shares before and after; `chance`: see `sign_test`."""

    measures: dict[str, tuple[float | None, float | None]]
    intents: tuple[IntentChange, ...]
    changes: tuple[Change, ...]
    gained: int
    lost: int
    chance: float


def compare(before: Sequence[Result], after: Sequence[Result]) -> Comparison:
    """Of the same questions in the same order. Raises ValueError when they are not."""
    pairs = [(question, old, new, other) for (question, old), (other, new) in zip(before, after, strict=True)]
    if any(question != other for question, _, _, other in pairs):
        raise ValueError("the two results are not of the same questions")
    changes = tuple(
        Change(question, old, new, _sign(grade(question, new) - grade(question, old)))
        for question, old, new, _ in pairs
        if shown(old) != shown(new)
    )
    intents = _per_intent(pairs)
    gained, lost = sum(each.gained for each in intents), sum(each.lost for each in intents)
    return Comparison(
        measures={name: (_measures(before)[name], _measures(after)[name]) for name in MEASURES},
        intents=tuple(each for each in intents if each.gained or each.lost),
        changes=changes,
        gained=gained,
        lost=lost,
        chance=sign_test(gained, lost),
    )


def shown(outcome: Outcome) -> tuple[str, frozenset[str]]:
    """What the borrower gets: one intent's answer, a choice (whatever its order), or neither."""
    if outcome.decision == "direct":
        return "direct", frozenset(outcome.ranking[:1])
    return outcome.decision, frozenset(outcome.options if outcome.decision == "ask" else ())


def grade(question: Question, outcome: Outcome) -> int:
    """3 answered rightly, 2 asked with the right meaning among the options, 1 not answered, 0 answered wrongly.

    `also` counts as right: a careful agent could have chosen it.
    """
    right = question.gold | question.also
    if outcome.decision == "direct":
        return 3 if outcome.ranking[0] in right else 0
    return 2 if right & set(outcome.options) else 1


def sign_test(gained: int, lost: int) -> float:
    """How probable so uneven a split (or a more uneven one) is when every change were a coin's toss; 1 when nothing changed."""
    n, few = gained + lost, min(gained, lost)
    return min(1.0, 2 * sum(comb(n, k) for k in range(few + 1)) / (1 << n))


def as_json(comparison: Comparison) -> dict[str, Any]:
    """For the file beside the printed report."""
    return {
        "measures": {name: {"before": old, "after": new} for name, (old, new) in comparison.measures.items()},
        "newly_right": comparison.gained,
        "newly_wrong": comparison.lost,
        "sign_test": comparison.chance,
        "intents": [vars(each) for each in comparison.intents],
        "changes": [
            {
                "id": each.question.id,
                "text": each.question.text,
                "gold": sorted(each.question.gold),
                "worth": each.worth,
                **{name: _described(outcome) for name, outcome in (("before", each.before), ("after", each.after))},
            }
            for each in comparison.changes
        ],
    }


def _described(outcome: Outcome) -> dict[str, Any]:
    decision, names = shown(outcome)
    return {"decision": decision, "intents": sorted(names), "best": outcome.ranking[0], "confidence": outcome.confidence}


def _measures(results: Sequence[Result]) -> dict[str, float | None]:
    return {**accuracy(results), **decisions(results)}


def _per_intent(pairs: Sequence[tuple[Question, Outcome, Outcome, Question]]) -> list[IntentChange]:
    counts: dict[str, list[int]] = {}
    for question, old, new, _ in pairs:
        if question.in_scope:
            was, now = old.ranking[0] in question.gold, new.ranking[0] in question.gold
            intent = label(question, old.ranking[0] if was else new.ranking[0])
            row = counts.setdefault(intent, [0, 0, 0])
            row[0] += 1
            row[1] += now and not was
            row[2] += was and not now
    return [IntentChange(intent, *row) for intent, row in sorted(counts.items())]


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
