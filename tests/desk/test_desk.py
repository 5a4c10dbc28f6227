"""The agent API: who waits, claim, reply, give back, and what is shown to whom."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.cases.service import CaseService
from bot.conversations.handoff import HandoffService
from bot.conversations.rasa import BotMessage
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import PAGE
from tests.gateway import Stack, bearer, until

API = "/desk/api/conversations"


@pytest.fixture
async def waiting(stack: Stack) -> str:
    """A customer's conversation that waits for a human."""
    await stack.say("我的电话13900001002，卡号6222021234567890123", token=stack.customer_token())
    conversation_id = stack.conversation(customer_id="C1002").id
    stack.request_human(conversation_id, reason="report_wrong_charge")
    return conversation_id


async def call(stack: Stack, method: str, path: str, headers: dict[str, str], **body: Any) -> tuple[int, Any]:
    response = await stack.client.request(method, path, headers=headers, json=body or None)
    parsed = response.json()
    return response.status_code, parsed["error"]["code"] if "error" in parsed else parsed


async def test_the_queue_shows_who_waits_why_and_how_long(stack: Stack, waiting: str) -> None:
    await stack.say("救命", sender="u-2")
    stack.clock.advance(seconds=30)
    stack.request_human(stack.conversation("u-2").id, reason="distress", priority=10)
    stack.clock.advance(seconds=60)
    agent = stack.agent()
    _, queue = await call(stack, "GET", "/desk/api/queue", agent)
    assert queue["mine"] == []
    urgent, normal = queue["waiting"]
    assert (urgent["reason"], urgent["position"], urgent["level"], urgent["customer_id"]) == ("distress", 1, "anonymous", None)
    assert (normal["reason"], normal["waiting_seconds"], normal["level"]) == ("report_wrong_charge", 90, "identified")
    assert normal["last_text"] == "我的电话139****1002，卡号6222********0123"
    await call(stack, "POST", f"{API}/{waiting}/claim", agent)
    _, queue = await call(stack, "GET", "/desk/api/queue", agent)
    assert [item["conversation_id"] for item in queue["mine"]] == [waiting]
    assert [item["position"] for item in queue["waiting"]] == [1]


def complaint(stack: Stack) -> str:
    with stack.database.transaction() as session:
        cases = CaseService(session, stack.clock, stack.runtime.loans.open(session))
        opened = cases.open_complaint(
            customer_id="C1002",
            conversation_id="x",
            channel="rest",
            story="你们态度太差，我要投诉",
            callback_phone=None,
            key="complaint",
        )
        return opened.case.case_no


async def test_whose_case_is_near_its_deadline_goes_first_and_the_desk_says_why(stack: Stack) -> None:
    case_no = complaint(stack)
    stack.clock.advance(days=12)
    await stack.say("排得更久的人", sender="u-2")
    stack.request_human(stack.conversation("u-2").id)
    stack.clock.advance(seconds=30)
    await stack.say("我要人工", token=stack.customer_token())
    mine = stack.conversation(customer_id="C1002").id
    stack.request_human(mine)
    agent = stack.agent()
    _, queue = await call(stack, "GET", "/desk/api/queue", agent)
    due = {"case_no": case_no, "kind": "complaint", "due_on": (stack.clock.today() + timedelta(days=3)).isoformat()}
    assert [(item["conversation_id"] == mine, item["priority"], item["due_case"]) for item in queue["waiting"]] == [
        (True, 3, due),
        (False, 0, None),
    ]
    assert (await call(stack, "GET", f"{API}/{mine}", agent))[1]["due_case"] == due, "the packet says it too"
    supervisor = stack.agent("S2101")
    words = {"facts": "查了", "reasons": "如此", "remedy": "致歉", "outcome": "for_borrower"}
    assert (await call(stack, "POST", f"/desk/api/cases/{case_no}/decide", supervisor, **words))[0] == 200
    _, queue = await call(stack, "GET", "/desk/api/queue", agent)
    assert [item["due_case"] for item in queue["waiting"]] == [None, None], "decided meanwhile: no date is pending any more"


async def test_a_case_with_time_left_gives_no_place_in_front(stack: Stack) -> None:
    complaint(stack)
    stack.clock.advance(days=11)
    await stack.say("我要人工", token=stack.customer_token())
    stack.request_human(stack.conversation(customer_id="C1002").id)
    _, queue = await call(stack, "GET", "/desk/api/queue", stack.agent())
    assert [(item["priority"], item["due_case"]) for item in queue["waiting"]] == [(0, None)]


