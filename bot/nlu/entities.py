"""Rasa component: entities by spaCy's entity ruler over our tokens, values by JioNLP.

Entity → value: amount (int 分), date (ISO string), period and ordinal (int), contract_no, case_no, payment_no (upper case,
hyphens), phone, bank_card and sms_sender (digits), url (as typed), product (KD | YD | XW | FQ), bank (full name).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import spacy
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from spacy.language import Language
from spacy.tokens import Doc, Span

from bot.nlu import lexicon, normaliser, recognisers, values
from bot.nlu.business_day import business_day

_DIGITS = re.compile(r"\D")
_DASHES = re.compile(r"\s*[-_—–－]\s*")
_ABOUT_SMS = re.compile("短信|信息|消息|验证码")
_ABOUT_CALLS = re.compile("电话|打来|来电|号码|热线|拨|致电|打的")
_WHOSE = re.compile("(?:是|属于)(?:不是)?(?:你们|官方|贵司|谁)|真的吗|骗")
_SERVICE_NUMBER = re.compile(r"1[0-2]\d{3,4}|9[56]\d{3,4}")
_NEGATED = re.compile(r"(?:(?<!是)不是|别|不要|并非|不用)(?:在|等)?\s?$")
_REFUSED = re.compile(r"\s?(?:不行|不方便|来不及)[，,。、\s]")
_MINUS = re.compile(r"(?:(?<![\w.])-|(?<=[^\W\da-zA-Z零一二三四五六七八九十百千万元块])-|负)\s?$")


@dataclass(frozen=True)
class Found:
    """An entity in the surface text: half-open range and value."""

    name: str
    start: int
    end: int
    value: Any


@lru_cache(maxsize=1)
def pipeline() -> Language:
    """spaCy's blank Chinese pipeline with our tokenizer and the patterns of the lexicon."""
    tokenizer = {"@tokenizers": recognisers.TOKENIZER}
    nlp = spacy.blank("zh", config={"nlp": {"tokenizer": tokenizer}})
    ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER", "overwrite_ents": True})
    patterns: list[dict[str, Any]] = list(lexicon.read("entities.yml")["patterns"])
    for label, file in (("product", "products.yml"), ("bank", "banks.yml")):
        for identifier, names in lexicon.read(file).items():
            for name in {identifier, *names}:
                words = [{"LOWER": token.lower_} for token in nlp.make_doc(str(name))]
                patterns.append({"label": label, "id": str(identifier), "pattern": words})
    ruler.add_patterns(patterns)  # type: ignore[attr-defined]
    return nlp


def _number_of_contract(text: str) -> str:
    """ "fq — 2024 0001" → "FQ-20240001"."""
    joined = _DASHES.sub("-", text.strip().upper())
    joined = re.sub(r"\s+", "", joined)
    return re.sub(r"^([A-Z]{1,2})(?=\d)", r"\1-", joined)


def _phone(text: str) -> str:
    digits = _DIGITS.sub("", text)
    return digits[2:] if len(digits) == 13 and digits.startswith("86") else digits


def _digits(text: str) -> str:
    return _DIGITS.sub("", text)


_READERS: dict[str, Callable[[str], Any]] = {
    "contract_no": _number_of_contract,
    "case_no": _number_of_contract,
    "payment_no": _number_of_contract,
    "url": str.strip,
    "phone": _phone,
    "bank_card": _digits,
    "sms_sender": _digits,
    "amount": values.amount,
    "period": lambda text: values.integer(text[1:-1]),
    "ordinal": lambda text: values.integer(re.sub(r"^第|[^\d一二三四五六七八九十]$", "", text)),
}


