"""Whatever happened, it can be told: every reason and every line of a timeline has its text (data/answers/evidence.yml)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from bot.cases.evidence import examine
from bot.cases.evidence.facts import Facts
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.codes import BORROWER_SIDE, SYSTEM_SIDE
from tests.cases.builders import at, facts, failed, incident, mandate, notice, ours, paying, settled, theirs
from tests.cases.test_evidence_properties import histories

TEXTS = Texts.load(ROOT / "data" / "answers")


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_history_can_be_told(history: Facts) -> None:
    card = examine(history).card(TEXTS)
    told = [reason for day in card["days"] for reason in day["reasons"]] + [entry["text"] for entry in card["timeline"]]
    assert all(told)
    assert not any("{" in text or "evidence_" in text for text in told)
    assert [entry["at"] for entry in card["timeline"]] == sorted(entry["at"] for entry in card["timeline"])


def test_every_result_code_of_the_loan_books_has_words() -> None:
    assert {code for code in BORROWER_SIDE | SYSTEM_SIDE if f"evidence_code_{code}" not in TEXTS.dialogue} == set()


def test_a_code_that_another_core_system_brings_is_told_by_its_side() -> None:
    card = examine(facts(mandates=(mandate(),), attempts=(ours(0, 9, "E-4711"), theirs(2, 9, "R-12")))).card(TEXTS)
    assert [entry["text"] for entry in card["timeline"] if entry["kind"] == "debit_attempt"] == [
        "8月10日09:00自动扣款失败，我们这边的原因：系统原因",
        "8月12日09:00自动扣款失败，银行返回：银行卡原因",
    ]


def test_the_timeline_tells_what_hung_and_how_it_ended() -> None:
    happened = facts(
        mandates=(mandate(),),
        incidents=(incident(1, 2, "own_repayment"),),
        payments=(settled(1, 3, 4000), failed(4, told=4)),
        notices=(notice(-3, "due_reminder", "failed"),),
    )
    assert [entry["text"] for entry in examine(happened).card(TEXTS)["timeline"]] == [
        "8月7日10:00还款提醒（短信）没有送达",
        "第5期8月10日到期，应还¥100.00（不含逾期费用）",
        "自动扣款授权有效",
        "8月10日当天没有自动扣款记录",
        "8月11日08:00起主动还款发生系统故障，已确认",
        "8月11日20:00还款¥40.00，当天没有处理完",
        "8月12日20:00主动还款的系统故障恢复",
        "8月11日还的¥40.00到8月13日21:00才到账",
        "8月14日20:00还款¥100.00没有成功：系统错误",
    ]


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_history_is_explained_in_short_lines(history: Facts) -> None:
    evidence = examine(history)
    lines = evidence.explanation(TEXTS)
    assert len(lines) == len(evidence.stretches()) <= len(evidence.days)
    assert not any("{" in line or "evidence_" in line for line in lines)


def test_days_with_the_same_cause_and_reason_are_one_line() -> None:
    happened = facts(6, mandates=(mandate(),), attempts=(ours(), theirs(3)), incidents=(incident(0, 2),))
    held = replace(happened, days=tuple(replace(day, held=day.date > at(4).date()) for day in happened.days))
    assert examine(held).explanation(TEXTS) == (
        "8月11日–8月12日（2天）：我们的原因，到期日自动扣款失败（系统超时），自动扣款发生系统故障",
        "8月13日–8月14日（2天）：没有查到我们的原因，8月13日再次扣款时卡内余额不足",
        "8月15日–8月16日（2天）：没有查到我们的原因，8月13日再次扣款时卡内余额不足；这几天不收费用",
    )


def test_another_payment_that_hangs_is_a_line_of_its_own() -> None:
    told = examine(facts(4, payments=(failed(1, told=2), paying(3)))).explanation(TEXTS)
    assert told == (
        "8月11日–8月12日（2天）：我们的原因，您8月11日的还款没有成功（系统错误）",
        "8月13日–8月14日（2天）：我们的原因，您8月13日的还款卡在处理中",
    )


def test_what_happened_after_the_examined_date_is_not_told() -> None:
    later = facts(1, mandates=(mandate(),), attempts=(ours(), theirs(2)))
    assert all(entry.at <= at(1, 23, 59) for entry in examine(later).timeline())
