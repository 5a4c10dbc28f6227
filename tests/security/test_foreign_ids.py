"""Somebody else's id and one that nothing has: the same answer to the byte, after the same questions to the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from bot.cases.service import CaseService
from bot.conversations.handoff import HandoffService
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from bot.loans.service import SqlLoanBackend
from tests.attachments import files
from tests.gateway import FakeRasa, Stack, bearer, running
from tests.security.requests import UNKNOWN, Call, Description


@dataclass(frozen=True)
class World:
    """What belongs to others. ``case_no``, ``sender``, ``sent`` and ``internal`` (files) are of C1001; the conversation of C1001
    is the bot's; ``claimed`` is another conversation, which A2001 has.
    """

    stack: Stack
    case_no: str
    conversation_id: str
    claimed: str
    sent: str
    internal: str
    handoff_id: int


@pytest.fixture
async def world(gateway_settings: Settings, process_logging: None) -> AsyncIterator[World]:
    settings = gateway_settings.model_copy(update={"requests_per_token_minute": 10_000, "changes_per_token_minute": 10_000})
    async with running(settings, FixedClock(), FakeRasa()) as stack:
        owner = stack.customer_token("C1001")
        await stack.say("我的欠款", sender="u-1", token=owner)
        conversation_id = stack.conversation("u-1", "C1001").id
        with stack.database.transaction() as session:
            cases = CaseService(session, stack.clock, SqlLoanBackend(session, stack.clock))
            case_no = cases.open_complaint(
                customer_id="C1001",
                conversation_id=conversation_id,
                channel="rest",
                story="催收骚扰",
                callback_phone=None,
                key="k",
            ).case.case_no
        sent = await stack.client.post(
            "/chat/attachments", params={"sender": "u-1"}, content=files.image(), headers=bearer(owner)
        )
        internal = await stack.client.post(
            f"/desk/api/cases/{case_no}/attachments", params={"audience": "internal"}, content=files.pdf(), headers=stack.agent()
        )
        await stack.say("转人工", sender="u-2", token=owner)
        claimed = stack.conversation("u-2", "C1001").id
        stack.request_human(claimed)
        with stack.database.transaction() as session:
            handoffs = HandoffService(session, stack.clock, stack.runtime.texts)
            handoffs.claim(claimed, "A2001")
            handoff = handoffs._open(claimed).id
        for known in ("C1001", "C1002"):  # a process looks once whether there is such a customer
            await stack.client.get("/chat/cases", headers=bearer(stack.customer_token(known)))
        numbers = sent.json()["attachment_id"], internal.json()["attachment_id"]
        yield World(stack, case_no, conversation_id, claimed, *numbers, handoff)


@contextmanager
def statements(stack: Stack) -> Iterator[list[str]]:
    """Every statement that reaches the database meanwhile, without its values."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(stack.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(stack.database.engine, "before_cursor_execute", note)


async def look(stack: Stack, call: Call, headers: dict[str, str]) -> tuple[httpx.Response, list[str]]:
    with statements(stack) as seen:
        response = await call.send(stack, {**headers, "Idempotency-Key": "one-key"})
    return response, seen


async def compare(stack: Stack, call: Call, headers: dict[str, str], foreign: dict[str, str]) -> tuple[int, str]:
    """Asserts that nothing tells the two apart; gives status and body."""
    unknown = {name: UNKNOWN[name] for name in foreign}
    there, asked_there = await look(stack, call.about(**foreign), headers)
    not_there, asked_not_there = await look(stack, call.about(**unknown), headers)
    assert (there.status_code, there.content) == (not_there.status_code, not_there.content), call.operation
    assert asked_there == asked_not_there, call.operation
    differing = {"x-request-id", "date"}
    assert [pair for pair in there.headers.items() if pair[0] not in differing] == [
        pair for pair in not_there.headers.items() if pair[0] not in differing
    ]
    return there.status_code, there.text


def naming(stack: Stack, prefix: str, *ids: str) -> list[Call]:
    """The operations under ``prefix`` that take one of these ids, in the address, the query or the body."""
    description = Description(stack.app)
    found = []
    for call in description.calls().values():
        body = call.body if isinstance(call.body, dict) else {}
        if call.path.startswith(prefix) and any(name in call.values or name in call.query or name in body for name in ids):
            found.append(call)
    assert found
    return found


async def test_a_customer_learns_nothing_of_anothers_cases_and_files(world: World) -> None:
    stack = world.stack
    other = bearer(stack.customer_token("C1002"))
    answers = {}
    for call in naming(stack, "/chat", "case_no"):
        answers[call.operation] = await compare(stack, call.of("u-9"), other, {"case_no": world.case_no})
    for attachment_id in (world.sent, world.internal):
        for call in naming(stack, "/chat", "attachment_id"):
            answers[call.operation] = await compare(stack, call, other, {"attachment_id": attachment_id})
    assert {name: answer for name, answer in answers.items() if answer[0] != 404} == {}
    assert len(answers) == 6


