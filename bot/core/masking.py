"""Personal data never reaches a log in clear. ``mask`` is applied to every log line and to stored free text of reports."""

from __future__ import annotations

import json
import re

_TOKENS: tuple[tuple[re.Pattern[str], str], ...] = (
    # JSON web tokens and bearer headers
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?"), "<token>"),
    (re.compile(r"(?i)(bearer\s+)[\w.~+/=-]{8,}"), r"\1<token>"),
    # a platform's credential: a parameter of an address, or a field ("corpsecret", "access_token", "ticket", …)
    (
        re.compile(
            r"""(?i)((?:secret|access_?token|access_?key(?:_?id)?|ticket|signature)(?:\\?["'])?\s?[=:]\s?(?:\\?["'])?)"""
            r"[A-Za-z0-9_.~%+/=-]{6,}"
        ),
        r"\1<secret>",
    ),
)
_CONVERSATION = r"(?=[0-9]*[a-f])[0-9a-f]{32}"
_NUMBER = r"(?:A|CA?|CI|I|MR?|P|RF?|KD|YD|XW|FQ)-20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-(?:\d{16}|\d{8}|\d{1,4})"
_OUR_ID = re.compile(rf"(?<![0-9A-Za-z])({_CONVERSATION}|{_NUMBER})(?![0-9A-Za-z])")
"""What we number ourselves: a conversation's id (one in sixty holds digits that look like a card), a receipt, a payment, an
incident, a run, a case, a contract (date and digits have the length of a card). Masked, nobody could look them up.
"""
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
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
    text = _replaced(text, _TOKENS)
    parts = _OUR_ID.split(text)  # every second one is an id
    return "".join(part if i % 2 else _replaced(part, _RULES) for i, part in enumerate(parts))


def _replaced(text: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


_ESCAPED = re.compile(r"(?:\\u(?!00[0-7])[0-9a-fA-F]{4})+")
"""Characters that a JSON log writes as escapes, except ASCII: quotes and control characters stay harmless as they are."""
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*(?:"|\\?$)|'(?:[^'\\]|\\.)*(?:'|\\?$))"""
"""A quoted string; a line that was cut off has no closing quote."""
_FREE_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"""(["']\w*text["']\s*:\s*){_QUOTED}"""), r'\1"<hidden>"'),  # a JSON log, a printed dict
    (re.compile(rf"""\b(\w*text=)(?:{_QUOTED}|[^\s"']+)"""), r"\1<hidden>"),  # a console log
)


def mask_line(line: str) -> str:
    """``mask`` for a line that another program (Rasa) logged: what a borrower wrote is hidden whole where it is a field.

    Such a field is named ``text`` or ends in it (``user_text``). Escapes are resolved first: behind one, a phone number would
    look like a part of longer digits.
    """
    return mask(_replaced(_ESCAPED.sub(_unescaped, line), _FREE_TEXT))


def _unescaped(match: re.Match[str]) -> str:
    characters: str = json.loads(f'"{match[0]}"')
    return characters.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mask_name(name: str) -> str:
    """``李婷`` → ``李*``, ``欧阳晓明`` → ``欧***``: who knows the customer recognises them, nobody else learns the name."""
    return name[:1] + "*" * (len(name) - 1)


def mask_phone(phone: str) -> str:
    """``13900001001`` → ``139****1001``."""
    return f"{phone[:3]}****{phone[-4:]}"


def card_tail(card_number: str) -> str:
    """The last four digits: the only part of a card number ever shown."""
    return card_number[-4:]
