"""Which instalment a dispute is about: the one named, the oldest overdue one, or one whose penalty was paid (product §3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.core.clock import FixedClock
from bot.core.database import Database
from tests.actions.conftest import Server
from tests.cases.conftest import CONTRACTS, Desk

Serve = Callable[[str | None], Server]
STORY = "系统没扣款，凭什么收我罚息"


@pytest.fixture
def two_overdue(seeded: Database, clock: FixedClock) -> tuple[str, str]:
    """李婷's YD and FQ, both 4 days overdue."""
    clock.advance(days=10)
    with seeded.transaction() as session:
        bills = Desk(session, clock).loans.bills("C1002")
        first, second = [bill.contract_no for bill in bills if bill.overdue_days]
    return first, second


def about(server: Server) -> tuple[str, str]:
    return server.cards()["evidence"]["contract_no"], server.cards()["case"]["case_no"]


def test_the_contract_that_is_named_is_meant(serve: Serve, two_overdue: tuple[str, str]) -> None:
    _, second = two_overdue
    server = serve("C1002")
    server.answer("dispute_overdue_fee", f"合同{second}那笔的罚息凭什么收", contract_no=second)
    assert about(server)[0] == second


def test_the_product_or_period_that_is_named_is_meant_if_it_fits(serve: Serve, two_overdue: tuple[str, str]) -> None:
    _, second = two_overdue
    server = serve("C1002")
    server.answer("dispute_overdue_fee", "分期那笔的罚息凭什么收", product="FQ", period=99)
    assert about(server)[0] == second


def test_without_a_name_it_is_the_oldest_that_no_case_is_about(serve: Serve, two_overdue: tuple[str, str]) -> None:
    first, second = two_overdue
    server = serve("C1002")
    text = server.answer("dispute_overdue_fee", STORY)
    opened = about(server)
    assert opened[0] == first
    assert f"{second}第3期" in text
    text = server.answer("dispute_overdue_fee", "另外那笔也是系统没扣款")
    assert about(server)[0] == second
    assert "没有一起核对" not in text
    server.answer("dispute_overdue_fee", STORY)
    assert about(server) == opened


def test_a_contract_without_overdue_days_and_one_of_somebody_else_open_nothing(serve: Serve) -> None:
    server = serve("C1002")
    text = server.answer("dispute_overdue_fee", STORY, contract_no="YD-20260328-1002")
    assert "合同YD-20260328-1002没有逾期的账单" in text
    other = server.answer("dispute_overdue_fee", STORY, contract_no=CONTRACTS["C1001"][0])
    assert other == server.answer("dispute_overdue_fee", STORY, contract_no="FQ-20200101-9999")
    assert "case" not in server.cards()


def test_a_penalty_that_was_paid_is_examined_and_given_back(serve: Serve, seeded: Database, clock: FixedClock) -> None:
    """周凯 has paid everything: the first of his seven overdue days was ours, 5 分 of the 35 that he paid."""
    with seeded.transaction() as session:
        desk = Desk(session, clock)
        desk.payments.settle(desk.loans.create_payment("C1007", 10035, key="pay").payment_no)
    server = serve("C1007")
    text = server.answer("dispute_overdue_fee", "那天系统坏了害我逾期，罚息我已经交了，退给我")
    assert server.cards()["evidence"]["system_caused"] == 5
    assert (server.cards()["remedy"]["status"], server.cards()["remedy"]["amount"]) == ("proposed", 5)
    assert "¥0.05由我们承担" in text


def test_when_it_was_given_back_and_paid_the_case_is_still_found(serve: Serve, seeded: Database, clock: FixedClock) -> None:
    server = serve("C1001")
    server.answer("dispute_overdue_fee", STORY)
    opened = about(server)
    with seeded.transaction() as session:
        desk = Desk(session, clock)
        for payment in desk.loans.payments("C1001"):
            if payment.status == "processing":
                desk.payments.settle(payment.payment_no)
    text = server.answer("dispute_overdue_fee", STORY)
    assert about(server) == opened
    assert "¥1.92已经还给您" in text


def test_who_was_never_overdue_opens_nothing(serve: Serve) -> None:
    server = serve("C1005")
    assert "没有付过逾期费用" in server.answer("dispute_overdue_fee", STORY)
    assert server.cards().keys() == {"answer"}
