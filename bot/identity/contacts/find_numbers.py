"""Finds phone numbers, SMS senders and bank accounts in a plain text, and leaves dates, amounts and our own numbers alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.identity.contacts.found import Found
from bot.identity.contacts.normal import comparable, digits_of, national
from bot.identity.contacts.own import is_call_back, is_own
from bot.identity.contacts.registry import ContactKind, Registry

_GLUED_WORDS = ("tel", "phone", "mobile", "call", "hotline", "sms")
_NOT_CONTACTS = re.compile(
    r"(?<![A-Za-z0-9])(?![PCRAS][A-Z]?(?!20\d{6})\d{7})(?:KD|YD|XW|FQ|[PCRAS])-?[A-Za-z]?\d[\w-]*"  # numbers of ours
    r"|(?<!\d)\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}(?!\d)日?|(?<!\d)20\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)"
    r"|[¥$]\s?\d[\d,]*(?:\.\d+)?|(?<![\d.])\d[\d,]*\.\d{1,2}(?![\d.-])"
    r"|(?<![\d-])\d[\d,]*(?=\s?(?:元|块|万|千|百|天|期|个月|%|分钟|年|月|日|次|笔|岁))"
    r"|(?:验证码|校验码|动态码|code|otp)\D{0,4}\d{4,8}(?!\d)",
    re.IGNORECASE,
)
_AFTER_WORD = "|".join(rf"(?<=(?<![a-z]){word}{dot})" for word in _GLUED_WORDS for dot in ("", r"\."))
"""tel4001003399, Tel.4001003399."""
_NUMBER = re.compile(
    rf"(?:(?<![A-Za-z0-9_.+])|{_AFTER_WORD})(?:\+\s?)?\(?(?:\+\s?)?"
    r"\d(?:(?:[\s\-.()/_·•*]{0,2}|,(?=\d{4}))\d){4,29}(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
_DIGITS = r"\d(?:[\s-]?\d){6,29}"
_GLUED = re.compile(
    rf"(?<![A-Za-z0-9_.+])(?:[A-Za-z_]{{1,3}}({_DIGITS})[A-Za-z_]{{0,3}}|({_DIGITS})[A-Za-z_]{{1,3}})(?![A-Za-z0-9_])"
)
"""Digits with letters at them, which hide them from a search and from nobody who dials: 手机号a13800001001."""
_LETTERED = re.compile(r"(?<![A-Za-z0-9])[0-9OoIl|](?:[\s\-]?[0-9OoIl|]){6,}(?![A-Za-z0-9])")
_DIGITS_IN_LETTERS = str.maketrans("OoIl|", "00111")
"""4OO-1OO-3399: letters that look like digits, among digits."""
_RESIDENT_ID = re.compile(r"[1-6]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{4}")
_SMS_SENDER = re.compile(r"106\d{5,17}")
_PHONE = re.compile(
    r"1[3-9]\d{9}|(?:400|800)\d{5,10}|0\d{9,13}|95\d{3,6}|96\d{3,5}|100(?:86|10|01|00)|12(?:306|315|345|348|356|363|378)|\+\d{6,15}"
)
_BANK_ACCOUNT = re.compile(r"\d{15,19}")
_CONTEXT: tuple[tuple[ContactKind, re.Pattern[str], re.Pattern[str]], ...] = (
    ("bank_account", re.compile(r"账号|账户|帐号|帐户|卡号|收款|对公|汇款|转账|转到|打款|户名|银行卡"), re.compile(r"\d{9,30}")),
    ("sms_sender", re.compile(r"短信(?:号码|号)?|发信"), re.compile(r"\d{5,20}")),
    (
        "phone",
        re.compile(r"电话|手机|来电|号码|热线|座机|拨打|打来|打过来|打给|tel|phone", re.IGNORECASE),
        re.compile(r"\+?\d{5,15}"),
    ),
)
"""Words shortly before digits that say what they are: (kind, words, what such digits look like)."""
_LOOK_BACK = 10
_REGISTERED: tuple[ContactKind, ...] = ("phone", "sms_sender", "bank_account")


def numbers(text: str, registry: Registry, *, any_number: bool, own: bool = False) -> Iterator[Found]:
    """Digits that are a contact. With ``any_number`` also those that nothing but the question itself makes one.

    What the borrower calls their own is none, unless ``own`` is asked for; in a story neither is where they want to be called.
    """
    text = _NOT_CONTACTS.sub(_blank, _LETTERED.sub(_as_digits, text))
    for match in _NUMBER.finditer(text):
        for written, at in _groups(match.group(), match.start(), registry):
            if not own and (is_own(text[:at]) or (not any_number and is_call_back(text[:at], digits_of(written)))):
                continue
            kind = _kind(written, text[max(0, at - _LOOK_BACK) : at], registry) or (_any_kind(written) if any_number else None)
            if kind is not None:
                yield Found(kind, written, comparable(kind, written), at)
    yield from _glued(_NUMBER.sub(_blank, text), text, registry, any_number=any_number, own=own)


def _glued(rest: str, text: str, registry: Registry, *, any_number: bool, own: bool) -> Iterator[Found]:
    """Digits with letters at them; never one of ours, whose digits they may be. Many are order numbers: they need a word, too."""
    for match in _GLUED.finditer(rest):
        at, digits = match.start(), match.group(1) or match.group(2)
        if is_own(text[:at]) and not own:
            continue
        kind = _called(text[max(0, at - _LOOK_BACK) : at], digits) or (_any_kind(digits) if any_number else None)
        if kind is not None:
            ours = any(registry.knows(each, comparable(each, digits)) for each in _REGISTERED)
            yield Found(kind, match.group(), match.group().lower() if ours else comparable(kind, digits), at)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _as_digits(match: re.Match[str]) -> str:
    """The same length; a word that merely ends in such letters (lol0) is left alone."""
    written = match.group()
    digits = sum(char.isdigit() for char in written)
    return written.translate(_DIGITS_IN_LETTERS) if digits >= 4 else written


def _groups(written: str, at: int, registry: Registry) -> list[tuple[str, int]]:
    """Several numbers with only a space, comma or stroke between them are told apart when each is whole by itself."""
    pieces = [(piece.group(), at + piece.start()) for piece in re.finditer(r"[^\s,/]+", written)]
    if len(pieces) > 1 and all(_kind(piece, "", registry) for piece, _ in pieces):
        return pieces
    return [(written, at)]


def _kind(written: str, before: str, registry: Registry) -> ContactKind | None:
    """What the digits are: registered, or of an unmistakable shape, or called so by the words before them."""
    for registered in _REGISTERED:
        if registry.knows(registered, comparable(registered, written)):
            return registered
    called = _called(before, written)
    if called is not None:
        return called
    digits = national(written)
    if _SMS_SENDER.fullmatch(digits):
        return "sms_sender"
    if _PHONE.fullmatch(digits):
        return "phone"
    return "bank_account" if _BANK_ACCOUNT.fullmatch(digits) and not _RESIDENT_ID.fullmatch(digits) else None


def _called(before: str, written: str) -> ContactKind | None:
    """The kind that the nearest fitting word before the digits names."""
    digits = national(written)
    nearest: list[tuple[int, ContactKind]] = []
    for called, words, shape in _CONTEXT:
        if shape.fullmatch(digits_of(written) if called == "bank_account" else digits):
            nearest.extend((match.end(), called) for match in words.finditer(before))
    if not nearest:
        return None
    kind = max(nearest)[1]
    if kind == "phone" and _SMS_SENDER.fullmatch(digits):
        return "sms_sender"
    if kind == "sms_sender" and _PHONE.fullmatch(digits) and len(digits) >= 10:
        return "phone"
    return kind


def _any_kind(written: str) -> ContactKind | None:
    digits = digits_of(written)
    if _RESIDENT_ID.fullmatch(digits):
        return None
    return "bank_account" if len(digits) >= 15 else "phone"
