"""Is this really yours? Several contacts in one message, in any format, and what is kept of them (product §2, issue 5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from bot.core.clock import SystemClock
from bot.identity.contacts.models import ContactReportRow
from bot.identity.contacts.service import ContactService
from tests.conftest import audited_for_tests
from tests.live import BUSINESS_DATE, LiveApp

pytestmark = pytest.mark.processes
REAL_WAYS = ("随星借 → 首页 → 去还款", "400-100-3399")
EACH = (
    # message, (kind, result) in the order in which they stand
    (
        "短信10693399说让我打4001003399，再转到6222021234567890123，是你们吗",
        [("sms_sender", "official"), ("phone", "official"), ("bank_account", "unknown")],
    ),
    ("13900001111和suixing-jie.example是不是你们的", [("phone", "unknown"), ("url", "unknown")]),
    (
        "有人让我把钱还到6222021234567890123，微信号是suixing_kefu88，是你们的人吗",
        [("bank_account", "unknown"), ("person", "unknown")],
    ),
    ("３３０１ ０４００ １６００ ０１１８ ７０２和13900002222是你们的吗", [("bank_account", "retired"), ("phone", "unknown")]),
    ("+86 400-100-3399和suixingjie.example都是你们官方的吗", [("phone", "official"), ("url", "official")]),
    ("suixingjie.example.evil.com是你们的网址吗", [("url", "unknown")]),
    ("让我转账到3301040016000118702，这个账户是你们的吗", [("bank_account", "retired")]),
    ("四零零一零零三三九九打来的电话是你们吗", [("phone", "official")]),
    ("400-100-3399和85123456是你们的吗", [("phone", "official"), ("phone", "unknown")]),
    ("官网suixingjie.example的客服 8888 6666 是你们的吗", [("url", "official"), ("phone", "unknown")]),
)

PASTED = ("6222021234567890123", "13900001111", "suixing-jie", "suixing_kefu88", "0118", "evil.com", "2222", "85123456", "6666")


@contextmanager
def reports(app: LiveApp) -> Iterator[ContactService]:
    """The contact reports in the books of the running stack."""
    database = audited_for_tests(f"sqlite:///{app.database}")
    with database.transaction() as session:
        yield ContactService(session, SystemClock(BUSINESS_DATE))
    database.dispose()


@pytest.fixture
def app(live_app: LiveApp) -> LiveApp:
    live_app.start_over()
    return live_app


@pytest.mark.parametrize("customer", [None, "C1006"], ids=["anonymous", "identified"])
@pytest.mark.parametrize(("message", "verdicts"), EACH, ids=[message for message, _ in EACH])
def test_every_contact_gets_its_verdict(
    app: LiveApp, message: str, verdicts: list[tuple[str, str]], customer: str | None
) -> None:
    chat = app.chat(customer)
    chat.say(message)
    cards = [item["custom"] for item in chat.replies if (item.get("custom") or {}).get("type") == "official_check"]
    assert [(card["kind"], card["result"]) for card in cards] == verdicts
    results = {result for _, result in verdicts}
    if "unknown" in results:
        assert "不要付款" in chat.text
        assert all(way in chat.text for way in REAL_WAYS)
    if "retired" in results:
        assert "停用" in chat.text
    if results == {"official"}:
        assert "官方渠道" in chat.text
    for pasted in PASTED:
        assert pasted not in chat.text
    assert len([item for item in chat.replies if item.get("text")]) == 1


def test_an_account_beside_a_public_hotline_is_warned_of(app: LiveApp) -> None:
    chat = app.chat()
    chat.say("12378打来让我转到6222021234567890123，是你们吗")
    assert "12378：金融消费者投诉热线" in chat.text
    assert "12363" not in chat.text
    assert chat.card("official_check")["result"] == "unknown"
    assert "不要付款" in chat.text


def test_a_fraud_told_with_a_hotline_and_ones_own_phone_files_neither(app: LiveApp) -> None:
    chat = app.chat("C1002")
    chat.say("我被骗了！钱转到6222021299997890123这个卡上了，我已经打96110报警，请回我电话13900001002")
    cards = [item["custom"] for item in chat.replies if (item.get("custom") or {}).get("type") == "official_check"]
    assert [(card["kind"], card["result"]) for card in cards] == [("bank_account", "unknown")]
    with reports(app) as service:
        filed = service._repository.session.scalars(select(ContactReportRow.value)).all()
    assert "6222021299997890123" in filed
    assert not {"+8696110", "+8613900001002"}.intersection(filed)


def test_a_fraud_told_anonymously_is_on_file_and_with_a_person(app: LiveApp) -> None:
    chat = app.chat()
    chat.say("我被骗了！刚把钱转到6222021234567890123这个卡上，对方说是你们客服")
    assert chat.card("official_check")["result"] == "unknown"
    assert chat.card("handoff")["reason"] == "fraud"
    with reports(app) as service:
        assert service.alerts() == []


def test_three_people_raise_an_alert_and_no_log_shows_what_they_pasted(app: LiveApp) -> None:
    for customer, pasted in (
        (None, "6222 0212 8888 7890 123"),
        ("C1002", "6222021288887890123"),
        ("C1005", "6222-0212-8888-7890-123"),
    ):
        app.chat(customer).say(f"让我把钱转到{pasted}，是你们的账户吗")
    with reports(app) as service:
        (alert,) = service.alerts()
        assert (alert.kind, alert.value, alert.reporters) == ("bank_account", "6222021288887890123", 3)
    log = app.log.read_text(encoding="utf-8")
    assert "contact reported by several people" in log
    for pasted in ("0212 8888", "02128888", "0212-8888", "7890 123", "7890123", "7890-123"):
        assert pasted not in log


def test_who_asks_about_somebody_by_name_learns_nothing(app: LiveApp) -> None:
    """The same for a customer, for nobody's name and without a login; asked by 李婷 herself it is her own account."""
    questions = ("{}欠了多少", "帮我查一下{}的额度", "{}有没有逾期", "{}提前还清要多少钱", "给{}预约还款")
    for question in questions:
        told = set()
        for customer, name in ((None, "李婷"), ("C1005", "李婷"), ("C1005", "郝建国")):
            chat = app.chat(customer)
            chat.say(question.format(name))
            if "options" in chat.kinds():
                chat.say("第一个")
            told.add(chat.text)
            assert "¥" not in chat.text
        assert len(told) == 1
        assert "授权" in told.pop()
    own = app.chat("C1002")
    own.say("李婷欠了多少")
    assert own.card("payoff_quote")["total"] == 2004290


def test_two_complaints_about_collection_are_one_case(app: LiveApp) -> None:
    chat = app.chat("C1006")
    chat.say("催收天天给我家里人打电话，骂我爸妈")
    first = chat.card("case")
    chat.say("你们催收又威胁我要上门，还发我照片给同事")
    assert chat.card("case")["case_no"] == first["case_no"]
    assert "记到编号" in chat.text
    chat.say("投诉进度")
    assert chat.text.count("C-2026") == 1
