"""A customer's conversation on another device: which one goes on, what comes with it, and who gets nothing of it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.audit.models import AuditEntryRow
from bot.conversations.handoff import HandoffService
from bot.conversations.repository import ConversationRepository
from bot.identity.step_up import is_granted
from tests.channels.test_socket import hello, widget
from tests.gateway import Stack, bearer


async def ask(stack: Stack, token: str | None, **body: Any) -> httpx.Response:
    response = await stack.client.post("/chat/resume", json=body, headers=bearer(token))
    await stack.runtime.gateway.receipts.flush()
    return response


async def resume(stack: Stack, token: str, **body: Any) -> dict[str, Any] | None:
    response = await ask(stack, token, **body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] | None = response.json().get("conversation")
    return found


def texts(page: dict[str, Any] | None) -> list[str]:
    assert page is not None
    return [message["text"] for message in page["messages"]]


async def test_another_device_gets_the_log_and_where_it_stands(stack: Stack) -> None:
    token, other = stack.customer_token("C1002"), stack.customer_token("C1001")
    await stack.say("转人工", sender="u-first", token=other)
    stack.request_human(stack.conversation("u-first", "C1001").id)
    await stack.say("我的欠款", sender="u-1", token=token)
    stack.request_human(stack.conversation("u-1", "C1002").id)
    await stack.client.post("/chat/ack", json={"sender": "u-1", "read": 2}, headers=bearer(token))
    await stack.runtime.gateway.receipts.flush()
    found = await resume(stack, token)
    assert found is not None
    page = await stack.read("u-1", token)
    assert {name: found[name] for name in page} == page
    assert (found["sender"], found["owner"], found["queue_position"], found["read_seq"]) == ("u-1", "queue", 2, 2)
    assert texts(found)[:2] == ["我的欠款", "听到：我的欠款"]


async def test_both_devices_stay_in_step(stack: Stack) -> None:
    """One holds a socket, the other long-polls; each sees what the other says."""
    first = second = stack.customer_token()
    await stack.say("一", sender="u-1", token=first)
    found = await resume(stack, second)
    assert found is not None
    async with widget(stack) as client:
        await client.say(hello("u-1", first, after=2))
        waiting = asyncio.create_task(stack.read(found["sender"], second, after=found["last_seq"], wait=20))
        assert (await client.hear())["messages"] == []
        await stack.say("二", sender=found["sender"], token=second, message_id="of-the-second")
        seen: list[tuple[str, str | None]] = []
        while len(seen) < 2:
            seen += [(message["text"], message.get("client_id")) for message in (await client.hear(20))["messages"]]
        assert seen == [("二", "of-the-second"), ("听到：二", None)]
        assert (await waiting)["messages"][0]["text"] == "二"
    assert texts(await resume(stack, first, sender="u-1")) == ["一", "听到：一", "二", "听到：二"]


async def test_the_conversation_in_which_something_was_said_last_goes_on(stack: Stack) -> None:
    token = stack.customer_token()
    for sender in ("u-1", "u-2", "u-1"):
        await stack.say("你好", sender=sender, token=token)
    found = await resume(stack, token)
    assert found is not None
    assert (found["sender"], found["last_seq"]) == ("u-1", 4)


@pytest.mark.parametrize("claimed", [False, True])
async def test_one_with_a_human_goes_before_a_newer_one(stack: Stack, claimed: bool) -> None:
    token = stack.customer_token()
    await stack.say("转人工", sender="u-1", token=token)
    conversation_id = stack.conversation("u-1", "C1002").id
    stack.request_human(conversation_id)
    if claimed:
        with stack.database.transaction() as session:
            HandoffService(session, stack.clock, stack.runtime.texts).claim(conversation_id, "A2001")
    await stack.say("你好", sender="u-2", token=token)
    found = await resume(stack, token)
    assert found is not None
    assert (found["sender"], found["owner"]) == ("u-1", "agent" if claimed else "queue")
    assert found.get("queue_position") == (None if claimed else 1)


async def test_without_a_conversation_there_is_nothing_to_resume(stack: Stack) -> None:
    response = await ask(stack, stack.customer_token())
    assert (response.status_code, response.json()) == (200, {})
    await stack.read("u-1", stack.customer_token())
    assert await resume(stack, stack.customer_token()) is None, "reading an empty log makes no conversation"


async def test_nothing_of_another_customer_or_of_a_visitor_is_resumed(stack: Stack) -> None:
    sender, visitor = await stack.visitor()
    await stack.say("没登录时说的", sender=sender, token=visitor)
    await stack.say("谁都没登录", sender="u-9")
    await stack.say("我的欠款", sender="u-1", token=stack.customer_token("C1001"))
    for named in ({}, {"sender": "u-1"}, {"sender": "u-9"}, {"sender": sender}, {"sender": "u-nobody"}):
        assert (await ask(stack, stack.customer_token("C1002"), **named)).content == b"{}"


async def test_other_channels_are_not_the_widgets(stack: Stack) -> None:
    with stack.database.transaction() as session:
        repository = ConversationRepository(session)
        row = repository.create("wechat", "openid", "C1002", stack.clock.now())
        repository.append(row.id, stack.clock.now(), direction="in", author="borrower", state="received", text="微信里说的")
    assert await resume(stack, stack.customer_token()) is None


@pytest.mark.parametrize(
    ("who", "code"), [("nobody", "token_required"), ("visitor", "token_invalid"), ("agent", "token_invalid")]
)
async def test_only_customers_resume(stack: Stack, who: str, code: str) -> None:
    _, visitor = await stack.visitor()
    agent = stack.agent()["Authorization"].removeprefix("Bearer ")
    response = await ask(stack, {"nobody": None, "visitor": visitor, "agent": agent}[who])
    assert (response.status_code, response.json()["error"]["code"]) == (401, code)


async def test_a_dialogue_from_before_login_goes_on_when_it_is_the_newer_one(stack: Stack) -> None:
    token = stack.customer_token()
    await stack.say("在手机上", sender="u-1", token=token)
    sender, visitor = await stack.visitor()
    await stack.say("电脑上，没登录", sender=sender, token=visitor)
    assert await resume(stack, token, visitor_token=visitor) is None
    assert texts(await stack.read(sender, visitor)) == ["电脑上，没登录", "听到：电脑上，没登录"], "not the customer's yet"
    assert texts(await resume(stack, token)) == ["在手机上", "听到：在手机上"], "without the visitor's token it is nobody's"
    await stack.say("又在手机上", sender="u-1", token=token)
    assert texts(await resume(stack, token, visitor_token=visitor))[-2:] == ["又在手机上", "听到：又在手机上"]


async def test_a_human_who_waits_for_the_visitor_is_not_left(stack: Stack) -> None:
    token = stack.customer_token()
    sender, visitor = await stack.visitor()
    await stack.say("转人工", sender=sender, token=visitor)
    stack.request_human(stack.conversation(sender).id)
    await stack.say("在手机上", sender="u-1", token=token)
    assert await resume(stack, token, visitor_token=visitor) is None
    stack.request_human(stack.conversation("u-1", "C1002").id)
    found = await resume(stack, token, visitor_token=visitor)
    assert found is not None
    assert found["sender"] == "u-1", "with both in the queue, the newer"


async def test_somebody_elses_visitor_token_or_a_bad_one_changes_nothing(stack: Stack) -> None:
    token = stack.customer_token()
    await stack.say("在手机上", sender="u-1", token=token)
    expected = await resume(stack, token, sender="u-1")
    for forged in ("x.y.z", stack.customer_token("C1001"), token, (await stack.visitor())[1]):
        assert await resume(stack, token, sender="u-1", visitor_token=forged) == expected


async def test_what_became_a_customers_is_nobody_elses_any_more(stack: Stack) -> None:
    """Not the visitor's who began it, nor the next customer's on that device; and on the customer's other device it is there."""
    sender, visitor = await stack.visitor()
    await stack.say("没登录时说的", sender=sender, token=visitor)
    owner, next_one = stack.customer_token("C1002"), stack.customer_token("C1001")
    await stack.say("登录后说的", sender=sender, token=owner, visitor_token=visitor)
    assert texts(await resume(stack, owner))[::2] == ["没登录时说的", "登录后说的"]
    assert (await stack.read(sender, visitor))["messages"] == []
    assert await resume(stack, next_one, sender=sender, visitor_token=visitor) is None
    await stack.say("我呢", sender=sender, token=next_one, visitor_token=visitor)
    assert texts(await stack.read(sender, next_one)) == ["我呢", "听到：我呢"]
    assert texts(await resume(stack, next_one)) == ["我呢", "听到：我呢"]
    assert (await ask(stack, visitor)).status_code == 401


