"""The demo people's disputes, to the 分 (product §3, §6): what is found, held, granted or proposed."""

from __future__ import annotations

from datetime import date

import pytest

from bot.cases.errors import CaseNotFound, KeyReused, NoDoubleDebit, NothingOverdue, StoryMissing
from bot.cases.policy import default_policies
from bot.cases.service import CaseService
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.errors import ContractNotFound, InstalmentNotFound
from tests.cases.conftest import AGENT, CONTRACTS, SUPERVISOR, Desk


def test_c1001_gets_192_waived_at_once_with_a_receipt(desk: Desk) -> None:
    outcome = desk.dispute("C1001")
    evidence, remedy = outcome.evidence, outcome.remedy
    assert [day.cause for day in evidence.days] == ["system"] * 12
    assert (evidence.penalty, evidence.system_caused, evidence.borrower_caused) == (192, 192, 0)
    assert outcome.kind == "system"
    assert remedy is not None
    assert (remedy.status, remedy.amount, remedy.waived, remedy.refunded) == ("granted", 192, 192, 0)
    receipt = desk.loans.receipt(remedy.receipt_no or "")
    assert (receipt.kind, receipt.amount, receipt.customer_id) == ("waiver", 192, "C1001")
    assert desk.instalment("C1001").penalty_due == 0
    desk.loans.unit.ledger.check()


def test_c1004_gets_the_timeline_and_no_remedy(desk: Desk) -> None:
    outcome = desk.dispute("C1004")
    assert [day.cause for day in outcome.evidence.days] == ["borrower"] * 10
    assert (outcome.evidence.system_caused, outcome.evidence.borrower_caused) == (0, 497)  # 99385 × 0.0005 × 10 = 496.925
    assert (outcome.kind, outcome.remedy, outcome.case.status) == ("borrower", None, "acknowledged")
    assert desk.instalment("C1004").penalty_due == 497


def test_c1007_has_the_first_day_proposed_and_owes_the_other_six(desk: Desk) -> None:
    outcome = desk.dispute("C1007")
    assert [day.cause for day in outcome.evidence.days] == ["system"] + ["borrower"] * 6
    assert (outcome.evidence.penalty, outcome.evidence.system_caused, outcome.evidence.borrower_caused) == (35, 5, 30)
    assert outcome.kind == "mixed"
    assert outcome.remedy is not None
    assert (outcome.remedy.status, outcome.remedy.amount, outcome.remedy.receipt_no) == ("proposed", 5, None)
    assert outcome.remedy.drafted
    assert outcome.case.status == "proposed"
    assert desk.instalment("C1007").penalty_due == 35


def test_c1008_has_nothing_overdue(desk: Desk) -> None:
    contract_no, instalment = CONTRACTS["C1008"]
    assert desk.cases.evidence("C1008", contract_no, instalment).days == ()
    with pytest.raises(NothingOverdue):
        desk.dispute("C1008")
    assert desk.cases.cases_of("C1008") == []


def test_c1008_gets_the_double_debit_of_500_proposed_because_it_is_above_50(desk: Desk) -> None:
    outcome = desk.wrong_charge()
    assert outcome.remedy is not None
    assert (outcome.remedy.kind, outcome.remedy.status, outcome.remedy.amount) == ("double_debit", "proposed", 50000)
    assert (outcome.case.kind, outcome.case.status, outcome.case.disputed_amount) == ("dispute", "proposed", 50000)
    again = desk.wrong_charge()
    assert (again.repeated, again.case.case_no, again.remedy) == (True, outcome.case.case_no, outcome.remedy)


def test_a_refunded_double_debit_is_not_refunded_again(desk: Desk) -> None:
    outcome = desk.wrong_charge()
    assert outcome.remedy is not None
    desk.remedies.propose(outcome.case.case_no, AGENT, reason="两笔都已到账")
    approved = desk.remedies.approve(outcome.remedy.remedy_no, SUPERVISOR)
    assert (approved.status, approved.refunded) == ("approved", 50000)
    assert sum(refund.amount for refund in desk.loans.refunds("C1008")) == 50000
    assert desk.wrong_charge().remedy == approved
    desk.handling.close(outcome.case.case_no, AGENT)
    with pytest.raises(NoDoubleDebit):
        desk.wrong_charge()


def test_who_was_not_debited_twice_has_no_wrong_charge(desk: Desk) -> None:
    with pytest.raises(NoDoubleDebit):
        desk.wrong_charge("C1002")


