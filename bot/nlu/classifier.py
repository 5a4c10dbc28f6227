"""Rasa component: which intent, with a probability that means something; of a long message also the issues it tells of."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu import encoder, ensemble, issues, keys, lexicon
from bot.nlu.ensemble import Ensemble, EnsembleSettings
from bot.nlu.issues import StorySettings
from bot.nlu.ngrams import NgramModel, Scorer, Scores, Settings, log_softmax

logger = logging.getLogger(__name__)

_THREADS_FOR_TRAINING = min(2, os.cpu_count() or 1)


def combine(scorers: list[Scorer], canonical: str) -> Scores:
    """Probabilities by the geometric mean of all scorers."""
    return np.asarray(np.exp(log_softmax(np.mean([scorer.log_probabilities(canonical) for scorer in scorers], axis=0))))


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class NgramIntentClassifier(GraphComponent, IntentClassifier):
    """Linear model over n-grams, averaged with a linear head over the sentence encoder when models/encoder has one."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Needs the canonical text."""
        return [Tokenizer]

    @staticmethod
    def required_packages() -> list[str]:
        """For Rasa's start-up check."""
        return ["sklearn"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """The measured settings."""
        return asdict(Settings()) | asdict(EnsembleSettings()) | asdict(StorySettings())

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """See NormalisingJiebaTokenizer."""
        return f"{lexicon.fingerprint()} {encoder.fingerprint()}"

    def __init__(self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._settings = Settings(**{field.name: config[field.name] for field in fields(Settings)})
        self._ensemble_settings = EnsembleSettings(**{field.name: config[field.name] for field in fields(EnsembleSettings)})
        self._story_settings = StorySettings(**{field.name: config[field.name] for field in fields(StorySettings)})
        self._storage = model_storage
        self._resource = resource
        self.scorers: list[Scorer] = []

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> NgramIntentClassifier:
        """An untrained classifier."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Fit on all sentences that carry an intent and store the model."""
        examples = [example for example in training_data.intent_examples if example.get(TEXT)]
        texts = [example.get(keys.CANONICAL) for example in examples]
        intents = [example.get(INTENT) for example in examples]
        model, unseen = NgramModel.train_with_held_out(texts, intents, self._settings)
        logger.info(
            "n-gram model: %d sentences, %d intents, %d features, sharpness %.2f",
            len(texts),
            len(model.intents),
            model.featuriser.size,
            model.sharpness,
        )
        self.scorers = [model]
        with self._storage.write_to(self._resource) as folder:
            model.save(folder)
            if found := encoder.available(threads=_THREADS_FOR_TRAINING):
                both = ensemble.train(model, unseen, texts, intents, found, self._ensemble_settings)
                logger.info("encoder: head fitted, sharpness %.2f of the head, %.2f of both", both.head.sharpness, both.sharpness)
                both.save(folder)
                self.scorers = [both]
            else:
                logger.info("encoder: no files in %s, n-grams alone (make encoder builds them)", encoder.folder())
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> NgramIntentClassifier:
        """The stored classifier. Raises ValueError when the archive has none: a bot that understands nothing must not start."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            model = NgramModel.load(folder)
            component.scorers = [model]
            if ensemble.was_saved(folder):
                if found := encoder.available():
                    component.scorers = [Ensemble.load(folder, model, found)]
                else:
                    logger.warning("encoder: its files are gone from %s, n-grams alone", encoder.folder())
        return component

    def process(self, messages: list[Message]) -> list[Message]:
        """Set intent, the full ranking (best first) and the issues of a long message."""
        for message in messages:
            if message.get(TEXT):
                canonical = message.get(keys.CANONICAL)
                ranking = self._ranking(canonical)
                message.set(INTENT, dict(ranking[0]), add_to_output=True)
                message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
                told = issues.find(canonical, self._best, self._story_settings)
                message.set(keys.ISSUES, [asdict(issue) for issue in told], add_to_output=True)
        return messages

    def _best(self, canonical: str) -> tuple[str, float]:
        best = self._ranking(canonical)[0]
        return best["name"], best["confidence"]

    def _ranking(self, canonical: str) -> list[dict[str, Any]]:
        probabilities = combine(self.scorers, canonical)
        names = self.scorers[0].intents
        return [{"name": names[i], "confidence": float(probabilities[i])} for i in np.argsort(-probabilities, kind="stable")]
