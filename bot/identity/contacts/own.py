"""A borrower's own number in what they tell: nobody to check, and nobody's fraud."""

from __future__ import annotations

import re

_OWN = re.compile(r"(?:我的|我自己的|本人的?|我这张)(?:银行卡|储蓄卡|卡|手机|电话)(?:号码?)?(?:是|为|:)?\s?$")
_MOBILE = re.compile(r"(?:\+?86)?1[3-9]\d{9}")
_ASK = r"(?:请|麻烦|劳烦|尽快|希望|可以|能不能|能否|方便|你们|您|有事|有消息|查到后|也|再|就|并)"
_CALL_ME = re.compile(
    rf"(?:^|[，。,;!?\s]){_ASK}*(?:(?:给我)?回(?:我|个)?(?:电话|电)|(?:联系|联络|回复)(?:到)?(?:我|本人)|{_ASK}(?:给我)?(?:打|拨)我?(?:电话|手机))"
    r"(?:一下|吧|手机|电话|号码)*号?(?:是|为|:)?\s?$"
)
_MY_PHONE = re.compile(r"(?:^|[，。,;!?\s])我(?:的联系)?(?:手机|电话|方式)(?:号码?)?(?:是|为|:)?\s?$")
_QUOTED = re.compile(r"(?:说|称|道|短信|内容|消息|信息|写着|让我|叫我|是|[:“\"「【】])[\s，,]*$")
"""What stands before somebody else's words: 短信说，请回我电话139…"""


def is_own(before: str) -> bool:
    """Whether ``before``, the text that leads to a number, calls it the writer's own."""
    return _OWN.search(before) is not None


def is_call_back(before: str, digits: str) -> bool:
    """Whether the writer asks in a story to be called on this mobile number: 请回我电话139…

    Not to be asked where contacts are checked: who pastes a fraud's message pastes these words, too.
    """
    found = _CALL_ME.search(before) or _MY_PHONE.search(before)
    return found is not None and _MOBILE.fullmatch(digits) is not None and not _QUOTED.search(before[: found.start()])
