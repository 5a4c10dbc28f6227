"""Annual cost: worked by hand, and against a solver of the tests' own for random plans and dates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.loans.cost import CashFlows, annual_cost, plan_cost
from bot.loans.schedule import Method, PlannedInstalment, make_plan

DAY = date(2026, 1, 1)
RATES: dict[Method, Decimal] = {
    "by_day": Decimal("0.002"),
    "equal_instalments": Decimal("0.36"),
    "equal_principal": Decimal("0.36"),
    "interest_only": Decimal("0.36"),
    "fee_per_period": Decimal("0.02"),
}


def cost(method: Method, principal: int, rate: str, drawn_on: date, term: int, due_day: int | None = None) -> Decimal:
    return plan_cost(make_plan(method, principal, Decimal(rate), drawn_on, term, due_day), by_day=method == "by_day")


def test_equal_instalments_cost_their_rate_compounded() -> None:
    # at 1 % a month the flows of a rounded plan return 1 % a month: 1.01^12 − 1 = 12.6825 %
    assert abs(cost("equal_instalments", 100_000_000, "0.12", DAY, 12) - Decimal("0.126825030")) < Decimal("1e-7")


def test_all_monthly_methods_at_one_rate_cost_the_same() -> None:
    for method in ("equal_instalments", "equal_principal", "interest_only"):
        found = cost(method, 100_000_000, "0.12", date(2026, 1, 31), 36)
        assert abs(found - Decimal("0.126825030")) < Decimal("1e-7")


def test_one_payment_after_a_month_costs_its_interest_twelve_times_compounded() -> None:
    flows = CashFlows(1000, (1020,), Fraction(1, 12))
    assert annual_cost(flows) == Decimal("0.268241794563")  # 1.02^12 − 1


def test_an_interest_free_loan_costs_nothing() -> None:
    assert cost("fee_per_period", 384800, "0", DAY, 12) == 0
    assert cost("by_day", 384800, "0", DAY, 30) == 0


def test_a_whole_year_by_the_day_costs_the_simple_sum() -> None:
    assert cost("by_day", 1_000_000, "0.0004", DAY, 365) == Decimal("0.146")
    assert cost("by_day", 1_000_000, "0.0004", date(2028, 1, 1), 365) == Decimal("0.146")  # days count, not the calendar year


def test_the_length_of_a_month_does_not_change_the_cost() -> None:
    months = {cost("interest_only", 1_000_000, "0.12", date(year, month, 31), 1) for year in (2027, 2028) for month in (1, 3, 5)}
    assert months == {cost("interest_only", 1_000_000, "0.12", DAY, 1)}


def test_an_odd_first_period_counts_by_its_days() -> None:
    # 1 % for a first period of one day (31 January to 1 February): a month back from 1 February lies 30 days before the drawdown
    short = cost("interest_only", 1_000_000, "0.12", date(2026, 1, 31), 1, due_day=1)
    with localcontext(prec=40):
        years = Decimal(1) / 12 - Decimal(30) / 365
        assert abs(short - (Decimal("1.01") ** (1 / years) - 1)) / short < Decimal("1e-12")
    long = cost("interest_only", 1_000_000, "0.12", date(2026, 1, 1), 1, due_day=28)  # 27 days more than a month
    with localcontext(prec=40):
        years = Decimal(1) / 12 + Decimal(27) / 365
        assert abs(long - (Decimal("1.01") ** (1 / years) - 1)) < Decimal("1e-12")


@pytest.mark.parametrize(
    ("flows", "problem"),
    [
        (CashFlows(1000, (999,), Fraction(1, 12)), "below the principal"),
        (CashFlows(0, (), Fraction(1, 12)), "below the principal"),
        (CashFlows(1000, (1020,), Fraction(0)), "after the drawdown"),
        (CashFlows(1000, (1020,), Fraction(1), Fraction(-1)), "after the drawdown"),
    ],
)
def test_flows_that_are_no_loan_have_no_cost(flows: CashFlows, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        annual_cost(flows)


def bisected(principal: int, flows: list[tuple[Fraction, int]]) -> Decimal:
    """The yearly rate by halving, in decimals: no library, no derivative, another unknown than the code solves for."""
    with localcontext(prec=50):
        times = [(Decimal(years.numerator) / Decimal(years.denominator), amount) for years, amount in flows]
        low, high = Decimal(0), Decimal(1)
        while _worth(times, high) > principal:
            high *= 2
        while high - low > Decimal("1e-14"):
            middle = (low + high) / 2
            low, high = (middle, high) if _worth(times, middle) > principal else (low, middle)
        return (low + high) / 2


def _worth(times: list[tuple[Decimal, int]], rate: Decimal) -> Decimal:
    return sum((amount * (-years * (1 + rate).ln()).exp() for years, amount in times), Decimal(0))


def dated(plan: tuple[PlannedInstalment, ...], method: Method) -> list[tuple[Fraction, int]]:
    """When each sum comes, in years: days for a loan by the day, else the ordinal of the month."""
    amounts = [item.principal + item.interest + item.fee for item in plan]
    if method == "by_day":
        return [(Fraction((plan[0].due_on - plan[0].starts_on).days, 365), amounts[0])]
    return [(Fraction(number, 12), amount) for number, amount in enumerate(amounts, 1)]


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(sorted(RATES)),
    principal=st.integers(10_000, 100_000_000),
    share=st.integers(0, 100),
    drawn_on=st.dates(date(2024, 1, 1), date(2032, 12, 31)),
    term=st.integers(1, 36),
)
def test_the_cost_agrees_with_an_independent_solver(
    method: Method, principal: int, share: int, drawn_on: date, term: int
) -> None:
    plan = make_plan(method, principal, RATES[method] * share / 100, drawn_on, term)
    expected = bisected(principal, dated(plan, method))
    assert abs(plan_cost(plan, by_day=method == "by_day") - expected) < Decimal("1e-9")
