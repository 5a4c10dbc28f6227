"""Overdue penalty by hand: unpaid principal × 0.05 % × days after the due date, rounded once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bot.loans.penalty import penalty, penalty_by_day
from bot.loans.position import positions
from tests.loans.builders import PENALTY, book, paid

DUE = date(2026, 8, 10)


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (date(2026, 8, 9), 0),
        (date(2026, 8, 10), 0),  # the due date itself is free
        (date(2026, 8, 11), 16),  # 32067 × 0.0005 = 16.03
        (date(2026, 8, 22), 192),  # 32067 × 0.0005 × 12 = 192.40, the figure of product §6
        (date(2026, 9, 9), 481),  # 32067 × 0.0005 × 30 = 481.005
    ],
)
def test_it_grows_by_the_day_from_the_day_after_the_due_date(as_of: date, expected: int) -> None:
    assert penalty(32067, [], DUE, as_of, PENALTY) == expected


def test_half_a_fen_rounds_up() -> None:
    assert penalty(1000, [], DUE, date(2026, 8, 11), PENALTY) == 1  # 0.5
    assert penalty(999, [], DUE, date(2026, 8, 11), PENALTY) == 0  # 0.4995


def test_the_day_of_a_part_payment_still_counts_in_full() -> None:
    # 10 days on 100000, then 5 days on 40000: (100000 × 10 + 40000 × 5) × 0.0005 = 600
    repaid = [(date(2026, 8, 20), 60000)]
    assert penalty(100000, repaid, DUE, date(2026, 8, 25), PENALTY) == 600


def test_principal_repaid_before_the_due_date_bears_no_penalty() -> None:
    assert penalty(100000, [(date(2026, 8, 1), 99000)], DUE, date(2026, 8, 20), PENALTY) == 5  # 1000 × 0.0005 × 10


def test_days_on_hold_are_free_from_the_day_after_it_began_to_the_day_it_ended() -> None:
    # held on the 12th overdue day, released on the 20th: days 13 to 20 are free; on day 22: 12 + 2 = 14 days
    hold = [(date(2026, 8, 22), date(2026, 8, 30))]
    assert penalty(32067, [], DUE, date(2026, 8, 22), PENALTY, hold) == 192
    assert penalty(32067, [], DUE, date(2026, 8, 30), PENALTY, hold) == 192
    assert penalty(32067, [], DUE, date(2026, 9, 1), PENALTY, hold) == 224  # 32067 × 0.0005 × 14 = 224.469


def test_the_table_of_days_ends_at_the_same_figure_and_marks_held_days() -> None:
    hold = [(date(2026, 8, 12), date(2026, 8, 14))]
    days = penalty_by_day(32067, [], DUE, date(2026, 8, 15), Decimal("0.0005"), hold)
    assert [(day.day.day, day.overdue_day, day.held, day.accrued) for day in days] == [
        (11, 1, False, 16),
        (12, 2, False, 32),
        (13, 3, True, 32),
        (14, 4, True, 32),
        (15, 5, False, 48),
    ]


def test_the_table_stops_when_the_principal_is_paid() -> None:
    days = penalty_by_day(1000, [(date(2026, 8, 12), 1000)], DUE, date(2026, 8, 20), PENALTY)
    assert [day.day.day for day in days] == [11, 12]


def test_penalty_that_was_paid_or_waived_is_not_owed_again() -> None:
    overdue = book("FQ", 384800, "0", date(2025, 10, 10), 12, paid(date(2026, 8, 22), 10, "penalty", 100))
    tenth = positions(overdue, date(2026, 8, 22))[9]
    assert (tenth.penalty, tenth.paid_penalty, tenth.penalty_due) == (192, 100, 92)
