""" "一直显示还款中": the state of the payment, whether the money left, whether to pay again, when it is looked at."""

from __future__ import annotations

from datetime import datetime

import pytest

from bot.core.clock import SHANGHAI, FixedClock, SystemClock
from bot.loans.payments import PaymentService
from bot.loans.service import SqlLoanBackend
from bot.loans.unit import Unit
from tests.conftest import audited_for_tests
from tests.live import BUSINESS_DATE, LiveApp

pytestmark = pytest.mark.processes
QUESTIONS = ("一直显示还款中", "钱扣了还是还款中", "还款中，要不要再还一次")


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_that_hangs_since_today_is_to_be_waited_for(live_app: LiveApp, question: str) -> None:
    """Less than 24 hours: nothing is wrong yet, and still it must not be paid twice."""
    live_app.start_over()
    database = audited_for_tests(f"sqlite:///{live_app.database}")
    with database.transaction() as session:
        made = SqlLoanBackend(session, SystemClock(BUSINESS_DATE)).create_payment("C1002", 10000, key="test:hangs")
    database.dispose()
    chat = live_app.chat("C1002")
    chat.say(question)
    (shown,) = chat.card("payment_status")["payments"]
    assert (shown["payment_no"], shown["amount"], shown["status"], shown["advice"]) == (
        made.payment_no,
        10000,
        "processing",
        "wait",
    )
    for fact in ("¥100.00", "处理中，请不要再还", "银行卡明细", "8月23日"):
        assert fact in chat.text
    assert "处理得太久" not in chat.text


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_that_settled_late_is_not_to_be_paid_again(live_app: LiveApp, question: str) -> None:
    """Paid on 8月19日, posted two days later: the money is where it belongs."""
    live_app.start_over()
    database = audited_for_tests(f"sqlite:///{live_app.database}")
    with database.transaction() as session:
        clock = FixedClock(datetime(2026, 8, 19, 20, 30, tzinfo=SHANGHAI))
        made = SqlLoanBackend(session, clock).create_payment("C1002", 10000, key="test:late")
        clock.advance(days=2)
        PaymentService(Unit(session, clock)).settle(made.payment_no)
    database.dispose()
    chat = live_app.chat("C1002")
    chat.say(question)
    (shown,) = chat.card("payment_status")["payments"]
    assert (shown["payment_no"], shown["status"], shown["advice"]) == (made.payment_no, "settled", "done")
    for fact in ("8月19日 20:30", "¥100.00", "8月21日才入账", "不用再还"):
        assert fact in chat.text


def test_who_wants_to_pay_while_one_hangs_is_told_to_wait_first(live_app: LiveApp) -> None:
    live_app.start_over()
    chat = live_app.chat("C1001")
    chat.say("我想把这期再还一遍")
    assert "不要再还" in chat.text
    assert len(chat.card("payment_status")["payments"]) == 3
