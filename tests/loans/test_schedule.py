"""Plans worked out by hand; amounts in 分."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.loans.errors import InvalidAmount, InvalidTerms
from bot.loans.schedule import (
    Method,
    by_day,
    equal_instalments,
    equal_principal,
    fee_per_period,
    interest_only,
    make_plan,
    month_day,
    monthly_periods,
)
from tests.loans import oracle

KINDS: dict[str, tuple[Method, str]] = {
    "KD": ("by_day", "0.0005"),
    "YD": ("equal_instalments", "0.18"),
    "EP": ("equal_principal", "0.18"),
    "XW": ("interest_only", "0.15"),
    "FQ": ("fee_per_period", "0.0075"),
    "FQ interest-free": ("fee_per_period", "0"),
}
"""What the oracle calls a kind, our method, and a rate."""


days = st.dates(date(2024, 1, 1), date(2032, 12, 31)) | st.sampled_from(
    [date(year, month, day) for year in (2027, 2028) for month, day in ((1, 29), (1, 30), (1, 31), (3, 31), (11, 30), (12, 31))]
    + [date(2028, 2, 29)]
)
"""Any day, and often an end of a month, before a February of 28 and of 29 days."""


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


def test_equal_principal_of_12000_yuan_at_14_4_percent() -> None:
    # 1200000 / 12 = 100000 a month; interest 1.2 % of 1200000, 1100000, 1000000, … 100000: 14400, 13200, 12000, … 1200
    plan = equal_principal(1200000, Decimal("0.144"), monthly_periods(date(2026, 3, 28), 12))
    assert [item.principal for item in plan] == [100000] * 12
    assert [item.interest for item in plan] == [14400 - 1200 * paid for paid in range(12)]


def test_equal_principal_puts_the_rest_on_the_last() -> None:
    # 1000 / 3 = 333.33 → 333, 333, 334; interest 1 % of 1000, 667, 334: 10, 6.67 → 7, 3.34 → 3
    plan = equal_principal(1000, Decimal("0.12"), monthly_periods(date(2026, 1, 31), 3))
    assert [(item.principal, item.interest) for item in plan] == [(333, 10), (333, 7), (334, 3)]


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


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    principal=st.integers(1_000, 100_000_000),
    share=st.integers(1, 100),
    drawn_on=days,
    term=st.integers(1, 36),
)
def test_every_kind_agrees_with_the_calculation_from_the_product_text(
    kind: str, principal: int, share: int, drawn_on: date, term: int
) -> None:
    method, highest = KINDS[kind]
    rate = Decimal(highest) * share / 100
    plan = make_plan(method, principal, rate, drawn_on, term)
    expected = oracle.plan(kind[:2], principal, str(rate), drawn_on, term)
    assert [(item.starts_on, item.due_on, item.principal, item.interest, item.fee) for item in plan] == [
        (part.starts_on, part.due_on, part.principal, oracle.nearest(part.interest), part.fee) for part in expected
    ]


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    principal=st.integers(1, 10**11),
    drawn_on=days,
    term=st.integers(1, 36),
    due_day=st.none() | st.integers(1, 31),
)
def test_the_parts_sum_to_the_principal_and_the_periods_follow_each_other(
    kind: str, principal: int, drawn_on: date, term: int, due_day: int | None
) -> None:
    method, rate = KINDS[kind]
    plan = make_plan(method, principal, Decimal(rate), drawn_on, term, due_day)
    assert sum(item.principal for item in plan) == principal
    assert all(item.principal >= 0 and item.interest >= 0 and item.fee >= 0 for item in plan)
    assert [item.number for item in plan] == list(range(1, len(plan) + 1))
    assert [item.starts_on for item in plan] == [drawn_on, *(item.due_on for item in plan[:-1])]
    assert all(item.starts_on < item.due_on for item in plan)


@pytest.mark.parametrize("method", [method for method, _ in KINDS.values()])
@pytest.mark.parametrize("term", [-1, 0, 366, 10**18])
def test_a_term_that_no_plan_may_have_is_refused(method: Method, term: int) -> None:
    with pytest.raises(InvalidTerms):
        make_plan(method, 1000, Decimal("0.001"), date(2026, 1, 1), term)


@pytest.mark.parametrize("method", ["equal_instalments", "equal_principal", "interest_only", "fee_per_period"])
def test_no_plan_by_the_month_is_longer_than_36(method: Method) -> None:
    assert len(make_plan(method, 1000, Decimal(0), date(2026, 1, 1), 36)) == 36
    with pytest.raises(InvalidTerms):
        make_plan(method, 1000, Decimal(0), date(2026, 1, 1), 37)


def test_a_plan_needs_a_principal_and_a_rate_that_is_not_negative() -> None:
    with pytest.raises(InvalidAmount):
        make_plan("by_day", 0, Decimal(0), date(2026, 1, 1), 30)
    with pytest.raises(InvalidTerms):
        make_plan("by_day", 1000, Decimal("-0.0001"), date(2026, 1, 1), 30)
