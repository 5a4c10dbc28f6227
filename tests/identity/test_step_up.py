"""One-time codes: expiry, tries, locks, resends; and that nobody but the carrier sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bot.core.clock import FixedClock
from bot.core.settings import Settings
from bot.identity.errors import NoCodeSent, SmsNotConfigured, StepUpLocked, TooManyCodes
from bot.identity.models import StepUpChallenge
from bot.identity.sms import SimulatedCarrier
from bot.identity.step_up import StepUpResult, StepUpService
from tests.conftest import audited_for_tests

PHONE = "13900001002"


@dataclass
class Phones:
    """A carrier that delivers at once. Implements ``SmsSender``."""

    inbox: list[tuple[str, str, str]] = field(default_factory=list)

    def send(self, phone: str, body: str, *, recipient: str | None, purpose: str, until: datetime) -> None:
        assert recipient is not None
        self.inbox.append((phone, recipient, body))

    @property
    def code(self) -> str:
        (code,) = re.findall(r"(?<![0-9])[0-9]{6}(?![0-9])", self.inbox[-1][2])
        return str(code)

    @property
    def wrong_code(self) -> str:
        return f"{(int(self.code) + 1) % 10**6:06d}"


@dataclass
class Desk:
    session: Session
    clock: FixedClock
    phones: Phones
    service: StepUpService


@pytest.fixture
def desk(gateway_settings: Settings) -> Iterator[Desk]:
    database = audited_for_tests(gateway_settings.database_url)
    clock, phones = FixedClock(), Phones()
    with database.transaction() as session:
        yield Desk(session, clock, phones, StepUpService(session, clock, gateway_settings, phones))
    database.dispose()


def test_the_right_code_steps_the_conversation_up_for_ten_minutes(desk: Desk) -> None:
    desk.service.start("conv", "C1002", PHONE)
    assert desk.phones.inbox[0][:2] == (PHONE, "C1002")
    assert desk.service.pending("conv")
    assert desk.service.verify("conv", desk.phones.code).outcome == "ok"
    assert not desk.service.pending("conv")
    desk.clock.advance(minutes=9, seconds=59)
    assert desk.service.granted("conv", "C1002")
    desk.clock.advance(seconds=1)
    assert not desk.service.granted("conv", "C1002")


def test_it_counts_for_this_conversation_and_customer_only(desk: Desk) -> None:
    desk.service.start("conv", "C1002", PHONE)
    desk.service.verify("conv", desk.phones.code)
    assert not desk.service.granted("another", "C1002")
    assert not desk.service.granted("conv", "C1001")


def test_a_code_works_once(desk: Desk) -> None:
    desk.service.start("conv", "C1002", PHONE)
    code = desk.phones.code
    desk.service.verify("conv", code)
    assert desk.service.verify("conv", code) == StepUpResult("expired", 0)


def test_a_code_of_another_conversation_does_not_count(desk: Desk) -> None:
    desk.service.start("conv", "C1002", PHONE)
    assert desk.service.verify("another", desk.phones.code) == StepUpResult("expired", 0)


def test_a_code_ends_after_five_minutes(desk: Desk) -> None:
    desk.service.start("conv", "C1002", PHONE)
    desk.clock.advance(minutes=5)
    assert not desk.service.pending("conv")
    assert desk.service.expects_code("conv")
    assert desk.service.verify("conv", desk.phones.code) == StepUpResult("expired", 0)
    assert not desk.service.expects_code("conv")


def test_three_wrong_codes_lock_the_customer_for_fifteen_minutes_everywhere(desk: Desk) -> None:
    desk.service.start("conv", "C1002", PHONE)
    outcomes = [desk.service.verify("conv", desk.phones.wrong_code) for _ in range(3)]
    assert outcomes == [StepUpResult("wrong", 2), StepUpResult("wrong", 1), StepUpResult("locked", 0)]
    assert desk.service.verify("conv", desk.phones.code) == StepUpResult("locked", 0)
    desk.clock.advance(minutes=14, seconds=59)
    for conversation in ("conv", "another"):
        with pytest.raises(StepUpLocked) as locked:
            desk.service.start(conversation, "C1002", PHONE)
        assert locked.value.details == {"retry_after": 1}
    desk.service.start("third", "C1001", "13900001001")
    desk.clock.advance(seconds=1)
    desk.service.start("conv", "C1002", PHONE)
    assert desk.service.verify("conv", desk.phones.code).outcome == "ok"


def test_a_lock_from_another_conversation_stops_a_code_already_sent(desk: Desk) -> None:
    desk.service.start("mine", "C1002", PHONE)
    good = desk.phones.code
    desk.service.start("thief", "C1002", PHONE)
    for _ in range(3):
        desk.service.verify("thief", desk.phones.wrong_code)
    assert desk.service.verify("mine", good) == StepUpResult("locked", 0)


def test_asked_again_at_once_no_second_message_is_sent(desk: Desk) -> None:
    desk.service.start("conv", "C1002", PHONE)
    desk.clock.advance(seconds=29)
    desk.service.start("conv", "C1002", PHONE)
    assert len(desk.phones.inbox) == 1
    desk.clock.advance(seconds=1)
    first = desk.phones.code
    desk.service.start("conv", "C1002", PHONE)
    assert len(desk.phones.inbox) == 2
    if desk.phones.code != first:
        assert desk.service.verify("conv", first).outcome == "wrong"
    assert desk.service.verify("conv", desk.phones.code).outcome == "ok"


def test_no_more_than_twenty_codes_an_hour_go_to_one_customer(desk: Desk) -> None:
    for number in range(20):
        desk.service.start(f"conv-{number}", "C1002", PHONE)
        desk.clock.advance(minutes=1)
    with pytest.raises(TooManyCodes) as refused:
        desk.service.start("conv-20", "C1002", PHONE)
    assert refused.value.details == {"retry_after": 40 * 60}
    desk.clock.advance(minutes=40)
    desk.service.start("conv-20", "C1002", PHONE)


def test_the_code_is_nowhere_in_the_table_of_challenges(desk: Desk) -> None:
    desk.service.start("conv", "C1002", PHONE)
    row = desk.session.scalars(select(StepUpChallenge)).one()
    stored = " ".join(str(getattr(row, column.key)) for column in StepUpChallenge.__table__.columns)
    assert desk.phones.code not in stored.split()
    assert row.code_hash != desk.phones.code


def test_the_message_says_what_it_is_for_and_to_tell_nobody(desk: Desk) -> None:
    desk.service.start("conv", "C1002", PHONE)
    body = desk.phones.inbox[0][2]
    assert "5分钟内有效" in body
    assert "请勿告诉任何人" in body


def test_in_the_demo_the_simulated_carrier_keeps_the_message(desk: Desk, gateway_settings: Settings) -> None:
    StepUpService(desk.session, desk.clock, gateway_settings).start("conv", "C1002", PHONE)
    carrier = SimulatedCarrier(desk.session, desk.clock)
    assert desk.service.verify("conv", carrier.last_code("C1002")).outcome == "ok"
    with pytest.raises(NoCodeSent):
        carrier.last_code("C1001")


def test_outside_the_demo_nothing_pretends_to_send(desk: Desk, gateway_settings: Settings) -> None:
    settings = gateway_settings.model_copy(update={"demo": False})
    with pytest.raises(SmsNotConfigured):
        StepUpService(desk.session, desk.clock, settings).start("conv", "C1002", PHONE)
    assert desk.session.scalar(text("SELECT count(*) FROM simulated_sms")) == 0
