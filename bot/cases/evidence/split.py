"""The penalty of an instalment split between system and borrower, to the 分 (product §3: "penalty is split by days")."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.money import Fen, divided_half_up


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
    share = divided_half_up(penalty * system, total) if total else 0
    return share, penalty - share


@dataclass(frozen=True)
class Share:
    """What goes back to the borrower, in 分: ``waive`` is forgiven before it was paid, ``refund`` is paid out again."""

    waive: Fen
    refund: Fen


def waive_or_refund(system_caused: Fen, penalty: Fen, paid: Fen, waived: Fen) -> Share:
    """§3: "the system's share is waived if unpaid, refunded if paid", less what was forgiven or given back before (``waived``).

    ``paid`` 分 of the ``penalty`` were paid and not given back. What is unpaid is waived first.
    """
    left = max(0, system_caused - waived)
    waive = min(left, max(0, penalty - paid - waived))
    return Share(waive, min(left - waive, paid))
