"""The only source of "now". Services take a ``Clock``; none of them calls ``datetime.now()``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""Borrowers, due dates and complaint clocks all live in this zone."""


class Clock(Protocol):
    """Tells the business time, always with the Shanghai zone."""

    def now(self) -> datetime: ...

    def today(self) -> date: ...


@dataclass(frozen=True)
class SystemClock:
    """The wall clock, or, with ``business_date``, that date at the wall clock's time of day."""

    business_date: date | None = None

    def now(self) -> datetime:
        moment = datetime.now(SHANGHAI)
        if self.business_date is None:
            return moment
        return datetime.combine(self.business_date, moment.timetz())

    def today(self) -> date:
        return self.now().date()


@dataclass
class FixedClock:
    """A clock that tests move by hand; it implements the real port."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 8, 22, 10, 0, tzinfo=SHANGHAI))

    def now(self) -> datetime:
        return self.moment

    def today(self) -> date:
        return self.moment.date()

    def advance(self, *, days: int = 0, hours: int = 0, minutes: int = 0, seconds: int = 0) -> None:
        self.moment += timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def chinese_date(day: date) -> str:
    """``2026-08-10`` → ``8月10日``: how borrowers read a date."""
    return f"{day.month}月{day.day}日"
