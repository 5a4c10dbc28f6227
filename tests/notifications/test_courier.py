"""Notifications: left with the deed, delivered once, to where the borrower reads them."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.conversations.courier import MAX_ATTEMPTS, Courier
from bot.conversations.models import Message
from bot.conversations.service import ConversationService
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT
from bot.core.texts import Text, Texts
from bot.loans.backends import EmbeddedBackends
from bot.loans.models import CustomerRow
from bot.loans.servicing.simulated import SimulatedSender
from bot.notifications.models import NotificationRow
from bot.notifications.service import Notifications

PHONE = "13900001002"
CARDS = ({"type": "case", "case_no": "C-1"}, {"type": "remedy", "case_no": "C-1"})


@pytest.fixture
def texts() -> dict[str, Text]:
    return {**Texts.load(ROOT / "data" / "answers").dialogue, "told": Text("您的{amount}已经退回。")}


def courier(database: Database, clock: FixedClock, texts: dict[str, Text], sender: SimulatedSender) -> Courier:
    return Courier(database, clock, texts, sender, EmbeddedBackends(clock))


def customer(session: Session, clock: FixedClock) -> None:
    session.add(
        CustomerRow(customer_id="C1", name="某人", phone=PHONE, bank_name="测试银行", card_tail="0001", registered_at=clock.now())
    )


def talk(session: Session, clock: FixedClock, sender: str, customer_id: str = "C1") -> str:
    """A conversation in which something was said."""
    service = ConversationService(session, clock)
    conversation = service.open("rest", sender, customer_id)
    service._repository.append(conversation.id, clock.now(), direction="in", author="borrower", text="你好", state="answered")
    return conversation.id


def tell(session: Session, clock: FixedClock, **more: object) -> bool:
    given: dict[str, object] = {"key": "k", "customer_id": "C1", **more}
    return Notifications(session, clock).tell("told", {"amount": "¥500.00"}, **given)  # type: ignore[arg-type]


def log(database: Database, conversation_id: str) -> list[tuple[str, str | None, object]]:
    with database.transaction() as session:
        query = select(Message).where(Message.conversation_id == conversation_id, Message.direction == "out")
        return [(row.author, row.text, row.custom) for row in session.scalars(query.order_by(Message.seq))]


def row_of(database: Database) -> NotificationRow:
    with database.transaction() as session:
        return session.scalars(select(NotificationRow)).one()


def test_a_word_with_its_cards_goes_into_the_conversation_used_last(
    each_database: Database, clock: FixedClock, texts: dict[str, Text]
) -> None:
    with each_database.transaction() as session:
        customer(session, clock)
        first, second = talk(session, clock, "a"), talk(session, clock, "b")
        assert tell(session, clock, cards=CARDS)
    sender = SimulatedSender()
    assert courier(each_database, clock, texts, sender).round() == {"delivered": 1, "errors": 0}
    assert log(each_database, second) == [("bot", "您的¥500.00已经退回。", CARDS[0]), ("bot", None, CARDS[1])]
    assert log(each_database, first) == []
    assert not sender.sent
    assert courier(each_database, clock, texts, sender).round() == {"delivered": 0, "errors": 0}


def test_the_same_deed_leaves_one_word_and_a_deed_rolled_back_leaves_none(each_database: Database, clock: FixedClock) -> None:
    with each_database.transaction() as session:
        assert tell(session, clock)
        assert not tell(session, clock)
    with each_database.transaction() as session:
        tell(session, clock, key="other")
        session.rollback()
    assert row_of(each_database).key == "k"


def test_without_a_conversation_it_goes_out_by_sms_once(
    each_database: Database, clock: FixedClock, texts: dict[str, Text]
) -> None:
    with each_database.transaction() as session:
        customer(session, clock)
        tell(session, clock)
    sender = SimulatedSender(silent=1)
    post = courier(each_database, clock, texts, sender)
    assert post.round()["delivered"] == 0
    assert post.round()["delivered"] == 0, "not before its pause is over"
    clock.advance(minutes=1)
    assert post.round()["delivered"] == 1
    assert sender.sent == {"k": (PHONE, "【随星借】您的¥500.00已经退回。")}
    assert (row_of(each_database).via, row_of(each_database).attempts) == ("sms", 2)


def test_a_sender_that_never_answers_ends_among_the_dead_letters(
    database: Database, clock: FixedClock, texts: dict[str, Text]
) -> None:
    with database.transaction() as session:
        customer(session, clock)
        tell(session, clock)
    post = courier(database, clock, texts, SimulatedSender(silent=99))
    for _ in range(MAX_ATTEMPTS):
        post.round()
        clock.advance(hours=2)
    assert (row_of(database).state, row_of(database).failure) == ("failed", "no_answer")
    assert post.round() == {"delivered": 0, "errors": 0}


def test_a_phone_that_nothing_reaches_is_a_dead_letter_at_once(
    database: Database, clock: FixedClock, texts: dict[str, Text]
) -> None:
    with database.transaction() as session:
        customer(session, clock)
        tell(session, clock)
    courier(database, clock, texts, SimulatedSender(frozenset({PHONE}))).round()
    assert (row_of(database).state, row_of(database).failure) == ("failed", "sms_failed")


def test_an_anonymous_complainant_is_told_in_their_conversation(
    database: Database, clock: FixedClock, texts: dict[str, Text]
) -> None:
    with database.transaction() as session:
        conversation = talk(session, clock, "v", customer_id="")
        tell(session, clock, customer_id=None, conversation_id=conversation)
        tell(session, clock, key="gone", customer_id=None, conversation_id="0" * 32)
    assert courier(database, clock, texts, SimulatedSender()).round()["delivered"] == 1
    assert log(database, conversation) == [("bot", "您的¥500.00已经退回。", None)]


def test_one_that_breaks_does_not_stop_the_others(database: Database, clock: FixedClock, texts: dict[str, Text]) -> None:
    with database.transaction() as session:
        customer(session, clock)
        conversation = talk(session, clock, "a")
        Notifications(session, clock).tell("no_such_text", {}, key="bad", customer_id="C1")
        tell(session, clock)
    assert courier(database, clock, texts, SimulatedSender()).round() == {"delivered": 1, "errors": 1}
    assert len(log(database, conversation)) == 1


def test_not_before_its_time(database: Database, clock: FixedClock, texts: dict[str, Text]) -> None:
    with database.transaction() as session:
        customer(session, clock)
        talk(session, clock, "a")
        later = FixedClock(clock.moment)
        later.advance(hours=1)
        tell(session, clock, not_before=later.now())
    post = courier(database, clock, texts, SimulatedSender())
    assert post.round()["delivered"] == 0
    clock.advance(hours=1)
    assert post.round()["delivered"] == 1


def test_many_couriers_at_once_write_each_word_once(each_database: Database, clock: FixedClock, texts: dict[str, Text]) -> None:
    with each_database.transaction() as session:
        customer(session, clock)
        conversation = talk(session, clock, "a")
        for number in range(30):
            tell(session, clock, key=f"k{number}")
    done: list[dict[str, int]] = []
    workers = [
        threading.Thread(target=lambda: done.append(courier(each_database, clock, texts, SimulatedSender()).round()))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(each["delivered"] for each in done) == 30
    assert [each["errors"] for each in done] == [0] * 4
    with each_database.transaction() as session:
        count = session.scalar(select(func.count()).where(Message.conversation_id == conversation, Message.direction == "out"))
    assert count == 30
