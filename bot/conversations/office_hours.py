"""When humans are there (setting ``OFFICE_HOURS``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.core.clock import SHANGHAI


@dataclass(frozen=True)
class OfficeHours:
    """Every day from ``start`` up to ``end``, in minutes after midnight in Shanghai; past midnight when ``end`` is smaller."""

    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> OfficeHours:
        """``"09:00-21:00"``, as the settings have checked it."""
        start, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
        return cls(start, end)

    def open_at(self, moment: datetime) -> bool:
        local = moment.astimezone(SHANGHAI)
        minute = local.hour * 60 + local.minute
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def __str__(self) -> str:
        return f"{self.start // 60:02d}:{self.start % 60:02d}-{self.end // 60:02d}:{self.end % 60:02d}"