async def test_a_visitor_learns_nothing_of_files(world: World) -> None:
    sender, token = await world.stack.visitor()
    for attachment_id in (world.sent, world.internal):
        for call in naming(world.stack, "/chat", "attachment_id"):
            status, _ = await compare(world.stack, call, bearer(token), {"attachment_id": attachment_id})
            assert status == 404
    upload = Description(world.stack.app).call("POST /chat/attachments").of(sender)
    assert (await compare(world.stack, upload, bearer(token), {"case_no": world.case_no}))[0] == 404


async def test_what_agents_keep_among_themselves_does_not_exist_for_the_cases_own_customer(world: World) -> None:
    (call,) = naming(world.stack, "/chat", "attachment_id")
    owner = bearer(world.stack.customer_token("C1001"))
    assert (await compare(world.stack, call, owner, {"attachment_id": world.internal}))[0] == 404
    assert (await call.about(attachment_id=world.sent).send(world.stack, owner)).status_code == 200


async def test_a_sender_that_another_customer_uses_looks_unused(world: World) -> None:
    stack = world.stack
    other = bearer(stack.customer_token("C1002"))
    for operation in ("GET /chat/messages", "POST /chat/ack", "POST /chat/leave-queue", "POST /chat/rating"):
        call = Description(stack.app).call(operation)
        there, asked_there = await look(stack, call.of("u-2"), other)
        not_there, asked_not_there = await look(stack, call.of("u-nobody"), other)
        assert (there.status_code, there.content) == (not_there.status_code, not_there.content), operation
        assert asked_there == asked_not_there, operation


async def test_naming_what_is_not_theirs_resumes_nothing_and_costs_nothing(world: World) -> None:
    """A sender of C1001, a visitor's and nobody's are the same to C1002, who has said something or not."""
    stack = world.stack
    minted, visitor = await stack.visitor()
    await stack.say("你好", sender=minted, token=visitor)
    call = Description(stack.app).call("POST /chat/resume")
    for said in (False, True):
        if said:
            await stack.say("你好", sender="u-9", token=stack.customer_token("C1002"))
        answers = []
        for sender in ("u-1", "u-2", minted, "u-nobody"):
            named = replace(call, body={"sender": sender})
            response, asked = await look(stack, named, bearer(stack.customer_token("C1002")))
            answers.append((response.status_code, response.content, asked))
        assert all(answer == answers[0] for answer in answers)
        assert ("u-9" in answers[0][1].decode()) == said
        assert world.sent not in answers[0][1].decode()


async def test_a_handoff_of_another_conversation_is_as_unknown_as_none(world: World) -> None:
    stack = world.stack
    token = stack.customer_token("C1002")
    await stack.say("你好", sender="u-3", token=token)
    answers = []
    for number in (world.handoff_id, 999_999):
        body = {"sender": "u-3", "handoff_id": number, "score": 5}
        response = await stack.client.post("/chat/rating", json=body, headers=bearer(token))
        answers.append((response.status_code, response.content))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


async def test_an_agent_learns_nothing_of_conversations_that_they_may_not_see(world: World) -> None:
    """The bot's, and a colleague's. Claiming the latter is the exception: the queue has shown it to everybody."""
    stack, other = world.stack, world.stack.agent("A2002")
    answers: dict[str, set[int]] = {}
    for conversation_id in (world.conversation_id, world.claimed):
        for call in naming(stack, "/desk/api", "conversation_id"):
            if call.path.endswith("/audit") or (conversation_id == world.claimed and call.path.endswith("/claim")):
                continue
            status, _ = await compare(stack, call, other, {"conversation_id": conversation_id})
            answers.setdefault(call.operation, set()).add(status)
    unread = answers.pop("POST /desk/api/conversations/{conversation_id}/read")
    assert unread == {204}, "from those who do not own it, it changes nothing"
    assert {name: found for name, found in answers.items() if not found <= {403, 404}} == {}
    assert len(answers) >= 9
    claim = await stack.client.post(f"/desk/api/conversations/{world.claimed}/claim", headers=other)
    assert claim.json()["error"]["code"] == "already_claimed"


async def test_an_agent_learns_nothing_of_files_in_conversations_that_they_may_not_see(world: World) -> None:
    (call,) = naming(world.stack, "/desk/api", "attachment_id")
    assert (await compare(world.stack, call, world.stack.agent("A2002"), {"attachment_id": world.sent}))[0] == 404
