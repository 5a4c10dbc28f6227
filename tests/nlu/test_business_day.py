"""Which day 今天 is."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from bot.nlu.business_day import business_day


def test_the_environment_fixes_the_day(monkeypatch):
    monkeypatch.setenv("BUSINESS_DATE", "2025-02-28")
    assert business_day() == date(2025, 2, 28)


def test_without_it_the_day_is_today_in_china(monkeypatch):
    monkeypatch.delenv("BUSINESS_DATE", raising=False)
    before = (datetime.now(timezone.utc) + timedelta(hours=8)).date()
    found = business_day()
    after = (datetime.now(timezone.utc) + timedelta(hours=8)).date()
    assert before <= found <= after


def test_an_empty_value_counts_as_none(monkeypatch):
    monkeypatch.setenv("BUSINESS_DATE", " ")
    assert business_day().year >= 2025


def test_a_value_that_is_no_date_is_refused(monkeypatch):
    monkeypatch.setenv("BUSINESS_DATE", "tomorrow")
    with pytest.raises(ValueError, match="tomorrow"):
        business_day()
