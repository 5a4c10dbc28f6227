"""Tokens with a form of their own: numbers, amounts of money, dates, contract numbers, phones … They are kept whole and given a
kind; everything between them is cut by Jieba. spaCy's entity ruler works on the result (data/lexicon/entities.yml).
"""

from __future__ import annotations

import re

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry
from spacy.vocab import Vocab

from bot.nlu import segmenter

_DIGIT = "零〇一二两三四五六七八九壹贰叁肆伍陆柒捌玖"
_UNIT = "十百千万亿拾佰仟萬"
_LATIN = "[kKwW](?![a-zA-Z])"
_PLAIN = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_CURRENCY = "块钱|元钱|块|元|圆|人民币|(?i:rmb)"
_NUMERAL = rf"(?:[{_DIGIT}]+(?:[{_UNIT}]+[{_DIGIT}]*)*|十[{_DIGIT}]?)"
# 五千, 一万二, 一千零五十, 3千, 1.2万, 2千5, 10k: a numeral that names 百, 千 or 万 is money unless something else is counted
_BIG = (
    rf"(?:(?:{_PLAIN})(?:[百千万佰仟]{{1,2}}|{_LATIN})(?:\d{{1,4}}(?!\d)|[{_DIGIT}]+(?:[百千佰仟][{_DIGIT}{_UNIT}]*)?)?"
    rf"|[{_DIGIT}十]+[{_UNIT}]*[百千万佰仟萬][{_DIGIT}{_UNIT}]*)"
)
_DAY = rf"(?:3[01]|[12]\d|0?[1-9]|三十一?|[二两]?十[{_DIGIT}]?|[一二三四五六七八九])"
_MONTH = r"(?:1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])"
_COUNT = rf"(?:\d{{1,3}}|{_NUMERAL})"
_WEEKDAY = "[一二三四五六日天末1-6]"
_NOT_COUNTED = r"(?![期个天日月年次笔条张项人家岁倍折位%小分])"

