"""The cause rules of product §3 as a table: what happened, whose days follow, and why."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from bot.cases.evidence import EvidencePolicy, examine
from bot.cases.evidence.facts import AttemptFact, PaymentFact
from tests.cases.builders import (
    OWED,
    at,
    facts,
    failed,
    incident,
    mandate,
    notice,
    ours,
    paying,
    settled,
    theirs,
)

M = (mandate(),)


class Case(NamedTuple):
    """``expected``: one letter for each overdue day, S system, B borrower."""

    paragraph: str
    expected: str
    why: str
    happened: dict[str, Any]
    grace: int = 3


CASES = (
    # (a) what starts the rule
    Case("a", "SSSSS", "the debit of the due date failed on our side and nothing was put right",
         {"mandates": M, "attempts": (ours(),)}),
    Case("a", "SSSSS", "a mandate was active and no debit was made on the due date", {"mandates": M}),
    Case("a", "SSSSS", "all three tries of the due date failed on our side",
         {"mandates": M, "attempts": (ours(0, 9), ours(0, 12), ours(0, 18))}),
    Case("a", "SSSSS", "retries on later days that fail on our side change nothing",
         {"mandates": M, "attempts": (ours(), ours(1), ours(2, 9, "CHANNEL_DOWN"))}),
    Case("a", "SSSSS", "no funds in the morning, but the last try of the due date failed on our side",
         {"mandates": M, "attempts": (theirs(0, 9), ours(0, 18))}),
    Case("a", "SSSSS", "a mandate signed the day before the due date had to be executed", {"mandates": (mandate(-1),)}),
    Case("a", "SSSSS", "revoking the mandate after the due date does not undo our failure",
         {"mandates": (mandate(-100, 2),), "attempts": (ours(),)}),
    Case("a", "SSSSS", "one of two mandates was active on the due date", {"mandates": (mandate(-300, -50), mandate(-49))}),
    Case("a", "SSSSS", "the mandate was revoked only after the debit had failed on our side that morning",
         {"mandates": (mandate(-100, 0, 15),), "attempts": (ours(0, 9),)}),
    # (a) what does not start it
    Case("a", "BBBBB", "the card had no funds on the due date", {"mandates": M, "attempts": (theirs(),)}),
    Case("a", "BBBBB", "three tries on the due date, no funds each time",
         {"mandates": M, "attempts": (theirs(0, 9), theirs(0, 12), theirs(0, 18))}),
    Case("a", "BBBBB", "the card was closed", {"mandates": M, "attempts": (theirs(0, 9, "CARD_CLOSED"),)}),
    Case("a", "BBBBB", "there was no mandate, so no debit was owed", {}),
    Case("a", "BBBBB", "the mandate had been revoked before the due date", {"mandates": (mandate(-100, -3),)}),
    Case("a", "BBBBB", "the mandate was signed only after the due date", {"mandates": (mandate(1),)}),
    Case("a", "BBBBB", "a mandate signed on the due date itself did not have to be executed that day",
         {"mandates": (mandate(0),)}),
    Case("a", "BBBBB", "a mandate revoked on the due date did not have to be executed that day",
         {"mandates": (mandate(-100, 0),)}),
    Case("a", "BBBBB", "our failure on a later day is not one of the due date, which failed for lack of funds",
         {"mandates": M, "attempts": (theirs(0), ours(1))}),
    Case("a", "BBBBB", "our failure in the morning, but no funds when it was tried again the same evening",
         {"mandates": M, "attempts": (ours(0, 9), theirs(0, 18))}),
    # (a) ended by a later debit that failed for a borrower-side reason
    Case("a", "SBBBB", "the retry of the 2nd day found no funds: from that day on borrower",
         {"mandates": M, "attempts": (ours(), theirs(2))}),
    Case("a", "BBBBB", "the retry of the 1st day found no funds", {"mandates": M, "attempts": (ours(), theirs(1))}),
    Case("a", "SSSSB", "no debit on the due date, no funds when it was made up for on the 5th day",
         {"mandates": M, "attempts": (theirs(5),)}),
    Case("a", "SBBBB", "the first borrower-side failure counts, not the last",
         {"mandates": M, "attempts": (ours(), theirs(2), theirs(4))}),
    Case("a", "SBBBB", "once it is the borrower's, our failure on a later day does not bring the rule back",
         {"mandates": M, "attempts": (ours(), theirs(2), ours(3))}),
    Case("a", "SSSBB", "a failure inside a confirmed incident proves nothing; the one after it does",
         {"mandates": M, "attempts": (ours(), theirs(2), theirs(4)), "incidents": (incident(0, 2),)}),
    Case("a", "SSSSS", "the only borrower-side failure fell on a day with an incident of all channels",
         {"mandates": M, "attempts": (ours(), theirs(2)), "incidents": (incident(2, 2, "all"),)}),
    Case("a", "SBBBB", "an incident that was only suspected does not excuse the day",
         {"mandates": M, "attempts": (ours(), theirs(2)), "incidents": (incident(2, 2, confirmed=False),)}),
    Case("a", "SSBBB", "an incident of the own repayment does not touch a debit; only its own day counts, by (c)",
         {"mandates": M, "attempts": (ours(), theirs(2)), "incidents": (incident(2, 2, "own_repayment"),)}),
    Case("a", "SBBBB", "the story of C1007: incident on days 0 and 1, no funds on day 2, notice that day",
         {"mandates": M, "attempts": (ours(), theirs(2)), "incidents": (incident(0, 1),), "notices": (notice(2),)}),
    # (a) ended by a delivered notice
    Case("a", "SSSSB", "told on the 1st day, 3 days of grace after it, the 5th is the borrower's",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(1),)}),
    Case("a", "SSSBB", "told on the due date right after the failure",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(0),)}),
    Case("a", "SSSSS", "the notice was sent but not delivered",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(0, delivery="failed"),)}),
    Case("a", "SSSSS", "the notice has no delivery report yet",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(0, delivery="pending"),)}),
    Case("a", "SSSSS", "the reminder before the due date does not say that the debit failed",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(-3, "due_reminder"),)}),
    Case("a", "SSSSS", "a due reminder that arrives late is still no notice of a failure",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(0, "due_reminder"),)}),
    Case("a", "SSSBB", "of two delivered notices the first one starts the grace",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(0), notice(3, "overdue"))}),
    Case("a", "SBBBB", "the grace is configurable: one day", {"mandates": M, "attempts": (ours(),), "notices": (notice(0),)}, 1),
    Case("a", "BBBBB", "the grace is configurable: none", {"mandates": M, "attempts": (ours(),), "notices": (notice(0),)}, 0),
    Case("a", "SSSSS", "told on the due date, but no manual channel worked on days 1 and 2: the grace waits",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(0),), "incidents": (incident(1, 2, "own_repayment"),)}),
    Case("a", "SSSBB", "an incident of the auto-debit leaves the manual channel working",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(0),), "incidents": (incident(0, 0),)}),
    Case("a", "SSSSS", "told, but the own repayment of the 2nd day hangs: paying again was forbidden, so the grace waits",
         {"mandates": M, "attempts": (ours(),), "notices": (notice(0),), "payments": (paying(2, OWED // 2),)}),
    Case("a", "BBBBB", "a notice starts no grace where (a) never began",
         {"mandates": M, "attempts": (theirs(),), "notices": (notice(1),)}),
    Case("a", "SBBBB", "whichever comes first ends it: the debit of day 2, before the grace of the notice",
         {"mandates": M, "attempts": (ours(), theirs(2)), "notices": (notice(1),)}),
    # (b) own repayments
    Case("b", "BBSSS", "the own repayment of the 3rd day hangs until today", {"payments": (paying(3),)}),
    Case("b", "SSSSS", "an own repayment made before the due date hangs across it", {"payments": (paying(-1),)}),
    Case("b", "BBBBB", "a repayment that would not have covered it", {"payments": (paying(1, OWED - 1),)}),
    Case("b", "BSSSS", "two that hang together would have covered it from the 2nd on",
         {"payments": (paying(1, OWED // 2), paying(2, OWED // 2))}),
    Case("b", "BSSSS", "after a part was settled on day 1, the rest that hangs would have covered it",
         {"payments": (settled(1, 1, 4000), paying(2, 6000))}),
    Case("b", "BSSBB", "failed on our side on day 2, told on day 3: the day of being told still counts",
         {"payments": (failed(2, told=3),)}),
    Case("b", "BSBBB", "failed on our side and told at once: that day only", {"payments": (failed(2, told=2),)}),
    Case("b", "BSSSS", "failed on our side, and nobody ever told the borrower", {"payments": (failed(2),)}),
    Case("b", "BBBBB", "failed at once for lack of funds", {"payments": (failed(2, side="borrower", told=2),)}),
    Case("b", "BSSSB", "hung for two days and then failed for lack of funds: while it hung the borrower could not pay again",
         {"payments": (failed(2, side="borrower", resolved=4, told=4),)}),
    Case("b", "SSSSB", "failed on day 3, told on day 4", {"payments": (failed(1, resolved=3, told=4),)}),
    Case("b", "SSS", "hung from day 1 and was settled on day 3, which ended the overdue days",
         {"overdue": 3, "payments": (settled(1, 3),)}),
    Case("b", "BBB", "settled on the day it was made: it never hung", {"overdue": 3, "payments": (settled(3, 3),)}),
    Case("b", "BBBBB", "not even submitted", {"payments": (paying(1, status="created"),)}),
    Case("b", "BSSSS", "returned by the bank after two days, and the borrower was not told",
         {"payments": (paying(2, status="returned", resolved_at=at(4)),)}),
    Case("b", "BSSSS", "a scheduled repayment is the borrower's own", {"payments": (paying(2, kind="scheduled"),)}),
    Case("b", "SSSSS", "the auto-debit took the money on the due date and it hangs: it is with us",
         {"mandates": M, "attempts": (AttemptFact(at(0), "SUCCESS", "none"),), "payments": (paying(0, kind="auto_debit"),)}),
    Case("b", "BBBBB", "a failed auto-debit is not an own repayment",
         {"mandates": M, "attempts": (theirs(0), ours(1)), "payments": (failed(1, kind="auto_debit"),)}),
    Case("b", "SBBSS", "(a) ended on day 2, then the own repayment of day 4 hangs",
         {"mandates": M, "attempts": (ours(), theirs(2)), "payments": (paying(4),)}),
    Case("b", "SSSSS", "the hanging own repayment outweighs no funds at the auto-debit",
         {"mandates": M, "attempts": (theirs(0), theirs(2)), "payments": (paying(1),)}),
    # (c) incidents
    Case("c", "BSSBB", "the app could not take repayments on days 2 and 3", {"incidents": (incident(2, 3, "own_repayment"),)}),
    Case("c", "BBBBB", "the auto-debit is not the channel of someone without a mandate", {"incidents": (incident(1, 3),)}),
    Case("c", "BSSBB", "no funds on the due date, but the auto-debit itself was broken on days 2 and 3",
         {"mandates": M, "attempts": (theirs(),), "incidents": (incident(2, 3),)}),
    Case("c", "BSSSS", "an incident that still lasts covers every day since", {"incidents": (incident(2, None, "all"),)}),
    Case("c", "BBBBB", "an incident that was only suspected covers nothing",
         {"incidents": (incident(1, 5, "all", confirmed=False),)}),
    Case("c", "BBBBB", "an incident on the due date alone covers no overdue day",
         {"incidents": (incident(0, 0, "own_repayment"),)}),
    Case("c", "BSBBB", "the mandate was revoked on day 2: from day 3 the auto-debit is no channel of theirs",
         {"mandates": (mandate(-100, 2),), "attempts": (theirs(),), "incidents": (incident(2, 4),)}),
    # otherwise
    Case("otherwise", "BBBBB", "a missing reminder never decides alone", {"mandates": M, "attempts": (theirs(),), "notices": ()}),
    Case("otherwise", "BBBBB", "an undelivered reminder never decides alone",
         {"mandates": M, "attempts": (theirs(),), "notices": (notice(-3, "due_reminder", "failed"),)}),
    Case("otherwise", "", "nothing is overdue", {"overdue": 0, "mandates": M}),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[f"{case.paragraph}: {case.why}" for case in CASES])
def test_each_overdue_day_has_the_cause_that_the_paragraph_gives_it(case: Case) -> None:
    evidence = examine(facts(**case.happened), EvidencePolicy(case.grace))
    assert "".join("S" if day.cause == "system" else "B" for day in evidence.days) == case.expected


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
    ("happened", "codes"),
    [
        ({"mandates": M, "attempts": (theirs(),)}, ["debit_failed_borrower"]),
        ({"mandates": M, "attempts": (theirs(),), "notices": (notice(0),)}, ["debit_failed_borrower", "notice_grace_passed"]),
        ({}, ["no_mandate"]),
        ({"mandates": (mandate(0),)}, ["no_system_cause"]),
    ],
)
def test_a_day_of_the_borrower_says_what_the_records_show(happened: dict[str, Any], codes: list[str]) -> None:
    assert [reason.code for reason in examine(facts(**happened)).days[-1].reasons] == codes


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


def test_a_payment_is_judged_by_its_business_date_in_shanghai() -> None:
    late = PaymentFact(at(2, 23, 59), OWED, "settled", resolved_at=at(2, 23, 59), credited=OWED)
    assert [day.cause for day in examine(facts(2, payments=(late,))).days] == ["borrower", "borrower"]
    past_midnight = PaymentFact(at(1, 23, 59), OWED, "settled", resolved_at=at(2, 0, 1), credited=OWED)
    assert [day.cause for day in examine(facts(2, payments=(past_midnight,))).days] == ["system", "system"]
