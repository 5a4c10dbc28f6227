"""One way to write each message, for training sentences and borrowers' messages alike.

Two results of the same message: `surface` (half-width, simplified, no invisible characters: what entities are read from) and
`canonical` (also lower case, one brand name, typos mended, repetitions shortened: what classifier and safety phrases see).
Both remember the place of each character in the original message.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from opencc import OpenCC

from bot.nlu import lexicon
from bot.nlu.aligned import AlignedText

MASK = "*"
_SPACE = re.compile(r"\s+")
_CJK = r"\u4e00-\u9fff"
_SPACE_BETWEEN_CJK = re.compile(rf"(?<=[{_CJK}，。！？])\s+(?=[{_CJK}，。！？])")
_MASKED = re.compile(r"[*＊]{2,}|(?<![a-z])x{3,}(?![a-z])|某某+")
_MARKUP = re.compile(r"#[a-z]_[a-z]+(?:\[[^\]]{0,8}\])?#|\[[\u4e00-\u9fff]{1,4}\]")
_REPEATED_PUNCTUATION = re.compile(r"([^\w\s*])\1+")
_REPEATED_CHARACTER = re.compile(r"([^\W\d])\1{2,}")
# NFKC writes full-width punctuation as ASCII. Chinese marks are put back so that 你好,在吗 and 你好，在吗 read the same.
_MARKS = str.maketrans({",": "，", "?": "？", "!": "！", ";": "；", ":": "：", "~": "～"})
_MARK_PATTERN = re.compile(r"(?<!\d)[,:]|[,:](?!\d)|[?!;~]")


def _visible(character: str) -> str:
    """The character in half width, a space for a line break or tab, nothing for control and invisible characters."""
    if character in "\t\n\r\u3000\u00a0":
        return " "
    if character == "￥":
        return "¥"
    category = unicodedata.category(character)
    if category in {"Cc", "Cf", "Co", "Cs", "Cn"} or "\ufe00" <= character <= "\ufe0f":
        return ""
    if character == "…":
        return "。"
    return unicodedata.normalize("NFKC", character)


class Normaliser:
    """Reads its dictionaries once; `surface` and `canonical` are pure functions of the message."""

    def __init__(self) -> None:
        self._simplify = OpenCC("t2s")
        self._emoji: dict[str, str] = {symbol: word for word, symbols in lexicon.read("emoji.yml").items() for symbol in symbols}
        self._words = self._replacements()
        self._word_pattern = re.compile("|".join(map(re.escape, sorted(self._words, key=len, reverse=True))))
        self._contextual = [
            (re.compile(rule["pattern"]), str(rule["replace"])) for rule in lexicon.read("typos.yml")["contextual"]
        ]

    @staticmethod
    def _replacements() -> dict[str, str]:
        """Wrong or variant word → right word. Raises ValueError when one word has two corrections."""
        result: dict[str, str] = {}
        for right, variants in [*lexicon.read("typos.yml")["words"].items(), *lexicon.read("brands.yml").items()]:
            for variant in (right, *variants):  # the right form too, lest a shorter variant inside it be "corrected"
                key = str(variant).lower()
                if result.setdefault(key, right) != right:
                    raise ValueError(f"data/lexicon: {variant!r} is corrected to both {result[key]!r} and {right!r}")
        return result

    def surface(self, original: str) -> AlignedText:
        """Half-width, simplified Chinese, without invisible characters; words, case, digits and punctuation as typed."""
        visible = AlignedText.of(original).map_characters(_visible)
        if visible.text.isascii():
            return visible
        simplified = self._simplify.convert(visible.text)
        if len(simplified) == len(visible.text):
            return AlignedText(simplified, visible.spans)
        return visible.map_characters(self._simplify.convert)  # a phrase changed its length: lose the phrase, keep the places

    def canonical(self, surface: AlignedText) -> AlignedText:
        """The surface with everything evened out that says nothing about what is meant.

        An emoji speaks only where nothing else does: beside words its word would drown them (docs/nlu.md).
        """
        alone = not any(character.isalnum() for character in surface.text)
        text = surface.map_characters(self._lower_or_word if alone else self._lower)
        text = text.sub(_MARKUP, "")
        text = text.sub(_MASKED, MASK)
        text = text.sub(_MARK_PATTERN, lambda match: match.group().translate(_MARKS))
        text = text.sub(_REPEATED_PUNCTUATION, lambda match: match.group(1))
        text = text.sub(_REPEATED_CHARACTER, lambda match: match.group(1) * 2)
        text = text.sub(_SPACE, " ")
        text = text.sub(_SPACE_BETWEEN_CJK, "，")
        text = text.sub(self._word_pattern, lambda match: self._words[match.group()])
        for pattern, right in self._contextual:
            text = text.sub(pattern, right)
        return text

    def _lower_or_word(self, character: str) -> str:
        return self._emoji.get(character) or self._lower(character)

    @staticmethod
    def _lower(character: str) -> str:
        if unicodedata.category(character) in {"So", "Sk"} and character not in "°":
            return ""
        lowered = character.lower()
        return lowered if len(lowered) == 1 else character


@lru_cache(maxsize=1)
def shared() -> Normaliser:
    """The normaliser of this process: all components use the same one."""
    return Normaliser()
