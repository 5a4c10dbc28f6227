"""Rasa component: phrases that must never be missed overrule the classifier (rules in data/lexicon/safety.yml)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.nlu import keys, lexicon
from bot.nlu.fallback import SAFE

FAMILY_AT_LEAST = 0.3
"""Probability from which a related intent of the classifier is believed instead of the rule's."""


@dataclass(frozen=True)
class Rule:
    """See the head of safety.yml. `intent` None: recognised, and left to the classifier."""

    name: str
    intent: str | None
    family: frozenset[str]
    distress: str | None
    entities: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...]

    def matches(self, canonical: str, found: frozenset[str] = frozenset()) -> bool:
        """Whether some pattern is in the text after what `unless` describes has been cut out of it.

        `found` are the names of the message's entities: a rule that asks for some needs one of them.
        """
        if self.entities and not self.entities & found:
            return False
        for pattern in self.unless:
            canonical = pattern.sub(" ", canonical)
        return any(pattern.search(canonical) for pattern in self.patterns)

    def choose(self, ranking: list[dict[str, Any]]) -> str | None:
        """The intent to set: the classifier's best of intent and family when it is probable enough, else the rule's own."""
        for item in ranking:
            if item["name"] == self.intent or (item["name"] in self.family and item["confidence"] >= FAMILY_AT_LEAST):
                return str(item["name"])
        return self.intent


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """The rules of the lexicon, in order."""
    return tuple(
        Rule(
            name=rule["name"],
            intent=rule["intent"],
            family=frozenset(rule.get("family", ())),
            distress=rule.get("distress"),
            entities=frozenset(rule.get("entities", ())),
            patterns=tuple(map(re.compile, rule["patterns"])),
            unless=tuple(map(re.compile, rule.get("unless", ()))),
        )
        for rule in lexicon.read("safety.yml")["rules"]
    )


def first_match(canonical: str, found: frozenset[str] = frozenset()) -> Rule | None:
    """The first rule that matches a message with entities of these names, None when the classifier decides."""
    rule = next((rule for rule in rules() if rule.matches(canonical, found)), None)
    return rule if rule is not None and rule.intent is not None else None


def overrule(ranking: list[dict[str, Any]], intent: str) -> list[dict[str, Any]]:
    """The ranking with `intent` certain in front and the others behind it in their order."""
    others = [item for item in ranking if item["name"] != intent]
    return [{"name": intent, "confidence": 1.0, SAFE: True}, *others]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class SafetyPhrases(GraphComponent, IntentClassifier):
    """After the classifier, before the decision."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Needs the canonical text and a ranking."""
        return [Tokenizer, IntentClassifier]

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """See NormalisingJiebaTokenizer."""
        return lexicon.fingerprint()

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> SafetyPhrases:
        """Compile the rules now."""
        rules()
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Overrule the intent, and add the entity `distress` (self_harm | hardship)."""
        for message in messages:
            canonical = message.get(keys.CANONICAL)
            found = frozenset(entity["entity"] for entity in message.get(ENTITIES, []))
            rule = first_match(canonical, found) if canonical else None
            classified = message.get(INTENT_RANKING_KEY) or []
            intent = rule.choose(classified) if rule else None
            if rule is None or intent is None:
                continue
            ranking = overrule(classified, intent)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
            message.set(INTENT, dict(ranking[0]), add_to_output=True)
            if rule.distress:
                entities = [*message.get(ENTITIES, []), self._distress(rule.distress, message.get(TEXT))]
                message.set(ENTITIES, entities, add_to_output=True)
        return messages

    def _distress(self, value: str, text: str) -> dict[str, Any]:
        return {"entity": "distress", "start": 0, "end": len(text), "value": value, "extractor": type(self).__name__}
