"""Complaints and fraud reports: intake, repeats, new facts, withdrawal (product §4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from bot.cases.errors import CallbackMissing, CaseNotFound, CaseOver, InvalidPhone, KeyReused, StepNotAllowed, StoryMissing
from bot.cases.policy import default_policies
from bot.cases.repeats import relation
from bot.cases.service import CaseService, OpenedCase
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.identity.contacts.models import ContactReportRow
from bot.identity.contacts.service import ContactService
from bot.loans.errors import LoanBackendUnavailable
from bot.loans.port import Customer
from bot.loans.service import SqlLoanBackend
from tests.cases.conftest import AGENT, Desk

STORY = "你们的催收员每天早上六点给我妈妈打电话，还骂人，我要投诉"
OTHER = "申请的结清证明过了两个星期一直没有发到邮箱里"


@pytest.fixture
def desk(database: Database, clock: FixedClock) -> Iterator[Desk]:
    """Complaints need no loan books: an empty database does."""
    with database.transaction() as session:
        yield Desk(session, clock)


@pytest.fixture
def any_desk(each_database: Database, clock: FixedClock) -> Iterator[Desk]:
    """The same on SQLite and on PostgreSQL."""
    with each_database.transaction() as session:
        yield Desk(session, clock)


def test_a_complaint_gets_number_owner_and_dates(desk: Desk) -> None:
    opened = desk.complain(STORY)
    case = opened.case
    assert not opened.merged
    assert (case.case_no, case.kind, case.status, case.owner) == (
        "C-20260822-0001",
        "complaint",
        "acknowledged",
        "team-complaints",
    )
    assert (case.received_on, case.decide_by, case.next_update_by) == (date(2026, 8, 22), date(2026, 9, 6), date(2026, 8, 25))
    assert desk.cases.case("C1002", case.case_no) == case


def test_numbers_run_by_the_day(any_desk: Desk) -> None:
    assert any_desk.complain(STORY, "C1").case.case_no == "C-20260822-0001"
    assert any_desk.complain(STORY, "C2").case.case_no == "C-20260822-0002"
    any_desk.clock.advance(days=1)
    assert any_desk.complain(STORY, "C3").case.case_no == "C-20260823-0001"


@pytest.mark.parametrize(
    "again",
    [
        STORY,
        "催收员每天早上六点给我妈妈打电话！还骂人！！",
        "我要投诉！你们到底什么时候处理",
        "还是那个催收员，早上六点给我妈妈打电话骂人，没人管吗",
    ],
)
def test_a_repetition_without_new_facts_joins_the_open_case(desk: Desk, again: str) -> None:
    first = desk.complain(STORY).case
    desk.clock.advance(days=4)
    opened = desk.complain(again)
    assert (opened.merged, opened.case.case_no) == (True, first.case_no)
    assert opened.case.decide_by == first.decide_by
    assert desk.cases.thread("C1002", first.case_no)[-1].type == "merged"


@pytest.mark.parametrize(
    "more",
    [
        "催收员每天早上六点给我妈妈打电话，号码是13900001001",
        "催收员早上六点给我妈妈打电话骂人，昨天又打到我单位同事那里",
    ],
)
def test_new_facts_join_the_open_case_and_restart_its_clock(desk: Desk, more: str) -> None:
    first = desk.complain(STORY).case
    desk.clock.advance(days=4)
    opened = desk.complain(more)
    assert (opened.merged, opened.case.case_no) == (True, first.case_no)
    assert (opened.case.runs_from, opened.case.decide_by) == (date(2026, 8, 26), date(2026, 9, 10))


def test_another_matter_is_another_case(desk: Desk) -> None:
    first = desk.complain(STORY)
    second = desk.complain(OTHER)
    assert not second.merged
    assert second.case.case_no != first.case.case_no
    third = desk.complain(STORY)
    assert third.case.case_no == first.case.case_no
    assert [case.case_no for case in desk.cases.cases_of("C1002")] == [second.case.case_no, first.case.case_no]


def test_other_words_about_the_same_kind_of_trouble_are_new_facts_of_the_open_case(desk: Desk) -> None:
    first = desk.complain(STORY, issues=("complain_collection",))
    desk.clock.advance(days=2)
    second = desk.complain("又有人冲到单位门口拉横幅", issues=("complain_collection", "request_extension"))
    assert (second.merged, second.case.case_no) == (True, first.case.case_no)
    assert second.case.decide_by == date(2026, 9, 8)  # the clock runs again from the new facts
    third = desk.complain(OTHER, issues=("request_settlement_certificate",))
    assert third.case.case_no != first.case.case_no


def test_the_same_story_of_another_customer_is_another_case(desk: Desk) -> None:
    assert desk.complain(STORY, "C1").case.case_no != desk.complain(STORY, "C2").case.case_no
    assert len(desk.cases.cases_of("C1")) == 1


def test_a_case_that_was_decided_is_not_joined(desk: Desk) -> None:
    first = desk.complain(STORY).case
    desk.handling.decide(first.case_no, AGENT, facts="核实", reasons="属实", remedy="已停止")
    assert not desk.complain(STORY).merged


def test_the_same_command_again_gives_the_same_answer_and_adds_nothing(any_desk: Desk) -> None:
    first = any_desk.complain(STORY, key="turn-7")
    assert any_desk.complain(STORY, key="turn-7") == first
    assert len(any_desk.cases.thread("C1002", first.case.case_no)) == 2
    with pytest.raises(KeyReused):
        any_desk.complain(OTHER, key="turn-7")


def test_an_anonymous_complaint_needs_a_number_to_call_back(desk: Desk) -> None:
    with pytest.raises(CallbackMissing):
        desk.complain(STORY, None)
    with pytest.raises(InvalidPhone):
        desk.complain(STORY, None, phone="123")
    opened = desk.complain(STORY, None, phone="139 0000 1001")
    assert (opened.case.customer_id, opened.case.callback_phone) == (None, "+8613900001001")
    again = desk.complain(STORY, None, phone="+86-13900001001", conversation="conversation-139 0000 1001")
    assert (again.merged, again.case.case_no) == (True, opened.case.case_no)
    assert not desk.complain(STORY, None, phone="13900001002", conversation="conversation-139 0000 1001").merged


@pytest.mark.parametrize("words", [STORY, "快点处理", "催收员每天早上六点给我妈妈打电话，昨天又打了3次"])
def test_nobody_learns_from_a_phone_number_that_its_owner_complained(any_desk: Desk, words: str) -> None:
    owners = any_desk.complain(STORY, "C1002", phone="13900001002", conversation="theirs").case
    anonymous = any_desk.complain(STORY, None, phone="13900001002", conversation="somebody's").case
    asked = any_desk.complain(words, None, phone="13900001002", conversation="a stranger's")
    assert not asked.merged
    assert asked.case.case_no not in {owners.case_no, anonymous.case_no}
    assert not any_desk.complain(words, None, phone="13900001002", conversation="theirs").merged
    assert len(any_desk.cases.thread("C1002", owners.case_no)) == 2


def test_words_without_content_join_only_what_was_opened_in_the_same_conversation(desk: Desk) -> None:
    here = desk.complain(STORY, conversation="today").case
    later = desk.complain(OTHER, conversation="tomorrow").case
    assert desk.complain("快点处理", conversation="today").case.case_no == here.case_no
    assert desk.complain("快点处理", conversation="tomorrow").case.case_no == later.case_no
    elsewhere = desk.complain("快点处理", conversation="next week")
    assert not elsewhere.merged
    assert elsewhere.case.case_no not in {here.case_no, later.case_no}


def test_an_anonymous_case_is_nobodys_to_look_up(desk: Desk) -> None:
    case_no = desk.complain(STORY, None, phone="13900001001").case.case_no
    with pytest.raises(CaseNotFound):
        desk.cases.case("C1002", case_no)


def test_a_complaint_needs_a_story(desk: Desk) -> None:
    with pytest.raises(StoryMissing):
        desk.complain("   ")


def test_the_story_is_kept_with_personal_numbers_masked(desk: Desk) -> None:
    case_no = desk.complain("我的卡6222021234567890123被扣了，身份证110101199003071234").case.case_no
    kept = desk.cases.thread("C1002", case_no)[0].text or ""
    assert "7890" not in kept
    assert "19900307" not in kept
    assert "被扣了" in kept


def test_facts_are_added_by_the_owner_only_and_restart_the_clock(desk: Desk) -> None:
    case_no = desk.complain(STORY).case.case_no
    desk.clock.advance(days=3)

    def add(words: str, customer_id: str = "C1002", key: str = "add-1") -> OpenedCase:
        return desk.cases.add_facts(
            customer_id=customer_id, case_no=case_no, conversation_id="v", channel="rest", text=words, key=key
        )

    with pytest.raises(CaseNotFound):
        add("昨晚又打到我单位，录了音", "C1001")
    added = add("昨晚又打到我单位，录了音")
    assert not added.merged
    assert added.case.decide_by == date(2026, 9, 9)
    assert add("昨晚又打到我单位，录了音") == added
    desk.clock.advance(days=1)
    repeated = add("昨晚又打到我单位，录了音！", key="add-2")
    assert (repeated.merged, repeated.case.decide_by) == (True, date(2026, 9, 9))


def test_new_facts_after_the_decision_reopen_the_case(desk: Desk) -> None:
    case_no = desk.complain(STORY).case.case_no
    desk.handling.decide(case_no, AGENT, facts="核实", reasons="没有查到", remedy="无")
    desk.clock.advance(days=6)
    added = desk.cases.add_facts(
        customer_id="C1002", case_no=case_no, conversation_id="v", channel="rest", text="找到通话录音了，8月20日那次", key="add-1"
    )
    assert (added.case.status, added.case.decide_by) == ("reopened", date(2026, 9, 12))


def test_withdrawal_ends_the_case_that_day_and_for_good(any_desk: Desk) -> None:
    case_no = any_desk.complain(STORY).case.case_no
    with pytest.raises(CaseNotFound):
        any_desk.cases.withdraw(customer_id="C1001", case_no=case_no, key="w-0")
    withdrawn = any_desk.cases.withdraw(customer_id="C1002", case_no=case_no, key="w-1")
    assert (withdrawn.status, withdrawn.next_update_by) == ("withdrawn", None)
    assert any_desk.cases.withdraw(customer_id="C1002", case_no=case_no, key="w-1") == withdrawn
    with pytest.raises(CaseOver):
        any_desk.cases.withdraw(customer_id="C1002", case_no=case_no, key="w-2")
    with pytest.raises(CaseOver):
        any_desk.handling.investigate(case_no, AGENT)
    assert any_desk.handling.open_cases() == []
    assert not any_desk.complain(STORY).merged


def test_a_decided_case_cannot_be_withdrawn(desk: Desk) -> None:
    case_no = desk.complain(STORY).case.case_no
    desk.handling.decide(case_no, AGENT, facts="核实", reasons="属实", remedy="已停止")
    with pytest.raises(StepNotAllowed):
        desk.cases.withdraw(customer_id="C1002", case_no=case_no, key="w-1")


@pytest.mark.parametrize("statement", ["UPDATE case_events SET text = 'x'", "DELETE FROM case_events"])
def test_the_database_refuses_to_change_a_thread(each_database: Database, clock: FixedClock, statement: str) -> None:
    with each_database.transaction() as session:
        Desk(session, clock).complain(STORY)
    with pytest.raises(DBAPIError, match="append-only"), each_database.transaction() as session:
        session.execute(text(statement))


def test_a_fraud_report_files_the_contacts_that_are_not_ours(any_desk: Desk) -> None:
    opened = any_desk.cases.open_fraud_report(
        customer_id="C1002",
        conversation_id="v",
        channel="rest",
        story="有人用13900001001打电话让我转到6222021234567890123，说是你们400-100-3399的",
        callback_phone=None,
        key="fraud-1",
    )
    assert (opened.case.kind, opened.case.owner) == ("fraud_report", "team-fraud")
    repository = ContactService(any_desk.session, any_desk.clock)._repository
    (report,) = repository.reports("bank_account", "6222021234567890123")
    assert report.case_no == opened.case.case_no
    assert len(repository.reports("phone", "+8613900001001")) == 1
    assert repository.reports("phone", "+864001003399") == []


@pytest.mark.parametrize(
    "story",
    [
        "有人冒充你们骗我转账，我已经打12378举报了，请回我电话13900001002",
        "我报了96110，也打了12345，对方骗了我的钱。联系我13900001002",
        "被骗了，打12363问过，我电话13900001002",
        "骗子骗走我的钱，13900001002是我的号码，微信13900001002，已报12378",
    ],
)
def test_hotlines_and_the_victims_own_phone_are_no_fraud(seeded: Database, clock: FixedClock, story: str) -> None:
    """The phone of C1002 is that on file: 13900001002. For the first three nobody has to know that."""
    with seeded.transaction() as session:
        desk = Desk(session, clock)
        others = (None, "C1003", "C1005") if "是我的" not in story else ()
        for number, customer_id in enumerate(("C1002", *others)):
            desk.cases.open_fraud_report(
                customer_id=customer_id,
                conversation_id=f"v{number}",
                channel="rest",
                story=story,
                callback_phone=None if customer_id else "13900001009",
                key=f"f{number}",
            )
        assert session.scalars(select(ContactReportRow.value)).all() == []
        assert ContactService(session, clock).alerts() == []


def test_the_number_that_an_anonymous_victim_gives_to_be_called_is_not_filed(desk: Desk) -> None:
    desk.cases.open_fraud_report(
        customer_id=None,
        conversation_id="v",
        channel="rest",
        story="13800001111骗了我，我留的是13900001009",
        callback_phone="139 0000 1009",
        key="f",
    )
    assert desk.session.scalars(select(ContactReportRow.value)).all() == ["+8613800001111"]


class SilentBooks(SqlLoanBackend):
    """As a core system that does not answer."""

    def customers(self, customer_ids: Sequence[str]) -> tuple[Customer, ...]:
        raise LoanBackendUnavailable("the core system does not answer")


def test_a_fraud_is_taken_down_while_the_loan_books_do_not_answer(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        cases = CaseService(session, clock, SilentBooks(session, clock))
        opened = cases.open_fraud_report(
            customer_id="C1002",
            conversation_id="v",
            channel="rest",
            story="让我转到6222021234567890123",
            callback_phone=None,
            key="f",
        )
        assert opened.case.kind == "fraud_report"
        assert session.scalars(select(ContactReportRow.value)).all() == ["6222021234567890123"]


def test_a_credit_correction_runs_20_days(desk: Desk) -> None:
    opened = desk.cases.open_credit_correction(
        customer_id="C1002", conversation_id="v", channel="rest", story="征信上多了一条逾期", key="cc-1"
    )
    assert (opened.case.kind, opened.case.decide_by) == ("credit_correction", date(2026, 9, 11))


@pytest.mark.parametrize(
    ("story", "told", "expected"),
    [
        ("我要投诉", ["扣款失败害我逾期"], "nothing"),
        ("扣款失败害我逾期", ["扣款失败害我逾期"], "repeat"),
        ("8月10日扣款失败害我逾期", ["扣款失败害我逾期"], "new_facts"),
        ("扣款失败害我逾期，银行流水显示余额充足", ["扣款失败害我逾期"], "new_facts"),
        ("申请被拒绝了", ["扣款失败害我逾期"], "other"),
        ("扣款失败害我逾期", ["申请被拒绝了", "扣款失败害我逾期"], "repeat"),
        ("１０日", ["10日"], "repeat"),
        ("客服骂人", ["扣款失败害我逾期"], "other"),
    ],
)
def test_the_relation_of_two_stories(story: str, told: list[str], expected: str) -> None:
    repeats = default_policies().on(date(2026, 8, 22)).repeats
    assert relation(story, told, repeats) == expected
