"""Runs after all others (``tests/loans/conftest.py`` sees to that)."""

from __future__ import annotations

import pytest

from tests.loans.histories import counting


def test_the_suite_generates_ten_thousand_histories() -> None:
    missing = set(counting.USUAL) - counting.selected
    if missing:
        pytest.skip(f"only part of the history tests was selected; not selected: {', '.join(sorted(missing))}")
    assert sum(counting.done.values()) >= counting.LEAST, counting.summary()
