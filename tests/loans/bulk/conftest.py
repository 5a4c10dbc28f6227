"""The servicing policy for all tests of this folder."""

from __future__ import annotations

import pytest

from bot.core.settings import ROOT
from bot.loans.servicing.policy import Policy


@pytest.fixture(scope="session")
def policy() -> Policy:
    return Policy.load(ROOT / "data" / "catalogue")
