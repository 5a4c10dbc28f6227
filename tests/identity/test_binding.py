"""Binding an account of a messaging platform: who may, how often, and that nothing tells whose phone it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.audit.service import audited
from bot.conversations.commands import says
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.origin import Actor
from bot.core.settings import ROOT, Settings
from bot.identity.binding import HIDDEN, BindingAnswer, BindingService, Word, active_customer, phone_in
from bot.identity.errors import BindingNotFound
from bot.identity.models import BindingAttempt, ChannelBinding
from tests.secret import SECRET

OURS, STRANGER = "13900001002", "13900009999"
CUSTOMERS = {OURS: "C1002", "13900001001": "C1001"}
WORDS: tuple[Word, ...] = ("bind", "unbind", "stop_binding")


@dataclass
class Phone:
    """The carrier: what arrived where."""

    codes: list[tuple[str, str]] = field(default_factory=list)

    def send(self, phone: str, body: str, *, recipient: str | None, purpose: str, until: datetime) -> None:
        if recipient is not None:
            self.codes.append((phone, "".join(filter(str.isdigit, body))[:6]))


@dataclass
class Account:
    """One account on one platform."""

    database: Database
    clock: FixedClock
    settings: Settings
    phone: Phone
    address: str = "wx-1"

    def service(self, session: Session) -> BindingService:
        return BindingService(session, self.clock, self.settings, CUSTOMERS.get, self.phone)

    def say(self, text: str) -> BindingAnswer | None:
        word = next((word for word in WORDS if says(word, text)), None)
        with self.database.transaction() as session:
            return self.service(session).take("wechat", self.address, text, word)

    def key(self, text: str) -> str | None:
        answer = self.say(text)
        return None if answer is None else answer.key

    @property
    def customer(self) -> str:
        with self.database.transaction() as session:
            return active_customer(session, "wechat", self.address)

    def bind(self, phone: str = OURS) -> None:
        self.say("绑定手机")
        self.say(phone)
        assert self.key(self.phone.codes[-1][1]) == "bind_done"


@pytest.fixture
def account(each_database: Database, clock: FixedClock) -> Account:
    settings = Settings(demo=True, secret_key=SecretStr(SECRET), data_dir=ROOT / "data")
    return Account(audited(each_database, settings), clock, settings, Phone())


def other(account: Account, address: str) -> Account:
    return Account(account.database, account.clock, account.settings, account.phone, address)


def test_phone_and_code_bind_an_account_once(account: Account) -> None:
    assert account.key("绑定手机。") == "bind_ask_phone"
    sent = account.say("我的手机号是 139-0000-1002")
    assert sent == BindingAnswer("139****1002", "bind_code_sent", {"phone": "139****1002", "minutes": "10"})
    done = account.say(f"验证码{account.phone.codes[0][1]}")
    assert done == BindingAnswer(HIDDEN, "bind_done", customer_id="C1002")
    assert account.customer == "C1002"
    assert account.key("绑定手机") == "bind_already"
    assert account.say("123456") is None, "afterwards six digits mean what they mean elsewhere"


def test_the_customer_unbinds_and_may_bind_again(account: Account) -> None:
    account.bind()
    assert account.say("解除绑定") == BindingAnswer("解除绑定", "bind_revoked", customer_id="")
    assert account.customer == ""
    assert account.key("解绑") == "bind_none"
    account.bind("13900001001")
    assert account.customer == "C1001"
    with account.database.transaction() as session:
        rows = session.scalars(select(ChannelBinding).order_by(ChannelBinding.id)).all()
        assert [(row.customer_id, row.revoked_by) for row in rows] == [("C1002", "customer"), ("C1001", None)]


def test_an_agent_unbinds(account: Account) -> None:
    account.bind()
    with account.database.transaction() as session:
        assert account.service(session).revoke("wechat", "wx-1", by=Actor("agent", "A2001")) == "C1002"
        assert session.scalars(select(ChannelBinding.revoked_by)).one() == "A2001"
    assert account.customer == ""
    with account.database.transaction() as session, pytest.raises(BindingNotFound):
        account.service(session).revoke("wechat", "wx-1", by=Actor("agent", "A2001"))


SCRIPTS = [
    ("wrong codes until it ends", ["绑定", "{phone}", "000000", "000000", "000000", "000000"]),
    ("a question in between", ["绑定", "怎么还款", "{phone}", "怎么还款", "111111"]),
    ("the number again and again", ["绑定", *["{phone}"] * 7]),
    ("given up", ["绑定", "{phone}", "取消", "000000", "绑定", "{phone}"]),
    ("not a code", ["绑定", "{phone}", "12345", "1234567"]),
    ("unbinding what is not bound", ["解绑", "绑定", "{phone}", "解绑"]),
]


@pytest.mark.parametrize(("script"), [script for _, script in SCRIPTS], ids=[name for name, _ in SCRIPTS])
def test_every_answer_is_the_same_for_a_customers_phone_and_a_strangers(
    account: Account, script: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.identity.binding.secrets.randbelow", lambda _most: 654321)  # so that no guess is right
    heard = []
    for address, phone in (("wx-a", OURS), ("wx-b", STRANGER)):
        speaker = other(account, address)
        answers = [speaker.say(text.format(phone=phone)) for text in script]
        tail = f"139****{phone[-4:]}"
        heard.append(repr(answers).replace(tail, "the number"))
    assert heard[0] == heard[1]
    assert {phone for phone, _ in account.phone.codes} <= {OURS}, "no SMS to strangers"


def test_the_right_guess_of_a_code_nobody_was_sent_binds_nobody(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.identity.binding.secrets.randbelow", lambda _most: 654321)
    account.say("绑定")
    account.say(STRANGER)
    assert account.key("654321") == "bind_code_wrong"
    assert account.customer == ""


def test_three_wrong_codes_end_it_and_the_right_one_comes_too_late(account: Account) -> None:
    account.say("绑定")
    account.say(OURS)
    right = account.phone.codes[0][1]
    wrong = "000000" if right != "000000" else "111111"
    assert [account.key(wrong) for _ in range(3)] == ["bind_code_wrong", "bind_code_wrong", "bind_failed"]
    assert account.say(right) is None
    assert account.customer == ""


def test_a_code_counts_for_ten_minutes_and_for_the_account_it_was_asked_from(account: Account) -> None:
    thief = other(account, "wx-2")
    account.say("绑定")
    thief.say("绑定")
    account.say(OURS)
    thief.say("13900001001")
    assert thief.key(account.phone.codes[0][1]) in ("bind_code_wrong", "bind_done") and thief.customer != "C1002"  # noqa: PT018
    account.clock.advance(minutes=10)
    assert account.say(account.phone.codes[0][1]) is None
    assert account.customer == ""


def test_five_codes_an_hour_for_one_account_and_for_one_number(account: Account) -> None:
    account.say("绑定")
    keys = [account.key(f"1390000{number:04d}") for number in range(6)]
    assert keys == ["bind_code_sent"] * 5 + ["bind_too_many"]
    assert account.key("绑定") == "bind_too_many"
    for number in range(6):
        speaker = other(account, f"wx-of-many-{number}")
        speaker.say("绑定")
        assert speaker.key(OURS) == ("bind_code_sent" if number < 5 else "bind_too_many")
    account.clock.advance(hours=1)
    account.say("绑定")
    assert account.key(OURS) == "bind_code_sent"


def test_while_a_person_has_the_conversation_a_code_is_hidden(account: Account) -> None:
    account.say("绑定")
    account.say(OURS)
    with account.database.transaction() as session:
        service = account.service(session)
        assert service.hidden("wechat", "wx-1", "验证码123456") == HIDDEN
        assert service.hidden("wechat", "wx-1", "在吗") == "在吗"
        assert service.hidden("wechat", "wx-2", "123456") == "123456"


def test_neither_number_nor_code_is_stored_in_clear(account: Account) -> None:
    account.say("绑定")
    account.say(OURS)
    with account.database.transaction() as session:
        stored = repr([vars(row) for row in session.scalars(select(BindingAttempt))])
    assert OURS not in stored
    assert account.phone.codes[0][1] not in stored


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13900001002", OURS),
        ("１３９００００１００２", OURS),
        ("+86 139 0000 1002", OURS),
        ("是139-0000-1002吧", OURS),
        ("1390000100", None),
        ("139000010021", None),
        ("13900001002和13900001001", None),
        ("6222020200112233445", None),
        ("你好", None),
    ],
)
def test_a_number_is_found_in_what_people_type(text: str, phone: str | None) -> None:
    assert phone_in(text) == phone
