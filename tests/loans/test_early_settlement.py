"""Early settlement and part payments ahead of the due date, by hand (product §1; docs/rules.md)."""

from __future__ import annotations

from datetime import date

from bot.loans.position import Book, Posted, positions
from bot.loans.quote import quote_line
from tests.loans.builders import book, paid


def settle(what: Book, as_of: date) -> tuple[int, int, int, int]:
    """Principal, interest, fee and penalty of the payoff quote."""
    line = quote_line(what, as_of, "产品")
    assert line.total == line.principal + line.interest + line.fee + line.penalty
    return line.principal, line.interest, line.fee, line.penalty


def paid_in_full(what: Book, last: int) -> tuple[Posted, ...]:
    """Postings that pay instalments 1…``last`` on their due dates."""
    found: list[Posted] = []
    for item in what.plan[:last]:
        found.append(paid(item.due_on, item.number, "interest", item.interest))
        found.append(paid(item.due_on, item.number, "fee", item.fee))
        found.append(paid(item.due_on, item.number, "principal", item.principal))
    return tuple(found)


def test_a_loan_by_the_day_costs_the_days_it_was_held() -> None:
    # drawn on 13 July, settled on 22 August: 40 days × 1000000 × 0.04 % = 16000
    loan = book("KD", 1000000, "0.0004", date(2026, 7, 13), 180)
    assert settle(loan, date(2026, 8, 22)) == (1000000, 16000, 0, 0)
    assert settle(loan, date(2026, 7, 13)) == (1000000, 0, 0, 0)  # the day of the drawdown itself, repaid at once
    assert settle(loan, date(2026, 7, 14)) == (1000000, 400, 0, 0)


def test_interest_by_the_day_is_rounded_once_even_when_principal_is_repaid_in_parts() -> None:
    # 10 days on 12345 at 0.05 % and 5 days on 2345: (12345 × 10 + 2345 × 5) × 0.0005 = 61.725 + 5.8625 = 67.5875 → 68
    # paid on day 10: 62 (61.725 rounded), so 6 are left
    drawn = date(2026, 1, 1)
    loan = book(
        "KD",
        12345,
        "0.0005",
        drawn,
        30,
        paid(date(2026, 1, 11), 1, "interest", 62),
        paid(date(2026, 1, 11), 1, "principal", 10000),
    )
    assert settle(loan, date(2026, 1, 16)) == (2345, 6, 0, 0)


def test_a_loan_by_the_day_stops_bearing_interest_at_maturity() -> None:
    # 30 days × 100000 × 0.0005 = 1500; then 10 days of penalty: 100000 × 0.0005 × 10 = 500
    loan = book("KD", 100000, "0.0005", date(2026, 1, 1), 30)
    assert settle(loan, date(2026, 2, 10)) == (100000, 1500, 0, 500)


def test_equal_instalments_settle_with_the_current_periods_interest_by_days() -> None:
    # 4 of 12 paid; 818925 left; the fifth period runs from 28 July to 28 August, 31 days, its interest is 9827
    # on 22 August 25 days have passed: 9827 × 25 / 31 = 7925.0
    whole = book("YD", 1200000, "0.144", date(2026, 3, 28), 12)
    loan = book("YD", 1200000, "0.144", date(2026, 3, 28), 12, *paid_in_full(whole, 4))
    assert settle(loan, date(2026, 8, 22)) == (818925, 7925, 0, 0)
    assert settle(loan, date(2026, 7, 28)) == (818925, 0, 0, 0)  # on a due date the next period has no days yet
    assert settle(loan, date(2026, 8, 28)) == (818925, 9827, 0, 0)


def test_an_overdue_instalment_owes_its_whole_interest_beside_the_current_period() -> None:
    # 600000 / 6 at 14.4 %: 1.012^6 = 1.07419487; 600000 × 0.012 × 1.07419487 / 0.07419487 = 104242.1 → 104242
    # interest 7200, 6035 (502958 × 1.2 % = 6035.496), 4857 (404751 × 1.2 % = 4857.01), principal 3: 104242 − 4857 = 99385
    # the fourth period began on 12 August with 305366: 305366 × 1.2 % = 3664.39 → 3664; 10 of 31 days: 1181.9 → 1182
    # penalty of the third: 99385 × 0.0005 × 10 = 496.925 → 497
    whole = book("YD", 600000, "0.144", date(2026, 5, 12), 6)
    loan = book("YD", 600000, "0.144", date(2026, 5, 12), 6, *paid_in_full(whole, 2))
    assert settle(loan, date(2026, 8, 22)) == (99385 + 305366, 4857 + 1182, 0, 497)


