"""Incidents: found from the share of failures, confirmed by people, ended by recovery, and what each one touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.core.errors import InvalidInput
from bot.loans.catalogue import Catalogue
from bot.loans.errors import IncidentNotFound
from bot.loans.models import IncidentRow
from bot.loans.port import InstalmentRef
from bot.loans.servicing.incidents import IncidentService
from bot.loans.servicing.policy import Policy
from tests.loans.conftest import CUSTOMER, World, make_world


@pytest.fixture
def world(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> World:
    world = make_world(each_session, clock, catalogue)
    world.draw("FQ", 60000, "0", 6)
    return world


@pytest.fixture
def service(world: World, policy: Policy) -> IncidentService:
    assert (policy.detection.min_tries, policy.detection.system_share_percent) == (5, 40)
    return IncidentService(world.unit, policy.detection)


def tries(world: World, *codes: str) -> None:
    """Debits of the first instalment with these results, a minute apart."""
    mandate = world.unit.repository.mandates(CUSTOMER)[0]
    contract_no = world.loans.contracts(CUSTOMER)[0].contract_no
    for code in codes:
        world.debits.record(mandate, InstalmentRef(contract_no, 1), 100, code)
        world.clock.advance(minutes=1)


FAIL, OK, POOR = "SYS_TIMEOUT", "SUCCESS", "INSUFFICIENT_FUNDS"


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        ([FAIL, FAIL, OK, OK, OK], True),  # 40 %: the threshold itself
        ([FAIL, OK, OK, OK, OK], False),
        ([FAIL, FAIL, FAIL, FAIL], False),  # too few to prove anything
        ([POOR, POOR, POOR, POOR, POOR], False),  # the borrowers' own reasons
        ([FAIL, FAIL, POOR, POOR, POOR], True),
    ],
)
def test_the_share_of_failures_on_our_side_decides(world: World, service: IncidentService, codes: list[str], found: bool) -> None:
    started = world.clock.now()
    tries(world, *codes)
    opened = service.detect()
    assert bool(opened) is found
    assert service.detect() == []
    if found:
        (row,) = opened
        assert (row.channel, row.status, row.bank_name, row.starts_at, row.detected) == (
            "auto_debit", "suspected", "测试银行", started, True,
        )  # fmt: skip


def test_the_threshold_is_configuration(world: World, policy: Policy) -> None:
    tries(world, FAIL, OK, OK, OK, OK)
    strict = replace(policy.detection, system_share_percent=20)
    assert len(IncidentService(world.unit, strict).detect()) == 1


def test_failures_outside_the_window_do_not_count(world: World, service: IncidentService, policy: Policy) -> None:
    tries(world, FAIL, FAIL, FAIL)
    world.clock.advance(minutes=60)
    tries(world, OK, OK)
    assert service.detect() == []
    assert policy.detection.window == timedelta(minutes=60)


def test_a_detected_incident_ends_when_the_channel_recovers_and_silence_is_no_recovery(
    world: World, service: IncidentService
) -> None:
    tries(world, FAIL, FAIL, FAIL, FAIL, FAIL)
    (incident,) = service.detect()
    world.clock.advance(minutes=90)
    tries(world, OK, OK)
    service.detect()
    assert incident.ends_at is None
    tries(world, OK, OK, OK)
    assert service.detect() == []
    assert incident.ends_at == world.clock.now()


def test_a_declared_incident_is_not_detected_again_and_only_people_end_it(world: World, service: IncidentService) -> None:
    declared = world.records.declare_incident("auto_debit", world.clock.now(), "x", confirmed_by="S2101", bank_name="测试银行")
    tries(world, FAIL, FAIL, FAIL, FAIL, FAIL)
    assert service.detect() == []
    world.clock.advance(minutes=90)
    tries(world, OK, OK, OK, OK, OK)
    service.detect()
    assert declared.ends_at is None
    assert len(world.session.scalars(select(IncidentRow)).all()) == 1


def test_own_repayments_are_watched_too(world: World, service: IncidentService) -> None:
    for number in range(5):
        payment = world.loans.create_payment(CUSTOMER, 100, key=f"k{number}")
        world.payments.fail(payment.payment_no, "CHANNEL_DOWN")
    (incident,) = service.detect()
    assert incident.channel == "own_repayment"


def test_a_suspected_incident_is_confirmed_by_somebody_once(world: World, service: IncidentService) -> None:
    tries(world, FAIL, FAIL, FAIL, FAIL, FAIL)
    (incident,) = service.detect()
    with pytest.raises(InvalidInput):
        service.confirm(incident.incident_no, "")
    with pytest.raises(IncidentNotFound):
        service.confirm("I-404", "S2101")
    for by in ("S2101", "S2102"):
        row = service.confirm(incident.incident_no, by)
        assert (row.status, row.confirmed_by) == ("confirmed", "S2101")


def test_an_incident_knows_the_debits_payments_and_instalments_it_touched(world: World, service: IncidentService) -> None:
    contract_no = world.loans.contracts(CUSTOMER)[0].contract_no
    tries(world, FAIL)  # before it
    incident = world.records.declare_incident("all", world.clock.now(), "x", confirmed_by="S2101", bank_name="测试银行")
    tries(world, FAIL, POOR)
    broken = world.loans.create_payment(CUSTOMER, 100, key="k1").payment_no
    world.payments.fail(broken, FAIL)
    fine = world.payments.record(CUSTOMER, 100, [InstalmentRef(contract_no, 1)], kind="own").payment_no
    world.payments.settle(fine)
    hanging = world.payments.record(CUSTOMER, 100, [InstalmentRef(contract_no, 2)], kind="own").payment_no
    world.clock.advance(minutes=1)
    world.records.end_incident(incident)
    world.clock.advance(minutes=1)
    tries(world, FAIL)  # after it
    late = world.payments.record(CUSTOMER, 100, [InstalmentRef(contract_no, 3)], kind="own").payment_no
    world.open_customer("C9002")
    touched = service.touched(incident.incident_no)
    in_time = [row.id for row in world.unit.repository.debit_attempts(CUSTOMER, None, None)][1]
    assert touched.debits == (in_time,)
    assert set(touched.payments) == {broken, hanging}
    assert late not in touched.payments
    assert touched.instalments == (InstalmentRef(contract_no, 1), InstalmentRef(contract_no, 2))
    with pytest.raises(IncidentNotFound):
        service.touched("I-404")


def test_an_incident_of_another_bank_or_channel_touches_nothing_here(world: World, service: IncidentService) -> None:
    start = world.clock.now()
    tries(world, FAIL)
    other_bank = world.records.declare_incident("auto_debit", start, "x", confirmed_by=None, bank_name="别的银行")
    other_channel = world.records.declare_incident("own_repayment", start, "x", confirmed_by=None)
    assert service.touched(other_bank.incident_no).instalments == ()
    assert service.touched(other_channel.incident_no).instalments == ()
