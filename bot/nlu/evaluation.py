"""The measures of the evaluation data (docs/nlu.md), as pure functions over what the model made of each labelled question."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.nlu import keys

UNCLEAR = "unclear"
COLUMNS = ("id", "text", "gold", "also", "kind", "source")
SMALLEST_CLASS = 5
"""Macro-F1 counts intents with at least so many questions."""


@dataclass(frozen=True)
class Question:
    """A labelled question; `gold` holds every right intent, `also` what a careful agent could choose as well."""

    id: str
    text: str
    gold: frozenset[str]
    also: frozenset[str]
    kind: str

    @property
    def in_scope(self) -> bool:
        """Whether some intent of the product is right."""
        return bool(self.gold - {UNCLEAR, keys.OUT_OF_SCOPE})

    @property
    def out_of_scope(self) -> bool:
        """Whether nothing but out_of_scope is right."""
        return self.gold == {keys.OUT_OF_SCOPE}


@dataclass(frozen=True)
class Outcome:
    """What the pipeline did: ranking best first (without nlu_fallback), decision, options, seconds."""

    ranking: tuple[str, ...]
    confidence: float
    decision: str
    options: tuple[str, ...]
    seconds: float


Result = tuple[Question, Outcome]


def read_questions(path: Path) -> list[Question]:
    """A labelled file. Raises ValueError that names the line when it is not of the described form."""
    questions = []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
        if missing:
            raise ValueError(f"{path}: no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
        for line, row in enumerate(reader, start=2):
            if not row["text"] or not row["gold"]:
                raise ValueError(f"{path}, line {line}: text and gold must not be empty")
            also = frozenset(filter(None, (row["also"] or "").split("|")))
            questions.append(Question(row["id"], row["text"], frozenset(row["gold"].split("|")), also, row["kind"] or ""))
    if not questions:
        raise ValueError(f"{path}: no questions")
    return questions


def share(hits: Iterable[bool]) -> float | None:
    """Part of true values, None of nothing."""
    values = list(hits)
    return sum(values) / len(values) if values else None


def accuracy(results: Sequence[Result]) -> dict[str, Any]:
    """top-1 and top-3 over in-scope questions."""
    scoped = [(question, outcome) for question, outcome in results if question.in_scope]
    return {
        "questions": len(scoped),
        "top1": share(outcome.ranking[0] in question.gold for question, outcome in scoped),
        "top3": share(bool(question.gold & set(outcome.ranking[:3])) for question, outcome in scoped),
        "top1_or_also": share(outcome.ranking[0] in question.gold | question.also for question, outcome in scoped),
    }


def label(question: Question, predicted: str) -> str:
    """The gold intent a prediction is compared with: the predicted one when it is right, else the first of the others."""
    return predicted if predicted in question.gold else min(question.gold - {UNCLEAR, keys.OUT_OF_SCOPE})


def per_intent(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of questions of each gold intent; in-scope questions only."""
    right, gold_count, predicted_count = Counter[str](), Counter[str](), Counter[str]()
    for question, outcome in results:
        if question.in_scope:
            gold = label(question, outcome.ranking[0])
            gold_count[gold] += 1
            predicted_count[outcome.ranking[0]] += 1
            right[gold] += gold == outcome.ranking[0]
    table = {}
    for intent in sorted(gold_count):
        precision = right[intent] / predicted_count[intent] if predicted_count[intent] else 0.0
        recall = right[intent] / gold_count[intent]
        f1 = 2 * precision * recall / (precision + recall) if right[intent] else 0.0
        table[intent] = {"questions": gold_count[intent], "precision": precision, "recall": recall, "f1": f1}
    return table


def macro_f1(table: dict[str, dict[str, float]]) -> float | None:
    """Mean F1 over intents with at least SMALLEST_CLASS questions."""
    scores = [row["f1"] for row in table.values() if row["questions"] >= SMALLEST_CLASS]
    return sum(scores) / len(scores) if scores else None


