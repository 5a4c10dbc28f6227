"""What the borrower is told of their case outside a turn: each step once, in words of data/answers, nothing internal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

import pytest
from sqlalchemy import select

from bot.cases.alerts import UPDATES
from bot.cases.notices import NOTICES, TEXTS
from bot.cases.policy import default_policies
from bot.cases.service import CaseService
from bot.cases.thread import EVENT_TYPES
from bot.core.settings import ROOT
from bot.core.texts import Text, Texts
from bot.loans.port import Advice
from bot.notifications.models import NotificationRow
from tests.cases.conftest import AGENT, SUPERVISOR, SUPERVISOR_2, Desk

STORY = "催收员每天早上六点给我妈妈打电话，还骂人"
DIALOGUE = Texts.load(ROOT / "data" / "answers").dialogue


@pytest.fixture
def case_no(desk: Desk) -> str:
    return desk.complain(STORY).case.case_no


def rows(desk: Desk) -> list[NotificationRow]:
    return list(desk.session.scalars(select(NotificationRow).order_by(NotificationRow.id)))


def told(desk: Desk) -> list[tuple[str, str]]:
    """(text key, the text as the borrower reads it), oldest first."""
    return [(row.text_key, DIALOGUE[row.text_key].render(**row.text_values)) for row in rows(desk)]


def last(desk: Desk) -> str:
    return told(desk)[-1][1]


def test_what_the_borrower_did_in_this_turn_is_not_told_again(desk: Desk, case_no: str) -> None:
    desk.dispute("C1001")
    desk.cases.add_facts(
        customer_id="C1002", case_no=case_no, conversation_id="v", channel="rest", text="电话号码是01088", key="f"
    )
    desk.cases.withdraw(customer_id="C1002", case_no=case_no, key="w")
    assert told(desk) == []


def test_who_is_spoken_for_by_an_agent_is_told(desk: Desk) -> None:
    by_phone = CaseService(desk.session, desk.clock, desk.loans, untold=())
    opened = by_phone.open_complaint(
        customer_id="C1002", conversation_id="v", channel="phone", story=STORY, callback_phone=None, key="k"
    )
    assert [key for key, _ in told(desk)] == ["case_acknowledged"]
    assert "9月6日" in last(desk)
    by_phone.withdraw(customer_id="C1002", case_no=opened.case.case_no, key="w")
    assert [key for key, _ in told(desk)] == ["case_acknowledged", "case_withdrawn"]


def test_a_question_and_a_word_of_the_agent_are_told_an_internal_note_is_not(desk: Desk, case_no: str) -> None:
    desk.handling.ask_borrower(case_no, AGENT, "大概几点打的？")
    assert "大概几点打的？" in last(desk)
    desk.handling.note(case_no, AGENT, "客户情绪激动", audience="internal")
    desk.handling.assign(case_no, SUPERVISOR, "A2002")
    desk.handling.investigate(case_no, AGENT)
    desk.handling.note(case_no, AGENT, "我们正在调取录音", audience="borrower")
    assert [key for key, _ in told(desk)] == ["case_asked", "case_note"]
    assert "情绪" not in "".join(text for _, text in told(desk))


def test_an_extension_is_told_with_its_date_and_reason_once_it_holds(desk: Desk, case_no: str) -> None:
    desk.handling.request_extension(case_no, SUPERVISOR, days=60, reason="要等外部机构")
    assert told(desk) == []
    desk.handling.approve_extension(case_no, SUPERVISOR_2)
    assert [key for key, _ in told(desk)] == ["case_extended"]
    assert "10月21日" in last(desk)
    assert "要等外部机构" in last(desk)


def test_an_approved_remedy_is_told_with_its_receipt_and_card(desk: Desk) -> None:
    case_no = desk.dispute("C1007").case.case_no
    proposed = desk.remedies.propose(case_no, AGENT, reason="系统原因一天")
    assert told(desk) == []
    approved = desk.remedies.approve(proposed.remedy_no, SUPERVISOR)
    assert [key for key, _ in told(desk)] == ["case_remedied"]
    assert approved.receipt_no is not None
    assert approved.receipt_no in last(desk)
    (row,) = rows(desk)
    assert row.cards == [desk.cases.case("C1007", case_no).card(), approved.card()]


def test_a_refused_remedy_is_told_with_words_for_the_borrower_or_the_promise_of_them(desk: Desk) -> None:
    case_no = desk.dispute("C1007").case.case_no
    proposed = desk.remedies.propose(case_no, AGENT, reason="系统原因一天")
    desk.remedies.reject(proposed.remedy_no, SUPERVISOR, reason="经办人算错", told="有一天的原因还要核实")
    assert "有一天的原因还要核实" in last(desk)
    again = desk.remedies.propose(case_no, AGENT, reason="再提", amount=6)
    desk.remedies.reject(again.remedy_no, SUPERVISOR, reason="经办人又算错")
    assert [key for key, _ in told(desk)] == ["case_rejected", "case_rejected_reasons_later"]
    assert "算错" not in "".join(text for _, text in told(desk))
    assert all("12378" in text and "12363" in text for _, text in told(desk))


def test_a_refusal_of_what_the_borrower_never_heard_of_stays_inside(desk: Desk) -> None:
    case_no = desk.dispute("C1004").case.case_no
    proposed = desk.remedies.propose(case_no, AGENT, reason="体谅", amount=100)
    desk.remedies.reject(proposed.remedy_no, SUPERVISOR, reason="不同意")
    assert told(desk) == []


def test_a_decision_states_everything_and_closing_asks_for_a_rating(desk: Desk, case_no: str) -> None:
    desk.handling.decide(case_no, AGENT, facts="核实录音", reasons="违反规定", remedy="停止致电")
    text = last(desk)
    assert all(part in text for part in ("核实录音", "违反规定", "停止致电", "9月21日", "调解", "核查"))
    assert all(way.number in text for way in default_policies().on(desk.clock.today()).ways_on if way.number)
    desk.handling.close(case_no, AGENT)
    assert "打个分" in last(desk)
    desk.handling.reopen(case_no, AGENT, reason="复核")
    assert [key for key, _ in told(desk)] == ["case_decided", "case_closed", "case_reopened"]


def test_an_anonymous_complainant_is_told_in_the_conversation_that_opened_the_case(desk: Desk) -> None:
    opened = desk.complain(STORY, None, phone="13900009999", conversation="a" * 32)
    desk.handling.note(opened.case.case_no, AGENT, "我们正在调取录音", audience="borrower")
    (row,) = rows(desk)
    assert (row.customer_id, row.conversation_id) == (None, "a" * 32)


def test_who_is_reachable_by_phone_only_is_not_written_to(desk: Desk) -> None:
    direct = desk.cases.open_complaint(
        customer_id=None, conversation_id="v" * 60, channel="direct", story=STORY, callback_phone="13900009999", key="k"
    )
    desk.handling.note(direct.case.case_no, AGENT, "我们正在调取录音", audience="borrower")
    assert told(desk) == []


# --- the texts


def texts() -> Iterator[tuple[str, Text]]:
    return ((key, text) for key, text in DIALOGUE.items() if key.startswith(("case_", "stuck_payment_")))


def test_every_event_and_notice_names_a_text_that_is_there() -> None:
    named = {key for key, _ in TEXTS.values()} | {f"case_{name}" for name in NOTICES}
    assert named <= set(DIALOGUE)
    assert set(TEXTS) <= set(EVENT_TYPES)
    assert set(UPDATES.values()) <= set(NOTICES)
    assert {key for key, _ in texts() if key.startswith("case_") and not key.startswith("case_kind")} >= named


def test_every_end_of_a_payment_has_its_text() -> None:
    ends = set(get_args(Advice)) - {"wait", "stuck_do_not_pay_again"}
    assert {f"stuck_payment_{advice}" for advice in ends} <= set(DIALOGUE)


def test_the_texts_are_short_and_blame_nobody() -> None:
    wrong = [key for key, text in texts() if len(text.text) > 190 or re.search(r"您(没有按|违约|应当|必须)", text.text)]
    assert not wrong
