"""A messaging platform outside the demo: binding and step-up with the operator's own carrier, in the running application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from bot.app import create_app
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from bot.identity.models import SimulatedSms, SmsToSend
from bot.identity.sms_outbox import LONGEST_PAUSE
from tests.gateway import FakeRasa, running, until
from tests.identity.carriers import NAME, Carrier, plug_in
from tests.integrator import Connected, connected, serving

PHONE, STRANGER = "13900001002", "13900009999"


@dataclass
class Live:
    platform: Connected
    carrier: Carrier

    async def code(self, number: int = 1) -> str:
        """What the borrower reads on the phone: within a second, on a busy machine a little later."""
        await until(lambda: len(self.carrier.codes) >= number, 3)
        return self.carrier.codes[number - 1][1]

    def outbox(self) -> list[tuple[str, str | None]]:
        with self.platform.stack.database.transaction() as session:
            return [(row.state, row.sealed) for row in session.scalars(select(SmsToSend).order_by(SmsToSend.id))]

    def waits_for_the_next_try(self) -> bool:
        """The call has ended without an answer, and that is written down."""
        soon = self.platform.stack.clock.now() + LONGEST_PAUSE
        with self.platform.stack.database.transaction() as session:
            return all(row.attempts == 1 and row.next_try_at <= soon for row in session.scalars(select(SmsToSend)))


@pytest.fixture
def own_carrier() -> Iterator[Carrier]:
    carrier = plug_in()
    yield carrier
    carrier.open.set()  # so that no call outlives its process


@pytest.fixture
async def live(gateway_settings: Settings, process_logging: None, own_carrier: Carrier) -> AsyncIterator[Live]:
    clock, settings = FixedClock(), gateway_settings.model_copy(update={"demo": False, "sms_sender": NAME})
    with serving(clock) as integrator:
        async with connected(settings, clock, FakeRasa(), integrator) as platform:
            yield Live(platform, own_carrier)
            own_carrier.open.set()


async def test_an_account_is_bound_and_money_moves_with_codes_of_a_real_carrier(live: Live) -> None:
    say, stack = live.platform.say, live.platform.stack
    await say("绑定手机")
    await say(PHONE)
    assert "绑定好了" in (await say(await live.code()))[0]["text"]
    conversation = stack.conversation("wx-1", "C1002")
    stack.start_step_up(conversation.id)
    code = await live.code(2)
    await say(code)
    assert stack.rasa.texts == ['/affirm{"step_up":"done"}']
    await until(lambda: live.outbox() == [("sent", None)] * 2)
    assert [phone for phone, _ in live.carrier.codes] == [PHONE, PHONE]
    with stack.database.transaction() as session:
        assert session.scalars(select(SimulatedSms)).all() == []


async def test_a_step_up_code_goes_out_without_any_platform(
    gateway_settings: Settings, process_logging: None, own_carrier: Carrier
) -> None:
    settings = gateway_settings.model_copy(update={"demo": False, "sms_sender": NAME})
    async with running(settings, FixedClock(), FakeRasa()) as stack:
        await stack.say("你好", token=stack.customer_token())
        stack.start_step_up(stack.conversation("u-1", "C1002").id)
        await until(lambda: bool(own_carrier.codes), 3)
        await stack.say(own_carrier.codes[0][1], token=stack.customer_token())
        assert stack.rasa.texts[-1] == '/affirm{"step_up":"done"}'


async def test_the_answer_does_not_wait_for_a_carrier_that_hangs(live: Live) -> None:
    live.carrier.open.clear()
    heard = []
    for sender, phone in (("wx-1", PHONE), ("wx-2", STRANGER)):
        await live.platform.say("绑定手机", sender=sender)
        began = time.monotonic()
        (answer,) = await live.platform.say(phone, sender=sender)
        assert time.monotonic() - began < 3, "the carrier still has not answered"
        heard.append(answer["text"].replace(phone[-4:], "----"))
    assert heard[0] == heard[1]
    await until(lambda: bool(live.carrier.calls), 3)
    assert live.carrier.arrived == {}
    live.carrier.open.set()
    await live.code()
    await until(lambda: live.outbox() == [("sent", None), ("nobody", None)])
    assert [phone for _, phone, _ in live.carrier.calls] == [PHONE]


async def test_a_carrier_that_comes_back_delivers_the_code_that_was_asked_for(
    live: Live, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    live.carrier.trouble = "lost"
    await live.platform.say("绑定手机")
    await live.platform.say(PHONE)
    code = await live.code()
    await until(live.waits_for_the_next_try)
    live.carrier.trouble = None
    live.platform.stack.clock.advance(seconds=2)
    await until(lambda: live.outbox() == [("sent", None)])
    assert len(live.carrier.calls) == 2
    assert len(live.carrier.arrived) == 1
    assert "绑定好了" in (await live.platform.say(code))[0]["text"]
    logged = caplog.text + "".join(capsys.readouterr())
    assert PHONE not in logged
    assert code not in logged


def test_a_wrong_name_keeps_the_process_from_starting(gateway_settings: Settings) -> None:
    for name, error in (("nowhere_at_all:make", ModuleNotFoundError), ("tests.identity.carriers", ValueError)):
        with pytest.raises(error):
            create_app(gateway_settings.model_copy(update={"demo": False, "sms_sender": name}))
