"""Errors that the app showed stand in the timeline, and decide nothing (docs/rules.md)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cases.evidence import examine
from bot.cases.evidence.facts import AppErrorFact, Facts
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.port import AppOperation
from tests.cases.builders import at, facts
from tests.cases.test_evidence_properties import histories

TEXTS = Texts.load(ROOT / "data" / "answers")
OPERATIONS: tuple[AppOperation, ...] = ("login", "repay", "schedule", "view_bill", "bind_card", "other")
errors = st.lists(
    st.builds(AppErrorFact, st.integers(-20, 20).map(at), st.sampled_from(OPERATIONS), st.sampled_from(["SYS_TIMEOUT", "E-9"])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=100, deadline=None)
@given(histories(), errors)
def test_no_error_of_the_app_changes_whose_a_day_is(history: Facts, shown: list[AppErrorFact]) -> None:
    without, with_them = examine(history).card(TEXTS), examine(replace(history, app_errors=tuple(shown))).card(TEXTS)
    told = [entry for entry in with_them["timeline"] if entry["kind"] == "app_error"]
    assert len(told) == sum(error.at.date() <= history.as_of for error in shown)
    with_them["timeline"] = [entry for entry in with_them["timeline"] if entry["kind"] != "app_error"]
    assert with_them == without


@pytest.mark.parametrize(
    ("operation", "code", "text"),
    [
        ("login", "SYS_ERROR", "8月9日21:30您在App里登录时页面提示出错：系统错误（只作记录，不单独决定是谁的原因）"),
        ("view_bill", "E-4711", "8月9日21:30您在App里查看账单时页面提示出错：原因待查（只作记录，不单独决定是谁的原因）"),
        ("of_tomorrow", "E-4711", "8月9日21:30您在App里操作时页面提示出错：原因待查（只作记录，不单独决定是谁的原因）"),
    ],
)
def test_it_is_told_in_words(operation: str, code: str, text: str) -> None:
    card = examine(facts(app_errors=(AppErrorFact(at(-1, 21, 30), operation, code),))).card(TEXTS)
    assert [entry["text"] for entry in card["timeline"] if entry["kind"] == "app_error"] == [text]