def decisions(results: Sequence[Result]) -> dict[str, float | None]:
    """What borrowers experience. Shares are of the in-scope questions unless the name says otherwise.

    A question treated as out of scope counts as rejected; a bare value ("answer") too, for no question is open here.
    """
    scoped = [(question, outcome) for question, outcome in results if question.in_scope]
    foreign = [outcome for question, outcome in results if question.out_of_scope]
    asked = [(question, outcome) for question, outcome in scoped if outcome.decision == "ask"]

    def answered(outcome: Outcome) -> bool:
        return outcome.decision == "direct" and outcome.ranking[0] != keys.OUT_OF_SCOPE

    return {
        "direct_right": share(answered(outcome) and outcome.ranking[0] in question.gold for question, outcome in scoped),
        "direct_wrong": share(answered(outcome) and outcome.ranking[0] not in question.gold for question, outcome in scoped),
        "direct_wrong_of_all_rows": share(answered(out) and out.ranking[0] not in question.gold for question, out in results),
        "direct_wrong_not_even_also": share(
            answered(outcome) and outcome.ranking[0] not in question.gold | question.also for question, outcome in scoped
        ),
        "asked": share(outcome.decision == "ask" for _, outcome in scoped),
        "asked_right": share(bool(question.gold & set(outcome.options)) for question, outcome in asked),
        "rejected": share(not answered(outcome) and outcome.decision != "ask" for _, outcome in scoped),
        "false_rejection": share(_treated_as_foreign(outcome) for _, outcome in scoped),
        "out_of_scope_recall": share(not answered(outcome) for outcome in foreign),
        "out_of_scope_recognised": share(_treated_as_foreign(outcome) for outcome in foreign),
    }


def _treated_as_foreign(outcome: Outcome) -> bool:
    return outcome.decision == "reject" or (outcome.decision == "direct" and outcome.ranking[0] == keys.OUT_OF_SCOPE)


def confusions(results: Sequence[Result]) -> list[tuple[str, str, int]]:
    """(gold, predicted, count), most frequent first; in-scope questions only."""
    pairs = Counter(
        ("|".join(sorted(question.gold - {UNCLEAR})), outcome.ranking[0])
        for question, outcome in results
        if question.in_scope and outcome.ranking[0] not in question.gold
    )
    return [(gold, predicted, count) for (gold, predicted), count in pairs.most_common()]


def calibration(results: Sequence[Result], bins: int = 10) -> dict[str, Any]:
    """Expected calibration error of the best intent over in-scope questions, and the bins: mean confidence, accuracy, count."""
    groups: dict[int, list[tuple[float, bool]]] = {}
    for question, outcome in results:
        if question.in_scope:
            group = min(int(outcome.confidence * bins), bins - 1)
            groups.setdefault(group, []).append((outcome.confidence, outcome.ranking[0] in question.gold))
    table = []
    for _, members in sorted(groups.items()):
        confidence = sum(value for value, _ in members) / len(members)
        table.append(
            {"confidence": confidence, "accuracy": sum(right for _, right in members) / len(members), "count": len(members)}
        )
    total = sum(row["count"] for row in table)
    error = sum(row["count"] * abs(row["confidence"] - row["accuracy"]) for row in table) / total if total else None
    return {"expected_error": error, "bins": table}


def coverage(results: Sequence[Result]) -> list[tuple[float, float, float]]:
    """(threshold, right, wrong) for every threshold of answering directly that changes something, highest first.

    Shares of the in-scope questions answered at that threshold, whatever the shipped one is; what is taken for out of scope or
    for a bare value is not answered at any.
    """
    scoped = [(question, outcome) for question, outcome in results if question.in_scope]
    sure = sorted(
        (
            (outcome.confidence, outcome.ranking[0] in question.gold)
            for question, outcome in scoped
            if outcome.decision in {"direct", "ask"} and outcome.ranking[0] != keys.OUT_OF_SCOPE
        ),
        reverse=True,
    )
    curve, right, wrong = [], 0, 0
    for confidence, hit in sure:
        right, wrong = right + hit, wrong + (not hit)
        curve.append((confidence, right / len(scoped), wrong / len(scoped)))
    return curve


def latency(results: Sequence[Result]) -> dict[str, float]:
    """p50 and p95 of one parse in milliseconds."""
    times = sorted(outcome.seconds for _, outcome in results)
    return {"p50_ms": 1000 * times[len(times) // 2], "p95_ms": 1000 * times[int(len(times) * 0.95)]}


def report(results: Sequence[Result]) -> dict[str, Any]:
    """Every measure, as it is stored in JSON."""
    kinds = sorted({question.kind for question, _ in results if question.kind})
    table = per_intent(results)
    return {
        "rows": len(results),
        "accuracy": {
            "all": accuracy(results),
            **{kind: accuracy([pair for pair in results if pair[0].kind == kind]) for kind in kinds},
        },
        "macro_f1": macro_f1(table),
        "decisions": decisions(results),
        "calibration": calibration(results),
        "coverage": coverage(results),
        "latency": latency(results),
        "per_intent": table,
        "confusions": [{"gold": gold, "predicted": predicted, "count": count} for gold, predicted, count in confusions(results)],
    }
