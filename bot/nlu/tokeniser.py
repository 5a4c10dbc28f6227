"""Rasa component: normalise, then cut into words with Jieba and our dictionary."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.nlu import keys, lexicon, normaliser, segmenter


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class NormalisingJiebaTokenizer(Tokenizer):
    """Sets the canonical text on each message, in training and in use, and tokens that know their place in the original text."""

    @staticmethod
    def supported_languages() -> list[str]:
        """Chinese only."""
        return ["zh"]

    @staticmethod
    def required_packages() -> list[str]:
        """For Rasa's start-up check."""
        return ["jieba"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """What Rasa's base class expects; nothing of it is used."""
        return {"intent_tokenization_flag": False, "intent_split_symbol": "_", "token_pattern": None}

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Rasa must not restore us from its cache when a dictionary or helper changed."""
        return lexicon.fingerprint()

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> NormalisingJiebaTokenizer:
        """Load the dictionaries now, not with the first message."""
        segmenter.prepare()
        normaliser.shared()
        return cls(config)

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Words of the canonical text with their place in the original."""
        normal = normaliser.shared()
        canonical = normal.canonical(normal.surface(message.get(attribute)))
        if attribute == TEXT:
            message.set(keys.CANONICAL, canonical.text)
        tokens, position = [], 0
        for word in segmenter.words(canonical.text):
            end = position + len(word)
            if not word.isspace():
                original_start, original_end = canonical.original_span(position, end)
                tokens.append(Token(word, original_start, original_end))
            position = end
        return tokens
