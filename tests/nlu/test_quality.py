"""The trained model may not become worse unnoticed: 1,200 questions of a writer whose sentences train nothing.

The record is tests/nlu/quality.yml. Who changes data, encoder or thresholds and accepts the new figures on purpose runs
`make record-quality`; tests/data/held_out.tsv was labelled by two annotators alone (kappa 0.98).
"""

from __future__ import annotations

import pytest
import yaml

from tests.nlu.quality import FLOOR_FROM_QUESTIONS, RECORD, SPOILT, lost, measure

RECORDED = yaml.safe_load(RECORD.read_text(encoding="utf-8"))
SLACK = 0.01
"""A drop of more than a point fails."""


@pytest.fixture(scope="module")
def found(parse):
    """The measures of `make eval EVAL=tests/data/held_out.tsv`."""
    return measure(parse)


@pytest.mark.parametrize("name", ["top1", "top3"])
def test_no_drop_of_more_than_a_point(found, name):
    now, recorded = found["accuracy"]["all"][name], RECORDED["accuracy"][name]
    assert now >= recorded - SLACK, f"{name} is {now:.4f}, recorded {recorded:.4f} (tests/nlu/quality.yml)"


@pytest.mark.parametrize(("name", "worse"), [("direct_wrong", 1), ("asked_right", -1), ("false_rejection", 1)])
def test_decisions_stay_as_good(found, name, worse):
    now, recorded = found["decisions"][name], RECORDED["decisions"][name]
    assert worse * (now - recorded) <= 2 * SLACK, f"{name} is {now:.4f}, recorded {recorded:.4f} (tests/nlu/quality.yml)"


def test_confidence_means_what_it_says(found):
    assert found["calibration"]["expected_error"] <= RECORDED["expected_calibration_error_at_most"]


@pytest.mark.parametrize(("intent", "floor"), sorted(RECORDED["recall_floors"].items()))
def test_every_intent_has_its_floor(found, intent, floor):
    row = found["per_intent"].get(intent)
    assert row is not None, f"{intent} has no held-out question any more"
    assert row["recall"] >= floor, f"{intent}: recall {row['recall']:.2f} of {row['questions']}, floor {floor:.2f}"


def test_every_intent_with_enough_questions_has_a_floor(found):
    counted = {intent for intent, row in found["per_intent"].items() if row["questions"] >= FLOOR_FROM_QUESTIONS}
    assert counted <= set(RECORDED["recall_floors"])


@pytest.mark.parametrize("kind", sorted(SPOILT))
def test_sloppy_writing_costs_little(parse, kind):
    now = lost(parse, kind)
    assert now <= RECORDED["lost_at_most"][kind], f"{kind} costs {now:.3f} of top-1"
