"""The measures, worked out by hand on six questions."""

from __future__ import annotations

import pytest

from bot.nlu.evaluation import Outcome, Question, read_questions, report

HEADER = "id\ttext\tgold\talso\tkind\tsource\n"


def question(gold: str, also: str = "", kind: str = "random") -> Question:
    return Question("q", "text", frozenset(gold.split("|")), frozenset(filter(None, also.split("|"))), kind)


def outcome(*ranking: str, decision: str = "direct", confidence: float = 0.9, options: tuple[str, ...] = ()) -> Outcome:
    return Outcome(ranking, confidence, decision, options, 0.002)


RESULTS = [
    (question("ask_bill"), outcome("ask_bill", "ask_fees", "greet")),  # answered rightly
    (question("ask_bill|ask_fees"), outcome("ask_fees", "greet", "ask_bill")),  # either is right
    (
        question("ask_fees", also="ask_interest"),
        outcome("ask_interest", "ask_bill", "ask_fees", confidence=0.8),
    ),  # answered wrongly
    (
        question("settle_all", kind="targeted"),
        outcome("ask_bill", "settle_all", "greet", decision="ask", options=("ask_bill", "settle_all"), confidence=0.4),
    ),
    (question("out_of_scope"), outcome("ask_bill", "out_of_scope", "greet")),  # a foreign question answered
    (question("out_of_scope"), outcome("out_of_scope", "ask_bill", "greet")),
    (question("unclear"), outcome("ask_bill", "ask_fees", "greet", decision="reject")),
]


def test_the_measures_are_those_of_the_description():
    found = report(RESULTS)
    assert found["accuracy"]["all"] == {"questions": 4, "top1": 0.5, "top3": 1.0, "top1_or_also": 0.75}
    assert found["accuracy"]["targeted"]["top1"] == 0.0
    decisions = found["decisions"]
    assert (decisions["direct_right"], decisions["direct_wrong"], decisions["asked"], decisions["asked_right"]) == (
        0.5,
        0.25,
        0.25,
        1.0,
    )
    assert decisions["direct_wrong_of_all_rows"] == pytest.approx(2 / 7)
    assert decisions["direct_wrong_not_even_also"] == 0.0
    assert (decisions["rejected"], decisions["false_rejection"]) == (0.0, 0.0)
    assert (decisions["out_of_scope_recall"], decisions["out_of_scope_recognised"]) == (0.5, 0.5)
    assert found["confusions"] == [
        {"gold": "ask_fees", "predicted": "ask_interest", "count": 1},
        {"gold": "settle_all", "predicted": "ask_bill", "count": 1},
    ]
    assert found["per_intent"]["ask_bill"] == {"questions": 1, "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3)}
    assert found["macro_f1"] is None  # no intent has five questions
    assert found["calibration"]["expected_error"] == pytest.approx((2 * 0.1 + 0.8 + 0.4) / 4)


def test_a_borrower_treated_as_out_of_scope_is_a_false_rejection():
    found = report([(question("ask_bill"), outcome("out_of_scope", "ask_bill", "greet"))])
    assert (found["decisions"]["rejected"], found["decisions"]["false_rejection"], found["decisions"]["direct_wrong"]) == (
        1.0,
        1.0,
        0.0,
    )


def test_a_labelled_file_is_read(tmp_path):
    path = tmp_path / "some.tsv"
    path.write_text(HEADER + 'q1\t他说"还款"\task_bill|ask_fees\t\trandom\tA\n', encoding="utf-8")
    assert read_questions(path) == [Question("q1", '他说"还款"', frozenset({"ask_bill", "ask_fees"}), frozenset(), "random")]


@pytest.mark.parametrize(
    ("content", "message"),
    [("id\ttext\n1\tx\n", "no column gold"), (HEADER + "q1\t\task_bill\t\trandom\tA\n", "line 2"), (HEADER, "no questions")],
)
def test_a_file_of_another_form_is_refused_with_the_place(tmp_path, content, message):
    path = tmp_path / "some.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_questions(path)


def test_coverage_counts_what_each_threshold_would_answer():
    """Of the four in-scope questions one is asked about at 0.4 (wrongly), one answered wrongly at 0.8, two rightly at 0.9."""
    assert report(RESULTS)["coverage"] == [(0.9, 0.25, 0.0), (0.9, 0.5, 0.0), (0.8, 0.5, 0.25), (0.4, 0.5, 0.5)]
