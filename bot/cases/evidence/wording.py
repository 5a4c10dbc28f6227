"""Codes of the records in the words of data/answers/evidence.yml."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from bot.cases.evidence.facts import day_of
from bot.cases.evidence.rules import Reason
from bot.core.clock import SHANGHAI, chinese_date
from bot.core.texts import Texts

BORROWER_FAILURES = frozenset({"debit_failed_borrower", "later_debit_failed_borrower"})
Named = Mapping[str, tuple[str, ...]]
"""Placeholder → keys of texts; the first that exists fills it."""


def render(texts: Texts, key: str, values: Mapping[str, str], named: Named) -> str:
    """The text ``key`` with its values, some of which are texts themselves."""
    words = {name: next(texts.dialogue[k].text for k in keys if k in texts.dialogue) for name, keys in named.items()}
    return texts.dialogue[key].render(**values, **words)


def code_keys(code: str, side: str) -> tuple[str, ...]:
    """Keys for a result code. Core systems bring codes of their own: an unknown one is told by its side."""
    return f"evidence_code_{code}", f"evidence_code_other_{side}"


def clock_time(moment: datetime) -> str:
    """``8月10日09:00``."""
    return f"{chinese_date(day_of(moment))}{moment.astimezone(SHANGHAI):%H:%M}"


def optional_date(day: date | None) -> str:
    return chinese_date(day) if day else ""


def reason_text(reason: Reason, texts: Texts, *, brief: bool = False) -> str:
    """One reason of a day, in words. ``brief``: a few words, for a line that holds several."""
    named: dict[str, tuple[str, ...]] = {}
    if reason.result_code is not None:
        side = "borrower" if reason.code in BORROWER_FAILURES else "system"
        named["code_text"] = code_keys(reason.result_code, side)
    if reason.channel is not None:
        named["channel_text"] = (f"evidence_channel_{reason.channel}",)
    return render(texts, f"evidence_{'brief' if brief else 'reason'}_{reason.code}", {"on": optional_date(reason.on)}, named)
