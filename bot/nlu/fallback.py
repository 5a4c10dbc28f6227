"""Rasa component: answer, ask back, or admit that nothing was understood.

Sets `decision` in the parse result:

* ``direct``: the best intent is probable enough to be answered;
* ``ask``: `options` holds the two or three meanings to offer; the intent becomes nlu_fallback;
* ``answer``: the message is nothing but a value (5000, 第二个, 下个月15号): it belongs to the open question; nlu_fallback;
* ``reject``: not even three meanings together are probable; nlu_fallback.

A story (two issues or more, bot/nlu/issues.py) is always ``direct``: its leading issue becomes the intent.

`intent_ranking` stays as the classifier made it, without nlu_fallback, so that the dialogue can read the candidates.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.nlu import keys, lexicon

SAFE = "safety"
"""Extra key of an intent that a safety phrase has set: it is never doubted."""

NEVER_OFFERED = frozenset({keys.OUT_OF_SCOPE, "affirm", "deny", "greet", "goodbye", "thank", "vent"})
"""No meanings to choose from on a button."""

STRONGER_THAN_A_STORY = frozenset({"request_human", "request_extension", "report_fraud", "ask_complaint_progress"})
"""Set by a safety phrase, these are answered first whatever else a story tells."""

_VALUES = frozenset({"amount", "date", "period", "ordinal", "contract_no", "case_no", "payment_no", "phone", "bank_card"})
_FILLER = re.compile(
    r"[\s，。！？、；：,.!?吧啊呢嘛哦就那嗯先还要了是选的个它这元块笔期号]|好的?|应该|大概|左右|不对|改成|改为|我想|我要|帮我|我"
)
_POINTING = re.compile(r"[就要选是]{0,2}[这那](?:一|第一)?[个笔条张]?[吧了的啊呀]*[。！!.]?")


@dataclass(frozen=True)
class Thresholds:
    """Probabilities, the price of asking against that of a wrong answer (docs/nlu.md has the curve)."""

    direct: float = 0.77
    out_of_scope: float = 0.4
    offer: float = 0.2  # the offered meanings together must reach this, else the message is rejected
    option: float = 0.01  # a third meaning below this is left out


@dataclass(frozen=True)
class Decision:
    """What to do with a message."""

    kind: str
    options: tuple[str, ...] = ()


def leading_issue(ranking: list[dict[str, Any]], told: list[dict[str, Any]]) -> str | None:
    """The intent as which a story of two issues or more is answered; None when the message is no story."""
    if len(told) < 2 or not told[0]["leads"] or (ranking[0].get(SAFE) and ranking[0]["name"] in STRONGER_THAN_A_STORY):
        return None
    return str(told[0]["name"])


def decide(ranking: list[dict[str, Any]], thresholds: Thresholds, *, only_values: bool = False) -> Decision:
    """From the ranking (name, confidence; best first)."""
    best = ranking[0]
    if best.get(SAFE):
        return Decision("direct")
    if only_values:
        return Decision("answer")
    needed = thresholds.out_of_scope if best["name"] == keys.OUT_OF_SCOPE else thresholds.direct
    if best["confidence"] >= needed:
        return Decision("direct")
    offered = [item for item in ranking if item["name"] not in NEVER_OFFERED][:3]
    if sum(item["confidence"] for item in offered) < thresholds.offer:
        return Decision("reject")
    if len(offered) == 3 and offered[2]["confidence"] < thresholds.option:
        offered = offered[:2]
    return Decision("ask", tuple(item["name"] for item in offered))


def only_values(text: str, entities: list[dict[str, Any]]) -> bool:
    """Whether the message holds nothing but values and small words ("那就5000吧"), or points at something ("就这笔")."""
    if _POINTING.fullmatch(text.strip()):
        return True
    covered: set[int] = set()
    for entity in entities:
        if entity["entity"] in _VALUES:
            covered.update(range(entity["start"], entity["end"]))
    if not covered:
        return False
    rest = "".join(character for place, character in enumerate(text) if place not in covered)
    return not _FILLER.sub("", rest)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class ConfidenceDecision(GraphComponent, IntentClassifier):
    """Last of the pipeline."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Needs a ranking."""
        return [IntentClassifier]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The thresholds."""
        return asdict(Thresholds())

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """See NormalisingJiebaTokenizer."""
        return lexicon.fingerprint()

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> ConfidenceDecision:
        """From the thresholds in config.yml."""
        return cls(Thresholds(**{field.name: config[field.name] for field in fields(Thresholds)}))

    def process(self, messages: list[Message]) -> list[Message]:
        """Set decision and options, and the intent to nlu_fallback when nothing is to be answered directly."""
        for message in messages:
            ranking = message.get(INTENT_RANKING_KEY)
            if not ranking:
                continue
            lead = leading_issue(ranking, message.get(keys.ISSUES) or [])
            if lead is not None:
                message.set(INTENT, {"name": lead, "confidence": ranking[0]["confidence"]}, add_to_output=True)
                message.set(keys.DECISION, "direct", add_to_output=True)
                message.set(keys.OPTIONS, [], add_to_output=True)
                continue
            bare = only_values(message.get(TEXT), message.get(ENTITIES) or [])
            decision = decide(ranking, self._thresholds, only_values=bare)
            message.set(keys.DECISION, decision.kind, add_to_output=True)
            message.set(keys.OPTIONS, list(decision.options), add_to_output=True)
            if decision.kind != "direct":
                message.set(INTENT, {"name": keys.FALLBACK, "confidence": ranking[0]["confidence"]}, add_to_output=True)
        return messages
