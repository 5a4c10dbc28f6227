"""The penalty of an instalment split between system and borrower, to the 分 (product §3: "penalty is split by days")."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from bot.core.money import Fen, round_half_up


def split_penalty(penalty: Fen, days: Iterable[tuple[Fen, bool]]) -> tuple[Fen, Fen]:
    """(system's share, borrower's share) of ``penalty`` 分. ``days`` are (weight of the day, whether the system caused it).

    The penalty was rounded once over all days (product §1); its shares follow the days' weights, that is the principal each
    day was charged on. One share must be rounded and the other is the rest, so that both always add up. We round the
    *system's* share, half up: half a 分 then goes to the borrower. Rounding the borrower's share instead would charge it to them.
    """
    total = system = 0
    for weight, by_system in days:
        total += weight
        system += weight if by_system else 0
    share = round_half_up(Fraction(penalty * system, total)) if total else 0
    return share, penalty - share
