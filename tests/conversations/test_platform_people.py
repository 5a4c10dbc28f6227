"""Colleagues who answer in a platform's own client: whose the conversation is, and what the log says of it."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from bot.audit.service import audited
from bot.conversations.handoff import HandoffService
from bot.conversations.models import PLATFORM_AGENT, Conversation, HandoffRequest, Message
from bot.conversations.outbox.models import Delivery
from bot.conversations.platform_people import PlatformPeople
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.core.texts import Text
from tests.secret import SECRET

TAKEN, BACK = Text("同事接过去了"), Text("我接着帮您")


@pytest.fixture
def books(each_database: Database) -> Database:
    return audited(each_database, Settings(secret_key=SecretStr(SECRET)))


def look(database: Database) -> tuple[str, str | None, list[tuple[str, str | None, str]], int]:
    """(owner, agent, log, deliveries)."""
    with database.transaction() as session:
        row = session.scalars(select(Conversation)).one()
        log = [(each.author, each.text, each.state) for each in session.scalars(select(Message).order_by(Message.seq))]
        return row.owner, row.agent_id, log, session.scalar(select(func.count()).select_from(Delivery)) or 0


@pytest.mark.parametrize("before", ["nobody", "bot", "queue", "agent"])
def test_they_take_it_from_whoever_had_it_and_the_borrower_is_told_nothing_twice(
    books: Database, clock: FixedClock, before: str
) -> None:
    with books.transaction() as session:
        if before != "nobody":
            conversation = ConversationService(session, clock).open("wecom", "kf:u", "")
        if before in ("queue", "agent"):
            HandoffService(session, clock).request(conversation.id, reason="asked")
        if before == "agent":
            HandoffService(session, clock).claim(conversation.id, "A2001")
    sent = 0 if before == "nobody" else look(books)[3]
    with books.transaction() as session:
        people = PlatformPeople(session, clock, "wecom")
        assert people.take("kf:u", TAKEN)
        assert not people.take("kf:u", TAKEN)
        assert people.has("kf:u")
    owner, agent, log, deliveries = look(books)
    assert (owner, agent) == ("agent", PLATFORM_AGENT)
    assert log[-1] == ("system", "同事接过去了", "sent")
    assert deliveries == sent, "the platform tells the borrower itself"
    with books.transaction() as session:
        assert [(each.state, each.agent_id) for each in session.scalars(select(HandoffRequest))] == [("assigned", PLATFORM_AGENT)]


@pytest.mark.parametrize("told", [True, False])
def test_when_they_are_done_the_bot_goes_on(books: Database, clock: FixedClock, told: bool) -> None:
    with books.transaction() as session:
        people = PlatformPeople(session, clock, "wecom")
        assert not people.give_back("kf:u", BACK, deliver=told), "it was not theirs"
        people.take("kf:u", TAKEN)
        assert people.give_back("kf:u", BACK, deliver=told)
        assert not people.has("kf:u")
    owner, agent, log, deliveries = look(books)
    assert (owner, agent, deliveries) == ("bot", None, int(told))
    assert log[-1] == ("system", "我接着帮您", "queued" if told else "sent")
    with books.transaction() as session:
        assert session.scalars(select(HandoffRequest.state)).all() == ["closed"]


def test_a_desk_agents_conversation_is_not_given_back_by_them(books: Database, clock: FixedClock) -> None:
    with books.transaction() as session:
        conversation = ConversationService(session, clock).open("wecom", "kf:u", "")
        HandoffService(session, clock).request(conversation.id, reason="asked")
        HandoffService(session, clock).claim(conversation.id, "A2001")
        assert not PlatformPeople(session, clock, "wecom").give_back("kf:u", BACK, deliver=True)
    assert look(books)[:2] == ("agent", "A2001")


def test_what_they_write_stands_in_the_log_once_and_answers_the_borrower(books: Database, clock: FixedClock) -> None:
    with books.transaction() as session:
        people = PlatformPeople(session, clock, "wecom")
        people.take("kf:u", TAKEN)
        conversation = ConversationService(session, clock).open("wecom", "kf:u", "")
        ConversationRepository(session).append(
            conversation.id, clock.now(), direction="in", author="borrower", text="在吗", state="received"
        )
        for _ in range(2):
            people.said("kf:u", "我是小张", "msg_1")
        people.shown("kf:u", Text("欢迎"), "welcome-1")
    _, _, log, deliveries = look(books)
    assert log[1:] == [("borrower", "在吗", "answered"), ("agent", "我是小张", "sent"), ("bot", "欢迎", "sent")]
    assert deliveries == 0


def test_who_waits_for_them_is_not_sent_back_to_our_queue(books: Database, clock: FixedClock) -> None:
    with books.transaction() as session:
        PlatformPeople(session, clock, "wecom").take("kf:u", TAKEN)
        conversation = ConversationService(session, clock).open("wecom", "kf:u", "")
        repository = ConversationRepository(session)
        repository.append(conversation.id, clock.now(), direction="in", author="borrower", text="在吗", state="received")
        assert repository.left_alone(clock.now()) == []
        assert repository.change_owner(conversation.id, expected="agent", agent=PLATFORM_AGENT, to="agent", to_agent="A2001")
        assert len(repository.left_alone(clock.now())) == 1, "an agent of ours is"


def test_what_is_handed_over_has_been_said_to_the_end(books: Database, clock: FixedClock) -> None:
    with books.transaction() as session:
        conversation = ConversationService(session, clock).open("wecom", "kf:u", "")
        ConversationService(session, clock).open("wecom", "kf:v", "")
        HandoffService(session, clock).request(conversation.id, reason="asked")
        repository = ConversationRepository(session)
        assert repository.to_hand_over("wecom", ()) == [], "the words about it still wait"
        for delivery in session.scalars(select(Delivery)):
            delivery.state = "sent"
        session.flush()
        assert repository.to_hand_over("wecom", ()) == [("kf:u", None)]
        assert repository.to_hand_over("wechat", ()) == []
        HandoffService(session, clock).claim(conversation.id, "A2001")
        for delivery in session.scalars(select(Delivery)):
            delivery.state = "sent"
        session.flush()
        assert repository.to_hand_over("wecom", ()) == []
        assert repository.to_hand_over("wecom", {"A2001"}) == [("kf:u", "A2001")]
