"""Every callback of every platform (tests/data/callbacks), fifty times at once on two web processes, real stack and PostgreSQL.

One stored message, one answer, and for a dispute one case: nothing comes twice, whoever gets which delivery.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import func, select

from bot.cases.models import CaseEventRow, CaseRow, RemedyRow
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.models import Message
from bot.conversations.outbox.models import Delivery, DeliveryTry
from bot.core.settings import ROOT
from bot.core.texts import Texts
from bot.loans.audit import audit
from tests.callbacks import Expected, expectations
from tests.faults.servers import OwnPostgres, missing_postgres
from tests.processes.office import Kept, Office, connect, phone_of, seed_with_twins
from tests.processes.replayed import TIMES, WeComLine, deliver_fifty_times, deliver_once

pytestmark = pytest.mark.processes

FEE = "系统扣款失败害我逾期，凭什么收我利息"
DOUBLE = "同一期扣了我两次钱，多扣的退给我"
DISPUTES = {
    # who, what they say, what they are told, (kind, status, 分) of the remedy
    "wechat": ("C1008", DOUBLE, "¥500.00", ("double_debit", "proposed", 50000)),
    "wecom": ("C2001", FEE, "¥1.92", ("penalty", "granted", 192)),
    "feishu": ("C1007", FEE, "¥0.05", ("penalty", "proposed", 5)),
    "dingtalk": ("C2008", DOUBLE, "¥500.00", ("double_debit", "proposed", 50000)),
    "webhook": ("C1001", FEE, "¥1.92", ("penalty", "granted", 192)),
}
BY_CODE = frozenset({"enter_session"})
"""WeCom gives a code with which one message may be sent; it does not go through the outbox."""
REPLAYS = [
    pytest.param(each, plain, id=f"{each.platform}{'-plain' if plain else ''}-{each.kind}")
    for plain in (False, True)
    for each in expectations()
    if not plain or each.platform == "wechat"
]
"""WeChat's twice: sealed, and in plain mode."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    reason = missing_postgres()
    if reason is not None:
        assert os.environ.get("REQUIRE_SERVICES") != "1", reason
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("replays")
    with ExitStack() as stack:
        postgres = OwnPostgres()
        stack.callback(postgres.stop)
        seed_with_twins(postgres.url, folder)
        yield connect(stack, postgres.url, folder)


@pytest.mark.parametrize(("expected", "plain"), REPLAYS)
def test_fifty_deliveries_are_one_message_and_one_answer(office: Office, expected: Expected, plain: bool) -> None:
    line = office.plain_line if plain else office.lines[expected.platform]
    borrower = f"{'plain' if plain else 'b'}-{expected.kind}"
    happened = line.happens(expected.kind, borrower)
    office.replay(line, happened, office.plain_urls() if plain else office.urls, expected.kept)
    with office.database.transaction() as session:
        kept = Kept.of(session, line.channel, happened.address)
        assert len(kept.inbox) == expected.kept
        assert [row.text for row in kept.said] == expected.said
        assert len(kept.attached) == (expected.attached is not None)
        check_answer(kept, expected, line.texts(happened.address))
    office.greeted += expected.kind in BY_CODE


def check_answer(kept: Kept, expected: Expected, read: list[str]) -> None:
    """What is expected, each as the answer of one turn; nothing else."""
    turns: dict[tuple[int | None, int], list[Message]] = {}
    for row in kept.told:
        turns.setdefault((row.reply_to, row.attempt), []).append(row)
    if not expected.answers:
        assert (turns, read) == ({}, [])
        return
    for told in turns.values():
        check_once(told, read)
    check_calls(kept.tries)
    assert len(read) == len(kept.tries) or expected.kind in BY_CODE
    assert [row.seq for row in kept.said] == [seq for seq, _ in turns if seq is not None]
    assert [answer_of(told) for told in turns.values()] == [words_of(key, expected.kind) for key in expected.answers]


def words_of(key: str, kind: str) -> str:
    """What an answer is known by: our own words, or the intent that was understood."""
    texts = Texts.load(ROOT / "data" / "answers").dialogue
    if key not in texts:
        return key
    what = texts["media_file" if kind == "file" else "media_image"].text
    return texts[key].render(**dict.fromkeys(texts[key].placeholders, what))


def answer_of(told: list[Message]) -> str | None:
    cards = [row.custom["intent"] for row in told if row.custom is not None and row.custom.get("type") == "answer"]
    assert len(cards) <= 1
    return cards[0] if cards else told[0].text if len(told) == 1 else None


def check_calls(tries: list[DeliveryTry]) -> None:
    """Each part of a message was sent by one call."""
    parts = [(row.message_id, row.part) for row in tries]
    assert len(set(parts)) == len(parts)
    assert {row.outcome for row in tries} <= {"taken"}


