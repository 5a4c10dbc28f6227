"""A double debit in conversation, also after the surplus went back by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.port import surplus_key
from bot.loans.service import SqlLoanBackend
from tests.actions.conftest import Server

Serve = Callable[[str | None], Server]
STORY = "一笔500块扣了我两次"


def refund_by_itself(seeded: Database, clock: FixedClock) -> None:
    with seeded.transaction() as session:
        loans = SqlLoanBackend(session, clock)
        (double,) = loans.double_debits("C1008")
        number = double.surplus_payment_no
        loans.refund_payment(number, double.surplus, reason="double_debit", key=surplus_key(number))


@pytest.mark.parametrize("days", [0, 20])
def test_while_a_case_is_open_it_says_that_the_money_is_back(
    serve: Serve, seeded: Database, clock: FixedClock, days: int
) -> None:
    server = serve("C1008")
    assert "主管复核后退回" in server.answer("report_wrong_charge", STORY)
    refund_by_itself(seeded, clock)
    clock.advance(days=days)
    text = server.answer("report_wrong_charge", STORY)
    assert "多扣的¥500.00已经给您退了，凭证号R-" in text
    assert server.cards()["remedy"]["status"] == "granted"
    assert server.cards()["case"]["status"] == "remedied"


def test_without_a_case_it_says_so_too_and_opens_none(serve: Serve, seeded: Database, clock: FixedClock) -> None:
    refund_by_itself(seeded, clock)
    server = serve("C1008")
    text = server.answer("report_wrong_charge", STORY)
    assert "在8月22日已经给您退了，退款状态：正在退" in text
    assert "case" not in server.cards()
    clock.advance(days=40)
    assert "多扣了" not in server.answer("report_wrong_charge", STORY)
