"""The cause rules of product §3, case by case: ``tests/data/evidence`` says what happened, whose days follow, and why."""

from __future__ import annotations

from typing import Any

import pytest

from bot.cases.evidence import EvidencePolicy, examine
from bot.cases.evidence.rules import RULE_OF
from bot.loans.codes import BORROWER_SIDE, SYSTEM_SIDE
from tests.cases.builders import facts, incident, mandate, ours, paying
from tests.cases.told import Told, all_cases, read

M = (mandate(),)
CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_overdue_day_has_the_cause_that_the_paragraph_gives_it(case: Told) -> None:
    evidence = examine(case.facts, EvidencePolicy(case.grace))
    assert "".join("S" if day.cause == "system" else "B" for day in evidence.days) == case.causes
    assert (evidence.system_caused, evidence.borrower_caused) == case.split
    if case.back is not None:
        assert (evidence.share.waive, evidence.share.refund) == case.back
    if case.says is not None:
        assert tuple(reason.code for reason in evidence.days[-1].reasons) == case.says


def test_no_case_stands_twice_and_every_paragraph_has_its_cases() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 100
    histories = [(case.facts, case.grace) for case in CASES]
    assert [case.name for place, case in enumerate(CASES) if histories.index((case.facts, case.grace)) < place] == []
    assert {case.paragraph.split()[0] for case in CASES} == {"§3(a)", "§3(b)", "§3(c)", "§3"}


def test_every_result_code_and_every_reason_occurs_in_a_case() -> None:
    codes = {item.code for case in CASES for item in case.facts.attempts}
    codes |= {item.code for case in CASES for item in case.facts.payments if item.code}
    assert codes >= BORROWER_SIDE | SYSTEM_SIDE
    examined = [examine(case.facts, EvidencePolicy(case.grace)) for case in CASES]
    said = {reason.code for evidence in examined for day in evidence.days for reason in day.reasons}
    assert said == set(RULE_OF)


@pytest.mark.parametrize("line", ["debits 0 SYS_TIMEOUT", "debit 0", "own 1 settled until 3", "mandate from", "incident all 1"])
def test_a_case_that_cannot_be_read_is_refused(line: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        read("§3", {"why": "-", "happened": [line], "causes": "B", "split": "0 + 5"})


def test_the_story_of_c1001_is_system_caused_by_all_three_paragraphs() -> None:
    happened = facts(
        12,
        owed=32067,
        penalty=192,
        mandates=M,
        attempts=(ours(0, 9), ours(0, 12), ours(0, 18)),
        incidents=(incident(0, None),),
        payments=(paying(3, 32067), paying(4, 32067), paying(11, 32067)),
    )
    evidence = examine(happened)
    assert {day.cause for day in evidence.days} == {"system"}
    assert [reason.code for reason in evidence.days[-1].reasons] == ["debit_failed_system", "own_repayment_hangs", "incident"]
    assert (evidence.penalty, evidence.system_caused, evidence.borrower_caused) == (192, 192, 0)
    assert evidence.incident_confirmed


@pytest.mark.parametrize(
    ("happened", "confirmed"),
    [
        ({"mandates": M, "attempts": (ours(),)}, False),
        ({"mandates": M, "attempts": (ours(),), "incidents": (incident(0, 0),)}, True),
        ({"mandates": M, "attempts": (ours(),), "incidents": (incident(0, 0, confirmed=False),)}, False),
        ({"mandates": M, "attempts": (ours(),), "incidents": (incident(3, None),)}, False),
        ({"payments": (paying(-1),)}, False),
        ({"payments": (paying(-1),), "incidents": (incident(-1, -1, "own_repayment"),)}, True),
        ({"payments": (paying(-1),), "incidents": (incident(-1, -1, "auto_debit"),)}, False),
        ({}, False),
    ],
)
def test_an_incident_stands_behind_the_evidence_only_when_it_backs_every_day_of_the_system(
    happened: dict[str, Any], confirmed: bool
) -> None:
    assert examine(facts(**happened)).incident_confirmed is confirmed
