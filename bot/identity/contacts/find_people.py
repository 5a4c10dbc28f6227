"""Finds chat accounts and people who say they work for us. Pure; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from bot.identity.contacts.found import Found
from bot.identity.contacts.normal import comparable
from bot.identity.contacts.registry import PeopleWords

_FLAGS = re.IGNORECASE | re.ASCII
_NOISE = r"[^a-z0-9\u3400-\u9fff]{0,3}"
"""威❤信, q q: what is put between to get past filters."""
_CHAT = (
    rf"(?:企业微信|[微薇威徽溦v]{_NOISE}[信芯]|加{_NOISE}[薇威徽溦]|wechat|weixin"
    rf"|(?<![a-z])(?:v{_NOISE}x|w{_NOISE}x|v)(?![a-z]))"
)
_CHAT_ACCOUNT = re.compile(
    rf"{_CHAT}(?:公众号|群|号|id|账号)?(?:[是为加叫]|{_NOISE}){{0,4}}([a-z][a-z0-9_-]{{4,19}}|\d(?:[\s-]?\d){{6,10}})", _FLAGS
)
_NAMED_ACCOUNT = re.compile(
    r"(?:公众号|视频号|抖音号|快手号|小程序)(?:名称|名字|名)?(?:叫做?|:|[「“\"'《【])\s?([\u3400-\u9fffA-Za-z0-9]{2,16})", _FLAGS
)
_OTHER_ACCOUNT = re.compile(
    rf"(?:(?<![a-z])q{_NOISE}q|扣{_NOISE}扣|企鹅)(?:群|号码|号)?[\s:是为]*([1-9](?:[\s-]?\d){{4,10}})"
    rf"|(?:抖音|快手|小红书|钉钉|陌陌|飞机|telegram|(?<![a-z])tg|whatsapp)(?:号|群|id)?[\s:@是为]*(\+?\d(?:[\s-]?\d){{6,15}}|[a-z0-9+][a-z0-9_.+-]{{3,31}})",
    _FLAGS,
)
_ADD_ME = re.compile(rf"加(?:我|他|她|它|你|您|一下|下|个|对方|这个|那个|客服|经理|老师|专员)*的?(?:{_CHAT}|qq|扣扣)", _FLAGS)


def people(text: str, words: PeopleWords) -> Iterator[Found]:
    """Chat accounts (微信号, QQ, …), "加我微信" without one, and names such as 张经理 or 自称李伟."""
    taken: set[int] = set()
    for pattern in (_CHAT_ACCOUNT, _OTHER_ACCOUNT, _NAMED_ACCOUNT, _ADD_ME, _titled(words), _named(words)):
        for match in pattern.finditer(text):
            span = set(range(match.start(), match.end()))
            if span & taken or _other_word(text, match.start(match.lastindex or 0), words):
                continue
            taken |= span
            account = next((group for group in match.groups() if group), match.group())
            yield Found("person", match.group(), comparable("person", account), match.start())


@lru_cache(maxsize=4)
def _titled(words: PeopleWords) -> re.Pattern[str]:
    """A surname or a full name before a title, or a full name after one: 张经理, 小李客服, 专员张伟."""
    titles = "|".join(sorted(map(re.escape, words.titles), key=len, reverse=True))
    surname = f"[{words.surnames}]"
    before = rf"(?:[小老阿]?{surname}|{surname}[\u4e00-\u9fff]{{1,2}}?)(?:{titles})"
    return re.compile(rf"{before}|(?:{titles})[叫是]?({surname}[\u4e00-\u9fff]{{1,2}})(?![\u4e00-\u9fff])")


@lru_cache(maxsize=4)
def _named(words: PeopleWords) -> re.Pattern[str]:
    """Somebody who gives a name. 我叫… is the borrower."""
    return re.compile(rf"(?:自称是?|名叫|对方叫|姓名是?:?)([{words.surnames}][\u4e00-\u9fff]{{1,2}})")


def _other_word(text: str, start: int, words: PeopleWords) -> bool:
    """Whether the surname is the end or the beginning of another word: 官方|客服, 高级|经理."""
    return any(text[at : at + 2] in words.not_before for at in (start - 1, start) if at >= 0)