@pytest.mark.parametrize("same_key", [True, False])
def test_the_same_dispute_again_is_the_same_case_and_the_same_receipt(desk: Desk, same_key: bool) -> None:
    first = desk.dispute("C1001", key="turn-1")
    second = desk.dispute("C1001", key="turn-1" if same_key else "turn-2")
    assert second.repeated
    assert (second.case.case_no, second.remedy) == (first.case.case_no, first.remedy)
    assert desk.instalment("C1001").waived_penalty == 192
    assert len(desk.cases.cases_of("C1001")) == 1
    told = [event.type for event in desk.cases.thread("C1001", first.case.case_no)]
    assert told.count("merged") == (0 if same_key else 1)


def test_a_key_belongs_to_one_command(desk: Desk) -> None:
    desk.dispute("C1001", key="turn-1")
    with pytest.raises(KeyReused):
        desk.dispute("C1001", key="turn-1", story="别的事情")


def test_penalty_stands_still_while_the_dispute_is_open_and_goes_on_after_it(desk: Desk) -> None:
    case_no = desk.dispute("C1004").case.case_no
    desk.clock.advance(days=5)
    assert desk.instalment("C1004").accrual_held
    assert desk.instalment("C1004").penalty == 497
    evidence = desk.cases.evidence("C1004", *CONTRACTS["C1004"])
    assert len(evidence.days) == 15
    assert [day.charged for day in evidence.days] == [True] * 10 + [False] * 5
    assert (evidence.system_caused, evidence.borrower_caused) == (0, 497)
    desk.cases.withdraw(customer_id="C1004", case_no=case_no, key=desk.key())
    desk.clock.advance(days=2)
    assert not desk.instalment("C1004").accrual_held
    assert desk.instalment("C1004").penalty == 596  # 99385 × 0.0005 × 12 = 596.31


def test_paid_penalty_is_refunded_instead_of_waived(desk: Desk) -> None:
    hanging = [payment for payment in desk.loans.payments("C1001") if payment.status == "processing"]
    desk.payments.settle(hanging[0].payment_no)  # 21 August: 176 penalty for 11 days, the rest principal
    assert desk.instalment("C1001").paid_penalty == 176
    outcome = desk.dispute("C1001")
    assert outcome.remedy is not None
    assert (outcome.remedy.status, outcome.remedy.amount, outcome.remedy.waived, outcome.remedy.refunded) == (
        "granted",
        176,
        0,
        176,
    )
    assert desk.loans.receipt(outcome.remedy.receipt_no or "").kind == "refund"
    desk.loans.unit.ledger.check()


def test_what_was_forgiven_before_is_not_forgiven_again(desk: Desk) -> None:
    contract_no, instalment = CONTRACTS["C1001"]
    desk.loans.waive_penalty(contract_no, instalment, 92, reason="goodwill", key="desk-1")
    outcome = desk.dispute("C1001")
    assert outcome.remedy is not None
    assert (outcome.remedy.amount, desk.instalment("C1001").penalty_due) == (100, 0)


def test_after_the_case_is_closed_the_same_dispute_shows_it_again_and_gives_nothing(desk: Desk) -> None:
    first = desk.dispute("C1001")
    desk.handling.close(first.case.case_no, AGENT)
    again = desk.dispute("C1001")
    assert (again.repeated, again.case.case_no, again.remedy) == (True, first.case.case_no, first.remedy)
    assert again.case.status == "closed"
    assert desk.instalment("C1001").waived_penalty == 192


def test_what_accrues_after_a_closed_case_is_a_new_dispute_about_the_difference(desk: Desk) -> None:
    first = desk.dispute("C1001").case.case_no
    desk.handling.close(first, AGENT)
    desk.clock.advance(days=1)
    second = desk.dispute("C1001")
    assert second.case.case_no != first
    assert second.remedy is not None
    assert (second.remedy.status, second.remedy.amount) == ("granted", 16)  # 32067 × 0.0005 × 13 = 208.4355, less 192


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"grant_at_once_limit": 192, "grant_at_once_daily_limit": 192}, "granted"),
        ({"grant_at_once_limit": 191, "grant_at_once_daily_limit": 20000}, "proposed"),
        ({"grant_at_once_limit": 5000, "grant_at_once_daily_limit": 191}, "proposed"),
    ],
)
def test_the_limits_of_granting_at_once_are_configured(desk: Desk, limits: dict[str, int], status: str) -> None:
    (version,) = default_policies().versions
    strict = version.model_copy(update={"remedies": version.remedies.model_copy(update=limits)})
    desk.cases = CaseService(desk.session, desk.clock, desk.loans, default_policies().model_copy(update={"versions": (strict,)}))
    outcome = desk.dispute("C1001")
    assert outcome.remedy is not None
    assert outcome.remedy.status == status


