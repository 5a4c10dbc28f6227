"""What the bot says about a payment that hangs is a promise on record; what it says about one that ended, the loan books know."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from bot.cases.models import PaymentPromiseRow
from bot.cases.worker import CaseWorker
from bot.core.clock import FixedClock
from bot.loans.payments import PaymentService
from bot.loans.service import SqlLoanBackend
from tests.actions.conftest import Server

Serve = Callable[[str], Server]


def promises(server: Server) -> list[tuple[str, str]]:
    with server.services.database.transaction() as session:
        rows = session.scalars(select(PaymentPromiseRow).order_by(PaymentPromiseRow.id))
        return [(row.customer_id, f"{row.look_again_at:%m-%d}") for row in rows]


def end(server: Server, customer_id: str, code: str) -> str:
    """The bank answers the customer's newest payment; returns its number."""
    with server.services.database.transaction() as session:
        loans = SqlLoanBackend(session, server.services.clock)
        number = next(item.payment_no for item in loans.payments(customer_id) if item.resolved_at is None)
        service = PaymentService(loans.unit)
        if code == "SUCCESS":
            service.settle(number)
        else:
            service.fail(number, code)
        return number


@pytest.mark.parametrize("intent", ["report_repayment_failed", "report_repayment_not_posted", "settle_all"])
def test_saying_when_it_is_looked_at_again_is_a_promise_on_record(serve: Serve, intent: str) -> None:
    server = serve("C1001")
    text = server.answer(intent)
    assert "8月23日" in text
    assert "不要再还" in text
    assert promises(server) == [("C1001", "08-23")] * 3


def test_after_the_promise_passed_the_answer_names_the_case_that_took_over(serve: Serve, clock: FixedClock) -> None:
    server = serve("C1001")
    server.answer("report_repayment_failed")
    clock.advance(hours=32)
    services = server.services
    CaseWorker(services.database, clock, services.texts.dialogue, services.loans).round()
    text = server.answer("report_repayment_failed")
    assert "C-20260823-" in text
    assert "9月7日" in text
    assert "C-20260823-" in server.answer("report_repayment_not_posted")


@pytest.mark.parametrize(
    ("code", "intent"), [("SYS_TIMEOUT", "report_repayment_failed"), ("SUCCESS", "report_repayment_not_posted")]
)
def test_the_answer_that_tells_how_a_payment_ended_is_noted_in_the_books(serve: Serve, code: str, intent: str) -> None:
    server = serve("C1002")
    with server.services.database.transaction() as session:
        SqlLoanBackend(session, server.services.clock).create_payment("C1002", 1000, key="pay")
    number = end(server, "C1002", code)
    server.answer(intent)
    with server.services.database.transaction() as session:
        told = SqlLoanBackend(session, server.services.clock).payment("C1002", number)
    assert told.informed_at == server.services.clock.now()
