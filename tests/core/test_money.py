"""Amounts in 分: rounding, reading, showing; and no float anywhere near them."""

from __future__ import annotations

import ast
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.money import format_yuan, parse_yuan, round_half_up
from bot.core.settings import ROOT

MONEY_FOLDERS = ("bot/loans", "bot/cases")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Fraction(1, 2), 1),
        (Fraction(-1, 2), -1),
        (Fraction(3, 2), 2),
        (Fraction(49999, 100000), 0),
        (Fraction(5, 2), 3),
        (Decimal("192.402"), 192),
        (Decimal("2.5"), 3),
        (Decimal("-2.5"), -3),
    ],
)
def test_halves_go_away_from_zero(value: Decimal | Fraction, expected: int) -> None:
    assert round_half_up(value) == expected


@given(st.fractions())
def test_rounding_is_never_more_than_half_a_fen_off(value: Fraction) -> None:
    assert abs(round_half_up(value) - value) <= Fraction(1, 2)


@given(st.integers(-(10**14), 10**14))
def test_what_is_shown_can_be_read_again(amount: int) -> None:
    assert parse_yuan(format_yuan(amount).replace("¥", "")) == amount


@pytest.mark.parametrize(("amount", "shown"), [(32067, "¥320.67"), (5, "¥0.05"), (-100, "-¥1.00"), (0, "¥0.00")])
def test_an_amount_is_shown_in_yuan(amount: int, shown: str) -> None:
    assert format_yuan(amount) == shown


@pytest.mark.parametrize("text", ["", "abc", "1.234", "NaN", "Infinity", "1,000"])
def test_what_is_no_plain_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an amount|more than two decimals"):
        parse_yuan(text)


def python_files() -> list[Path]:
    return [path for folder in MONEY_FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def floats_in(source: str) -> list[int]:
    """Lines with a float literal, the name ``float``, or a true division of anything but a Fraction or Decimal expression.

    A division cannot be judged by its text alone; so only those of two integer literals are reported here, and the type checker
    does the rest: ``int / int`` is a float, which no function of ours accepts.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        name = isinstance(node, ast.Name) and node.id == "float"
        division = (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Div)
            and isinstance(node.left, ast.Constant)
            and isinstance(node.right, ast.Constant)
        )
        if literal or name or division:
            found.append(node.lineno)  # type: ignore[attr-defined]
    return found


def test_no_float_touches_money() -> None:
    files = python_files()
    assert len(files) > 20
    assert {str(path): lines for path in files if (lines := floats_in(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize("source", ["x = 0.5", "y = float('1')", "z = 1 / 3", "def f(a: float) -> None: ..."])
def test_the_check_for_floats_finds_them(source: str) -> None:
    assert floats_in(source) == [1]
