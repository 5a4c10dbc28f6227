"""Money is an integer number of 分 (1/100 yuan). Nothing here accepts or returns a float.

Rates are exact ``Decimal`` values (0.0004 = 0.04 %). Rounding is half up, once, at the place that a rule names
(docs/rules.md; product text §1).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

Fen = int
"""An amount in 分. An alias, because sums and comparisons of integers are already exact."""


def round_half_up(value: Decimal | Fraction) -> Fen:
    """The nearest whole 分; exactly half goes away from zero (0.5 → 1, -0.5 → -1)."""
    if isinstance(value, Decimal):
        return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return divided_half_up(value.numerator, value.denominator)


def divided_half_up(numerator: int, denominator: int) -> Fen:
    """``numerator`` / ``denominator`` (> 0) as ``round_half_up`` rounds it; with whole numbers alone, which is much faster."""
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


def format_yuan(amount: Fen) -> str:
    """32067 → ``¥320.67``; negative amounts keep the sign in front (``-¥1.00``)."""
    sign = "-" if amount < 0 else ""
    yuan, fen = divmod(abs(amount), 100)
    return f"{sign}¥{yuan}.{fen:02d}"


def parse_yuan(text: str) -> Fen:
    """``"320.67"`` → 32067. Raises ``ValueError`` for anything that is not a plain amount with at most two decimals."""
    try:
        value = Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"not an amount: {text!r}") from error
    if not value.is_finite():
        raise ValueError(f"not an amount: {text!r}")
    fen = value * 100
    if fen != fen.to_integral_value():
        raise ValueError(f"more than two decimals: {text!r}")
    return int(fen)
