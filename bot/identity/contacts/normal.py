"""One form for what people write in many: full-width characters, Chinese digits, invisible characters, separators, +86."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

import phonenumbers

_DIGIT = "〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
CHINESE_DIGITS = str.maketrans(_DIGIT, "001234567891123456789")
_SPELLED = re.compile(rf"[{_DIGIT}](?:[\s\-]?[{_DIGIT}]){{6,}}")
_HALF_SPELLED = re.compile(rf"(?<![\d{_DIGIT}])(?=[\d\s-]*[{_DIGIT}]{{2}})[\d{_DIGIT}](?:[\s\-]?[\d{_DIGIT}]){{6,}}")
"""138零零零零1001: digits of both kinds in one number, at least two Chinese ones side by side."""
_ONE_AS_DASH = re.compile(r"(?<=\d{3})一(?=\d{3})")
_LETTER = re.compile(r"[^\W\d_\u3400-\u9fff]|[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
"""A letter of any script but Chinese, or a mark that was left on one."""
_WEB = re.compile(r"h(?:tt|xx)ps?", re.IGNORECASE)
_PORT = re.compile(r"(?::[0-9]{0,5})?")
_DASHES = re.compile(r"[‐‑‒–—―−﹣－ー～~]")
_DOTTED = re.compile(r"(?<=[A-Za-z0-9])(?:\s?[。．｡·•]\s?|\s?点\s?|\s{1,8}\.\s?)(?=[A-Za-z])|(?<=[A-Za-z])[。．｡](?=[0-9])")
_DISARMED = re.compile(r"\s?[\[(【]\s?(?:\.|dot|点)\s?[\])】]\s?|(?<=[A-Za-z0-9])\sdot\s(?=[A-Za-z])", re.IGNORECASE)
"""evil[.]com, evil(dot)com: a dot written so that it is no link."""


def plain(text: str) -> str:
    """``text`` for searching: NFKC (full-width → ASCII), no invisible characters, one kind of dash and dot, digits as digits."""
    shown = _unmarked("".join(char for char in unicodedata.normalize("NFKC", text) if not _invisible(char)))
    shown = _ONE_AS_DASH.sub("-", _DASHES.sub("-", shown))
    for spelled in (_SPELLED, _HALF_SPELLED):
        shown = spelled.sub(lambda found: found.group().translate(CHINESE_DIGITS), shown)
    return _DOTTED.sub(".", _DISARMED.sub(".", shown))


def _invisible(char: str) -> bool:
    """Format characters (zero-width, soft hyphen), variation selectors, fillers: what a reader does not see."""
    return unicodedata.category(char) == "Cf" or "\ufe00" <= char <= "\ufe0f" or char in "\u034f\u115f\u1160\u3164\u17b4\u17b5"


def _unmarked(text: str) -> str:
    """Without what is drawn around or over characters (keycaps, strokes). On a letter it stays: there it makes another host."""
    kept: list[str] = []
    for char in text:
        if not is_mark(char) or (kept and _LETTER.match(kept[-1])):
            kept.append(char)
    return "".join(kept)


def is_mark(char: str) -> bool:
    """Whether it is drawn with the character before it."""
    return unicodedata.category(char).startswith("M")


def digits_of(text: str) -> str:
    return re.sub(r"\D", "", text)


def national(text: str) -> str:
    """The digits without China's country code, however it is written: +86, 0086, 86 before a number that is long enough."""
    digits, marked = digits_of(text), text.strip().startswith("+")
    if digits.startswith("0086"):
        return digits[4:]
    if digits.startswith("86") and (marked or len(digits) > 11):
        return digits[2:]
    return f"+{digits}" if marked else digits


def phone_number(text: str) -> str:
    """As E.164 (``+864001003399``) when it can be a number as it is dialled; else just its digits.

    ``phonenumbers`` forgives a lot: it drops a 0 before any number and five-digit carrier codes. Only the 0 of an area code may
    go, or 0400-100-3399 would pass for our 400-100-3399.
    """
    dialled = national(text)
    try:
        number = phonenumbers.parse(dialled, "CN")
    except phonenumbers.NumberParseException:
        return dialled
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if dialled.startswith("+"):
        return dialled
    fixed_line = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE
    expected = dialled.removeprefix("0") if fixed_line else dialled
    return written if written == f"+86{expected}" else dialled


def host_of(address: str) -> str:
    """The host that a browser would open, in ASCII and lower case; what cannot be a host comes back as it stands.

    ``https://ours@theirs`` and ``https://theirs\\@ours`` open *theirs*; a trailing dot, a port and upper case change nothing.
    ``intent://ours`` opens whatever it names, and ``ours:443.theirs`` is no address at all.
    """
    address = address.replace("\\", "/")
    scheme, separator, _ = address.partition("://")
    try:
        split = urlsplit(address if separator else f"//{address}")
        host = split.hostname or ""
    except ValueError:
        return address.lower()
    if (separator and not _WEB.fullmatch(scheme)) or not _has_port(split.netloc):
        return address.lower()
    host = unquote(host).lower().rstrip(".")
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _has_port(netloc: str) -> bool:
    """Whether a port stands behind the host, or nothing."""
    behind = netloc.rpartition("@")[2].rpartition("]")[2]
    port = behind[behind.index(":") :] if ":" in behind else ""
    return _PORT.fullmatch(port) is not None and int(port[1:] or 0) < 2**16


def comparable(kind: str, value: str) -> str:
    """The form of a contact in which two of the same are equal."""
    text = plain(value)
    if kind == "url":
        return host_of(text)
    if kind == "phone":
        return phone_number(text)
    if kind == "person":
        return re.sub(r"\s", "", text).lower()
    if kind == "bank_account":
        return digits_of(text)  # no country code: an account may begin with 86
    return national(text)
