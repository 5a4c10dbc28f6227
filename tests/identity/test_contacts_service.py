"""Suspected frauds on file, and the alert when several people report the same one (product §2)."""

from __future__ import annotations

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
