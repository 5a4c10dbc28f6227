"""The order in which one payment is used (product §1)."""

from __future__ import annotations

from datetime import date

from bot.loans.allocation import allocate, claims
from bot.loans.port import AllocationLine, InstalmentRef
from tests.loans.builders import book

TODAY = date(2026, 8, 22)


def test_cash_loans_come_before_purchase_instalments_even_when_these_are_older() -> None:
    purchase = book("FQ", 300000, "0", date(2026, 5, 12), 6)  # due 12 June, 12 July, 12 August: overdue
    cash = book("KD", 100000, "0.0004", date(2026, 8, 12), 30)
    order = [(line.contract_no, line.instalment, line.component) for line in claims([purchase, cash], TODAY)]
    assert order[:4] == [("KD", 1, "interest"), ("KD", 1, "principal"), ("FQ", 1, "penalty"), ("FQ", 1, "principal")]


def test_in_a_group_the_oldest_due_date_comes_first_across_contracts() -> None:
    monthly = book("YD", 300000, "0.12", date(2026, 8, 1), 3)  # due 1 September, 1 October, 1 November
    single = book("KD", 100000, "0.0004", date(2026, 8, 12), 45)  # due 26 September
    order = [(line.contract_no, line.instalment) for line in claims([monthly, single], TODAY) if line.component == "principal"]
    assert order == [("YD", 1), ("KD", 1), ("YD", 2), ("YD", 3)]


def test_in_an_instalment_penalty_comes_before_interest_and_fee_and_these_before_principal() -> None:
    # due 1 August: 21 days; 300000 / 3 at 12 %: 102007 a month; interest 3000, principal 99007
    # penalty 99007 × 0.0005 × 21 = 1039.57 → 1040
    loan = book("YD", 300000, "0.12", date(2026, 7, 1), 3)
    assert claims([loan], TODAY)[:3] == (
        AllocationLine("YD", 1, "penalty", 1040),
        AllocationLine("YD", 1, "interest", 3000),
        AllocationLine("YD", 1, "principal", 99007),
    )


def test_a_payment_too_small_for_all_stops_in_the_middle_of_a_part() -> None:
    owed = claims([book("YD", 300000, "0.12", date(2026, 7, 1), 3)], TODAY)
    lines, left_over = allocate(1041, owed)
    assert lines == (AllocationLine("YD", 1, "penalty", 1040), AllocationLine("YD", 1, "interest", 1))
    assert left_over == 0


def test_what_nobody_is_owed_is_left_over() -> None:
    owed = claims([book("KD", 100000, "0.0004", date(2026, 8, 12), 30)], TODAY)
    # 100000 × 0.0004 × 10 = 400
    lines, left_over = allocate(100500, owed)
    assert [line.amount for line in lines] == [400, 100000]
    assert left_over == 100


def test_a_payment_may_be_limited_to_some_instalments() -> None:
    purchase = book("FQ", 300000, "0", date(2026, 5, 12), 6)
    only = claims([purchase], TODAY, {InstalmentRef("FQ", 2)})
    assert {line.instalment for line in only} == {2}
