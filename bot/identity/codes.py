"""Recognises a one-time code in what a borrower typed."""

from __future__ import annotations

import re
import unicodedata

_NAME = r"(?:验证码|校验码|动态码|短信码|otp|code)"
_CODE = re.compile(
    rf"(?:[^0-9]{{0,12}}{_NAME}[^0-9]{{0,6}}|(?:我?收到的?)?(?:是|为)?[\s:]*)"
    r"(?P<code>[0-9]{3}[ -]?[0-9]{3})"
    rf"(?:\s*{_NAME})?[^0-9a-z\u4e00-\u9fff]{{0,4}}",
    re.IGNORECASE,
)


def code_in(text: str) -> str | None:
    """The six digits of a message that is nothing but a code: ``123456``, ``验证码：123 456。``, full-width digits.

    An amount or a number inside a sentence ("改成还100000元") is not taken for one.
    """
    match = _CODE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    return re.sub(r"[^0-9]", "", match["code"]) if match else None
