"""The agent's sheet: every record of the demo people's instalments with its number, beside the rules that used it."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given, settings
from pydantic import TypeAdapter

from bot.cases.evidence import examine
from bot.cases.evidence.facts import Facts
from bot.cases.evidence.loader import load_facts
from bot.cases.evidence.rules import RULE_OF
from bot.cases.evidence.sheet import EvidenceRecord, EvidenceSheet, evidence_sheet, paragraph
from bot.cases.policy import EvidenceNumbers, default_policies
from bot.cases.service import CaseService
from tests.cases.conftest import CONTRACTS, Desk
from tests.cases.test_evidence_properties import histories


def sheet_of(desk: Desk, customer_id: str) -> EvidenceSheet:
    return desk.cases.evidence_sheet(customer_id, *CONTRACTS[customer_id])


def used_by(sheet: EvidenceSheet, kind: str) -> dict[str, tuple[str, ...]]:
    return {record.record_no: tuple(record.used_by) for record in sheet.records if record.kind == kind}


def test_of_c1001_every_debit_the_incident_and_the_payments_were_used(desk: Desk) -> None:
    desk.dispute("C1001")
    sheet = sheet_of(desk, "C1001")
    assert used_by(sheet, "debit_attempt") == {f"D-{number}": ("3a_debit_of_due_date",) for number in (1, 2, 3)}
    assert set(used_by(sheet, "incident").values()) == {("3a_debit_of_due_date", "3c_incident_covers_channel")}
    assert set(used_by(sheet, "payment").values()) == {("3b_own_repayment_in_trouble",)}
    assert len(used_by(sheet, "payment")) == 3
    assert (sheet.penalty, sheet.waived_penalty, sheet.to_waive, sheet.to_refund) == (192, 192, 0, 0)
    (incident,) = [record.values for record in sheet.records if record.kind == "incident"]
    assert incident["confirmed"]
    assert incident["confirmed_by"]
    assert used_by(sheet, "hold") == {"H-1": ()}


def test_of_c1007_both_failures_stand_beside_their_rules_and_the_notice_beside_none(desk: Desk) -> None:
    sheet = sheet_of(desk, "C1007")
    assert used_by(sheet, "debit_attempt") == {"D-1": ("3a_debit_of_due_date",), "D-2": ("3a_ends_by_borrower_failure",)}
    assert used_by(sheet, "notice") == {"N-1": ()}
    assert [(rule.rule, len(rule.days)) for rule in sheet.rules] == [
        ("3a_debit_of_due_date", 1),
        ("3a_ends_by_borrower_failure", 6),
        ("3c_incident_covers_channel", 1),
    ]
    assert (sheet.to_waive, sheet.to_refund) == (5, 0)


def test_an_incident_of_a_bank_that_the_borrower_has_nothing_to_do_with_is_not_theirs(desk: Desk) -> None:
    """C1001's incident still lasts; on C1007's retry it would excuse the card without funds."""
    loaded = {name: load_facts(desk.loans, name, *CONTRACTS[name], date(2026, 8, 22)).incidents for name in ("C1001", "C1007")}
    assert [item.ends_at for item in loaded["C1001"]] == [None]
    assert len(loaded["C1007"]) == 1
    assert loaded["C1007"][0].ends_at is not None
    assert loaded["C1001"][0].bank_name != loaded["C1007"][0].bank_name


def test_the_numbers_of_an_open_case_stay_those_of_the_day_it_was_received(desk: Desk) -> None:
    (version,) = default_policies().versions
    later = version.model_copy(update={"valid_from": date(2026, 8, 23), "evidence": EvidenceNumbers(notice_grace_days=1)})
    desk.dispute("C1007")
    desk.clock.advance(days=2)
    policies = default_policies().model_copy(update={"versions": (version, later)})
    desk.cases = CaseService(desk.session, desk.clock, desk.loans, policies)
    opened, fresh = sheet_of(desk, "C1007"), sheet_of(desk, "C1004")
    assert (opened.notice_grace_days, opened.policy_valid_from) == (3, date(2020, 1, 1))
    assert (fresh.notice_grace_days, fresh.policy_valid_from) == (1, date(2026, 8, 23))


@pytest.mark.parametrize(
    ("rule", "named"),
    [("3a_ends_by_notice", "§3(a)"), ("3b_own_repayment_in_trouble", "§3(b)"), ("3_borrower_otherwise", "§3")],
)
def test_a_rule_is_named_after_its_paragraph(rule: str, named: str) -> None:
    assert rule in RULE_OF.values()
    assert paragraph(rule) == named  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_sheet_can_be_sent_and_accounts_for_every_day(history: Facts) -> None:
    sheet = evidence_sheet(examine(history))
    sent = json.loads(TypeAdapter(EvidenceSheet).dump_json(sheet))
    assert len(sent["days"]) == len(history.days)
    explained = {day for rule in sheet.rules for day in rule.days}
    assert explained == {item.date for item in history.days}
    assert sheet.system_caused + sheet.borrower_caused == sheet.penalty


def test_a_record_shows_its_fields_as_they_are_stored(desk: Desk) -> None:
    record: EvidenceRecord = next(item for item in sheet_of(desk, "C1004").records if item.kind == "debit_attempt")
    assert (record.values["code"], record.values["side"], record.values["amount"]) == ("INSUFFICIENT_FUNDS", "borrower", 104242)
