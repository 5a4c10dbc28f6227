"""Answer, ask back, leave to the open question, or reject."""

from __future__ import annotations

import pytest
from rasa.shared.nlu.training_data.message import Message

from bot.nlu.fallback import ConfidenceDecision, Decision, Thresholds, decide, only_values

THRESHOLDS = Thresholds(direct=0.7, out_of_scope=0.6, offer=0.35, option=0.03)


def ranking(**confidences: float) -> list[dict[str, object]]:
    return [{"name": name, "confidence": value} for name, value in sorted(confidences.items(), key=lambda item: -item[1])]


@pytest.mark.parametrize(
    ("confidences", "expected"),
    [
        ({"ask_bill": 0.7, "ask_fees": 0.3}, Decision("direct")),
        ({"ask_bill": 0.69, "ask_fees": 0.2, "ask_interest": 0.1}, Decision("ask", ("ask_bill", "ask_fees", "ask_interest"))),
        ({"ask_bill": 0.69, "ask_fees": 0.29, "ask_interest": 0.02}, Decision("ask", ("ask_bill", "ask_fees"))),
        ({"ask_bill": 0.12, "ask_fees": 0.11, "ask_interest": 0.11, "settle_all": 0.1}, Decision("reject")),
        ({"out_of_scope": 0.61, "ask_bill": 0.3}, Decision("direct")),
        ({"out_of_scope": 0.5, "ask_bill": 0.3, "ask_fees": 0.1}, Decision("ask", ("ask_bill", "ask_fees"))),
        ({"out_of_scope": 0.55, "ask_bill": 0.2, "ask_fees": 0.1}, Decision("reject")),
        ({"vent": 0.5, "ask_bill": 0.3, "affirm": 0.1, "ask_fees": 0.1}, Decision("ask", ("ask_bill", "ask_fees"))),
        ({"affirm": 0.9, "ask_bill": 0.1}, Decision("direct")),
    ],
)
def test_the_decision_follows_from_the_probabilities(confidences, expected):
    assert decide(ranking(**confidences), THRESHOLDS) == expected


def test_a_bare_value_belongs_to_the_open_question():
    assert decide(ranking(ask_bill=0.95, ask_fees=0.05), THRESHOLDS, only_values=True) == Decision("answer")


def test_a_safety_phrase_is_never_doubted():
    certain = [{"name": "request_human", "confidence": 1.0, "safety": True}]
    assert decide(certain, THRESHOLDS, only_values=True) == Decision("direct")


@pytest.mark.parametrize("text", ["5000", "5000吧", "那就5000", "嗯 5000。", "不对，5000"])
def test_small_words_around_a_value_do_not_count(text):
    start = text.index("5000")
    assert only_values(text, [{"entity": "amount", "start": start, "end": start + 4}])


@pytest.mark.parametrize("text", ["借5000利息多少", "5000能分几期", "还款5000失败"])
def test_a_question_with_a_value_in_it_is_a_question(text):
    start = text.index("5000")
    assert not only_values(text, [{"entity": "amount", "start": start, "end": start + 4}])


@pytest.mark.parametrize("text", ["就这笔", "这个", "要那个吧", "那笔。"])
def test_pointing_at_something_is_an_answer(text):
    assert only_values(text, [])


@pytest.mark.parametrize("text", ["这个怎么还", "好的", "这笔钱不是我借的"])
def test_other_short_messages_are_classified(text):
    assert not only_values(text, [])


def test_a_product_name_alone_is_no_answer_to_be_passed_on():
    assert not only_values("快贷", [{"entity": "product", "start": 0, "end": 2}])


def test_the_original_ranking_is_kept_for_the_dialogue():
    message = Message.build(text="账单费用")
    original = ranking(ask_bill=0.5, ask_fees=0.4, ask_interest=0.1)
    message.set("intent", dict(original[0]), add_to_output=True)
    message.set("intent_ranking", original, add_to_output=True)
    ConfidenceDecision(THRESHOLDS).process([message])
    parsed = message.as_dict(only_output_properties=True)
    assert parsed["intent"] == {"name": "nlu_fallback", "confidence": 0.5}
    assert [item["name"] for item in parsed["intent_ranking"]] == ["ask_bill", "ask_fees", "ask_interest"]
    assert (parsed["decision"], parsed["options"]) == ("ask", ["ask_bill", "ask_fees", "ask_interest"])


def test_a_message_that_no_classifier_has_seen_is_left_alone():
    message = Message.build(text="/affirm")
    ConfidenceDecision(THRESHOLDS).process([message])
    assert message.get("decision") is None
