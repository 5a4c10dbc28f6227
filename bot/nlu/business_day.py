"""The day that 今天 means."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")  # no daylight saving since 1991


def business_day() -> date:
    """BUSINESS_DATE (YYYY-MM-DD) when set, else today in China. Raises ValueError when BUSINESS_DATE is no date."""
    fixed = os.environ.get("BUSINESS_DATE", "").strip()
    return date.fromisoformat(fixed) if fixed else datetime.now(CHINA).date()