def find(surface: str, today: date) -> list[Found]:
    """All entities of a message in surface form, in order. "不是明天，是后天" holds the second day only."""
    doc = pipeline()(surface)
    found = []
    for span in doc.ents:
        name, value = _read(span, doc, today)
        if value is not None and not (name == "date" and _ruled_out(span, surface)):
            found.append(Found(name, span.start_char, span.end_char, value))
    amounts = [entity for entity in found if entity.name == "amount"]
    meant = [entity for entity in amounts if not _NEGATED.search(surface[: entity.start])]
    return [entity for entity in found if entity not in amounts or entity in (meant or amounts)]


def _ruled_out(span: Span, surface: str) -> bool:
    """不是明天 …; 明天不行，…"""
    before, after = surface[: span.start_char], surface[span.end_char :]
    return bool(_NEGATED.search(before) or _REFUSED.match(after))


def _read(span: Span, doc: Doc, today: date) -> tuple[str, Any]:
    """Name and value of a span; the value is None when it is no entity after all."""
    label = span.label_
    if label.startswith("_"):
        return label, None
    if label in {"product", "bank"}:
        return label, span.ent_id_
    if label == "date":
        resolved = values.day(span.text, today)
        return label, resolved.isoformat() if resolved else None
    if label == "amount" and _MINUS.search(doc.text[: span.start_char]):
        return label, None
    if label == "amount" and span[0].tag_ == "NUMBER":
        return _bare_number(span, doc)
    return label, _READERS[label](span.text)


def _bare_number(span: Span, doc: Doc) -> tuple[str, Any]:
    """A number without unit: a short number of a sender or caller, an amount, or neither."""
    text = span.text.strip()
    alone = not re.search(r"[\u4e00-\u9fffA-Za-z]", doc.text.replace(text, "", 1).translate(_PARTICLES))
    if re.fullmatch(r"\d{4,6}", text) and not alone:
        if _ABOUT_SMS.search(doc.text):
            return "sms_sender", text
        if _ABOUT_CALLS.search(doc.text) or (_SERVICE_NUMBER.fullmatch(text) and _WHOSE.search(doc.text)):
            return "phone", text
    if alone and re.fullmatch(r"[1-9]", text):
        return "ordinal", int(text)
    is_sum = alone or "." in text or len(_DIGITS.sub("", text.split(".")[0])) >= 3
    glued = _next_to_letter(span, doc)
    return "amount", values.amount(text) if is_sum and not glued and len(text) <= 10 else None


def _next_to_letter(span: Span, doc: Doc) -> bool:
    """Part of a code such as A1234 or 5G."""
    around = doc.text[max(0, span.start_char - 1) : span.start_char] + doc.text[span.end_char : span.end_char + 1]
    return bool(re.search(r"[A-Za-z_%-]", around))


_PARTICLES = str.maketrans("", "", "吧啊呢嘛哦就那嗯好的先还要了是选按")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class CareEntityExtractor(GraphComponent, EntityExtractorMixin):
    """Adds entities whose places are those of the message as it was typed."""

    @staticmethod
    def required_packages() -> list[str]:
        """For Rasa's start-up check."""
        return ["spacy", "jieba", "jionlp"]

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """See NormalisingJiebaTokenizer."""
        return lexicon.fingerprint()

    @classmethod
    def create(
        cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext
    ) -> CareEntityExtractor:
        """Build the pipeline now, not with the first message."""
        pipeline()
        values.warm_up(business_day())
        return cls()

    def process(self, messages: list[Message]) -> list[Message]:
        """Extract from each message."""
        for message in messages:
            text = message.get(TEXT)
            if text:
                extracted = [*message.get(ENTITIES, []), *self._entities(text)]
                message.set(ENTITIES, extracted, add_to_output=True)
        return messages

    def _entities(self, text: str) -> list[dict[str, Any]]:
        surface = normaliser.shared().surface(text)
        result = []
        for found in find(surface.text, business_day()):
            start, end = surface.original_span(found.start, found.end)
            result.append(
                {"entity": found.name, "start": start, "end": end, "value": found.value, "extractor": type(self).__name__}
            )
        return result
