"""Every intent is answered for everybody, and identified borrowers get their own facts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from sqlalchemy.orm import Session

from actions.answer import FOR_ALL, PERSONAL
from bot.cases.near import nearest_deadline
from bot.cases.service import CaseService
from bot.conversations import handoff
from bot.core.clock import FixedClock
from bot.core.settings import ROOT
from bot.loans.backends import EmbeddedBackends
from tests.actions.conftest import Server

Serve = Callable[[str | None], Server]
CUSTOMERS = [None, *(f"C100{number}" for number in range(1, 9))]
INTENTS = [item["name"] for item in yaml.safe_load((ROOT / "data/catalogue/intents.yml").read_text(encoding="utf-8"))["intents"]]
TASKS = {"ask_early_repayment", "schedule_repayment", "file_complaint", "request_human"}
"""Answered by forms and actions of their own."""


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_every_intent_is_answered_with_a_text_and_its_name(serve: Serve, customer: str | None) -> None:
    server = serve(customer)
    broken = []
    for intent in INTENTS:
        if intent in TASKS:
            continue
        text = server.answer(intent, "这是一个测试问题")
        custom = [message["custom"] for message in server.messages if message.get("custom")]
        named = any(card.get("intent") == intent for card in custom)
        if not text or "报这个编号" in text or not named:
            broken.append((intent, text))
    assert not broken


def test_handlers_belong_to_known_intents() -> None:
    assert {*PERSONAL, *FOR_ALL} <= set(INTENTS)


def test_an_anonymous_borrower_never_sees_an_amount(serve: Serve) -> None:
    server = serve(None)
    for intent in PERSONAL:
        server.answer(intent)
        assert not any(card in server.cards() for card in ("payoff_quote", "payment_status", "evidence", "case")), intent


def test_an_anonymous_question_about_ones_own_debt_asks_to_log_in(serve: Serve) -> None:
    server = serve(None)
    server.answer("ask_outstanding")
    assert "login_required" in server.cards()


def test_somebody_elses_contract_reads_like_none(serve: Serve) -> None:
    server = serve("C1003")
    foreign = server.answer("ask_bill", "合同", contract_no="KD-20260713-1002")
    missing = server.answer("ask_bill", "合同", contract_no="KD-00000000-0000")
    assert foreign == missing


def test_a_yes_means_nothing_when_nothing_was_asked(serve: Serve) -> None:
    server = serve("C1002")
    assert "没有等您确认的事" in server.answer("affirm", "好的")


def test_a_yes_to_the_offer_of_a_person_brings_one(serve: Serve) -> None:
    server = serve("C1002")
    server.answer("report_unresolved", "没解决")
    server.answer("affirm", "好的")
    assert server.cards()["handoff"]["state"] == "queued"


def test_an_offer_is_closed_by_any_other_message(serve: Serve) -> None:
    server = serve("C1002")
    server.answer("report_unresolved", "没解决")
    server.answer("ask_fees", "手续费多少")
    server.answer("affirm", "好的")
    assert "handoff" not in server.cards()


def test_two_misunderstandings_in_a_row_bring_a_person(serve: Serve) -> None:
    server = serve(None)
    server.hear("nlu_fallback", "咕噜")
    server.run("action_ask_meaning")
    assert server.cards()["options"]["intents"] == ["ask_bill", "ask_fees"]
    assert "咕噜" in server.text
    server.hear("nlu_fallback", "呱呱")
    server.run("action_ask_meaning")
    assert server.cards()["handoff"]["reason"] == "misunderstood"


def test_an_answer_in_between_forgives_a_misunderstanding(serve: Serve) -> None:
    server = serve(None)
    server.hear("nlu_fallback", "咕噜")
    server.run("action_ask_meaning")
    server.answer("ask_fees")
    server.hear("nlu_fallback", "呱呱")
    server.run("action_ask_meaning")
    assert "options" in server.cards()


def test_none_of_the_meanings_asks_to_say_it_differently(serve: Serve) -> None:
    server = serve(None)
    server.hear("nlu_fallback", "咕噜")
    server.run("action_ask_meaning")
    assert "换个说法" in server.answer("deny", "都不是")


def test_distress_comes_first_in_the_queue(serve: Serve) -> None:
    server = serve("C1004")
    server.hear("request_human", "我不想活了", distress="self_harm")
    server.run("action_request_human")
    assert "12356" in server.text
    assert server.cards()["handoff"]["reason"] == "distress"


def test_a_conversation_that_the_gateway_does_not_know_is_anonymous(serve: Serve) -> None:
    server = serve("C1002")
    server.conversation_id = "c-unknown"
    server.answer("ask_outstanding")
    assert "login_required" in server.cards()


def test_an_action_that_fails_says_so_with_an_id(serve: Serve) -> None:
    server = serve("C1002")
    server.latest = {"text": "坏了 13812345678", "intent": {"name": "no_such_intent"}, "metadata": {"turn": 9}}
    server.run("action_answer")
    assert "报这个编号" in server.text


def test_outside_office_hours_the_wish_for_a_person_becomes_a_case(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFICE_HOURS", "20:00-21:00")  # the clock says 10:00
    handoff._default_hours.cache_clear()
    server = serve("C1002")
    server.hear("request_human", "转人工")
    server.run("action_request_human")
    assert server.cards()["handoff"]["state"] == "offline"
    assert server.cards()["handoff"]["case_no"] in server.text
    handoff._default_hours.cache_clear()


def test_fraud_reaches_a_person_with_the_number_of_its_case(serve: Serve) -> None:
    server = serve("C1002")
    server.answer("report_fraud", "我被骗了，钱转给别人了")
    assert server.cards()["handoff"]["case_no"] == server.cards()["case"]["case_no"]


def test_hardship_gets_an_answer_and_a_person_with_priority(serve: Serve) -> None:
    server = serve("C1004")
    assert server.answer("request_extension", "失业了还不起", distress="hardship")
    assert server.cards()["handoff"]["reason"] == "distress"
    assert server.answer("request_extension", "能晚两天还吗")


def ask_back(server: Server, text: str, options: list[str]) -> None:
    """A message that bot/nlu could not decide between ``options``."""
    server.hear("nlu_fallback", text)
    server.latest["decision"], server.latest["options"] = "ask", options
    server.run("action_ask_meaning")


def test_meanings_that_are_answered_alike_are_not_asked_about(serve: Serve) -> None:
    server = serve("C1002")
    ask_back(server, "几笔一起还完一共多少", ["settle_all", "ask_outstanding", "ask_bill"])
    assert server.cards()["payoff_quote"]["total"] == 2004290
    ask_back(server, "这个多少", ["ask_fees", "ask_outstanding"])
    assert "options" in server.cards()


def test_a_hanging_repayment_decides_what_was_meant(serve: Serve) -> None:
    options = ["report_repayment_failed", "report_auto_debit_failed"]
    server = serve("C1001")
    ask_back(server, "卡着呢到底扣没扣", options)
    assert len(server.cards()["payment_status"]["payments"]) == 3
    server = serve("C1002")  # nothing hangs
    ask_back(server, "卡着呢到底扣没扣", options)
    assert server.cards()["options"]["intents"] == options


def test_who_may_mean_to_pay_again_is_warned_before_being_asked(serve: Serve) -> None:
    server = serve("C1001")
    ask_back(server, "想再弄一遍", ["ask_repayment_method", "request_extension"])
    assert "请先不要再还" in server.text
    assert "options" in server.cards()


def complain(session: Session, clock: FixedClock, server: Server, customer_id: str) -> str:
    cases = CaseService(session, clock, EmbeddedBackends(clock).open(session))
    opened = cases.open_complaint(
        customer_id=customer_id,
        conversation_id=server.conversation_id,
        channel="rest",
        story="你们态度太差，我要投诉",
        callback_phone=None,
        key="c",
    )
    return opened.case.case_no


@pytest.mark.parametrize(("days", "priority"), [(0, 0), (11, 0), (12, 3), (16, 3)])
def test_whose_case_is_near_its_deadline_waits_less_long(serve: Serve, clock: FixedClock, days: int, priority: int) -> None:
    """§4: fifteen days, and the first alert three days before their end."""
    server = serve("C1002")
    with server.services.database.transaction() as session:
        complain(session, clock, server, "C1002")
    clock.advance(days=days)
    server.hear("request_human", "转人工")
    server.run("action_request_human")
    with server.services.database.transaction() as session:
        assert [each.priority for each in handoff.HandoffService(session, clock).queue()] == [priority]


def test_a_case_that_is_closed_gives_no_priority(serve: Serve, clock: FixedClock) -> None:
    server = serve("C1002")
    with server.services.database.transaction() as session:
        case_no = complain(session, clock, server, "C1002")
        cases = CaseService(session, clock, EmbeddedBackends(clock).open(session))
        clock.advance(days=14)
        near = nearest_deadline(cases.book, "C1002")
        assert near is not None
        assert (near.case.case_no, near.priority) == (case_no, 3)
        cases.withdraw(customer_id="C1002", case_no=case_no, key="w")
        assert nearest_deadline(cases.book, "C1002") is None
