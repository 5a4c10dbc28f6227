"""How many histories are generated, and the proof that they were: each one that ran to its end is counted by its family.

``HISTORIES=100000 pytest tests/loans`` generates about so many instead of the usual number, each family its share.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

LEAST = 10_000
"""Issue 4: so many generated histories over the suite, at least."""
USUAL: dict[str, int] = {
    "events through the services": 1800,
    "events through the services, PostgreSQL": 250,
    "quote, then pay": 500,
    "bank: timeouts, retries, reports": 220,
    "reports of the bank in any order": 300,
    "payments confirmed in any order": 200,
    "corrections": 60,
    "events by the rules alone": 7000,
}
"""Families and their usual numbers."""
NEEDS_POSTGRESQL = "events through the services, PostgreSQL"

wanted = int(os.environ.get("HISTORIES", str(sum(USUAL.values()))))
done: Counter[str] = Counter()
selected: set[str] = set()
"""Families of which this run has the test."""
COUNT = "test_the_suite_generates_ten_thousand_histories"
"""The test that runs last."""


def summary() -> str:
    """``histories: 10,412 generated`` and a line for each family."""
    lines = [f"histories: {sum(done.values()):,} generated", *(f"  {number:6,}  {family}" for family, number in done.items())]
    return "\n".join(lines)


def histories(family: str) -> Callable[[Any], Any]:
    """Above ``@given``: generates the family's share of histories and counts those that ended well.

    The examples share the session of the test's fixture, and each of them rolls its own work back.
    """
    number = max(1, USUAL[family] * wanted // sum(USUAL.values()))

    def decorate(test: Any) -> Any:
        inner = test.hypothesis.inner_test

        @functools.wraps(inner)
        def counted(*args: Any, **kwargs: Any) -> None:
            inner(*args, **kwargs)
            done[family] += 1

        test.hypothesis.inner_test = counted
        test.history_family = family
        return settings(max_examples=number, deadline=None, suppress_health_check=list(HealthCheck))(test)

    return decorate
