"""An empty loan book with one customer, and a small world to act on it."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.core.settings import ROOT
from bot.loans.catalogue import Catalogue
from bot.loans.debits import AutoDebitService
from bot.loans.origination import LoanTerms, OriginationService
from bot.loans.payments import PaymentService
from bot.loans.records import RecordService
from bot.loans.remedies import RemedyService
from bot.loans.scheduled import ScheduledRepaymentService
from bot.loans.service import SqlLoanBackend
from bot.loans.simulated_bank import SimulatedBank
from bot.loans.unit import Unit
from tests.loans.histories import counting

# In CI the same commit always draws the same histories, so that red means the commit and green stays green; elsewhere they vary.
hypothesis_settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis_settings.load_profile("ci")

CUSTOMER = "C9001"
DRAWDOWNS = itertools.count()
"""Keys of drawdowns; each is one of its own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The count of histories comes last, and knows which families were selected to run before it."""
    last = [item for item in items if item.name == counting.COUNT]
    items[:] = [*(item for item in items if item not in last), *last]
    counting.selected.update(
        family for item in items if (family := getattr(getattr(item, "function", None), "history_family", None)) is not None
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if counting.done:
        terminalreporter.section("histories")
        terminalreporter.write_line(counting.summary())


@dataclass
class World:
    """All loan services over one session, and the clock that they share."""

    session: Session
    clock: FixedClock

    def __post_init__(self) -> None:
        self.unit = Unit(self.session, self.clock)
        self.loans = SqlLoanBackend(self.session, self.clock)
        self.bank = SimulatedBank()
        self.origination = OriginationService(self.unit)
        self.payments = PaymentService(self.unit)
        self.records = RecordService(self.unit)
        self.debits = AutoDebitService(self.unit, self.bank)
        self.scheduled = ScheduledRepaymentService(self.unit)
        self.remedies = RemedyService(self.unit)

    def open_customer(self, customer_id: str = CUSTOMER, limit: int = 10_000_000) -> None:
        """A customer with a line, a card and a mandate."""
        self.origination.register(customer_id, "测试", f"139{customer_id[1:]:0>8}", "测试银行", "0001")
        self.origination.set_line(customer_id, limit, "normal", "opened")
        self.records.sign_mandate(customer_id)

    def draw(self, product: str, principal: int, rate: str, term: int, customer_id: str = CUSTOMER) -> str:
        """Draws down today; the contract's number."""
        terms = LoanTerms(product, principal, Decimal(rate), term, "0001")
        return self.origination.draw_down(customer_id, terms, key=f"draw:{next(DRAWDOWNS)}").contract_no

    def check(self) -> None:
        self.unit.ledger.check()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load(ROOT / "data" / "catalogue" / "products.yml")


def make_world(session: Session, clock: FixedClock, catalogue: Catalogue) -> World:
    """A world with the catalogue and one customer."""
    world = World(session, clock)
    world.origination.load_catalogue(catalogue)
    world.open_customer()
    return world
