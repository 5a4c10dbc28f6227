"""Finds links, bare hosts and mail addresses in a plain text. Pure; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.identity.contacts.found import Found
from bot.identity.contacts.normal import comparable

_LABEL = r"[^\W_\u3400-\u9fff](?:[^\W_\u3400-\u9fff]|-|%[0-9A-Fa-f]{2})*"  # any script but Chinese, which flows around links
_TLD = r"(?:xn--[a-z0-9-]+|[^\W\d_\u3400-\u9fff]{2,18}|中国|公司|网络|网址)"
_REST = r"(?::\d{1,5})?(?:[/\\?#][^\s<>\"',;!，。；、！）)】》]*)?"
_END = r"\s<>\"'，。；、！）)】》"
_JOINED = r"(?!和|与|跟|或|还|以及|都|也|是|这|那|哪|变|跳)[\u3400-\u9fff]{1,8}[A-Za-z0-9-]*\.[A-Za-z]{2}"
"""Chinese characters inside a host (ours.example星.com is a domain of its own); words that lead on to a second link are none."""
_ADDRESS = re.compile(
    rf"[a-z][a-z0-9+.-]*:[/\\]{{2}}(?:[^{_END}/\\?#\u3400-\u9fff]*(?={_JOINED})|[\u3400-\u9fff])[^{_END}]+"
    rf"|[a-z][a-z0-9+.-]*:[/\\]{{2}}[^{_END}\u3400-\u9fff]+",
    re.IGNORECASE,
)
_HOST = re.compile(
    rf"(?<![A-Za-z0-9@._-])(?:{_LABEL}\.)+{_TLD}(?={_JOINED})[\u3400-\u9fff]+[A-Za-z0-9-]*\.[A-Za-z]{{2,18}}(?![A-Za-z0-9@]){_REST}"
    rf"|(?<![A-Za-z0-9@._-])(?:{_LABEL}\.)+{_TLD}(?![A-Za-z0-9@%]){_REST}"
    rf"|[\u3400-\u9fff]{{1,12}}\.(?:com|cn|net|org|top|xyz|vip|example|中国|公司|网络)(?![A-Za-z0-9@]){_REST}"
    rf"|(?<![\d.])(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?![\d.]){_REST}",
    re.IGNORECASE,
)
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9_.])(?:(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+:)?[A-Za-z0-9][A-Za-z0-9_.+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
)
"""With what may stand before it in ours.example:8443@theirs.com, which opens *theirs*."""


def addresses(text: str) -> Iterator[Found]:
    """Links with a scheme. They go first: what stands before an ``@`` in them is no mail address."""
    yield from _links(_ADDRESS, text)


def emails(text: str) -> Iterator[Found]:
    """A mail address stands for whoever writes from it: a person."""
    for match in _EMAIL.finditer(text):
        yield Found("person", match.group(), match.group().lower(), match.start())


def hosts(text: str) -> Iterator[Found]:
    """Links without a scheme, Chinese domain names and addresses of four numbers."""
    yield from _links(_HOST, text)


def _links(pattern: re.Pattern[str], text: str) -> Iterator[Found]:
    for match in pattern.finditer(text):
        written = match.group().rstrip(".")
        yield Found("url", written, comparable("url", written), match.start())
