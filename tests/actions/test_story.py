"""A complaint told as a story becomes one case that holds every issue."""

from __future__ import annotations

from collections.abc import Callable

from bot.cases.service import CaseService
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.loans.service import SqlLoanBackend
from tests.actions.conftest import Server

Serve = Callable[[str | None], Server]
STORY = "扣款坏了，还了三次都还款中，没人提醒我，还有人发来账号让我转，逾期利息天天涨，请退给我"
ISSUES = [
    "dispute_overdue_fee",
    "report_repayment_failed",
    "report_auto_debit_failed",
    "manage_notifications",
    "verify_official_contact",
]


def tell(server: Server, intent: str, issues: list[str], text: str = STORY) -> str:
    server.hear(intent, text)
    server.latest["issues"] = [{"name": name, "confidence": 0.9, "leads": True} for name in issues]
    server.run("action_answer")
    return server.text


def test_one_dispute_holds_every_issue(serve: Serve, seeded: Database, clock: FixedClock) -> None:
    server = serve("C1001")
    text = tell(server, "dispute_overdue_fee", ISSUES)
    assert "¥1.92" in text
    assert "请先不要再还" in text
    assert "没有发出还款提醒" in text
    assert "不会让您把钱还到个人账户" in text
    with seeded.transaction() as session:
        cases = CaseService(session, clock, SqlLoanBackend(session, clock)).cases_of("C1001")
    assert [(case.kind, case.issues) for case in cases] == [("dispute", tuple(ISSUES))]
    assert cases[0].case_no in text


def test_troubles_around_an_overdue_instalment_are_a_dispute_without_the_word(serve: Serve) -> None:
    server = serve("C1001")
    tell(server, "report_repayment_failed", ["report_repayment_failed", "report_auto_debit_failed"])
    assert "case" in server.cards()
    assert server.cards()["remedy"]["status"] == "granted"


def test_nobody_overdue_gets_no_dispute_from_a_story(serve: Serve) -> None:
    server = serve("C1002")
    tell(server, "report_repayment_failed", ["report_repayment_failed", "report_auto_debit_failed"])
    assert "case" not in server.cards()


def test_a_known_reminder_is_told_as_it_was(serve: Serve) -> None:
    server = serve("C1004")
    text = tell(server, "dispute_overdue_fee", ["dispute_overdue_fee", "manage_notifications"])
    assert "提醒" in text


def test_one_issue_is_no_story(serve: Serve) -> None:
    server = serve("C1001")
    assert "不用再说一遍" not in tell(server, "dispute_overdue_fee", ["dispute_overdue_fee"])
