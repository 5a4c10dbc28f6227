"""Phrases that must never be missed: recall is 100 % here, whatever the classifier thinks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from rasa.shared.nlu.training_data.message import Message

from bot.nlu import keys, normaliser
from bot.nlu.safety import SafetyPhrases, first_match, rules


def canonical(text: str) -> str:
    return shared.canonical(shared.surface(text)).text


shared = normaliser.shared()
PHRASES = yaml.safe_load((Path(__file__).parent / "safety_phrases.yml").read_text(encoding="utf-8"))
EXPECTED = [(phrase, group["intent"], group["distress"]) for group in PHRASES["recognised"] for phrase in group["phrases"]]


@pytest.mark.parametrize(("phrase", "intent", "distress"), EXPECTED)
def test_the_phrase_is_recognised(phrase, intent, distress):
    rule = first_match(canonical(phrase))
    assert rule is not None
    assert (rule.intent, rule.distress) == (intent, distress)


@pytest.mark.parametrize("phrase", PHRASES["left_alone"])
def test_what_only_looks_like_it_is_left_to_the_classifier(phrase):
    assert first_match(canonical(phrase)) is None


NUMBERED = {
    ("url", "suixingjie.example是官网吗"): "verify_official_contact",
    ("url", "http://suixingjie.example.evil.com 安全吗"): "verify_official_contact",
    ("url", "suixingjie.example:8443/pay可以点吗"): "verify_official_contact",
    ("bank_card", "３３０１０１２３４５６７８９０１这个账号对吗"): "verify_official_contact",
    ("bank_card", "让我把钱还到6222 0212 3456 7890 123可以吗"): "verify_official_contact",
    ("phone", "95533给我打电话让还钱"): "verify_official_contact",
    ("phone", "12378是你们的吗"): "verify_official_contact",
    ("case_no", "C-20261123-0008处理得怎么样了"): "ask_complaint_progress",
    ("payment_no", "P-20261101-0003这笔怎么回事"): "report_repayment_not_posted",
    ("contract_no", "YD-20260829-1002还欠多少"): "ask_outstanding",
    ("contract_no", "提前结清FQ-20260829-1002要多少钱"): "ask_early_repayment",
    ("product", "我想提前结清快贷那笔"): "ask_early_repayment",
}


@pytest.mark.parametrize(("name", "phrase", "intent"), [(*key, intent) for key, intent in NUMBERED.items()])
def test_some_rules_need_an_entity(name, phrase, intent):
    rule = first_match(canonical(phrase), frozenset({name}))
    assert rule is not None
    assert rule.intent == intent
    without = first_match(canonical(phrase))
    assert without is None or without.name != rule.name


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("url", "suixingjie.example"),
        ("phone", "13800138000"),
        ("phone", "把手机号换成13800138000可以吗"),
        ("bank_card", "我的卡6222021234567890123扣款失败"),
        ("bank_card", "绑定6222021234567890123这张卡"),
        ("contract_no", "提前结清FQ-20260829-1002要手续费吗"),
        ("case_no", "撤销C-20261123-0008"),
        ("product", "快贷能提前还吗"),
    ],
)
def test_an_entity_alone_is_no_reason(name, phrase):
    assert first_match(canonical(phrase), frozenset({name})) is None


def process(text: str, *ranking: tuple[str, float]) -> Message:
    message = Message.build(text=text)
    message.set(keys.CANONICAL, canonical(text))
    message.set("intent_ranking", [{"name": name, "confidence": value} for name, value in ranking], add_to_output=True)
    message.set("intent", {"name": ranking[0][0], "confidence": ranking[0][1]}, add_to_output=True)
    SafetyPhrases().process([message])
    return message


def test_the_rule_overrules_a_classifier_that_is_sure_of_something_else():
    message = process("这钱不是我借的", ("ask_bill", 0.99), ("report_fraud", 0.01))
    assert message.get("intent")["name"] == "report_fraud"
    assert [item["name"] for item in message.get("intent_ranking")] == ["report_fraud", "ask_bill"]


def test_a_related_intent_that_is_probable_is_believed():
    message = process("我的投诉处理到哪了", ("ask_complaint_progress", 0.6), ("file_complaint", 0.4))
    assert message.get("intent")["name"] == "ask_complaint_progress"
    assert message.get("intent")["confidence"] == 1.0


def test_a_related_intent_that_is_improbable_is_not():
    message = process("我要投诉", ("ask_bill", 0.5), ("ask_complaint_progress", 0.2), ("file_complaint", 0.1))
    assert message.get("intent")["name"] == "file_complaint"


def test_distress_goes_along_as_an_entity():
    message = process("利息太高，我不想活了", ("ask_interest", 0.9))
    [entity] = message.get("entities")
    assert (entity["entity"], entity["value"]) == ("distress", "self_harm")
    assert message.get("intent")["name"] == "request_human"


def test_distress_comes_before_everything_else_in_the_message():
    rule = first_match(canonical("我要投诉你们催收，被骗了，逼得我想自杀"))
    assert rule is not None
    assert rule.distress == "self_harm"


def test_there_are_at_least_twenty_phrases_of_each_kind():
    assert all(len(set(group["phrases"])) >= 20 for group in PHRASES["recognised"])


def test_every_rule_has_a_pattern_and_a_name_of_its_own():
    names = [rule.name for rule in rules()]
    assert len(names) == len(set(names))
    assert all(rule.patterns for rule in rules())
