"""The demo people of product §6, to the 分. The fixed business date is 22 August 2026."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.loans.demo import seed_if_empty
from bot.loans.port import AllocationLine, LoanBackend, QuoteLine, may_retry_on
from bot.loans.service import SqlLoanBackend
from bot.loans.unit import Unit

TODAY = date(2026, 8, 22)


@pytest.fixture
def loans(seeded: Database, clock: FixedClock) -> Iterator[LoanBackend]:
    with seeded.transaction() as session:
        yield SqlLoanBackend(session, clock)


def test_guo_hai_owes_a_penalty_of_192_after_a_debit_that_broke_on_our_side(loans: LoanBackend) -> None:
    (contract,) = loans.contracts("C1001")
    assert contract.contract_no == "FQ-20251010-1001"
    assert (contract.principal, contract.periods, contract.paid_periods, contract.status) == (384800, 12, 9, "overdue")
    tenth = contract.instalments[9]
    assert (tenth.due_on, tenth.overdue_days, tenth.principal) == (date(2026, 8, 10), 12, 32067)
    assert tenth.penalty_due == 192  # 32067 × 0.0005 × 12 = 192.402
    assert tenth.amount_due == 32259
    attempts = loans.debit_attempts("C1001", contract.contract_no, 10)
    assert [(a.attempted_at.hour, a.result_code, a.side) for a in attempts] == [
        (9, "SYS_TIMEOUT", "system"),
        (12, "SYS_TIMEOUT", "system"),
        (18, "SYS_TIMEOUT", "system"),
    ]
    assert {a.attempted_at.date() for a in attempts} == {date(2026, 8, 10)}
    (incident,) = loans.incidents(date(2026, 8, 10), TODAY, "auto_debit", customer_id="C1001")
    assert (incident.status, incident.starts_at.date(), incident.ends_at) == ("confirmed", date(2026, 8, 10), None)
    assert loans.notices("C1001") == ()
    mandate = loans.mandate("C1001")
    assert mandate is not None
    assert mandate.status == "active"


def test_three_repayments_of_guo_hai_hang_and_he_is_told_not_to_pay_again(loans: LoanBackend) -> None:
    hanging = [payment for payment in loans.payments("C1001") if payment.status == "processing"]
    assert [(p.created_at.date(), p.amount, p.kind) for p in hanging] == [
        (date(2026, 8, 21), 32067, "own"),
        (date(2026, 8, 14), 32067, "own"),
        (date(2026, 8, 13), 32067, "own"),
    ]
    assert [p.advice for p in hanging] == ["stuck_do_not_pay_again"] * 3
    assert {(t.contract_no, t.instalment) for p in hanging for t in p.targets} == {("FQ-20251010-1001", 10)}


def test_the_penalty_of_guo_hai_is_explained_day_by_day(loans: LoanBackend) -> None:
    days = loans.penalty_days("C1001", "FQ-20251010-1001", 10)
    # 16.0335 a day, rounded once on the total of each day
    assert [day.accrued for day in days] == [16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192]
    assert (days[0].day, days[-1].day) == (date(2026, 8, 11), TODAY)


def test_the_payoff_quote_of_li_ting(loans: LoanBackend) -> None:
    # YD: 1200000 / 12 at 14.4 %, drawn 28 March, 4 paid: 818925 principal left (see test_schedule); the fifth period, 28 July to
    #     28 August, has 31 days and 9827 interest; 25 days have passed: 9827 × 25 / 31 = 7925
    # KD: 1000000 drawn 40 days ago (13 July): 1000000 × 0.0004 × 40 = 16000
    # FQ: 240000 / 6, 2 paid: 160000 left; fee 240000 × 0.006 = 1440 for the third period, the others have not begun
    quote = loans.payoff_quote("C1002")
    assert quote.contracts == (
        QuoteLine("YD-20260328-1002", "YD", "随星借优贷", 818925, 7925, 0, 0, 826850),
        QuoteLine("KD-20260713-1002", "KD", "随星借快贷", 1000000, 16000, 0, 0, 1016000),
        QuoteLine("FQ-20260528-1002", "FQ", "小米分期", 160000, 0, 1440, 0, 161440),
    )
    assert quote.total == 2004290  # 826850 + 1016000 + 161440
    assert quote.valid_until == datetime(2026, 8, 22, 23, 59, 59, tzinfo=SHANGHAI)


def test_a_quote_for_one_contract_and_another_day(loans: LoanBackend) -> None:
    # in 3 days: 43 days × 400 = 17200
    quote = loans.payoff_quote("C1002", TODAY + timedelta(days=3), ["KD-20260713-1002"])
    assert [(line.interest, line.total) for line in quote.contracts] == [(17200, 1017200)]
    assert quote.valid_until.date() == date(2026, 8, 25)


def test_the_repayment_preview_of_li_ting_for_5000_yuan(loans: LoanBackend) -> None:
    # cash loans before FQ, oldest due date first: YD #5 (28 August), then #6, #7, #8, #9 (28 December); KD matures on 9 January
    # interest of #5 to date 7925; later periods have no interest yet
    # principal #5 98144, #6 107971 − 8649 = 99322, #7 107971 − 7458 = 100513, #8 107971 − 6251 = 101720
    # 500000 − 7925 − 98144 − 99322 − 100513 − 101720 = 92376 for #9
    preview = loans.repayment_preview("C1002", 500000)
    number = "YD-20260328-1002"
    assert preview.allocation == (
        AllocationLine(number, 5, "interest", 7925),
        AllocationLine(number, 5, "principal", 98144),
        AllocationLine(number, 6, "principal", 99322),
        AllocationLine(number, 7, "principal", 100513),
        AllocationLine(number, 8, "principal", 101720),
        AllocationLine(number, 9, "principal", 92376),
    )
    assert preview.left_over == 0


def test_paying_the_quote_of_li_ting_uses_every_fen_and_more_is_left_over(loans: LoanBackend) -> None:
    preview = loans.repayment_preview("C1002", 2004290)
    assert (sum(line.amount for line in preview.allocation), preview.left_over) == (2004290, 0)
    assert [line.contract_no[:2] for line in preview.allocation] == ["YD"] * 6 + ["KD"] * 2 + ["YD"] * 3 + ["FQ"] * 5
    assert loans.repayment_preview("C1002", 2004300).left_over == 10


def test_li_ting_owes_nothing_now_and_two_instalments_in_six_days(loans: LoanBackend) -> None:
    outstanding = loans.outstanding("C1002")
    assert (outstanding.due_now, outstanding.overdue_amount, outstanding.penalty) == (0, 0, 0)
    assert outstanding.next_due_on == date(2026, 8, 28)
    assert outstanding.next_due_amount == 149411  # YD 107971 + FQ 40000 + 1440
    assert outstanding.payoff_total == 2004290
    assert [(bill.product, bill.instalment, bill.amount) for bill in loans.bills("C1002")] == [
        ("YD", 5, 107971),
        ("FQ", 3, 41440),
        ("KD", 1, 1072000),  # at maturity: 1000000 + 180 × 400
    ]


def test_wang_qiang_may_use_his_whole_line_and_retry_on_two_different_dates(loans: LoanBackend) -> None:
    line = loans.credit_line("C1003")
    assert (line.limit, line.used, line.available, line.status) == (2000000, 0, 2000000, "normal")
    later, earlier = loans.applications("C1003")
    assert (earlier.status, earlier.refusal_reason, earlier.retry_on) == ("refused", "overall_assessment", date(2026, 9, 16))
    assert may_retry_on(earlier) == TODAY + timedelta(days=25)
    assert (later.status, later.retry_on) == ("refused", None)
    assert may_retry_on(later) == date(2026, 9, 20)  # refused on 21 August + 30 days


def test_zhao_min_is_overdue_for_reasons_of_her_own(loans: LoanBackend) -> None:
    (contract,) = loans.contracts("C1004")
    third = contract.instalments[2]
    # 600000 / 6 at 14.4 %: 104242 a month, interest of the third 4857, principal 99385 (see test_early_settlement)
    assert (third.overdue_days, third.principal, third.interest) == (10, 99385, 4857)
    assert third.penalty_due == 497  # 99385 × 0.0005 × 10 = 496.925
    attempts = loans.debit_attempts("C1004", contract.contract_no, 3)
    assert [(a.result_code, a.side) for a in attempts] == [("INSUFFICIENT_FUNDS", "borrower")] * 3
    assert loans.incidents(TODAY - timedelta(days=30), TODAY, customer_id="C1004") == ()
    assert {notice.delivery for notice in loans.notices("C1004")} == {"delivered"}
    assert loans.credit_line("C1004").available == 0


def test_chen_lei_may_schedule_from_today_to_the_due_date(loans: LoanBackend) -> None:
    (contract,) = loans.contracts("C1005")
    window = loans.schedule_window("C1005", contract.contract_no)
    assert (window.instalment, window.amount, window.due_on) == (3, 50000, date(2026, 8, 28))
    assert (window.eligible, window.reason) == (True, None)
    assert (window.opens_on, window.first_day, window.last_day) == (date(2026, 8, 18), TODAY, date(2026, 8, 28))


def test_sun_li_must_wait_five_days_until_scheduling_opens(loans: LoanBackend) -> None:
    (contract,) = loans.contracts("C1006")
    window = loans.schedule_window("C1006", contract.contract_no)
    assert window.due_on == TODAY + timedelta(days=15)
    assert window.opens_on == TODAY + timedelta(days=5)
    assert (window.eligible, window.reason) == (False, "too_early")


def test_sun_li_gave_two_authorisations_of_which_one_led_to_an_inquiry(loans: LoanBackend) -> None:
    given, revoked = loans.credit_authorisations("C1006")
    assert given.revoked_at is None
    assert revoked.revoked_at is not None
    (inquiry,) = loans.credit_inquiries("C1006")
    assert inquiry.authorisation_no == given.authorisation_no
    assert inquiry.made_at.date() == TODAY - timedelta(days=20)


def test_zhou_kais_debit_failed_first_on_our_side_then_on_his(loans: LoanBackend) -> None:
    (contract,) = loans.contracts("C1007")
    fifth = contract.instalments[4]
    assert (fifth.overdue_days, fifth.penalty_due) == (7, 35)  # 10000 × 0.0005 × 7
    attempts = loans.debit_attempts("C1007", contract.contract_no, 5)
    assert [(a.attempted_at.date(), a.result_code, a.side) for a in attempts] == [
        (date(2026, 8, 15), "SYS_TIMEOUT", "system"),
        (date(2026, 8, 17), "INSUFFICIENT_FUNDS", "borrower"),
    ]
    (incident,) = loans.incidents(fifth.due_on, TODAY, customer_id="C1007")
    assert [incident.covers(fifth.due_on + timedelta(days=n)) for n in (-1, 0, 1, 2)] == [False, True, True, False]
    (notice,) = loans.notices("C1007")
    assert (notice.sent_at.date(), notice.delivery) == (date(2026, 8, 17), "delivered")


def test_wu_jing_was_debited_twice_for_one_instalment(loans: LoanBackend) -> None:
    (double,) = loans.double_debits("C1008")
    assert (double.instalment, double.amount_each, double.surplus, double.refund_no) == (2, 50000, 50000, None)
    assert [moment.date() for moment in double.taken_at] == [TODAY - timedelta(days=3)] * 2
    advice = {payment.payment_no: payment.advice for payment in loans.payments("C1008")}
    assert [advice[number] for number in double.payment_nos] == ["done", "taken_twice"]
    (contract,) = loans.contracts("C1008")
    assert (contract.status, contract.paid_periods) == ("open", 2)


def test_nobody_else_has_a_double_debit(loans: LoanBackend) -> None:
    assert [loans.double_debits(f"C100{n}") for n in range(1, 8)] == [()] * 7


def test_the_phones_lie_in_the_test_range_and_find_their_owner(loans: LoanBackend) -> None:
    for number in range(1001, 1009):
        customer = loans.customer_by_phone(f"1390000{number}")
        assert customer is not None
        assert customer.customer_id == f"C{number}"
    assert loans.customer_by_phone("13900009999") is None


def test_seeding_twice_changes_nothing(seeded: Database, clock: FixedClock) -> None:
    assert seed_if_empty(seeded, clock) is False


def test_a_file_that_reaches_into_the_future_is_refused(database: Database, clock: FixedClock, tmp_path: Path) -> None:
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "demo").mkdir()
    for name in ("catalogue/products.yml", "demo/customers.yml"):
        text = (ROOT / "data" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("days_ago: 1,", "days_ago: 0,"), encoding="utf-8")
    with pytest.raises(ValueError, match="not in the past"):
        seed_if_empty(database, clock, tmp_path)
    with database.transaction() as session:
        assert not Unit(session, clock).repository.any_customer()


@pytest.mark.parametrize(
    "day",
    [date(2026, 1, 31), date(2026, 3, 1), date(2028, 2, 29), date(2026, 12, 31), date(2027, 2, 22), date(2026, 11, 12)],
)
def test_the_stories_hold_on_any_business_date(database: Database, day: date) -> None:
    clock = FixedClock(datetime(day.year, day.month, day.day, 0, 5, tzinfo=SHANGHAI))
    assert seed_if_empty(database, clock)
    with database.transaction() as session:
        loans = SqlLoanBackend(session, clock)
        loans.unit.ledger.check()
        tenth = loans.contracts("C1001")[0].instalments[9]
        assert (tenth.overdue_days, tenth.penalty_due) == (12, 192)
        assert loans.contracts("C1001")[0].paid_periods == 9
        lines = {line.product: line for line in loans.payoff_quote("C1002").contracts}
        assert (lines["KD"].principal, lines["KD"].interest) == (1000000, 16000)
        assert (lines["YD"].principal, lines["FQ"].principal, lines["FQ"].fee) == (818925, 160000, 1440)
        assert loans.outstanding("C1002").next_due_on == day + timedelta(days=6)
        assert loans.contracts("C1004")[0].instalments[2].overdue_days == 10
        assert loans.schedule_window("C1005", loans.contracts("C1005")[0].contract_no).eligible
        assert loans.schedule_window("C1006", loans.contracts("C1006")[0].contract_no).opens_on == day + timedelta(days=5)
        assert loans.contracts("C1007")[0].instalments[4].penalty_due == 35
        assert [double.surplus for double in loans.double_debits("C1008")] == [50000]