def test_a_small_business_loan_settles_like_equal_instalments() -> None:
    # 5000000 at 12 %: 50000 a month; second period 15 February to 15 March 2026 has 28 days; on 1 March 14 days: 25000
    whole = book("XW", 5000000, "0.12", date(2026, 1, 15), 6)
    loan = book("XW", 5000000, "0.12", date(2026, 1, 15), 6, *paid_in_full(whole, 1))
    assert settle(loan, date(2026, 3, 1)) == (5000000, 25000, 0, 0)


def test_purchase_instalments_drop_the_fees_of_periods_that_have_not_begun() -> None:
    # 2 of 6 paid: 160000 left; on 22 August only the third period has begun: one fee of 1440
    whole = book("FQ", 240000, "0.006", date(2026, 5, 28), 6)
    loan = book("FQ", 240000, "0.006", date(2026, 5, 28), 6, *paid_in_full(whole, 2))
    assert settle(loan, date(2026, 8, 22)) == (160000, 0, 1440, 0)
    assert settle(loan, date(2026, 7, 28)) == (160000, 0, 0, 0)  # the day on which the second is due: the third begins tomorrow
    assert settle(loan, date(2026, 8, 29)) == (160000, 0, 2880, 20)  # 40000 × 0.0005 × 1 = 20 penalty on the third


def test_a_settled_contract_owes_nothing_later() -> None:
    whole = book("YD", 1200000, "0.144", date(2026, 3, 28), 12)
    day = date(2026, 8, 22)
    payments = [paid(day, item.number, "principal", item.principal) for item in whole.plan[4:]]
    loan = book("YD", 1200000, "0.144", date(2026, 3, 28), 12, *paid_in_full(whole, 4), *payments, paid(day, 5, "interest", 7925))
    assert settle(loan, day) == (0, 0, 0, 0)
    assert settle(loan, date(2027, 8, 22)) == (0, 0, 0, 0)
    assert all(position.settled for position in positions(loan, day))


def test_principal_repaid_ahead_stops_costing_interest_that_day() -> None:
    # first period of 1200000, 28 March to 28 April (31 days), interest 14400; on 7 April (10 days) half is repaid:
    # 14400 × (1200000 × 10 + 600000 × 21) / (1200000 × 31) = 14400 × 24600000 / 37200000 = 9522.58 → 9523
    whole = book("YD", 1200000, "0.144", date(2026, 3, 28), 12)
    half: list[Posted] = []
    left = 600000
    for item in whole.plan:
        part = min(left, item.principal)
        half.append(paid(date(2026, 4, 7), item.number, "principal", part))
        left -= part
    loan = book("YD", 1200000, "0.144", date(2026, 3, 28), 12, *half)
    assert positions(loan, date(2026, 4, 28))[0].interest == 9523
    assert positions(loan, date(2026, 4, 7))[0].interest_at_due == 9523


def test_an_instalment_repaid_on_the_due_date_before_owes_no_fee_but_a_day_later_it_does() -> None:
    whole = book("FQ", 240000, "0.006", date(2026, 5, 28), 6)
    for day, fee in ((date(2026, 6, 28), 0), (date(2026, 6, 29), 1440)):  # the first is due on 28 June
        ahead = paid(day, 2, "principal", 40000)
        loan = book("FQ", 240000, "0.006", date(2026, 5, 28), 6, *paid_in_full(whole, 1), ahead)
        assert positions(loan, date(2026, 7, 20))[1].fee == fee


def test_an_instalment_repaid_before_its_period_began_owes_no_fee() -> None:
    whole = book("FQ", 240000, "0.006", date(2026, 5, 28), 6)
    ahead = paid(date(2026, 6, 10), 2, "principal", 40000)
    loan = book("FQ", 240000, "0.006", date(2026, 5, 28), 6, *paid_in_full(whole, 1), ahead)
    second = positions(loan, date(2026, 7, 20))[1]
    assert (second.fee, second.fee_at_due, second.settled) == (0, 0, True)