# kind → pattern; the first that matches at a place wins
_KINDS: tuple[tuple[str, str], ...] = (
    (
        "URL",
        r"(?i:https?://[^\s\u4e00-\u9fff，。！？]+|(?<![a-z0-9_.-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?:[:/][^\s\u4e00-\u9fff，。！？]*)?)",
    ),
    (
        "CONTRACT",
        r"(?i:(?<![a-z])(?:kd|yd|xw|fq)(?:\s*[-_—–－]\s*|\s*(?=\d{6}))[a-z0-9]*\d[a-z0-9]*(?:\s?[-_—–－]\s?[a-z0-9]+|\s\d{4}(?![\d.元块万千百]))*)",
    ),
    ("CASE", r"(?i:(?<![a-z])c\s*[-_—–－]\s*\d+(?:[-_—–－]\d+)*)"),
    ("PAYMENT", r"(?i:(?<![a-z])p\s*[-_—–－]\s*\d+(?:[-_—–－]\d+)*)"),
    ("SMS", r"(?<!\d)106\d[\s-]?\d{4,16}(?!\d)"),
    (
        "PHONE",
        r"(?<!\d)(?:\+?86[\s-]?)?1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}(?!\d)|(?<!\d)[48]00[\s-]?\d{3,4}[\s-]?\d{3,4}(?!\d)|(?<!\d)0\d{2,3}[\s-]?\d{7,8}(?!\d)",
    ),
    ("IDENTITY", r"(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\d])"),
    ("CARD", r"(?<!\d)(?:\d{4}[\s-]?){3,4}\d{1,4}(?!\d)(?<=\d)"),
    (
        "DATE",
        rf"20\d\d\s?[-/.年]\s?{_MONTH}\s?[-/.月]\s?{_DAY}[号日]?"
        rf"|{_MONTH}月份?的?{_DAY}[号日]?(?!\d)"
        rf"|(?<![\d.])(?:1[0-2]|[1-9])[./]{_DAY}[号日]"
        rf"|(?<![\d./])(?:1[0-2]|0?[1-9])/{_DAY}(?![\d/%])"
        rf"|(?:下+个?月|上个?月|本月|这个?月|当月|次月|每个?月)的?(?:{_DAY}[号日](?!码|线)|月?[底末初])"
        rf"|(?<![\d第.]){_DAY}[号日](?!码|线|楼|店|内|元|工作)"
        rf"|(?:[上本]个?|这个?|下+个?)?(?:周|星期|礼拜){_WEEKDAY}(?!内|之内)"
        rf"|(?:{_COUNT}|半)个?(?:天|日|周|星期|礼拜|月)(?:之后|以后|过后|后)(?!天)"
        rf"|过{_COUNT}(?:天|周)"
        r"|月底|月末|年底|年末|月初|大后天|大前天|后天|前天|今[天日晚早]|明[天日晚早]|昨[天日晚]",
    ),
    (
        "MONEY",
        rf"[¥￥$]\s?(?:{_BIG}|{_PLAIN})(?:{_CURRENCY})?"
        rf"|(?:{_BIG}|{_PLAIN})多?\s?(?:{_CURRENCY})整?(?:[\d{_DIGIT}][毛角]?(?:[\d{_DIGIT}]分?)?(?![\d.{_UNIT}期个号天月年]))?"
        rf"|{_NUMERAL}(?:块钱|元|块[{_DIGIT}\d]?[毛角]?[{_DIGIT}\d]?分?)"
        rf"|{_BIG}多?{_NOT_COUNTED}",
    ),
    ("NUMBER", rf"{_PLAIN}|(?<=第)\s?{_NUMERAL}|{_NUMERAL}(?=期|笔|号|个月)"),
)
_WORD = "WORD"
_ANY = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS))
_JOINED_BY_SPACE = re.compile(r"\s+")
_COUNTERS = re.compile(
    r"(?:期|个工作日|个月|个|笔|条|项|张|份|种|款|单|号|天|日|周岁|周|月|年|小时|分钟|点钟|次|岁|人|家|倍|折|%|位数|位)"
)


class CareTokenizer:
    """spaCy tokenizer: recognised forms are single tokens tagged with their kind, the rest are Jieba words (WORD)."""

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        """Tokens that together are exactly `text`."""
        words: list[str] = []
        kinds: list[str] = []
        last = 0
        for match in _ANY.finditer(text):
            self._cut(text[last : match.start()], words, kinds)
            words.append(match.group())
            kinds.append(str(match.lastgroup))
            last = match.end()
        self._cut(text[last:], words, kinds)
        return Doc(self.vocab, words=words, spaces=[False] * len(words), tags=kinds)

    @staticmethod
    def _cut(text: str, words: list[str], kinds: list[str]) -> None:
        if kinds and kinds[-1] == "NUMBER" and (counter := _COUNTERS.match(text)):
            words.append(counter.group())
            kinds.append(_WORD)
            text = text[counter.end() :]
        head, ordinal = (text[:-1], "第") if text.endswith("第") else (text, "")
        for word in [*(segmenter.words(head) if head else []), *([ordinal] if ordinal else [])]:
            words.append(word)
            kinds.append(_WORD)

    # spaCy asks a tokenizer to be storable; ours is code only
    def to_bytes(self, **kwargs: object) -> bytes:
        """Nothing to store."""
        return b""

    def from_bytes(self, data: bytes, **kwargs: object) -> CareTokenizer:
        """Nothing to restore."""
        return self


TOKENIZER = "suixing.care_tokenizer.v1"


@registry.tokenizers(TOKENIZER)
def make_tokenizer():  # type: ignore[no-untyped-def]  # noqa: ANN201
    """For spaCy's registry."""

    def create(nlp: Language) -> CareTokenizer:
        return CareTokenizer(nlp.vocab)

    return create
