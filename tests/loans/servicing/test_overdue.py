"""Flags and their history, the contact rules, notices, the daily record of penalty."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from bot.core.clock import SHANGHAI, chinese_date
from bot.loans.codes import SUCCESS
from bot.loans.errors import ContactRefused, NotReported
from bot.loans.port import InstalmentRef
from bot.loans.servicing.models import PenaltyAccrualRow
from bot.loans.servicing.notices import NoticeService
from bot.loans.servicing.overdue import OverdueService
from bot.loans.servicing.policy import Policy
from bot.loans.servicing.simulated import SimulatedSender
from bot.loans.simulated_bank import Behaviour
from tests.loans.conftest import CUSTOMER, World
from tests.loans.servicing.conftest import DRAWN, Servicing

DUE = 31


def overdue(world: World, policy: Policy) -> OverdueService:
    return OverdueService(world.unit, policy.bureau_after_days)


def flags(servicing: Servicing, contract_no: str) -> list[tuple[str, str, str]]:
    with servicing.world() as world:
        history = overdue(world, servicing.policy).history(InstalmentRef(contract_no, 1))
        return [(row.flag, row.state, row.reason) for row in history]


@pytest.fixture(autouse=True)
def no_funds(servicing: Servicing) -> None:
    servicing.bank.default = Behaviour(code="INSUFFICIENT_FUNDS")


def test_the_flags_follow_the_days_a_hold_and_the_settlement_and_keep_their_history(
    servicing: Servicing, contract_no: str
) -> None:
    for days in (DUE, DUE + 1, DUE + 2, DUE + 14, DUE + 15):
        servicing.at(days=days)
        servicing.round()
    assert flags(servicing, contract_no) == [("dunning", "on", "overdue"), ("bureau_report", "on", "overdue")]
    servicing.ask(lambda world: world.loans.hold_accrual(contract_no, 1, "dispute", key="h"))
    for _ in range(2):
        servicing.round()
    servicing.at(days=DUE + 20)
    servicing.ask(lambda world: world.loans.release_accrual(contract_no, 1, key="r"))
    servicing.round()
    with servicing.world() as world:
        world.payments.settle(world.loans.create_payment(CUSTOMER, 10000 + 75, key="p").payment_no)  # 15 days of penalty
    servicing.round()
    changes = ["on", "held", "on", "off"]
    assert [state for flag, state, _ in flags(servicing, contract_no) if flag == "dunning"] == changes
    assert [state for flag, state, _ in flags(servicing, contract_no) if flag == "bureau_report"] == changes


def test_an_instalment_of_nothing_is_not_reminded_of_dunned_or_reported(servicing: Servicing) -> None:
    with servicing.world() as world:
        small = world.draw("FQ", 60, "0", 24)  # twenty parts of 3 分, four of nothing
        plan = world.unit.repository.instalments([small])
        owed, nothing = plan[19], plan[20]
        assert (owed.principal, nothing.principal, nothing.settled_on) == (3, 0, None)
        days = (nothing.due_on - DRAWN.date()).days
    for late in (-3, 1, 15, 20):
        servicing.at(days=days + late)
        servicing.round()
        with servicing.world() as world:
            service = overdue(world, servicing.policy)
            assert service.refresh(InstalmentRef(small, 21)) is False
            refusal = NoticeService(world.unit, servicing.policy).refusal(InstalmentRef(small, 21), "debtor")
            assert refusal == "not_overdue"
    with servicing.world() as world:
        service = overdue(world, servicing.policy)
        assert [row.state for row in service.history(InstalmentRef(small, 20))] == ["on", "on"]
        assert not service.history(InstalmentRef(small, 21))
        assert 21 not in {row.instalment for row in world.loans.notices(CUSTOMER, small)}


def test_nothing_is_reported_while_a_dispute_is_open(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=DUE + 3)
    servicing.ask(lambda world: world.loans.hold_accrual(contract_no, 1, "dispute", key="h"))
    for days in (DUE + 15, DUE + 30):
        servicing.at(days=days)
        servicing.round()
    assert {state for _, state, _ in flags(servicing, contract_no)} == {"held"}
    assert not [notice for notice in servicing.ask(lambda world: world.loans.notices(CUSTOMER)) if notice.kind == "overdue"]


def test_a_wrong_report_is_taken_back_once_and_not_made_again(servicing: Servicing, contract_no: str) -> None:
    ref = InstalmentRef(contract_no, 1)
    with pytest.raises(NotReported), servicing.world() as world:
        overdue(world, servicing.policy).correct(ref, "system_caused")
    servicing.at(days=DUE + 15)
    servicing.round()
    for _ in range(2):
        with servicing.world() as world:
            overdue(world, servicing.policy).correct(ref, "system_caused")
    servicing.at(days=DUE + 16)
    servicing.round()
    states = [state for flag, state, _ in flags(servicing, contract_no) if flag == "bureau_report"]
    assert states == ["on", "corrected"]


@pytest.mark.parametrize("statement", ["UPDATE overdue_flags SET state = 'off'", "DELETE FROM overdue_flags"])
def test_the_history_cannot_be_changed(servicing: Servicing, statement: str) -> None:
    servicing.at(days=DUE + 1)
    servicing.round()
    with pytest.raises(DBAPIError, match="append-only"), servicing.world() as world:
        world.session.execute(text(statement))


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        ("21:59:59", False),
        ("22:00:00", True),
        ("23:59:59", True),
        ("00:00:00", True),
        ("07:59:59", True),
        ("08:00:00", False),
    ],
)
def test_the_quiet_hours_begin_at_ten_and_end_at_eight(policy: Policy, moment: str, quiet: bool) -> None:
    at = datetime.fromisoformat(f"2026-09-23T{moment}").replace(tzinfo=SHANGHAI)
    assert policy.contact.quiet(at) is quiet


def dun(servicing: Servicing, contract_no: str, key: str, recipient: str = "debtor") -> None:
    with servicing.world() as world:
        NoticeService(world.unit, servicing.policy).dun(InstalmentRef(contract_no, 1), "call", recipient, key=key)


@pytest.mark.parametrize(
    ("days", "clock_time", "recipient", "reason"),
    [
        (DUE + 2, "22:00", "debtor", "quiet_hours"),
        (DUE + 2, "07:59", "debtor", "quiet_hours"),
        (DUE + 2, "10:00", "relative", "not_the_debtor"),
        (DUE, "10:00", "debtor", "not_overdue"),
    ],
)
def test_a_forbidden_contact_is_refused_with_its_reason_and_not_logged(
    servicing: Servicing, contract_no: str, days: int, clock_time: str, recipient: str, reason: str
) -> None:
    servicing.at(days=days, clock_time=clock_time)
    with pytest.raises(ContactRefused) as refused:
        dun(servicing, contract_no, "k", recipient)
    assert refused.value.details["reason"] == reason
    assert servicing.ask(lambda world: world.loans.notices(CUSTOMER)) == ()


def test_the_fourth_contact_of_a_day_is_refused_and_the_next_day_is_free(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=DUE + 2)
    for number in (1, 2, 2, 3):  # the repeated key is one contact
        dun(servicing, contract_no, f"k{number}")
    with pytest.raises(ContactRefused) as refused:
        dun(servicing, contract_no, "k4")
    assert refused.value.details["reason"] == "daily_limit"
    servicing.at(days=DUE + 3, clock_time="08:00")
    dun(servicing, contract_no, "k5")
    assert len(servicing.ask(lambda world: world.loans.notices(CUSTOMER))) == 4


def test_a_contact_about_a_disputed_instalment_is_refused(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=DUE + 2)
    servicing.ask(lambda world: world.loans.hold_accrual(contract_no, 1, "dispute", key="h"))
    with pytest.raises(ContactRefused) as refused:
        dun(servicing, contract_no, "k")
    assert refused.value.details["reason"] == "on_hold"


def test_notices_are_planned_once_and_logged_with_their_delivery(servicing: Servicing, contract_no: str) -> None:
    for days, clock_time in (
        (DUE - 3, "10:00"), (DUE - 2, "10:00"), (DUE - 1, "09:59"), (DUE - 1, "10:00"), (DUE, "12:00"), (DUE, "18:00"),
        (DUE + 1, "10:00"), (DUE + 6, "10:00"), (DUE + 15, "10:00"), (DUE + 15, "22:30"),
    ):  # fmt: skip
        servicing.at(days=days, clock_time=clock_time)
        for _ in range(2):
            servicing.round()
    notices = servicing.ask(lambda world: world.loans.notices(CUSTOMER))
    found = [(notice.kind, (notice.sent_at.date() - DRAWN.date()).days, notice.delivery) for notice in notices]
    assert found == [
        ("due_reminder", DUE - 3, "delivered"),
        ("due_reminder", DUE - 1, "delivered"),
        ("debit_failed", DUE, "delivered"),
        ("debit_failed", DUE + 1, "delivered"),
        ("overdue", DUE + 15, "delivered"),
    ]
    texts = [message for _, message in servicing.sender.sent.values()]
    assert len(texts) == 5
    assert all("{" not in message and message.startswith("【随星借】") for message in texts)
    assert "¥100.00将于" in texts[0]
    assert "自动扣款" in texts[0]
    assert "已过期15天" in texts[-1]


def reminders(servicing: Servicing) -> list[str]:
    servicing.at(days=DUE - 3)
    servicing.round()
    return [message for _, message in servicing.sender.sent.values()]


def test_who_has_no_mandate_is_not_promised_a_debit(servicing: Servicing) -> None:
    with servicing.world() as world:
        (mandate,) = world.loans.mandates(CUSTOMER)
        world.loans.revoke_mandate(CUSTOMER, mandate.mandate_no, key="end")
    (message,) = reminders(servicing)
    assert "没有开通自动扣款" in message


def test_who_has_scheduled_is_told_the_day_of_it(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=DUE - 5)
    day = DRAWN.date() + timedelta(days=DUE - 2)
    servicing.ask(lambda world: world.loans.schedule_repayment(CUSTOMER, contract_no, day, key="s"))
    (message,) = reminders(servicing)
    assert f"会在{chinese_date(day)}从您的还款卡扣款" in message


def test_who_has_paid_ahead_as_scheduled_is_not_reminded(servicing: Servicing, contract_no: str) -> None:
    servicing.bank.default = Behaviour()
    servicing.at(days=DUE - 5, clock_time="18:00")
    day = DRAWN.date() + timedelta(days=DUE - 5)
    servicing.ask(lambda world: world.loans.schedule_repayment(CUSTOMER, contract_no, day, key="s"))
    servicing.round()
    assert servicing.bank.taken == 10000
    assert reminders(servicing) == []


def test_no_more_than_three_words_a_day_however_many_debits_failed(servicing: Servicing, contract_no: str) -> None:
    servicing.clock.moment = DRAWN
    with servicing.world() as world:
        for _ in range(4):
            world.draw("FQ", 60000, "0", 6)
    for days in range(DUE, DUE + 6):
        servicing.at(days=days, clock_time="18:00")
        before = len(servicing.sender.sent)
        servicing.round()
        servicing.round()
        assert len(servicing.sender.sent) - before == 3
        if days > DUE:
            with pytest.raises(ContactRefused) as refused:
                dun(servicing, contract_no, f"k{days}")
            assert refused.value.details["reason"] == "daily_limit"


def test_the_key_of_a_contact_with_the_debtor_allows_none_with_another(servicing: Servicing, contract_no: str) -> None:
    servicing.at(days=DUE + 2)
    dun(servicing, contract_no, "k")
    with pytest.raises(ContactRefused) as refused:
        dun(servicing, contract_no, "k", "relative")
    assert refused.value.details["reason"] == "not_the_debtor"


def test_a_debit_that_failed_on_our_side_is_said_to_be_ours(servicing: Servicing) -> None:
    servicing.bank.default = Behaviour(code="SYS_TIMEOUT")
    servicing.at(days=DUE, clock_time="18:00")
    servicing.round()
    ((_, message),) = servicing.sender.sent.values()
    assert "系统" in message


def test_an_unreachable_phone_and_a_silent_sender_are_told_apart(servicing: Servicing) -> None:
    phone = servicing.ask(lambda world: world.loans.customer(CUSTOMER).phone)
    servicing.sender = SimulatedSender(failing=frozenset({phone}), silent=1)
    servicing.at(days=DUE - 3)
    states = []
    for _ in range(3):
        servicing.round()
        states += [notice.delivery for notice in servicing.ask(lambda world: world.loans.notices(CUSTOMER))]
    assert states == ["pending", "failed", "failed"]


@pytest.mark.parametrize(
    ("sent_at", "delivery", "texts"), [("21:59", "delivered", 1), ("22:00", "failed", 0), ("23:30", "failed", 0)]
)
def test_dunning_that_was_planned_by_day_is_not_sent_in_the_quiet_hours(
    servicing: Servicing, contract_no: str, sent_at: str, delivery: str, texts: int
) -> None:
    servicing.at(days=DUE + 2, clock_time="21:58")
    with servicing.world() as world:
        NoticeService(world.unit, servicing.policy).dun(InstalmentRef(contract_no, 1), "sms", "debtor", key="k")
    servicing.at(days=DUE + 2, clock_time=sent_at)
    servicing.worker().send_notices()
    notices = servicing.ask(lambda world: world.loans.notices(CUSTOMER))
    assert [(notice.kind, notice.delivery) for notice in notices] == [("overdue", delivery)]
    assert len(servicing.sender.sent) == texts


def test_the_penalty_of_each_day_is_recorded_once_and_equals_the_rules(servicing: Servicing, contract_no: str) -> None:
    for days in range(DUE - 1, DUE + 5):
        servicing.at(days=days)
        for _ in range(2):
            servicing.round()
    with servicing.world() as world:
        rows = world.session.scalars(select(PenaltyAccrualRow).order_by(PenaltyAccrualRow.accrued_on)).all()
        explained = world.loans.penalty_days(CUSTOMER, contract_no, 1)
        assert [(row.accrued_on, row.accrued, row.held) for row in rows] == [
            (day.day, day.accrued, day.held) for day in explained
        ]
        assert [row.accrued for row in rows] == [5, 10, 15, 20]
        assert SUCCESS not in {attempt.result_code for attempt in world.loans.debit_attempts(CUSTOMER)}