async def test_a_conversation_from_queue_to_reply_and_back(stack: Stack, waiting: str) -> None:
    token = stack.customer_token()
    agent = stack.agent()
    assert (await call(stack, "POST", f"{API}/{waiting}/claim", agent))[1]["state"] == "assigned"
    assert await stack.say("在吗", token=token) == []
    after = (await stack.read("u-1", token))["last_seq"]
    poll = asyncio.create_task(stack.read("u-1", token, after=after, wait=20))
    await asyncio.sleep(0.05)
    status, stored = await call(stack, "POST", f"{API}/{waiting}/reply", agent, text="您好，我查一下")
    assert status == 201
    page = await poll
    assert (page["messages"][0]["author"], page["messages"][0]["text"], page["owner"]) == ("agent", "您好，我查一下", "agent")
    assert page["messages"][0]["seq"] == stored["seq"]
    await until(lambda: [row.state for row in stack.log(waiting) if row.author == "agent"] == ["sent"])
    assert await call(stack, "POST", f"{API}/{waiting}/give-back", agent) == (200, {"owner": "bot"})
    assert (await stack.say("还有问题", token=token))[0]["text"] == "听到：还有问题"


async def test_of_two_agents_only_one_gets_the_conversation(stack: Stack, waiting: str) -> None:
    first, second = stack.agent("A2001"), stack.agent("A2002")
    results = await asyncio.gather(*(call(stack, "POST", f"{API}/{waiting}/claim", who) for who in (first, second)))
    assert sorted(status for status, _ in results) == [200, 409]
    assert [body for status, body in results if status == 409] == ["already_claimed"]


async def test_who_was_slower_is_told_who_has_the_conversation(stack: Stack, waiting: str) -> None:
    await call(stack, "POST", f"{API}/{waiting}/claim", stack.agent("A2001"))
    refused = await stack.client.post(f"{API}/{waiting}/claim", headers=stack.agent("A2002"))
    error = refused.json()["error"]
    assert (error["code"], error["details"]) == ("already_claimed", {"by": "A2001", "name": "小林"})


async def test_only_the_owner_replies_and_gives_back(stack: Stack, waiting: str) -> None:
    owner, other, supervisor = stack.agent("A2001"), stack.agent("A2002"), stack.agent("S2101")
    assert await call(stack, "POST", f"{API}/{waiting}/reply", owner, text="抢答") == (403, "not_the_owner")
    await call(stack, "POST", f"{API}/{waiting}/claim", owner)
    for who in (other, supervisor):
        assert await call(stack, "POST", f"{API}/{waiting}/reply", who, text="抢答") == (403, "not_the_owner")
        assert await call(stack, "POST", f"{API}/{waiting}/give-back", who) == (403, "not_the_owner")


async def test_a_conversation_of_the_bot_cannot_be_claimed(stack: Stack) -> None:
    await stack.say("你好")
    path = f"{API}/{stack.conversation().id}"
    agent = stack.agent()
    assert await call(stack, "POST", f"{path}/claim", agent) == (404, "conversation_not_found")
    stack.request_human(stack.conversation().id)
    with stack.database.transaction() as session:
        HandoffService(session, stack.clock, stack.runtime.texts).leave(stack.conversation().id)
    assert await call(stack, "POST", f"{path}/claim", agent) == (409, "not_in_queue"), "every agent saw it waiting"


@pytest.mark.parametrize("conversation_id", ["0" * 32, "made-up", "x" * 500, "%00", "..%2f..%2fx"])
@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("POST", "/claim"), ("POST", "/reply"), ("POST", "/give-back")])
async def test_what_is_not_there_is_a_404(stack: Stack, conversation_id: str, method: str, suffix: str) -> None:
    agent = stack.agent("A2001")
    status, code = await call(stack, method, f"{API}/{conversation_id}{suffix}", agent, text="x")
    not_theirs = {(403, "not_the_owner")} if suffix in ("/reply", "/give-back") else set()
    assert (status, code) in {(404, "conversation_not_found"), (404, "not_found"), (405, "method_not_allowed")} | not_theirs


async def test_the_transcript_is_masked_until_the_owner_needs_it(stack: Stack, waiting: str) -> None:
    owner, other = stack.agent("A2001"), stack.agent("A2002")
    _, view = await call(stack, "GET", f"{API}/{waiting}", other)
    assert view["messages"][0]["text"] == "我的电话139****1002，卡号6222********0123"
    assert view["identity"] == {"level": "identified", "customer_id": "C1002", "name": "李婷", "phone": "139****1002"}
    assert (view["owner"], view["reason"]) == ("queue", "report_wrong_charge")
    assert await call(stack, "GET", f"{API}/{waiting}?reveal=true&reason=核对卡号", owner) == (403, "not_the_owner")
    await call(stack, "POST", f"{API}/{waiting}/claim", owner)
    _, view = await call(stack, "GET", f"{API}/{waiting}?reveal=true&reason=核对卡号", owner)
    assert view["messages"][0]["text"] == "我的电话13900001002，卡号6222021234567890123"


