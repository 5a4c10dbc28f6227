"""Incidents: found from the share of failures, declared and confirmed by people, ended by recovery, and what each one touched."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.core.errors import InvalidInput
from bot.loans.catalogue import Catalogue
from bot.loans.errors import IncidentNotFound, InvalidDate
from bot.loans.models import IncidentRow
from bot.loans.port import InstalmentRef
from bot.loans.servicing.detection import IncidentDetector
from bot.loans.servicing.incidents import IncidentService
from bot.loans.servicing.policy import Policy
from bot.loans.simulated_bank import Behaviour
from tests.loans.conftest import CUSTOMER, World, make_world
from tests.loans.servicing.conftest import DRAWN, Servicing


@pytest.fixture
def world(each_session: Session, clock: FixedClock, catalogue: Catalogue) -> World:
    world = make_world(each_session, clock, catalogue)
    world.draw("FQ", 60000, "0", 6)
    return world


@pytest.fixture
def detector(world: World, policy: Policy) -> IncidentDetector:
    assert (policy.detection.min_tries, policy.detection.system_share_percent) == (5, 40)
    return IncidentDetector(world.unit, policy.detection)


@pytest.fixture
def service(world: World) -> IncidentService:
    return IncidentService(world.unit)


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
def test_the_share_of_failures_on_our_side_decides(
    world: World, detector: IncidentDetector, codes: list[str], found: bool
) -> None:
    started = world.clock.now()
    tries(world, *codes)
    opened = detector.detect()
    assert bool(opened) is found
    assert detector.detect() == []
    if found:
        (row,) = opened
        assert (row.channel, row.status, row.bank_name, row.starts_at, row.detected) == (
            "auto_debit", "suspected", "测试银行", started, True,
        )  # fmt: skip


def test_the_threshold_is_configuration(world: World, policy: Policy) -> None:
    tries(world, FAIL, OK, OK, OK, OK)
    strict = replace(policy.detection, system_share_percent=20)
    assert len(IncidentDetector(world.unit, strict).detect()) == 1


def test_failures_outside_the_window_do_not_count(world: World, detector: IncidentDetector, policy: Policy) -> None:
    tries(world, FAIL, FAIL, FAIL)
    world.clock.advance(minutes=60)
    tries(world, OK, OK)
    assert detector.detect() == []
    assert policy.detection.window == timedelta(minutes=60)


def test_a_detected_incident_ends_when_the_channel_recovers_and_silence_is_no_recovery(
    world: World, detector: IncidentDetector
) -> None:
    tries(world, FAIL, FAIL, FAIL, FAIL, FAIL)
    (incident,) = detector.detect()
    world.clock.advance(minutes=90)
    tries(world, OK, OK)
    detector.detect()
    assert incident.ends_at is None
    tries(world, OK, OK, OK)
    assert detector.detect() == []
    assert incident.ends_at == world.clock.now()


def test_a_declared_incident_is_not_detected_again_and_only_people_end_it(world: World, detector: IncidentDetector) -> None:
    declared = world.records.declare_incident("auto_debit", world.clock.now(), "x", confirmed_by="S2101", bank_name="测试银行")
    tries(world, FAIL, FAIL, FAIL, FAIL, FAIL)
    assert detector.detect() == []
    world.clock.advance(minutes=90)
    tries(world, OK, OK, OK, OK, OK)
    detector.detect()
    assert declared.ends_at is None
    assert len(world.session.scalars(select(IncidentRow)).all()) == 1


def test_own_repayments_are_watched_too(world: World, detector: IncidentDetector) -> None:
    for number in range(5):
        payment = world.loans.create_payment(CUSTOMER, 100, key=f"k{number}")
        world.payments.fail(payment.payment_no, "CHANNEL_DOWN")
    (incident,) = detector.detect()
    assert incident.channel == "own_repayment"


def test_a_suspected_incident_is_confirmed_by_somebody_once(
    world: World, detector: IncidentDetector, service: IncidentService
) -> None:
    tries(world, FAIL, FAIL, FAIL, FAIL, FAIL)
    (incident,) = detector.detect()
    with pytest.raises(InvalidInput):
        service.confirm(incident.incident_no, "", key="k")
    with pytest.raises(IncidentNotFound):
        service.confirm("I-404", "S2101", key="k")
    for by in ("S2101", "S2102"):
        row = service.confirm(incident.incident_no, by, key=f"by {by}")
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
    (first, second) = touched.instalments
    in_time = world.loans.debit_attempts(CUSTOMER)[1]
    assert (first.customer_id, first.contract_no, first.instalment) == (CUSTOMER, contract_no, 1)
    assert (first.debits, first.payment_nos) == ((in_time,), (broken,))
    assert (second.instalment, second.debits, second.payment_nos) == (2, (), (hanging,))
    assert late not in {*first.payment_nos, *second.payment_nos}
    assert touched.next_after is None
    with pytest.raises(IncidentNotFound):
        service.touched("I-404")


def test_an_incident_of_another_bank_or_channel_touches_nothing_here(world: World, service: IncidentService) -> None:
    start = world.clock.now()
    tries(world, FAIL)
    other_bank = world.records.declare_incident("auto_debit", start, "x", confirmed_by=None, bank_name="别的银行")
    other_channel = world.records.declare_incident("own_repayment", start, "x", confirmed_by=None)
    assert service.touched(other_bank.incident_no).instalments == ()
    assert service.touched(other_channel.incident_no).instalments == ()


@pytest.mark.parametrize(("hung_for", "found"), [(timedelta(days=1), True), (timedelta(days=1, microseconds=-1), False)])
def test_a_repayment_that_hung_for_a_day_counts_though_it_settled(
    world: World, service: IncidentService, hung_for: timedelta, found: bool
) -> None:
    world.clock.moment += timedelta(microseconds=999_999)
    contract_no = world.loans.contracts(CUSTOMER)[0].contract_no
    incident = world.records.declare_incident("own_repayment", world.clock.now(), "x", confirmed_by=None)
    payment = world.payments.record(CUSTOMER, 100, [InstalmentRef(contract_no, 1)], kind="own")
    world.clock.moment += hung_for
    world.payments.settle(payment.payment_no)
    assert bool(service.touched(incident.incident_no).instalments) is found


def test_the_pages_of_what_it_touched_meet_everybody_once_and_in_order(world: World, service: IncidentService) -> None:
    people = ("C9002", "C9003", "C9004")
    for customer_id in people:
        world.open_customer(customer_id)
        world.draw("FQ", 60000, "0", 6, customer_id)
        world.draw("YD", 60000, "0.12", 6, customer_id)
    incident = world.records.declare_incident("all", world.clock.now(), "x", confirmed_by=None)
    expected = set()
    for customer_id in people:
        mandate = world.unit.repository.mandates(customer_id)[0]
        for contract in world.loans.contracts(customer_id):
            for number in (1, 2, 3):
                ref = InstalmentRef(contract.contract_no, number)
                world.debits.record(mandate, ref, 100, FAIL)
                world.debits.record(mandate, ref, 100, FAIL)
                if number == 2:
                    world.payments.record(customer_id, 100, [ref, InstalmentRef(contract.contract_no, 4)], kind="own")
                expected |= {(customer_id, contract.contract_no, number), (customer_id, contract.contract_no, 4)}
    whole = service.touched(incident.incident_no).instalments
    assert len(whole) == len(expected) == 24
    assert {(item.customer_id, item.contract_no, item.instalment) for item in whole} == expected
    for limit in (1, 2, 5, 7, 23, 24):
        page = service.touched(incident.incident_no, None, limit)
        met, pages = list(page.instalments), 1
        while page.next_after is not None:
            page = service.touched(incident.incident_no, page.next_after, limit)
            assert 0 < len(page.instalments) <= limit
            met, pages = [*met, *page.instalments], pages + 1
        assert tuple(met) == whole
        assert pages == -(-24 // limit)


@pytest.mark.parametrize("after", ["", "x", "1", ":FQ", "-1:FQ", "1:", "1:F\x00", "99999:FQ", f"1:{'x' * 41}", 5])
def test_a_place_that_no_page_gave_is_refused(world: World, service: IncidentService, after: str) -> None:
    incident = world.records.declare_incident("all", world.clock.now(), "x", confirmed_by=None)
    with pytest.raises(InvalidInput):
        service.touched(incident.incident_no, after)


@pytest.mark.parametrize("limit", [0, -1, 1001, 10**18, True])
def test_a_page_has_1_to_1000_instalments(world: World, service: IncidentService, limit: int) -> None:
    incident = world.records.declare_incident("all", world.clock.now(), "x", confirmed_by=None)
    with pytest.raises(InvalidInput):
        service.touched(incident.incident_no, None, limit)


def test_an_incident_is_declared_confirmed_and_ended_by_people(world: World) -> None:
    now, loans = world.clock.now(), world.loans
    start = now - timedelta(hours=3)
    made = loans.declare_incident("delay", "own_repayment", start, "回执晚到", key="d", bank_name="测试银行")
    assert (made.kind, made.channel, made.status, made.starts_at, made.ends_at) == (
        "delay",
        "own_repayment",
        "suspected",
        start,
        None,
    )
    assert (made.bank_name, made.confirmed_by, made.detected) == ("测试银行", None, False)
    confirmed = loans.confirm_incident(made.incident_no, "S2101", key="c")
    assert (confirmed.status, confirmed.confirmed_by) == ("confirmed", "S2101")
    ended = loans.end_incident(made.incident_no, now - timedelta(hours=1), key="e")
    assert ended.ends_at == now - timedelta(hours=1)
    assert loans.end_incident(made.incident_no, key="again") == ended == loans.incident(made.incident_no)
    assert loans.incidents(start.date(), now.date()) == (ended,)


def test_an_incident_that_is_over_already_can_be_declared(world: World) -> None:
    now = world.clock.now()
    made = world.loans.declare_incident("outage", "all", now - timedelta(days=3), "x", key="d", ends_at=now - timedelta(days=2))
    assert made.ends_at == now - timedelta(days=2)


def test_an_end_before_the_start_and_moments_ahead_are_refused(world: World) -> None:
    now, loans = world.clock.now(), world.loans
    made = loans.declare_incident("outage", "all", now, "x", key="d")
    minute = timedelta(minutes=1)
    with pytest.raises(InvalidDate):
        loans.declare_incident("outage", "all", now + minute, "x", key="k")
    with pytest.raises(InvalidDate):
        loans.declare_incident("outage", "all", now, "x", key="k", ends_at=now - minute)
    for moment in (now - minute, now + minute):
        with pytest.raises(InvalidDate):
            loans.end_incident(made.incident_no, moment, key="k")
    assert loans.incident(made.incident_no) == made


def hang(servicing: Servicing) -> None:
    """Five debits that the bank got and does not answer."""
    servicing.at(days=31, clock_time="09:00")
    servicing.bank.default = Behaviour(after=timedelta(days=1))
    with servicing.world() as world:
        servicing.clock.moment = DRAWN
        for _ in range(4):
            world.draw("FQ", 60000, "0", 6)
    servicing.at(days=31, clock_time="09:00")
    servicing.round()


def test_a_bank_that_does_not_answer_at_all_is_an_incident_and_its_debits_are_touched(servicing: Servicing) -> None:
    hang(servicing)
    assert servicing.ask(lambda world: len(world.unit.repository.incidents(DRAWN, servicing.clock.now(), None, None))) == 0
    servicing.clock.advance(minutes=10)
    for _ in range(2):
        servicing.round()
    with servicing.world() as world:
        (row,) = world.session.scalars(select(IncidentRow)).all()
        assert (row.channel, row.detected, row.starts_at.hour, row.starts_at.minute) == ("auto_debit", True, 9, 0)
        page = world.loans.touched(row.incident_no)
        assert [len(each.payment_nos) for each in page.instalments] == [1] * 5
        assert {each.customer_id for each in page.instalments} == {CUSTOMER}


def test_two_workers_that_detect_at_once_open_one_incident(servicing: Servicing) -> None:
    hang(servicing)
    servicing.clock.advance(minutes=10)

    def detect(_: int) -> int:
        with servicing.world() as world:
            found = len(IncidentDetector(world.unit, servicing.policy.detection).detect())
            time.sleep(0.2)  # so that the other one meets an incident that is not committed yet
            return found

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(detect, range(2))) == [0, 1]