def test_a_borrower_caused_case_is_looked_at_anew_when_it_is_told_again(desk: Desk) -> None:
    assert desk.dispute("C1004").remedy is None
    row = desk.loans.unit.repository.debit_attempts("C1004", *CONTRACTS["C1004"])[0]
    desk.session.delete(row)  # the bank corrects its records: two of the three tries never reached the card
    for other in desk.loans.unit.repository.debit_attempts("C1004", *CONTRACTS["C1004"]):
        other.side, other.result_code = "system", "SYS_TIMEOUT"
    desk.session.flush()
    again = desk.dispute("C1004")
    assert again.repeated
    assert again.remedy is not None
    assert again.remedy.status == "proposed"


def test_somebody_elses_contract_cannot_be_disputed_nor_found(desk: Desk) -> None:
    contract_no, instalment = CONTRACTS["C1001"]
    with pytest.raises(ContractNotFound):
        desk.cases.evidence("C1004", contract_no, instalment)
    with pytest.raises(InstalmentNotFound):
        desk.cases.evidence("C1001", contract_no, 99)
    case_no = desk.dispute("C1001").case.case_no
    for see in (desk.cases.case, desk.cases.thread, desk.cases.remedies):
        with pytest.raises(CaseNotFound):
            see("C1004", case_no)


def test_a_dispute_needs_a_story(desk: Desk) -> None:
    with pytest.raises(StoryMissing):
        desk.dispute("C1001", story="  ")


def test_cards_have_the_shape_of_the_contract(desk: Desk) -> None:
    outcome = desk.dispute("C1001")
    assert outcome.remedy is not None
    assert outcome.case.card() == {
        "type": "case",
        "case_no": outcome.case.case_no,
        "kind": "dispute",
        "status": "remedied",
        "received_on": "2026-08-22",
        "decide_by": "2026-09-06",
        "next_update_by": None,
        "disputed_amount": 192,
    }
    assert outcome.remedy.card() == {
        "type": "remedy",
        "case_no": outcome.case.case_no,
        "status": "granted",
        "amount": 192,
        "receipt_no": outcome.remedy.receipt_no,
    }
    card = outcome.evidence.card(Texts.load(ROOT / "data" / "answers"))
    assert {key: card[key] for key in ("type", "contract_no", "instalment", "penalty", "system_caused", "borrower_caused")} == {
        "type": "evidence",
        "contract_no": "FQ-20251010-1001",
        "instalment": 10,
        "penalty": 192,
        "system_caused": 192,
        "borrower_caused": 0,
    }
    assert card["days"][0] == {
        "date": "2026-08-11",
        "cause": "system",
        "reasons": [
            "到期日8月10日的自动扣款因我们这边的原因没有成功（系统超时），之后也没有补扣成功",
            "当天自动扣款正在发生已确认的系统故障",
        ],
    }
    assert [entry["kind"] for entry in card["timeline"]] == [
        "due", "mandate", "notice", "incident",
        "debit_attempt", "debit_attempt", "debit_attempt", "payment", "app_error", "payment", "app_error", "payment",
    ]  # fmt: skip
    assert card["timeline"][4] == {
        "at": "2026-08-10T09:00:00+08:00",
        "kind": "debit_attempt",
        "text": "8月10日09:00自动扣款失败，我们这边的原因：系统超时",
    }
    assert card["timeline"][8]["text"] == "8月13日20:15您在App里还款时页面提示出错：系统超时（只作记录，不单独决定是谁的原因）"


def test_the_case_keeps_what_was_known_when_it_was_opened(desk: Desk) -> None:
    outcome = desk.dispute("C1007")
    received = desk.cases.thread("C1007", outcome.case.case_no)[0]
    assert received.day == date(2026, 8, 22)
    assert received.data["evidence"]["system_caused"] == 5
    assert [day["cause"] for day in received.data["evidence"]["days"]] == ["system"] + ["borrower"] * 6
