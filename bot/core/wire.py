"""Types of values that cross a process border as JSON, decoded without guessing.

``Moment`` and ``Rate`` are what their names' plain types are for everyone who only reads them; pydantic applies the checks when
it decodes. Nothing here turns a number into a date or a float into an amount.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StrictStr, StringConstraints, WithJsonSchema

from bot.core.clock import SHANGHAI

MAX_TEXT = 500
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,30}", re.ASCII)


def _day(value: Any) -> Any:
    if isinstance(value, str) and _DAY.fullmatch(value):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("a date is written YYYY-MM-DD")


def _rfc3339(value: Any) -> Any:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        return datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value
    raise ValueError("a moment is written as RFC 3339 with its zone: 2026-08-22T10:00:00+08:00")


def _shanghai(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a moment carries its zone")
    return value.astimezone(SHANGHAI)


def _whole(value: Any) -> Any:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise ValueError("a whole number in decimal digits")


def _flag(value: Any) -> Any:
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("true or false")


def _storable(value: str) -> str:
    if "\x00" in value or any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise ValueError("NUL and halves of surrogate pairs cannot be stored")
    return value


Moment = Annotated[datetime, BeforeValidator(_rfc3339), AfterValidator(_shanghai)]
"""A moment with its zone, always given out in Shanghai time: its ``date()`` is then the business date."""
Rate = Annotated[str, StringConstraints(strict=True, pattern=r"^\d{1,6}(\.\d{1,18})?$")]
"""An exact decimal as text (``"0.144"`` = 14.4 %): a JSON number would pass through a binary float."""
Day = Annotated[date, BeforeValidator(_day)]
QueryInt = Annotated[int, BeforeValidator(_whole), WithJsonSchema({"type": "integer"})]
QueryBool = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "boolean"})]
Text = Annotated[StrictStr, StringConstraints(max_length=MAX_TEXT), AfterValidator(_storable)]
