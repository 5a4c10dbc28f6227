"""Outside the demo codes go through an outbox to the carrier that the settings name, whatever that does."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import event, select
from sqlalchemy.engine import Connection

from bot.audit.service import AuditTrail, audited
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT, Settings
from bot.identity.binding import BindingAnswer, BindingService
from bot.identity.errors import SmsNotConfigured
from bot.identity.models import SimulatedSms, SmsToSend
from bot.identity.sms_outbox import LEASE, SmsCourier, carrier
from bot.identity.step_up import StepUpService
from tests.identity.carriers import NAME, Carrier, plug_in
from tests.secret import SECRET

OURS, STRANGER = "13900001002", "13900009999"


@dataclass
class Operator:
    """A lender with a carrier of their own."""

    database: Database
    clock: FixedClock
    settings: Settings
    carrier: Carrier

    def ask(self, conversation_id: str = "conv") -> None:
        """Asks for a step-up code."""
        with self.database.transaction() as session:
            StepUpService(session, self.clock, self.settings).start(conversation_id, "C1002", OURS)

    def verify(self, code: str, conversation_id: str = "conv") -> str:
        with self.database.transaction() as session:
            return StepUpService(session, self.clock, self.settings).verify(conversation_id, code).outcome

    def say(self, text: str, address: str = "wx-1") -> BindingAnswer | None:
        with self.database.transaction() as session:
            service = BindingService(session, self.clock, self.settings, {OURS: "C1002"}.get)
            return service.take("wechat", address, text, "bind" if text == "绑定" else None)

    def courier(self) -> SmsCourier:
        return SmsCourier(self.database, self.clock, self.carrier)

    def rows(self) -> list[SmsToSend]:
        with self.database.transaction() as session:
            return list(session.scalars(select(SmsToSend).order_by(SmsToSend.id)))

    @property
    def states(self) -> list[tuple[str, bool]]:
        """Of every message, and whether it can still be read."""
        return [(row.state, row.sealed is not None) for row in self.rows()]


@pytest.fixture
def operator(each_database: Database, clock: FixedClock) -> Operator:
    settings = Settings(demo=False, secret_key=SecretStr(SECRET), data_dir=ROOT / "data", sms_sender=NAME)
    return Operator(audited(each_database, settings), clock, settings, plug_in())


def test_the_settings_name_the_carrier(operator: Operator) -> None:
    assert carrier(operator.settings, operator.clock) is operator.carrier
    for changes in ({"demo": True}, {"sms_sender": None}, {"sms_sender": ""}):
        assert carrier(operator.settings.model_copy(update=changes), operator.clock) is None
    with pytest.raises(ValueError, match="module:function"):
        carrier(operator.settings.model_copy(update={"sms_sender": "tests.identity.carriers"}), operator.clock)


def test_a_step_up_code_goes_out_after_the_commit_and_counts(operator: Operator) -> None:
    operator.ask()
    assert operator.carrier.calls == []
    (row,) = operator.rows()
    assert row.sealed is not None
    assert OURS not in row.sealed
    assert operator.courier().round() == 1
    ((phone, code),) = operator.carrier.codes
    assert phone == OURS
    assert operator.states == [("sent", False)]
    assert operator.courier().round() == 0
    assert operator.verify(code) == "ok"
    with operator.database.transaction() as session:
        assert session.scalars(select(SimulatedSms)).all() == []


def test_what_is_rolled_back_is_not_sent(operator: Operator) -> None:
    def ask_and_break() -> None:
        with operator.database.transaction() as session:
            StepUpService(session, operator.clock, operator.settings).start("conv", "C1002", OURS)
            raise KeyError

    with pytest.raises(KeyError):
        ask_and_break()
    assert operator.courier().round() == 0
    assert operator.carrier.calls == []


def test_without_a_carrier_a_binding_ends_before_anybody_looks_whose_phone_it_is(operator: Operator) -> None:
    operator.settings = operator.settings.model_copy(update={"sms_sender": None})
    for address, phone in (("wx-1", OURS), ("wx-2", STRANGER)):
        operator.say("绑定", address)
        assert operator.say(phone, address) == BindingAnswer(f"139****{phone[-4:]}", "bind_unavailable")
    with pytest.raises(SmsNotConfigured):
        operator.ask()
    assert operator.rows() == []


# ── a carrier that misbehaves
@pytest.mark.parametrize("trouble", ["down", "lost", "odd"])
def test_it_is_tried_again_under_the_same_key_and_arrives_once(
    operator: Operator, trouble: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.carrier.trouble = trouble
    operator.say("绑定")
    operator.say(OURS)
    courier = operator.courier()
    for pause in (1, 2, 4, 8, 16, 30, 30):
        assert courier.round() == 0
        assert courier.round() == 0, "not at once"
        operator.clock.advance(seconds=pause)
    operator.carrier.trouble = None
    assert courier.round() == 1
    assert len(operator.carrier.calls) == 8
    assert len(set(operator.carrier.calls)) == 1
    ((_, code),) = operator.carrier.codes
    logged = caplog.text + "".join(capsys.readouterr())
    assert "sms_not_taken" in logged
    assert OURS not in logged
    assert code not in logged
    assert operator.states == [("sent", False)]
    done = operator.say(code)
    assert done is not None
    assert (done.key, done.customer_id) == ("bind_done", "C1002")


def test_only_while_the_code_is_valid(operator: Operator) -> None:
    operator.carrier.trouble = "down"
    operator.ask()
    courier = operator.courier()
    for _ in range(5 * 60):
        courier.round()
        assert operator.states == [("queued", True)]
        operator.clock.advance(seconds=1)
    tried = len(operator.carrier.calls)
    operator.carrier.trouble = None
    assert courier.round() == 0
    assert len(operator.carrier.calls) == tried
    assert operator.states == [("expired", False)]


def test_what_the_carrier_refuses_for_good_is_not_tried_again(operator: Operator) -> None:
    operator.carrier.trouble = "refused"
    operator.ask()
    assert operator.courier().round() == 0
    operator.clock.advance(minutes=1)
    operator.courier().round()
    assert (len(operator.carrier.calls), operator.states) == (1, [("failed", False)])


def test_what_was_sealed_with_another_secret_is_given_up(operator: Operator) -> None:
    operator.ask()
    audited(operator.database, operator.settings.model_copy(update={"secret_key": SecretStr("x" * 40)}))
    assert operator.courier().round() == 0
    assert (operator.carrier.calls, operator.states) == ([], [("failed", False)])


def test_a_newer_code_for_the_same_replaces_one_that_waits(operator: Operator) -> None:
    operator.carrier.trouble = "down"
    operator.ask()
    operator.ask("another conversation")
    courier = operator.courier()
    courier.round()
    operator.clock.advance(seconds=31)
    operator.ask()
    assert operator.states == [("replaced", False), ("queued", True), ("queued", True)]
    operator.carrier.trouble = None
    assert courier.round() == 2
    codes = [code for _, code in operator.carrier.codes]
    assert operator.verify(codes[0]) == "ok", "what was never tried comes first"
    assert operator.verify(codes[1], "another conversation") == "ok"


def test_several_processes_send_it_once(operator: Operator) -> None:
    for number in range(6):
        operator.ask(f"conv-{number}")
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: operator.courier().round(), range(4)))
    assert sum(sent) == 6
    assert len(operator.carrier.calls) == len(operator.carrier.arrived) == 6


def test_a_call_that_hangs_holds_no_lock_and_its_lease_is_respected(operator: Operator) -> None:
    operator.carrier.open.clear()
    operator.ask()
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(operator.courier().round)
        wait_for(lambda: len(operator.carrier.calls) == 1)
        assert operator.courier().round() == 0, "another process leaves it alone"
        operator.ask("conv-2")
        operator.carrier.open.set()
        assert hanging.result() + operator.courier().round() == 2
    assert len(operator.carrier.calls) == 2


def test_a_process_that_dies_is_followed_by_another(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    operator.ask()

    def die(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(operator.carrier, "send", die)
        with pytest.raises(SystemExit):
            operator.courier().round()
    operator.clock.advance(seconds=int(LEASE.total_seconds()) - 1)
    assert operator.courier().round() == 0
    operator.clock.advance(seconds=1)
    assert operator.courier().round() == 1
    assert operator.states == [("sent", False)]


def test_a_late_answer_after_the_lease_is_one_message(operator: Operator) -> None:
    """The carrier honours the key: two calls, one message."""
    operator.carrier.open.clear()
    operator.ask()
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(operator.courier().round)
        wait_for(lambda: len(operator.carrier.calls) == 1)
        operator.clock.advance(seconds=int(LEASE.total_seconds()))
        second = pool.submit(operator.courier().round)
        wait_for(lambda: len(operator.carrier.calls) == 2)
        operator.carrier.open.set()
        slow.result()
        second.result()
    assert len(operator.carrier.arrived) == 1
    assert operator.states == [("sent", False)]


# ── nothing tells who is a customer
@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Without the one column that stays empty for strangers, in an UPDATE of a dozen columns that is made for both."""
    seen: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(re.sub(r"customer_id=\S+ ", "", statement))

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("trouble", [None, "down", "refused"])
def test_customers_and_strangers_get_the_same_answers_after_the_same_statements(operator: Operator, trouble: str | None) -> None:
    operator.carrier.trouble = trouble
    script = ["绑定", "{phone}", "{phone}", "000000"]
    heard, executed = [], []
    for address, phone in (("wx-1", OURS), ("wx-2", STRANGER)):
        with statements(operator.database) as seen:
            answers = [operator.say(text.format(phone=phone), address) for text in script]
        heard.append(repr(answers).replace(phone[-4:], "----"))
        executed.append(seen)
    assert heard[0] == heard[1]
    assert executed[0] == executed[1]
    assert operator.carrier.calls == [], "a turn never waits for the carrier"
    operator.courier().round()
    assert {phone for _, phone, _ in operator.carrier.calls} == {OURS}
    left = [("queued", True)] if trouble == "down" else [("sent" if trouble is None else "failed", False)]
    assert operator.states == [("replaced", False), *left, ("replaced", False), ("nobody", False)]


def test_the_trail_tells_that_codes_were_asked_for_also_with_a_number_that_is_nobodys(operator: Operator) -> None:
    for address, phone in (("wx-1", OURS), ("wx-2", STRANGER)):
        operator.say("绑定", address)
        operator.say(phone, address)
    with operator.database.transaction() as session:
        entries = AuditTrail(session, operator.clock).search(action="binding.code_sent").entries
        assert sorted(entry.subject.customer_id or "" for entry in entries) == ["", "C1002"]


def wait_for(condition: Any, seconds: float = 5) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise TimeoutError
