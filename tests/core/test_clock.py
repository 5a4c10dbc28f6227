"""Business time."""

from __future__ import annotations

from datetime import date, timedelta

from bot.core.clock import SHANGHAI, FixedClock, SystemClock, chinese_date


def test_the_system_clock_tells_shanghai_time() -> None:
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(hours=8)


def test_a_business_date_replaces_the_day_and_keeps_the_time_of_day() -> None:
    clock = SystemClock(date(2026, 8, 22))
    assert clock.today() == date(2026, 8, 22)
    assert clock.now().tzinfo == SHANGHAI


def test_a_fixed_clock_moves_only_by_hand() -> None:
    clock = FixedClock()
    before = clock.now()
    assert clock.now() == before
    clock.advance(days=1, hours=2, minutes=3, seconds=4)
    assert clock.now() - before == timedelta(days=1, hours=2, minutes=3, seconds=4)


def test_a_date_is_said_without_leading_zeros() -> None:
    assert chinese_date(date(2026, 8, 5)) == "8月5日"
