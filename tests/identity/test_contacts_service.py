"""Suspected frauds on file, and the alert when several people report the same one (product §2)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import structlog

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.identity.contacts.errors import AlertNotFound, NotSuspicious
from bot.identity.contacts.service import ContactReport, ContactService

SPELLINGS = ("6222 0212 3456 7890 123", "6222-0212-3456-7890-123", "６２２２０２１２３４５６７８９０１２３")


def report(service: ContactService, text: str, who: str, *, anonymous: bool = False) -> ContactReport:
    found = service.check(text)
    assert found is not None
    return service.report(found, conversation_id=f"conversation-{who}", customer_id=None if anonymous else who)


def test_a_report_keeps_what_was_pasted_and_its_log_line_is_masked(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session, structlog.testing.capture_logs() as logs:
        filed = report(ContactService(session, clock), f"转到{SPELLINGS[0]}", "C1")
    assert filed.pasted == SPELLINGS[0]
    assert filed.value == "6222021234567890123"
    assert filed.reporters == 1
    assert filed.reported_at == clock.now()
    assert [line["event"] for line in logs] == ["suspected fraud contact reported"]
    assert "6222021234567890123" not in str(logs)
    assert "7890" not in str(logs)


def test_three_people_raise_one_alert_in_whatever_format_they_pasted_it(each_database: Database, clock: FixedClock) -> None:
    with each_database.transaction() as session:
        service = ContactService(session, clock)
        report(service, SPELLINGS[0], "C1")
        report(service, SPELLINGS[1], "C2")
        assert service.alerts() == []
        report(service, SPELLINGS[2], "visitor", anonymous=True)
    with each_database.transaction() as session:
        service = ContactService(session, clock)
        report(service, SPELLINGS[0], "C4")
        (alert,) = service.alerts()
        assert (alert.kind, alert.value, alert.reporters) == ("bank_account", "6222021234567890123", 4)


def test_one_person_reporting_three_times_is_one_person(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        service = ContactService(session, clock)
        for spelling in SPELLINGS:
            filed = report(service, spelling, "C1")
        assert filed.reporters == 1
        assert filed.pasted == SPELLINGS[0]
        assert service.alerts() == []


def test_the_desk_handles_an_alert_once(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        service = ContactService(session, clock)
        for who in ("C1", "C2", "C3"):
            report(service, "suixing-jie.example", who)
        (alert,) = service.alerts()
        assert service.handle(alert.alert_no, "A2001").handled_by == "A2001"
        assert service.handle(alert.alert_no, "A2002").handled_by == "A2001"
        assert service.alerts() == []
        with pytest.raises(AlertNotFound):
            service.handle(alert.alert_no + 1, "A2001")


def test_our_own_contact_is_not_filed_as_a_fraud(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session, pytest.raises(NotSuspicious):
        report(ContactService(session, clock), "400-100-3399", "C1")


def test_a_public_hotline_is_not_filed_as_a_fraud(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session, pytest.raises(NotSuspicious):
        report(ContactService(session, clock), "12378", "C1")


# --- at the same moment


def at_once(database: Database, clock: FixedClock, told: list[tuple[str, str]]) -> None:
    """Each (who, text) in a thread and transaction of its own; all have reported before one commits, if nothing holds them."""
    reported = threading.Barrier(len(told))

    def tell(who: str, text: str) -> None:
        with database.transaction() as session:
            service = ContactService(session, clock)
            service.report_each(service.check_all(text), conversation_id=f"conversation-{who}", customer_id=who)
            with suppress(threading.BrokenBarrierError):
                reported.wait(timeout=0.5)

    with ThreadPoolExecutor(len(told)) as pool:
        for done in [pool.submit(tell, who, text) for who, text in told]:
            done.result(timeout=30)


@pytest.mark.parametrize("round_no", range(3))
def test_three_people_at_the_same_moment_raise_one_alert(each_database: Database, clock: FixedClock, round_no: int) -> None:
    at_once(each_database, clock, [(f"C{number}", SPELLINGS[number]) for number in range(3)])
    with each_database.transaction() as session:
        (alert,) = ContactService(session, clock).alerts()
        assert (alert.value, alert.reporters) == ("6222021234567890123", 3)


def test_many_at_the_same_moment_are_one_alert_and_two_are_none(each_database: Database, clock: FixedClock) -> None:
    at_once(each_database, clock, [(f"C{number}", "转到6222021234567890123") for number in range(7)])
    at_once(each_database, clock, [(f"C{number}", "打给13800001001") for number in range(2)])
    with each_database.transaction() as session:
        (alert,) = ContactService(session, clock).alerts()
        assert alert.reporters == 7


def test_one_person_in_three_windows_is_one_person(each_database: Database, clock: FixedClock) -> None:
    at_once(each_database, clock, [("C1", spelling) for spelling in SPELLINGS])
    with each_database.transaction() as session:
        service = ContactService(session, clock)
        assert service.alerts() == []
        assert report(service, SPELLINGS[0], "C1").reporters == 1


def test_who_names_two_contacts_in_another_order_does_not_wait_for_ever(each_database: Database, clock: FixedClock) -> None:
    one, other = "先打13800001001，再转到6222021234567890123", "转到6222021234567890123以后再打13800001001"
    at_once(each_database, clock, [(f"C{number}", (one, other)[number % 2]) for number in range(4)])
    with each_database.transaction() as session:
        assert sorted(alert.reporters for alert in ContactService(session, clock).alerts()) == [4, 4]
