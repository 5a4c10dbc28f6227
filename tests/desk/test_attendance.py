"""Who is there, who gets whom, and what happens to those left alone."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.conversations.handoff import HandoffService
from bot.conversations.models import Conversation, HandoffRequest, Message
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import ConversationService
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.desk.attendance import AttendanceService, default_policy
from bot.desk.errors import ColleagueNotFound, DeskFull
from bot.desk.models import Agent
from bot.desk.worker import DeskWorker
from tests.gateway import Stack, shipped_texts

POLICY = default_policy()


@pytest.fixture
def desk(each_database: Database, clock: FixedClock) -> Database:
    """Three agents, nobody there yet."""
    with each_database.transaction() as session:
        for agent_id in ("A1", "A2", "A3"):
            session.add(Agent(agent_id=agent_id, name=agent_id, role="agent", password_hash="-", created_at=clock.now()))
    return each_database


def attendance(session: Session, clock: FixedClock) -> AttendanceService:
    return AttendanceService(session, clock, shipped_texts())


def there(
    database: Database, clock: FixedClock, *agent_ids: str, skills: dict[str, list[str]] | None = None, most: int | None = None
) -> None:
    with database.transaction() as session:
        for agent_id in agent_ids:
            service = attendance(session, clock)
            service.configure(agent_id, skills=(skills or {}).get(agent_id, []), max_conversations=most)
            service.set_presence(agent_id, "online")


def waits(database: Database, clock: FixedClock, name: str, reason: str = "asked", priority: int = 0) -> str:
    """A borrower who asks for a human."""
    with database.transaction() as session:
        conversation = ConversationService(session, clock).open("rest", name, "")
        HandoffService(session, clock, shipped_texts()).request(conversation.id, reason=reason, priority=priority)
        return conversation.id


def writes(database: Database, clock: FixedClock, conversation_id: str) -> None:
    with database.transaction() as session:
        ConversationRepository(session).append(
            conversation_id, clock.now(), direction="in", author="borrower", text="在吗", state="received"
        )


def seen(database: Database, clock: FixedClock, agent_id: str) -> None:
    """The page of this agent is still open."""
    with database.transaction() as session:
        attendance(session, clock).seen(agent_id)


def owners(database: Database) -> dict[str, str | None]:
    with database.transaction() as session:
        return {row.sender: row.agent_id for row in session.scalars(select(Conversation))}


def notes(database: Database, conversation_id: str) -> list[str]:
    with database.transaction() as session:
        query = select(Message.text).where(Message.conversation_id == conversation_id, Message.author == "system")
        return [str(text) for text in session.scalars(query.order_by(Message.seq))]


def run(database: Database, clock: FixedClock) -> dict[str, int]:
    return dict(DeskWorker(database, clock, Settings(demo=True), shipped_texts()).round())


def test_nobody_is_given_to_who_is_not_there(desk: Database, clock: FixedClock) -> None:
    waits(desk, clock, "u1")
    assert run(desk, clock)["assigned"] == 0
    there(desk, clock, "A1")
    with desk.transaction() as session:
        attendance(session, clock).set_presence("A1", "busy")
    assert run(desk, clock)["assigned"] == 0
    there(desk, clock, "A1")
    clock.advance(seconds=POLICY.away_after_seconds)
    assert run(desk, clock)["assigned"] == 0, "the page has not been heard of"


def test_borrowers_are_spread_over_those_who_are_there_up_to_their_caps(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1", "A2", most=2)
    for number in range(5):
        waits(desk, clock, f"u{number}")
        clock.advance(seconds=1)
    assert run(desk, clock)["assigned"] == 4
    assert owners(desk) == {"u0": "A1", "u1": "A2", "u2": "A1", "u3": "A2", "u4": None}


def test_a_skill_goes_to_who_has_it_and_priority_goes_first(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1", "A2", skills={"A1": ["complaints"], "A2": ["fraud"]}, most=1)
    waits(desk, clock, "early")
    waits(desk, clock, "fraud", reason="fraud", priority=5)
    assert run(desk, clock)["assigned"] == 2
    assert owners(desk) == {"early": "A1", "fraud": "A2"}, "what needs no skill goes to anybody"
    waits(desk, clock, "hardship", reason="distress", priority=10)
    there(desk, clock, "A3", skills={"A3": ["fraud"]})
    assert run(desk, clock)["assigned"] == 0, "nobody there has the skill"


def test_an_agent_at_the_cap_cannot_claim_one_more(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1", most=1)
    waits(desk, clock, "u1")
    run(desk, clock)
    with desk.transaction() as session, pytest.raises(DeskFull):
        attendance(session, clock).require_room("A1")


def test_a_conversation_passed_on_goes_to_the_colleague_named_before_all_others(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1", "A2", "A3")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    with desk.transaction() as session:
        with pytest.raises(ColleagueNotFound):
            attendance(session, clock).transfer(conversation, "A1", to_agent="A9")
        attendance(session, clock).transfer(conversation, "A1", to_agent="A3")
    run(desk, clock)
    assert owners(desk) == {"u1": "A3"}
    with desk.transaction() as session:
        request = session.scalars(select(HandoffRequest)).one()
        assert (request.state, request.for_agent) == ("assigned", None)
    assert any("转接" in text for text in notes(desk, conversation))


def test_who_was_left_alone_by_an_agent_who_is_away_goes_to_the_front_of_the_queue(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    writes(desk, clock, conversation)
    clock.advance(minutes=POLICY.idle_after_minutes - 1)
    assert run(desk, clock)["taken_back"] == 0
    clock.advance(minutes=1)
    waits(desk, clock, "u0", priority=1)
    assert run(desk, clock)["taken_back"] == 1
    with desk.transaction() as session:
        queue = HandoffService(session, clock, shipped_texts()).queue()
    assert queue[0].conversation_id == conversation
    assert "抱歉" in notes(desk, conversation)[-1]
    assert run(desk, clock)["taken_back"] == 0, "once"


def test_an_agent_who_is_there_has_longer_but_not_for_ever(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    writes(desk, clock, conversation)
    for minute in range(POLICY.silent_after_minutes):
        assert run(desk, clock)["taken_back"] == 0, minute
        clock.advance(minutes=1)
        with desk.transaction() as session:
            attendance(session, clock).seen("A1")
    assert run(desk, clock)["taken_back"] == 1


def test_an_answered_borrower_is_not_taken_back(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    writes(desk, clock, conversation)
    with desk.transaction() as session:
        HandoffService(session, clock, shipped_texts()).reply(conversation, "A1", "在的")
    clock.advance(hours=5)
    assert run(desk, clock)["taken_back"] == 0


def test_the_next_agent_has_as_long_as_the_first_however_long_the_borrower_has_waited(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    writes(desk, clock, conversation)
    clock.advance(minutes=POLICY.silent_after_minutes + 5)
    assert run(desk, clock)["taken_back"] == 1
    there(desk, clock, "A2")
    assert run(desk, clock)["assigned"] == 1
    told = len(notes(desk, conversation))
    for minute in range(POLICY.silent_after_minutes):
        done = run(desk, clock)
        assert (done["taken_back"], done["assigned"]) == (0, 0), minute
        assert (owners(desk), len(notes(desk, conversation))) == ({"u1": "A2"}, told)
        clock.advance(minutes=1)
        seen(desk, clock, "A2")
    assert run(desk, clock)["taken_back"] == 1, "A2 too has left them alone"


def test_an_agent_who_never_says_a_word_is_not_waited_for(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    clock.advance(minutes=POLICY.idle_after_minutes)
    there(desk, clock, "A2")
    done = run(desk, clock)
    assert (done["taken_back"], done["assigned"]) == (1, 1)
    assert owners(desk) == {"u1": "A2"}
    assert "抱歉" in notes(desk, conversation)[-2]


def test_what_the_agent_did_not_answer_before_giving_back_is_told_and_forgotten(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    writes(desk, clock, conversation)
    with desk.transaction() as session:
        HandoffService(session, clock, shipped_texts()).give_back(conversation, "A1")
    assert "自动客服" in notes(desk, conversation)[-2]
    assert "再发一次" in notes(desk, conversation)[-2], "nobody will answer it, so they are told"
    clock.advance(hours=3)
    there(desk, clock, "A1")
    with desk.transaction() as session:
        query = select(Message.state).where(Message.direction == "in")
        assert session.scalars(query).all() == ["answered"]
        HandoffService(session, clock, shipped_texts()).request(conversation, reason="asked")
    assert run(desk, clock)["assigned"] == 1
    for _ in range(3):
        clock.advance(seconds=5)
        done = run(desk, clock)
        assert (done["taken_back"], done["assigned"]) == (0, 0)


def test_an_agent_whose_account_is_closed_is_away(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    writes(desk, clock, conversation)
    with desk.transaction() as session:
        session.get_one(Agent, "A1").active = False
    clock.advance(minutes=POLICY.idle_after_minutes)
    seen(desk, clock, "A1")
    assert run(desk, clock)["taken_back"] == 1


def test_who_answers_between_the_look_and_the_deed_keeps_the_borrower(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    clock.advance(minutes=POLICY.idle_after_minutes)
    with desk.transaction() as session:
        assert attendance(session, clock).left_alone() == [(conversation, "A1")]
        HandoffService(session, clock, shipped_texts()).reply(conversation, "A1", "我来看看")
    with desk.transaction() as session:
        assert not attendance(session, clock).take_back(conversation, "A1")
    assert owners(desk) == {"u1": "A1"}


def test_a_borrower_passed_on_to_anybody_goes_to_somebody_else(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    conversation = waits(desk, clock, "u1")
    run(desk, clock)
    there(desk, clock, "A2", "A3")
    with desk.transaction() as session:
        attendance(session, clock).transfer(conversation, "A1", to_agent=None)
    run(desk, clock)
    assert owners(desk) == {"u1": "A2"}


def test_who_passed_a_borrower_on_has_them_again_only_when_nobody_else_fits(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1", "A2", skills={"A1": ["fraud"], "A2": ["complaints"]})
    conversation = waits(desk, clock, "u1", reason="fraud")
    run(desk, clock)
    with desk.transaction() as session:
        attendance(session, clock).transfer(conversation, "A1", to_agent=None)
    run(desk, clock)
    assert owners(desk) == {"u1": "A1"}, "better than nobody"


def test_whom_an_agent_left_alone_goes_to_somebody_else(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1")
    waits(desk, clock, "u1")
    run(desk, clock)
    clock.advance(minutes=POLICY.silent_after_minutes)
    there(desk, clock, "A1", "A2")
    done = run(desk, clock)
    assert (done["taken_back"], done["assigned"]) == (1, 1)
    assert owners(desk) == {"u1": "A2"}


def test_many_workers_at_once_give_each_borrower_to_one_agent(desk: Database, clock: FixedClock) -> None:
    there(desk, clock, "A1", "A2", "A3", most=4)
    for number in range(12):
        waits(desk, clock, f"u{number}")
    done: list[dict[str, int]] = []
    workers = [threading.Thread(target=lambda: done.append(run(desk, clock))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(each["assigned"] for each in done) == 12
    assert [each["errors"] for each in done] == [0] * 4
    assert None not in owners(desk).values()


async def test_over_http_presence_colleagues_transfer_and_reading(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("转人工", sender=sender, token=token)
    conversation = stack.conversation(sender=sender).id
    stack.request_human(conversation)
    first, second = stack.agent("A2001"), stack.agent("A2002")
    base = f"/desk/api/conversations/{conversation}"
    await stack.client.post("/desk/api/presence", json={"presence": "online"}, headers=first)
    await stack.client.post(f"{base}/claim", headers=first)
    people = (await stack.client.get("/desk/api/colleagues", headers=second)).json()["colleagues"]
    assert {each["agent"]["agent_id"]: (each["presence"], each["load"]) for each in people}["A2001"] == ("online", 1)
    assert (await stack.client.post(f"{base}/read", json={"seq": 99}, headers=second)).status_code == 204
    assert (await stack.read(sender, token))["agent_read_seq"] == 0, "only the owner reads for the company"
    await stack.client.post(f"{base}/read", json={"seq": 2}, headers=first)
    assert (await stack.read(sender, token))["agent_read_seq"] == 2
    refused = await stack.client.post(f"{base}/transfer", json={"to_agent": "A2003"}, headers=second)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_the_owner")
    assert (await stack.client.post(f"{base}/transfer", json={"to_agent": "A2003"}, headers=first)).json() == {"owner": "queue"}
    waiting = (await stack.client.get("/desk/api/queue", headers=second)).json()["waiting"]
    assert [(item["conversation_id"], item["for_agent"]) for item in waiting] == [(conversation, "A2003")]


async def test_a_supervisor_takes_a_conversation_from_an_agent_or_passes_it_on(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("转人工", sender=sender, token=token)
    conversation = stack.conversation(sender=sender).id
    stack.request_human(conversation)
    agent, boss = stack.agent("A2001"), stack.agent("S2101")
    base = f"/desk/api/conversations/{conversation}"
    refused = await stack.client.post(f"{base}/take-over", headers=boss)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_with_agent"), "waiting: they claim it"
    await stack.client.post(f"{base}/claim", headers=agent)
    refused = await stack.client.post(f"{base}/take-over", headers=stack.agent("A2002"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "role_not_allowed")
    for _ in range(2):
        taken = await stack.client.post(f"{base}/take-over", headers=boss)
        assert (taken.status_code, taken.json()["state"]) == (200, "assigned")
    assert stack.conversation(sender=sender).agent_id == "S2101"
    told = [row.text or "" for row in stack.log(conversation) if row.author == "system"]
    assert len([text for text in told if "接手" in text]) == 1
    assert (await stack.client.post(f"{base}/reply", json={"text": "在"}, headers=agent)).status_code == 403
    await stack.client.post(f"{base}/transfer", json={"to_agent": "A2001"}, headers=boss)
    await stack.client.post(f"{base}/claim", headers=agent)
    assert (await stack.client.post(f"{base}/transfer", json={"to_agent": "A2002"}, headers=boss)).status_code == 200
    (waiting,) = (await stack.client.get("/desk/api/queue", headers=agent)).json()["waiting"]
    assert (waiting["conversation_id"], waiting["for_agent"]) == (conversation, "A2002")
    trail = (await stack.client.get("/desk/api/audit", params={"conversation_id": conversation}, headers=boss)).json()["entries"]
    deeds = [(item["action"], item["actor"]["id"], item["details"]) for item in trail]
    assert ("conversation.taken_over", "S2101", {"agent": "A2001"}) in deeds
    assert ("conversation.transferred", "S2101", {"to": "A2002", "agent": "A2001"}) in deeds
    assert len([deed for deed in deeds if deed[0] == "conversation.taken_over"]) == 1


async def test_a_claim_repeated_at_the_cap_is_answered_like_the_first(stack: Stack) -> None:
    headers = stack.agent("A2001")
    paths = []
    for number in range(POLICY.default_max_conversations + 1):
        await stack.say("转人工", sender=f"u-{number}")
        conversation = stack.conversation(sender=f"u-{number}").id
        stack.request_human(conversation)
        paths.append(f"/desk/api/conversations/{conversation}/claim")
    *most, one_more = paths
    for path in most:
        assert (await stack.client.post(path, headers=headers)).status_code == 200
    again = await stack.client.post(most[-1], headers=headers)
    assert (again.status_code, again.json()["state"]) == (200, "assigned")
    refused = await stack.client.post(one_more, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "desk_full")
