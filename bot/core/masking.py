"""Personal data never reaches a log in clear. ``mask`` is applied to every log line and to stored free text of reports."""

from __future__ import annotations

import re

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # JSON web tokens and bearer headers
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?"), "<token>"),
    (re.compile(r"(?i)(bearer\s+)[\w.~+/=-]{8,}"), r"\1<token>"),
    # 18-character resident ID (last may be X), before cards and phones: it contains both shapes
    (re.compile(r"(?<!\d)(\d{3})\d{11}(\d{3}[\dXx])(?!\d)"), r"\1***********\2"),
    # bank card, 15 to 19 digits, possibly in groups
    (re.compile(r"(?<!\d)(\d{4})(?:[ -]?\d){7,11}[ -]?(\d{4})(?!\d)"), r"\1********\2"),
    # mobile phone with or without +86, separators allowed
    (re.compile(r"(?<!\d)((?:\+?86[ -]?)?1[3-9]\d)[ -]?\d{4}[ -]?(\d{4})(?!\d)"), r"\1****\2"),
    # a one-time code next to its name: "验证码是123456", "code: 123456"
    (re.compile(r"(验证码|校验码)(\D{0,6})\d{4,8}"), r"\1\2******"),
    (re.compile(r"(code|otp)(\W{0,4})\d{4,8}", re.IGNORECASE), r"\1\2******"),
)


def mask(text: str) -> str:
    """Hides tokens, ID numbers, bank cards, phones and one-time codes in ``text``; keeps enough to recognise one's own."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def mask_phone(phone: str) -> str:
    """``13900001001`` → ``139****1001``."""
    return f"{phone[:3]}****{phone[-4:]}"


def card_tail(card_number: str) -> str:
    """The last four digits: the only part of a card number ever shown."""
    return card_number[-4:]
