"""Finds links, bare hosts and mail addresses in a plain text. Pure; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.identity.contacts.found import Found
from bot.identity.contacts.normal import comparable, is_mark

_OTHER = "\u0259"
"""Stands for every underscore and every mark on a letter while links are looked for: no host of ours has one, others may."""
_CHAR = r"[^\W_\u3400-\u9fff]"  # any script but Chinese, which flows around links
_LABEL = rf"{_CHAR}(?:{_CHAR}|-|%[0-9A-Fa-f]{{2}})*"
_TLD = rf"(?:xn--[a-z0-9-]+|[^\W\d_\u3400-\u9fff]{_CHAR}{{1,62}}(?:-+{_CHAR}+)*|中国|公司|网络|网址)"
_START = rf"(?<![A-Za-z0-9{_OTHER}])(?<![A-Za-z0-9{_OTHER}][.@-])(?<![\u3400-\u9fff]-)"
"""Where a host may begin. Behind a dot or dash that nothing stands before it does; 星-ours.example would be another host."""
_REST = r"(?::\d+[A-Za-z0-9.:%@-]*)?(?:[/\\?#][^\s<>\"',;!，。；、！）)】》]*)?"
_END = r"\s<>\"'，。；、！）)】》"
_AROUND = ".,;:!?"
"""What ends a sentence, or goes on with it, behind a link."""
_JOINED = r"(?!和|与|跟|或|还|以及|都|也|是|这|那|哪|变|跳)[\u3400-\u9fff]{1,8}[A-Za-z0-9-]*\.[A-Za-z]{2}"
"""Chinese characters inside a host (ours.example星.com is a domain of its own); words that lead on to a second link are none."""
_ADDRESS = re.compile(
    rf"[a-z][a-z0-9+.-]*:[/\\]{{2}}(?:[^{_END}/\\?#\u3400-\u9fff]*(?={_JOINED})|[\u3400-\u9fff])[^{_END}]+"
    rf"|[a-z][a-z0-9+.-]*:[/\\]{{2}}[^{_END}\u3400-\u9fff]+",
    re.IGNORECASE,
)
_HOST = re.compile(
    rf"{_START}(?:{_LABEL}\.)+{_TLD}(?={_JOINED})[\u3400-\u9fff]+[A-Za-z0-9-]*\.[A-Za-z]{{2,18}}(?![A-Za-z0-9@]){_REST}"
    rf"|{_START}(?:{_LABEL}\.)+{_TLD}(?![A-Za-z0-9@%]){_REST}"
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
    searched = "".join(_OTHER if char == "_" or is_mark(char) else char for char in text)
    for match in pattern.finditer(searched):
        written = text[match.start() : match.end()].rstrip(_AROUND)
        yield Found("url", written, comparable("url", written), match.start())
