"""The story of each demo person in several wordings, through the real entrance with the real model (issue 5, product §3 and §6).

Identified, each ends in the outcome that the records imply, to the 分; told by somebody who is not logged in, in a useful answer
without anybody's data. The business date is 2026-08-22. Every conversation starts on the books as seeded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.core.clock import SystemClock
from tests.live import BUSINESS_DATE, Chat, LiveApp

pytestmark = pytest.mark.processes

PEOPLE: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "stories_of_people.yml").read_text(encoding="utf-8")
)
TOLD = [
    pytest.param(person, wording, id=f"{person['who']}-{person['matter']}-{number}")
    for person in PEOPLE
    for number, wording in enumerate(person["wordings"], 1)
]
DECIDE_BY = "2026-09-06"
"""15 calendar days from the business date (product §4)."""
DISPUTING = ("all_by_the_system", "all_by_the_borrower", "split", "double_debit")
ANYBODYS_NUMBERS = re.compile(r"(?:KD|YD|XW|FQ|P|C|R)-\d{4}")
"""Contracts, payments, cases, receipts."""


@pytest.fixture
def app(live_app: LiveApp) -> LiveApp:
    live_app.start_over()
    return live_app


# ── what each story comes to


def all_by_the_system(chat: Chat) -> None:
    """32067 unpaid × 0.0005 × 12 days = 192.402 → 192 分; every day the system's, incident confirmed, at most 5000: at once."""
    evidence = chat.card("evidence")
    assert (evidence["penalty"], evidence["system_caused"], evidence["borrower_caused"]) == (192, 192, 0)
    assert [day["cause"] for day in evidence["days"]] == ["system"] * 12
    assert [evidence["days"][0]["date"], evidence["days"][-1]["date"]] == ["2026-08-11", "2026-08-22"]
    for attempt in ("8月10日 09:00", "8月10日 12:00", "8月10日 18:00"):
        assert attempt in chat.text
    remedy = chat.card("remedy")
    assert (remedy["status"], remedy["amount"]) == ("granted", 192)
    assert remedy["receipt_no"] in chat.text
    assert "¥1.92" in chat.text
    assert "不要再还" in chat.text
    dispute_with_dates(chat)


def all_by_the_borrower(chat: Chat) -> None:
    """YD 6000.00 / 6 at 1.2 % a month, 1042.42 a month; principal of the third month 104242 − 4857 = 99385:

    99385 × 0.0005 × 10 days = 496.925 → 497 分, none of it the system's.
    """
    evidence = chat.card("evidence")
    assert (evidence["penalty"], evidence["system_caused"], evidence["borrower_caused"]) == (497, 0, 497)
    assert [day["cause"] for day in evidence["days"]] == ["borrower"] * 10
    assert "¥4.97" in chat.text
    assert chat.text.count("余额不足，没有扣成") == 3
    assert "remedy" not in chat.kinds()
    for way_on in ("补充", "核查", "调解", "12378"):
        assert way_on in chat.text
    dispute_with_dates(chat)


def split(chat: Chat) -> None:
    """120000 / 12 = 10000 unpaid × 0.0005 = 5 分 a day; the 1st of the 7 is the system's: 5 + 30 = 35. A person decides."""
    evidence = chat.card("evidence")
    assert (evidence["penalty"], evidence["system_caused"], evidence["borrower_caused"]) == (35, 5, 30)
    assert [day["cause"] for day in evidence["days"]] == ["system"] + ["borrower"] * 6
    for part in ("1天", "¥0.05", "6天", "¥0.30", "8月17日 09:00"):
        assert part in chat.text
    remedy = chat.card("remedy")
    assert (remedy["status"], remedy["amount"], remedy["receipt_no"]) == ("proposed", 5, None)
    dispute_with_dates(chat)


def double_debit(chat: Chat) -> None:
    """50000 taken twice on 2026-08-19; 50000 is above 5000, so a second person approves."""
    payments = chat.card("payment_status")["payments"]
    assert [(item["amount"], item["status"]) for item in payments] == [(50000, "settled")] * 2
    for fact in ("¥500.00", "8月19日 09:00", "8月19日 09:02", "9月6日", "主管复核"):
        assert fact in chat.text
    remedy = chat.card("remedy")
    assert (remedy["status"], remedy["amount"], remedy["receipt_no"]) == ("proposed", 50000, None)
    dispute_with_dates(chat)


def dispute_with_dates(chat: Chat) -> None:
    case = chat.card("case")
    assert (case["kind"], case["received_on"], case["decide_by"]) == ("dispute", "2026-08-22", DECIDE_BY)
    assert case["case_no"] in chat.text


def settles_everything(chat: Chat) -> None:
    """1016000 + 826850 + 161440, worked out in test_personas.py."""
    quote = chat.card("payoff_quote")
    assert {line["product"]: line["total"] for line in quote["contracts"]} == {"KD": 1016000, "YD": 826850, "FQ": 161440}
    assert quote["total"] == 2004290
    assert "¥20042.90" in chat.text


def learns_when_to_try_again(chat: Chat) -> None:
    """One refusal names a day 25 days ahead; the other, of 2026-08-21, none: 30 days after it."""
    assert chat.intent == "report_application_failed"
    for fact in ("¥20000.00", "正常", "综合评估", "9月16日", "9月20日", "不影响"):
        assert fact in chat.text


def sees_authorisations(chat: Chat) -> None:
    for fact in ("8月2日授权天星金融查询，有效", "6月23日授权合作资金方甲查询，7月8日已撤销", "8月2日由天星金融查询一次"):
        assert fact in chat.text
    assert "登录" not in chat.text


