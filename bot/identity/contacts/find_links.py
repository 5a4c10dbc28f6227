"""Finds links, bare hosts and mail addresses in a plain text. Pure; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.identity.contacts.found import Found
from bot.identity.contacts.normal import comparable

_LABEL = r"[^\W_\u3400-\u9fff](?:[^\W_\u3400-\u9fff]|-)*"  # letters of any script but Chinese, which flows around links
_TLD = r"(?:xn--[a-z0-9-]+|[^\W\d_\u3400-\u9fff]{2,18}|中国|公司|网络|网址)"
_REST = r"(?::\d{1,5})?(?:[/\\?#][^\s<>\"',;!，。；、！）)】》]*)?"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:[/\\]{2}[^\s<>\"'，。；、！）)】》]+", re.IGNORECASE)
_HOST = re.compile(
    rf"(?<![A-Za-z0-9@._-])(?:{_LABEL}\.)+{_TLD}(?![A-Za-z0-9@]){_REST}"
    rf"|[\u3400-\u9fff]{{1,12}}\.(?:com|cn|net|org|top|xyz|vip|example|中国|公司|网络)(?![A-Za-z0-9@]){_REST}"
    rf"|(?<![\d.])(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?![\d.]){_REST}",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"(?<![A-Za-z0-9_.])[A-Za-z0-9][A-Za-z0-9_.+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


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