async def test_cards_are_masked_too(stack: Stack) -> None:
    async def answer(*_: Any) -> list[BotMessage]:
        return [BotMessage(text="好", custom={"type": "x", "rows": [{"phone": "13900001002", "amount": 500}]})]

    stack.rasa.answer = answer
    await stack.say("一")
    conversation_id = stack.conversation().id
    stack.request_human(conversation_id)
    _, view = await call(stack, "GET", f"{API}/{conversation_id}", stack.agent())
    assert view["messages"][1]["custom"] == {"type": "x", "rows": [{"phone": "139****1002", "amount": 500}]}


async def test_an_agent_sees_neither_the_bots_nor_a_colleagues_conversations(stack: Stack, waiting: str) -> None:
    await stack.say("你好", sender="u-2")
    private = stack.conversation("u-2").id
    first, second, supervisor = stack.agent("A2001"), stack.agent("A2002"), stack.agent("S2101")
    await call(stack, "POST", f"{API}/{waiting}/claim", first)
    assert await call(stack, "GET", f"{API}/{private}", first) == (404, "conversation_not_found")
    assert await call(stack, "GET", f"{API}/{waiting}", second) == (404, "conversation_not_found")
    for conversation_id in (private, waiting):
        assert (await call(stack, "GET", f"{API}/{conversation_id}", supervisor))[0] == 200


async def test_the_transcript_after_a_sequence_number(stack: Stack, waiting: str) -> None:
    _, view = await call(stack, "GET", f"{API}/{waiting}?after=2", stack.agent())
    assert [message["seq"] for message in view["messages"]] == [3]
    assert view["last_seq"] == 3


async def test_the_beginning_of_a_long_transcript_can_be_read(stack: Stack, waiting: str) -> None:
    with stack.database.transaction() as session:
        rows = [{"direction": "out", "author": "system", "text": f"第{n}条", "state": "sent"} for n in range(PAGE)]
        ConversationRepository(session).append_all(waiting, stack.clock.now(), rows)
    _, newest = await call(stack, "GET", f"{API}/{waiting}", stack.agent())
    first = newest["messages"][0]["seq"]
    assert (first, len(newest["messages"])) == (4, PAGE)
    _, older = await call(stack, "GET", f"{API}/{waiting}?before={first}", stack.agent())
    assert [message["seq"] for message in older["messages"]] == [1, 2, 3]
    assert "13900001002" not in str(older["messages"][0]), "masked as everywhere"
    _, none = await call(stack, "GET", f"{API}/{waiting}?before=1", stack.agent())
    assert none["messages"] == []
    for number in (0, 2**31):
        assert await call(stack, "GET", f"{API}/{waiting}?before={number}", stack.agent()) == (422, "invalid_request")
    await call(stack, "POST", f"{API}/{waiting}/claim", stack.agent())
    assert await call(stack, "GET", f"{API}/{waiting}?before=4", stack.agent("A2002")) == (404, "conversation_not_found")
    _, clear = await call(stack, "GET", f"{API}/{waiting}?before=4&reveal=true&reason=核对电话", stack.agent())
    assert "13900001002" in clear["messages"][0]["text"]


async def test_a_reply_is_sent_once_however_often_it_is_repeated(stack: Stack, waiting: str) -> None:
    agent = stack.agent()
    await call(stack, "POST", f"{API}/{waiting}/claim", agent)
    first = await call(stack, "POST", f"{API}/{waiting}/reply", agent, text="您好", message_id="r-1")
    assert await call(stack, "POST", f"{API}/{waiting}/reply", agent, text="您好", message_id="r-1") == first


@pytest.mark.parametrize("body", [{"text": ""}, {"text": " \x00"}, {"text": "好" * 2001}, {"text": 5}, {"message_id": "r-1"}])
async def test_a_reply_without_words_is_refused(stack: Stack, waiting: str, body: dict[str, Any]) -> None:
    agent = stack.agent()
    assert await call(stack, "POST", f"{API}/{waiting}/reply", agent, **body) == (422, "invalid_request")


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("POST", "/claim"), ("POST", "/reply"), ("POST", "/give-back")])
async def test_nobody_but_an_agent_gets_in(stack: Stack, waiting: str, method: str, suffix: str) -> None:
    path = f"{API}/{waiting}{suffix}"
    _, visitor = await stack.visitor()
    assert await call(stack, method, path, {}, text="x") == (401, "token_required")
    for token in (visitor, stack.customer_token(), "x.y.z"):
        assert await call(stack, method, path, bearer(token), text="x") == (401, "token_invalid")
    expired = stack.agent()
    stack.clock.advance(hours=10)
    assert await call(stack, method, path, expired, text="x") == (401, "token_expired")