def check_once(told: list[Message], read: list[str]) -> None:
    """``told`` is of one turn, and each text was read once."""
    assert len({(row.reply_to, row.attempt) for row in told}) == 1, "nothing, or the answers of several turns"
    shown = [row.text for row in told if row.text]
    assert shown
    for text in shown:
        assert "".join(read).count(text) == 1, f"{text!r} is not once in {read}"


@pytest.mark.parametrize("platform", DISPUTES)
def test_fifty_deliveries_of_a_dispute_are_one_case(office: Office, platform: str) -> None:
    line, borrower = office.lines[platform], f"{platform}-who-disputes"
    customer_id, words, told, remedy = DISPUTES[platform]
    for number, step in enumerate(("绑定手机", phone_of(customer_id), "the code")):
        happened = line.happens("text", borrower, words=office.app.otp(customer_id) if step == "the code" else step)
        deliver_once(happened, office.urls[number % 2])
        office.settle(line, happened.address)
    assert "绑定好了" in line.texts(happened.address)[-1]
    office.disputed.append((line.channel, happened.address))
    before = len(line.texts(happened.address))
    disputed = line.happens("text", borrower, words=words)
    deliver_fifty_times(line, disputed, office.urls)
    office.settle(line, disputed.address)
    read = line.texts(disputed.address)[before:]
    assert told in "\n".join(read), read
    with office.database.transaction() as session:
        kept = Kept.of(session, line.channel, disputed.address)
        assert len(kept.inbox) == 4
        (said,) = (row for row in kept.said if row.text == words)
        check_once([row for row in kept.told if row.reply_to == said.seq], read)
        check_calls(kept.tries)
        (case,) = session.scalars(select(CaseRow).where(CaseRow.customer_id == customer_id)).all()
        events = Counter(session.scalars(select(CaseEventRow.type).where(CaseEventRow.case_id == case.id)))
        remedies = session.scalars(select(RemedyRow).where(RemedyRow.case_id == case.id)).all()
        assert case.kind == "dispute"
        assert set(events.values()) == {1}, f"something was written down twice: {events}"
        assert [(row.kind, row.status, row.amount) for row in remedies] == [remedy]


def test_pages_of_wecom_that_come_again_change_nothing(office: Office) -> None:
    """Everything of the tests above, once more, while fifty callbacks come in."""
    line = office.lines["wecom"]
    assert isinstance(line, WeComLine)
    happened = line.happens("text", "again")
    deliver_once(happened, office.urls[0])
    office.settle(line, happened.address)
    office.others.append((line.channel, happened.address))
    before, begun = books(office), line.beginnings()
    with line.cursor_forgotten():
        deliver_fifty_times(line, line.told("again"), office.urls)
        office.settle(line, happened.address)
    assert line.beginnings() > begun
    assert books(office) == before


def books(office: Office) -> dict[str, tuple[int, int, int, int]]:
    """Of everybody at WeCom: how much is kept, was said, told, and read."""
    line, found = office.lines["wecom"], {}
    with office.database.transaction() as session:
        for channel, address in {*office.replayed, *office.others}:
            if channel == line.channel:
                kept = Kept.of(session, channel, address)
                found[address] = len(kept.inbox), len(kept.said), len(kept.told), len(line.texts(address))
    return found


def test_nothing_else_was_kept_or_said(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    """Over everything that the tests above did: no row too many, no dead letter, exact books, no error in any process."""
    office.settle_all()
    with office.database.transaction() as session:
        rows = session.execute(select(InboxMessage.channel, InboxMessage.sender))
        kept = Counter((channel, sender) for channel, sender in rows)
        cases, remedies = (session.scalar(select(func.count()).select_from(table)) for table in (CaseRow, RemedyRow))
        calls = Counter(session.scalars(select(DeliveryTry.outcome)))
        lost = session.scalar(select(func.count()).where(InboxMessage.state == "failed"))
        unsent = session.scalar(select(func.count()).where(Delivery.state == "failed"))
        wrong = [problem for checked in audit(session) for problem in checked.wrong]
    ignored = sum(kept[who] == 0 for who in office.replayed)
    once = sum(kept[who] == holds > 0 for who, holds in office.replayed.items())
    twice = sum(kept[who] > holds for who, holds in office.replayed.items())
    line = (
        f"\nreplays: {len(office.replayed)} fixtures × {TIMES} deliveries on 2 processes: {office.acknowledged:,} acknowledged "
        f"(the slowest after {office.slowest:.1f} s), {once} stored once, {ignored} ignored, {twice} twice; "
        f"{len(office.disputed)} disputes × {TIMES}: {cases} cases, {remedies} remedies; {calls['taken']} messages sent\n"
    )
    with capsys.disabled():
        sys.stdout.write(line)
    assert twice == 0
    assert kept.keys() <= office.everybody()
    assert cases == remedies == len(office.disputed)
    assert calls.keys() <= {"taken"}
    assert calls["taken"] + office.greeted == office.read_by_everybody()
    assert (lost, unsent, wrong) == (0, 0, [])
    assert {log.name: errors for log, errors in office.errors().items() if errors} == {}
