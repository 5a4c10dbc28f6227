"""When the office closes nobody is left waiting with a silent bot: it goes on, and the request is kept."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.cases.models import CaseEventRow, CaseRow
from bot.conversations.handoff import Handoff, HandoffService
from bot.conversations.models import Conversation, HandoffRequest, Message
from bot.conversations.office_hours import OfficeHours
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService
from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.desk.attendance import AttendanceService, default_policy
from bot.desk.models import Agent
from bot.desk.worker import DeskWorker
from tests.gateway import shipped_texts

OPEN = "09:00-21:00"
POLICY = default_policy()


@pytest.fixture
def evening() -> FixedClock:
    """Two minutes before the office closes."""
    return FixedClock(datetime(2026, 8, 22, 20, 58, tzinfo=SHANGHAI))


@pytest.fixture
def desk(each_database: Database, evening: FixedClock) -> Database:
    with each_database.transaction() as session:
        for agent_id in ("A1", "A2"):
            session.add(Agent(agent_id=agent_id, name=agent_id, role="agent", password_hash="-", created_at=evening.now()))
    return each_database


def handoffs(session: Session, clock: FixedClock) -> HandoffService:
    return HandoffService(session, clock, shipped_texts(), OfficeHours.parse(OPEN))


def attendance(session: Session, clock: FixedClock) -> AttendanceService:
    return AttendanceService(session, clock, shipped_texts(), hours=OfficeHours.parse(OPEN))


def online(database: Database, clock: FixedClock, agent_id: str) -> None:
    with database.transaction() as session:
        attendance(session, clock).set_presence(agent_id, "online")


def writes(database: Database, clock: FixedClock, conversation_id: str, text: str, state: str = "answered") -> None:
    with database.transaction() as session:
        ConversationRepository(session).append(
            conversation_id, clock.now(), direction="in", author="borrower", text=text, state=state
        )


def waits(database: Database, clock: FixedClock, name: str, customer_id: str = "", case_no: str | None = None) -> str:
    with database.transaction() as session:
        conversation_id = ConversationService(session, clock).open("rest", name, customer_id).id
    writes(database, clock, conversation_id, "自动扣款失败了，转人工")
    with database.transaction() as session:
        handoffs(session, clock).request(conversation_id, reason="asked", case_no=case_no)
    return conversation_id


def run(database: Database, clock: FixedClock) -> dict[str, int]:
    done = DeskWorker(database, clock, Settings(demo=True, office_hours=OPEN), shipped_texts()).round()
    assert done["errors"] == 0
    return dict(done)


def owner(database: Database, conversation_id: str) -> tuple[str, str | None]:
    with database.transaction() as session:
        row = session.get_one(Conversation, conversation_id)
        return row.owner, row.agent_id


def told(database: Database, conversation_id: str) -> list[Message]:
    with database.transaction() as session:
        query = select(Message).where(Message.conversation_id == conversation_id, Message.author == "system")
        return list(session.scalars(query.order_by(Message.seq)))


def cases(database: Database) -> list[CaseRow]:
    with database.transaction() as session:
        return list(session.scalars(select(CaseRow)))


def test_an_anonymous_borrower_goes_on_with_the_bot_and_stays_on_the_list(desk: Database, evening: FixedClock) -> None:
    conversation = waits(desk, evening, "u1")
    assert run(desk, evening)["put_off"] == 0, "the office is open"
    evening.advance(minutes=2)
    assert run(desk, evening)["put_off"] == 1
    assert owner(desk, conversation) == ("bot", None)
    last = told(desk, conversation)[-1]
    assert last.text == shipped_texts().dialogue["handoff_noted"].render(hours=OPEN)
    assert last.custom == Handoff("offline", None, "asked", None).card()
    assert cases(desk) == []
    before = len(told(desk, conversation))
    assert run(desk, evening)["put_off"] == 0, "once"
    assert len(told(desk, conversation)) == before
    with desk.transaction() as session:
        assert [(item.conversation_id, item.offline) for item in handoffs(session, evening).queue()] == [(conversation, True)]


def test_an_identified_borrower_gets_a_case_with_a_call_back_and_its_number(desk: Database, evening: FixedClock) -> None:
    conversation = waits(desk, evening, "u1", "C1002")
    evening.advance(minutes=1)
    writes(desk, evening, conversation, "扣了两次320.67元")
    evening.advance(minutes=1)
    assert run(desk, evening)["put_off"] == 1
    (case,) = cases(desk)
    assert (case.customer_id, case.conversation_id, case.kind) == ("C1002", conversation, "complaint")
    last = told(desk, conversation)[-1]
    assert case.case_no in (last.text or "")
    assert "自动客服" in (last.text or "")
    assert last.custom == Handoff("offline", None, "asked", case.case_no).card()
    with desk.transaction() as session:
        story = session.scalars(
            select(CaseEventRow.text).where(CaseEventRow.case_id == case.id).order_by(CaseEventRow.id)
        ).first()
        assert story == "自动扣款失败了，转人工\n扣了两次320.67元"
    evening.advance(hours=13)
    with desk.transaction() as session:
        assert handoffs(session, evening).request(conversation, reason="asked").state == "queued"
    evening.advance(hours=12)
    assert run(desk, evening)["put_off"] == 1
    assert [each.case_no for each in cases(desk)] == [case.case_no], "one case for one request"


def test_who_came_about_a_case_keeps_it(desk: Database, evening: FixedClock) -> None:
    conversation = waits(desk, evening, "u1", "C1002", case_no="C-20260822-0007")
    evening.advance(minutes=2)
    run(desk, evening)
    assert "C-20260822-0007" in (told(desk, conversation)[-1].text or "")
    assert cases(desk) == []


def test_a_borrower_without_words_is_not_forgotten(desk: Database, evening: FixedClock) -> None:
    with desk.transaction() as session:
        conversation = ConversationService(session, evening).open("rest", "u1", "C1002").id
        handoffs(session, evening).request(conversation, reason="asked")
    evening.advance(minutes=2)
    assert run(desk, evening)["put_off"] == 1
    assert len(cases(desk)) == 1


def test_whom_an_agent_leaves_alone_at_night_reads_of_the_night_at_once(desk: Database, evening: FixedClock) -> None:
    online(desk, evening, "A1")
    conversation = waits(desk, evening, "u1", "C1002")
    assert run(desk, evening)["assigned"] == 1
    writes(desk, evening, conversation, "在吗", "received")
    evening.advance(minutes=POLICY.idle_after_minutes)
    before = len(told(desk, conversation))
    done = run(desk, evening)
    assert (done["taken_back"], done["put_off"], done["assigned"]) == (1, 0, 0)
    assert owner(desk, conversation) == ("bot", None)
    (note,) = told(desk, conversation)[before:]
    assert cases(desk)[0].case_no in (note.text or "")
    with desk.transaction() as session:
        query = select(Message.state).where(Message.direction == "in").order_by(Message.seq)
        assert session.scalars(query).all() == ["answered", "answered"], "nobody is waited for any more"


def test_at_night_nobody_is_assigned_and_whoever_is_there_may_claim(desk: Database, evening: FixedClock) -> None:
    conversation = waits(desk, evening, "u1")
    evening.advance(minutes=2)
    online(desk, evening, "A1")
    assert run(desk, evening)["assigned"] == 0
    with desk.transaction() as session:
        assert attendance(session, evening).assign_next() is None
        assert handoffs(session, evening).claim(conversation, "A1").state == "assigned"
    assert run(desk, evening)["put_off"] == 0
    assert owner(desk, conversation) == ("agent", "A1"), "closing time does not take them away"
    with desk.transaction() as session:
        assert attendance(session, evening).transfer(conversation, "A1", to_agent="A2").state == "offline"
    assert owner(desk, conversation) == ("bot", None)
    with desk.transaction() as session:
        assert session.scalars(select(HandoffRequest.for_agent)).one() == "A2"
        assert handoffs(session, evening).claim(conversation, "A2").state == "assigned"


def test_many_workers_close_once(desk: Database, evening: FixedClock) -> None:
    waiting = [waits(desk, evening, f"u{number}", f"C90{number:02d}") for number in range(6)]
    evening.advance(minutes=2)
    done: list[int] = []
    workers = [threading.Thread(target=lambda: done.append(run(desk, evening)["put_off"])) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(done) == 6
    assert len(cases(desk)) == 6
    assert [len(told(desk, conversation)) for conversation in waiting] == [2] * 6
