"""Plans worked out by hand; amounts in 分."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bot.loans.schedule import by_day, equal_instalments, fee_per_period, interest_only, make_plan, month_day, monthly_periods


def test_a_purchase_of_3848_yuan_in_12_parts_puts_the_rest_on_the_last() -> None:
    # 384800 / 12 = 32066.67 → 32067; 11 × 32067 = 352737; 384800 − 352737 = 32063 (product §1)
    plan = fee_per_period(384800, Decimal(0), monthly_periods(date(2025, 10, 10), 12))
    assert [item.principal for item in plan] == [32067] * 11 + [32063]
    assert [item.fee for item in plan] == [0] * 12
    assert [item.interest for item in plan] == [0] * 12


def test_a_period_fee_is_taken_on_the_original_principal() -> None:
    # 240000 × 0.6 % = 1440 in each of the six periods; 240000 / 6 = 40000
    plan = fee_per_period(240000, Decimal("0.006"), monthly_periods(date(2026, 5, 28), 6))
    assert [(item.principal, item.fee) for item in plan] == [(40000, 1440)] * 6


def test_equal_instalments_of_12000_yuan_at_14_4_percent() -> None:
    # 14.4 % / 12 = 1.2 %; 1.012^12 = 1.15389462…; 1200000 × 0.012 × 1.15389462 / 0.15389462 = 107970.6 → 107971 a month
    # interest: 1200000 × 1.2 % = 14400; (1200000 − 93571) × 1.2 % = 13277.15 → 13277; 1011735 × 1.2 % = 12140.82 → 12141; …
    # principal left: 1106429, 1011735, 915905, 818925, 720781, 621459, 520946, 419226, 316286, 212110, 106684
    # the last: 106684 and 106684 × 1.2 % = 1280.21 → 1280; 107964 instead of 107971 absorbs the rounding
    plan = equal_instalments(1200000, Decimal("0.144"), monthly_periods(date(2026, 3, 28), 12))
    assert [item.interest for item in plan[:5]] == [14400, 13277, 12141, 10991, 9827]
    assert [item.principal for item in plan[:5]] == [93571, 94694, 95830, 96980, 98144]
    assert [item.principal + item.interest for item in plan[:11]] == [107971] * 11
    assert (plan[11].principal, plan[11].interest) == (106684, 1280)
    assert sum(item.principal for item in plan) == 1200000


def test_equal_instalments_without_interest_are_equal_parts() -> None:
    plan = equal_instalments(1000, Decimal(0), monthly_periods(date(2026, 1, 1), 3))
    assert [(item.principal, item.interest) for item in plan] == [(333, 0), (333, 0), (334, 0)]


def test_a_small_business_loan_pays_interest_monthly_and_principal_last() -> None:
    # 5000000 × 12 % / 12 = 50000 a month
    plan = interest_only(5000000, Decimal("0.12"), monthly_periods(date(2026, 1, 15), 3))
    assert [(item.principal, item.interest) for item in plan] == [(0, 50000), (0, 50000), (5000000, 50000)]


def test_a_loan_by_the_day_is_due_in_one_sum() -> None:
    # 1000000 × 0.04 % × 40 days = 16000
    (only,) = by_day(1000000, Decimal("0.0004"), date(2026, 7, 13), 40)
    assert (only.principal, only.interest, only.due_on) == (1000000, 16000, date(2026, 8, 22))


def test_interest_by_the_day_rounds_half_up_once() -> None:
    # 12345 × 0.05 % = 6.1725 a day; 3 days = 18.5175 → 19 (three rounded days would be 18)
    assert by_day(12345, Decimal("0.0005"), date(2026, 1, 1), 3)[0].interest == 19
    # 1000 × 0.05 % × 1 day = 0.5 → 1
    assert by_day(1000, Decimal("0.0005"), date(2026, 1, 1), 1)[0].interest == 1


def test_due_dates_at_the_end_of_the_month_come_back_to_the_full_day() -> None:
    periods = monthly_periods(date(2027, 12, 31), 4)
    # 2028 is a leap year
    assert [period.due_on for period in periods] == [date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31), date(2028, 4, 30)]
    assert [period.starts_on for period in periods] == [
        date(2027, 12, 31),
        date(2028, 1, 31),
        date(2028, 2, 29),
        date(2028, 3, 31),
    ]


def test_a_due_day_may_differ_from_the_day_of_the_drawdown() -> None:
    periods = monthly_periods(date(2026, 2, 28), 3, due_day=31)
    assert [period.due_on for period in periods] == [date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]


@pytest.mark.parametrize(
    ("year", "month", "day", "expected"),
    [
        (2026, 13, 31, date(2027, 1, 31)),
        (2026, 0, 31, date(2025, 12, 31)),
        (2026, -9, 15, date(2025, 3, 15)),
        (2027, 2, 30, date(2027, 2, 28)),
    ],
)
def test_months_beyond_the_year_roll_over(year: int, month: int, day: int, expected: date) -> None:
    assert month_day(year, month, day) == expected


@pytest.mark.parametrize("method", ["equal_instalments", "interest_only", "fee_per_period"])
@pytest.mark.parametrize("term", [1, 2, 3, 11, 36])
def test_the_principal_parts_always_sum_to_the_principal(method: str, term: int) -> None:
    plan = make_plan(method, 999983, Decimal("0.0071"), date(2026, 1, 31), term)  # type: ignore[arg-type]
    assert sum(item.principal for item in plan) == 999983
    assert all(item.principal >= 0 and item.interest >= 0 and item.fee >= 0 for item in plan)
    assert [item.number for item in plan] == list(range(1, term + 1))