async def test_a_code_typed_on_one_device_does_not_count_on_one_that_joins(stack: Stack) -> None:
    token = stack.customer_token()
    await stack.say("我要还款", sender="u-1", token=token)
    conversation_id = stack.conversation("u-1", "C1002").id
    stack.start_step_up(conversation_id)
    await stack.say(await stack.sent_code(), sender="u-1", token=token)

    def stepped_up() -> bool:
        with stack.database.transaction() as session:
            return is_granted(session, stack.clock, conversation_id, "C1002")

    assert stepped_up()
    await resume(stack, token, sender="u-1")
    assert stepped_up(), "the device that has the conversation keeps what was granted there"
    await resume(stack, token)
    assert not stepped_up()


async def test_a_device_that_joins_is_recorded_and_one_that_is_there_is_not(stack: Stack) -> None:
    token = stack.customer_token()
    await stack.say("你好", sender="u-1", token=token)
    await resume(stack, token, sender="u-1")
    await resume(stack, token)
    conversation_id = stack.conversation("u-1", "C1002").id
    with stack.database.transaction() as session:
        (entry,) = session.scalars(select(AuditEntryRow).where(AuditEntryRow.action == "conversation.resumed"))
        assert (entry.actor_id, entry.customer_id) == ("C1002", "C1002")
        assert entry.conversation_id == conversation_id


@pytest.mark.parametrize("body", [{"sender": ""}, {"sender": "u" * 129}, {"sender": 7}, {"visitor_token": 7}])
async def test_a_wrong_body_is_refused(stack: Stack, body: dict[str, Any]) -> None:
    response = await ask(stack, stack.customer_token(), **body)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "invalid_request")