def is_too_early(chat: Chat) -> None:
    """Due 2026-09-06; scheduling opens 10 days before."""
    card = chat.card("scheduled_repayment")
    assert (card["status"], card["reason"], card["opens_on"]) == ("refused", "too_early", "2026-08-27")
    assert "8月27日" in chat.text
    assert "5天" in chat.text


def is_not_to_pay_again(chat: Chat) -> None:
    """Three own repayments hang, two of them for more than a day; the third since 09:05 of yesterday."""
    payments = chat.card("payment_status")["payments"]
    found = [(item["amount"], item["status"], item["advice"]) for item in payments]
    a_day_old = SystemClock(BUSINESS_DATE).now().time() >= time(9, 5)
    newest = "stuck_do_not_pay_again" if a_day_old else "wait"
    assert found == [(32067, "processing", advice) for advice in (newest, *["stuck_do_not_pay_again"] * 2)]
    for fact in ("不要再还", "8月13日 20:14", "8月14日 12:31", "8月21日 09:05", "银行卡明细", "8月23日复核"):
        assert fact in chat.text


def schedules(chat: Chat) -> None:
    """FQ 3000.00 / 6: 500.00 taken on the 25th, posted on the 28th. Only a summary until it is confirmed."""
    for fact in ("第3期", "8月25日", "¥500.00", "8月28日", "确定"):
        assert fact in chat.text
    assert "scheduled_repayment" not in chat.kinds()


OUTCOMES: dict[str, Callable[[Chat], None]] = {
    outcome.__name__: outcome
    for outcome in (
        all_by_the_system,
        all_by_the_borrower,
        split,
        double_debit,
        settles_everything,
        learns_when_to_try_again,
        sees_authorisations,
        is_too_early,
        is_not_to_pay_again,
        schedules,
    )
}


def assert_nothing_personal(chat: Chat, private: list[str]) -> None:
    everything = json.dumps(chat.replies, ensure_ascii=False)
    assert [fact for fact in private if fact in everything] == []
    assert ANYBODYS_NUMBERS.search(everything) is None
    assert set(chat.kinds()) <= {"answer", "login_required", "official_check", "options"}


# ── tests


@pytest.mark.parametrize(("person", "wording"), TOLD)
def test_a_person_is_answered_from_the_records_however_they_put_it(app: LiveApp, person: dict[str, Any], wording: str) -> None:
    chat = app.chat(person["who"])
    chat.say(wording)
    OUTCOMES[person["matter"]](chat)


@pytest.mark.parametrize(("person", "wording"), TOLD)
def test_the_same_words_without_a_login_get_a_useful_answer_and_nobodys_data(
    app: LiveApp, person: dict[str, Any], wording: str
) -> None:
    chat = app.chat()
    chat.say(wording)
    if "options" in chat.kinds():  # two meanings are likely; the first one offered is right
        assert_nothing_personal(chat, person["private"])
        chat.say("第一个")
    assert chat.intent in person["answers"]
    assert "login_required" in chat.kinds()
    assert_nothing_personal(chat, person["private"])
    chat.say("转人工")
    assert chat.card("handoff")["state"] == "queued"


def test_everybody_has_a_story_in_three_wordings() -> None:
    assert {person["who"] for person in PEOPLE} == {f"C100{number}" for number in range(1, 9)}
    assert min(len(person["wordings"]) for person in PEOPLE) >= 3
    assert {person["matter"] for person in PEOPLE} == set(OUTCOMES)


@pytest.mark.parametrize("person", [item for item in PEOPLE if item["matter"] in DISPUTING], ids=lambda item: item["matter"])
def test_who_will_not_log_in_can_complain_with_a_number_to_call(app: LiveApp, person: dict[str, Any]) -> None:
    chat = app.chat()
    chat.say(person["wordings"][0])
    chat.say("/file_complaint")
    chat.say(person["wordings"][0])
    assert "手机号" in chat.text
    chat.say("13900009998")
    case = chat.card("case")
    assert (case["kind"], case["decide_by"], case["disputed_amount"]) == ("complaint", DECIDE_BY, None)
    assert not [fact for fact in person["private"] if fact in chat.text]


def test_chen_lei_confirms_with_a_code(app: LiveApp) -> None:
    chat = app.chat("C1005")
    chat.say("我怕到时候忘了还你帮我约到二十五号扣款吧")
    chat.say("嗯 就这样约")
    assert "step_up_required" in chat.kinds()
    chat.say(app.otp("C1005"))
    card = chat.card("scheduled_repayment")
    assert (card["status"], card["amount"], card["execute_on"], card["posts_on"]) == (
        "created",
        50000,
        "2026-08-25",
        "2026-08-28",
    )


def test_asking_twice_gives_one_case_one_receipt(app: LiveApp) -> None:
    person = PEOPLE[0]
    seen = set()
    for wording in person["wordings"][:3]:
        chat = app.chat(person["who"])
        chat.say(wording)
        seen.add((chat.card("case")["case_no"], chat.card("remedy")["receipt_no"]))
    assert len(seen) == 1


def test_the_fee_of_li_ting_who_owes_nothing_late_is_no_dispute(app: LiveApp) -> None:
    chat = app.chat("C1002")
    chat.say("系统扣款失败害我逾期，凭什么收我利息")
    assert "没有逾期" in chat.text
    assert "case" not in chat.kinds()
