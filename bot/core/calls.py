"""How long a call to a partner may take. Kept here because ``bot/loans`` has no binary floats at all, not even for seconds."""

from __future__ import annotations

from dataclasses import dataclass

Seconds = float
"""A duration; whole numbers are fine."""


@dataclass(frozen=True)
class CallPolicy:
    """Seconds. ``unit_seconds`` bounds all calls of one unit of work, waiting included: the borrower's turn has an end."""

    timeout_seconds: Seconds = 1.5
    unit_seconds: Seconds = 3.0
    attempts: int = 3
    backoff_seconds: Seconds = 0.1
    max_backoff_seconds: Seconds = 1.0
