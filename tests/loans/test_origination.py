"""Applications, lines, contracts and the facts on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.catalogue import Catalogue
from bot.loans.errors import (
    ApplicationDecided,
    ApplicationNotFound,
    AuthorisationRevoked,
    ContractNotFound,
    CustomerExists,
    InstalmentNotFound,
    InsufficientLine,
    InvalidAmount,
    InvalidTerms,
    ProductNotFound,
)
from bot.loans.models import CustomerRow
from bot.loans.origination import LoanTerms
from bot.loans.port import InstalmentRef, may_retry_on
from tests.loans.conftest import CUSTOMER, World, make_world


@pytest.fixture
def world(database: Database, clock: FixedClock, catalogue: Catalogue) -> Iterator[World]:
    with database.transaction() as session:
        yield make_world(session, clock, catalogue)


def test_a_pending_application_can_be_cancelled_once(world: World) -> None:
    number = world.origination.apply(CUSTOMER, "YD", 100000).application_no
    cancelled = world.loans.cancel_application(CUSTOMER, number, key="a1")
    assert cancelled.status == "cancelled"
    assert world.loans.cancel_application(CUSTOMER, number, key="a1") == cancelled
    with pytest.raises(ApplicationDecided):
        world.loans.cancel_application(CUSTOMER, number, key="a2")


def test_a_decided_or_foreign_application_cannot_be_cancelled(world: World) -> None:
    approved = world.origination.apply(CUSTOMER, "YD", 100000).application_no
    world.origination.approve(approved)
    with pytest.raises(ApplicationDecided):
        world.loans.cancel_application(CUSTOMER, approved, key="a1")
    world.open_customer("C9002")
    with pytest.raises(ApplicationNotFound):
        world.loans.cancel_application("C9002", approved, key="a2")
    with pytest.raises(ApplicationNotFound):
        world.origination.refuse("A-404", "policy", None)


def test_only_a_refused_application_has_a_date_to_retry(world: World) -> None:
    pending = world.origination.apply(CUSTOMER, "KD", 100000).application_no
    assert may_retry_on(world.loans.applications(CUSTOMER)[0]) is None
    world.clock.advance(days=2)
    world.origination.refuse(pending, "overall_assessment", None)
    assert may_retry_on(world.loans.applications(CUSTOMER)[0]) == date(2026, 9, 23)  # 24 August + 30 days


def test_the_line_shows_what_is_used_and_why_it_changed(world: World) -> None:
    world.draw("FQ", 60000, "0", 6)
    world.clock.advance(days=1)
    world.origination.set_line(CUSTOMER, 50000, "reduced", "assessment")
    line = world.loans.credit_line(CUSTOMER)
    assert (line.limit, line.used, line.available, line.status, line.reason) == (50000, 60000, 0, "reduced", "assessment")
    assert [(change.old_limit, change.new_limit, change.reason) for change in line.changes] == [
        (10_000_000, 50000, "assessment"),
        (0, 10_000_000, "opened"),
    ]


def test_a_frozen_line_has_nothing_available(world: World) -> None:
    world.origination.set_line(CUSTOMER, 1_000_000, "frozen", "overdue")
    assert world.loans.credit_line(CUSTOMER).available == 0
    with pytest.raises(InsufficientLine):
        world.draw("KD", 1000, "0.0004", 30)


def test_no_more_can_be_drawn_than_is_available(world: World) -> None:
    world.draw("KD", 9_999_000, "0.0004", 30)
    with pytest.raises(InsufficientLine) as refused:
        world.draw("FQ", 1001, "0", 6)
    assert refused.value.details["available"] == 1000


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        (LoanTerms("ZZ", 1000, Decimal(0), 6, "x"), ProductNotFound),
        (LoanTerms("FQ", 0, Decimal(0), 6, "x"), InvalidAmount),
        (LoanTerms("FQ", 1000, Decimal(0), 2, "x"), InvalidTerms),
        (LoanTerms("FQ", 1000, Decimal(0), 25, "x"), InvalidTerms),
        (LoanTerms("FQ", 1000, Decimal("0.0076"), 6, "x"), InvalidTerms),
        (LoanTerms("YD", 1000, Decimal("-0.01"), 6, "x"), InvalidTerms),
        (LoanTerms("FQ", 1000, Decimal(0), 6, "x", due_day=32), InvalidTerms),
    ],
)
def test_terms_outside_the_product_are_refused(world: World, terms: LoanTerms, error: type[Exception]) -> None:
    with pytest.raises(error):
        world.origination.draw_down(CUSTOMER, terms, key="k")
    assert world.loans.contracts(CUSTOMER) == ()


def test_a_drawdown_is_on_record(world: World) -> None:
    number = world.draw("KD", 100000, "0.0004", 30)
    (drawdown,) = world.loans.drawdowns(CUSTOMER)
    assert (drawdown.contract_no, drawdown.amount, drawdown.status, drawdown.payee) == (number, 100000, "paid", "0001")


def test_a_contract_tells_the_rate_of_its_kind(world: World) -> None:
    for product, rate, term in (("KD", "0.0004", 30), ("YD", "0.144", 12), ("XW", "0.12", 6), ("FQ", "0", 6)):
        world.draw(product, 100000, rate, term)
    rates = {c.product: (c.daily_rate, c.annual_rate, c.period_fee_rate) for c in world.loans.contracts(CUSTOMER)}
    assert rates == {
        "KD": ("0.0004", None, None),
        "YD": (None, "0.144", None),
        "XW": (None, "0.12", None),
        "FQ": (None, None, "0"),
    }


def test_a_contract_shows_its_annual_cost(world: World) -> None:
    # 0.0004 × 30 days: 1.012^(365 / 30) − 1; 1.2 % and 1 % a month: 1.012^12 − 1 and 1.01^12 − 1; interest-free: nothing
    for product, rate, term in (("KD", "0.0004", 30), ("YD", "0.144", 12), ("XW", "0.12", 6), ("FQ", "0", 6)):
        world.draw(product, 1_000_000, rate, term)
    costs = {contract.product: contract.annual_cost for contract in world.loans.contracts(CUSTOMER)}
    assert costs["FQ"] == "0"
    shown = {product: round(Decimal(cost), 4) for product, cost in costs.items()}
    assert shown == {"KD": Decimal("0.1562"), "YD": Decimal("0.1539"), "XW": Decimal("0.1268"), "FQ": 0}


@pytest.mark.parametrize(
    "terms",
    [
        LoanTerms("KD", 1000, Decimal("0.0005"), 1, "x"),  # 0.5 分 of interest is rounded to 1: 0.1 % a day
        LoanTerms("YD", 100_000, Decimal("0.18"), 3, "x", due_day=1),  # a month's interest for 10 days
    ],
)
def test_a_contract_that_would_cost_more_than_24_percent_is_refused_with_the_figure(world: World, terms: LoanTerms) -> None:
    with pytest.raises(InvalidTerms, match=r"annual cost \d+\.\d+% is more than 24%") as refused:
        world.origination.draw_down(CUSTOMER, terms, key="k")
    assert refused.value.details["annual_cost"] > Decimal("0.24")  # type: ignore[operator]
    assert world.loans.contracts(CUSTOMER) == ()


def test_a_new_mandate_ends_the_one_before(world: World) -> None:
    world.clock.advance(days=1)
    world.records.sign_mandate(CUSTOMER)
    new, old = world.loans.mandates(CUSTOMER)
    assert (new.status, old.status) == ("active", "revoked")
    assert new.active_at(world.clock.now())
    assert not old.active_at(world.clock.now())
    assert old.active_at(world.clock.now() - timedelta(hours=1))


def test_nothing_is_queried_under_a_revoked_authorisation(world: World) -> None:
    authorisation = world.records.give_authorisation(CUSTOMER, "资金方")
    world.records.revoke_authorisation(authorisation)
    with pytest.raises(AuthorisationRevoked):
        world.records.note_inquiry(authorisation, "line_assessment")


def test_incidents_are_found_by_day_channel_and_bank(world: World) -> None:
    start = world.clock.now()
    ours = world.records.declare_incident("auto_debit", start, "ours", confirmed_by="S1", bank_name="测试银行")
    world.records.declare_incident("auto_debit", start, "theirs", confirmed_by="S1", bank_name="别的银行")
    world.records.declare_incident("all", start, "everybody", confirmed_by=None)
    world.clock.advance(days=2)
    world.records.end_incident(ours)
    day = start.date()
    found = world.loans.incidents(day, day, "auto_debit", customer_id=CUSTOMER)
    assert [(item.summary, item.status) for item in found] == [("ours", "confirmed"), ("everybody", "suspected")]
    assert len(world.loans.incidents(day, day)) == 3
    assert [item.summary for item in world.loans.incidents(day, day, "own_repayment")] == ["everybody"]
    later = day + timedelta(days=3)
    assert [item.summary for item in world.loans.incidents(later, later, customer_id=CUSTOMER)] == ["everybody"]
    assert world.loans.incidents(day - timedelta(days=2), day - timedelta(days=1)) == ()
    assert found[0].covers(day + timedelta(days=2))
    assert not found[0].covers(day + timedelta(days=3))


def test_a_notice_belongs_to_an_existing_instalment(world: World) -> None:
    number = world.draw("FQ", 60000, "0", 6)
    world.records.note_notice(InstalmentRef(number, 1), "due_reminder", "sms", "failed")
    (notice,) = world.loans.notices(CUSTOMER, number, 1)
    assert (notice.delivery, notice.delivered_at) == ("failed", None)
    assert world.loans.notices(CUSTOMER, number, 2) == ()
    with pytest.raises(InstalmentNotFound):
        world.records.note_notice(InstalmentRef(number, 7), "overdue", "sms", "delivered")
    with pytest.raises(ContractNotFound):
        world.records.note_notice(InstalmentRef("FQ-404", 1), "overdue", "sms", "delivered")


def test_a_second_customer_with_the_same_phone_is_refused(world: World) -> None:
    with pytest.raises(CustomerExists):
        world.origination.register("C9002", "另一人", "13900009001", "测试银行", "0002")


def test_the_schema_refuses_it_too(world: World) -> None:
    first = world.unit.customer(CUSTOMER)
    world.session.add(CustomerRow(
        customer_id="C9002", name="另一人", phone=first.phone, bank_name="测试银行", card_tail="0002",
        registered_at=world.clock.now(),
    ))  # fmt: skip
    with pytest.raises(IntegrityError):
        world.session.flush()
    world.session.rollback()
