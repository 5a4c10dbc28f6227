"""What two models make of the same questions, worked out by hand."""

from __future__ import annotations

import json

import pytest

from bot.nlu.comparison import as_json, compare, grade, sign_test
from bot.nlu.evaluation import Outcome, Question


def question(number: int, gold: str, also: str = "") -> Question:
    return Question(str(number), f"text {number}", frozenset(gold.split("|")), frozenset(filter(None, also.split("|"))), "random")


def outcome(*ranking: str, decision: str = "direct", options: tuple[str, ...] = ()) -> Outcome:
    return Outcome(ranking, 0.9, decision, options, 0.002)


QUESTIONS = [
    question(1, "ask_bill"),
    question(2, "ask_bill"),
    question(3, "ask_fees|ask_interest"),
    question(4, "settle_all"),
    question(5, "out_of_scope"),
]
BEFORE = [
    outcome("ask_fees", "ask_bill"),  # wrong
    outcome("ask_bill", "ask_fees"),  # right
    outcome("ask_interest", "ask_bill"),  # right, by the second of two
    outcome("ask_bill", "settle_all", decision="ask", options=("ask_bill", "settle_all")),
    outcome("out_of_scope", "ask_bill"),
]
AFTER = [
    outcome("ask_bill", "ask_fees"),  # newly right
    outcome("ask_fees", "ask_bill"),  # newly wrong
    outcome("ask_fees", "ask_bill"),  # another right answer
    outcome("ask_bill", "settle_all", decision="ask", options=("settle_all", "ask_bill")),  # the same choice in another order
    outcome("ask_bill", "out_of_scope"),  # a foreign question is answered
]


def of(outcomes: list[Outcome]) -> list[tuple[Question, Outcome]]:
    return list(zip(QUESTIONS, outcomes, strict=True))


def test_gains_losses_and_changed_answers():
    found = compare(of(BEFORE), of(AFTER))
    assert found.measures["top1"] == (0.5, 0.5)
    assert found.measures["top3"] == (1.0, 1.0)
    assert found.measures["direct_wrong"] == (0.25, 0.25)
    assert [(each.intent, each.questions, each.gained, each.lost) for each in found.intents] == [("ask_bill", 2, 1, 1)]
    assert (found.gained, found.lost, found.chance) == (1, 1, 1.0)
    assert [(each.question.id, each.worth) for each in found.changes] == [("1", 1), ("2", -1), ("3", 0), ("5", -1)]


def test_the_same_answers_change_nothing():
    found = compare(of(BEFORE), of(BEFORE))
    assert (found.changes, found.intents, found.chance) == ((), (), 1.0)


def test_a_comparison_is_of_the_same_questions():
    with pytest.raises(ValueError, match="same questions"):
        compare(of(BEFORE), of(AFTER)[::-1])
    with pytest.raises(ValueError, match="shorter"):
        compare(of(BEFORE), of(AFTER)[1:])


def test_what_a_careful_agent_could_choose_is_right_and_silence_is_better_than_a_wrong_answer():
    asked = question(1, "ask_bill", also="ask_fees")
    answers = (
        outcome("ask_fees"),
        outcome("greet", decision="ask", options=("greet", "ask_bill")),
        outcome("greet", decision="reject"),
        outcome("greet"),
    )
    assert [grade(asked, each) for each in answers] == [3, 2, 1, 0]


@pytest.mark.parametrize(("gained", "lost", "chance"), [(0, 0, 1.0), (3, 3, 1.0), (5, 0, 1 / 16), (1, 7, 18 / 256)])
def test_how_probable_so_uneven_a_split_is_by_chance(gained: int, lost: int, chance: float):
    assert sign_test(gained, lost) == chance


def test_the_file_names_each_changed_answer():
    written = json.loads(json.dumps(as_json(compare(of(BEFORE), of(AFTER)))))
    assert written["measures"]["top1"] == {"before": 0.5, "after": 0.5}
    assert written["changes"][0]["before"] == {
        "decision": "direct",
        "intents": ["ask_fees"],
        "best": "ask_fees",
        "confidence": 0.9,
    }
