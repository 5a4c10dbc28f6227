"""The widget's endpoints: a visitor's identity, the log, the long-poll, leaving the queue."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.conversations.rasa import BotMessage
from bot.conversations.repository import ConversationRepository
from bot.conversations.service import PAGE
from tests.gateway import Stack, bearer, until


async def test_a_visitor_reads_the_own_conversation(stack: Stack) -> None:
    sender, token = await stack.visitor()
    assert await stack.read(sender, token) == {"messages": [], "last_seq": 0, "owner": "bot", "agent_read_seq": 0}
    await stack.say("怎么提前还款", sender=sender, token=token, message_id="m-1")
    page = await stack.read(sender, token)
    assert [(m["seq"], m["author"], m["text"], m.get("client_id")) for m in page["messages"]] == [
        (1, "borrower", "怎么提前还款", "m-1"),
        (2, "bot", "听到：怎么提前还款", None),
    ]
    assert (page["last_seq"], page["owner"]) == (2, "bot")
    assert page["messages"][0]["at"].endswith("+08:00")
    assert (await stack.read(sender, token, after=1))["messages"] == page["messages"][1:]


async def test_two_visitors_never_get_the_same_sender(stack: Stack) -> None:
    assert len({(await stack.visitor())[0] for _ in range(20)}) == 20


async def test_a_pressed_button_is_shown_by_its_title(stack: Stack) -> None:
    async def offer(*_: object) -> list[BotMessage]:
        return [BotMessage(text="要看哪个？", buttons=({"title": "看合同FQ-1", "payload": '/ask_bill{"contract_no":"FQ-1"}'},))]

    stack.rasa.answer = offer
    sender, token = await stack.visitor()
    await stack.say("查账单", sender=sender, token=token)
    await stack.say('/ask_bill{"contract_no":"FQ-1"}', sender=sender, token=token)
    await stack.say("/restart", sender=sender, token=token)
    texts = [m["text"] for m in (await stack.read(sender, token))["messages"] if m["author"] == "borrower"]
    assert texts == ["查账单", "看合同FQ-1", "/restart"]


async def test_a_long_log_can_be_read_back_to_its_beginning(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("最早的一句", sender=sender, token=token)
    conversation = stack.conversation(sender=sender).id
    with stack.database.transaction() as session:
        rows = [{"direction": "out", "author": "system", "text": f"第{n}条", "state": "sent"} for n in range(2 * PAGE)]
        ConversationRepository(session).append_all(conversation, stack.clock.now(), rows)
    last = 2 * PAGE + 2
    newest = await stack.read(sender, token)
    seqs = [message["seq"] for message in newest["messages"]]
    assert seqs == list(range(last - PAGE + 1, last + 1))
    while seqs[0] > 1:
        page = await stack.read(sender, token, before=seqs[0])
        assert page["owner"] == "bot"
        assert 0 < len(page["messages"]) <= PAGE
        seqs = [message["seq"] for message in page["messages"]] + seqs
    assert seqs == list(range(1, last + 1))
    assert (await stack.read(sender, token, before=3))["messages"][0]["text"] == "最早的一句"
    assert (await stack.read(sender, token, before=1))["messages"] == []
    other_sender, other_token = await stack.visitor()
    assert (await stack.read(other_sender, other_token, before=3))["messages"] == []
    assert await get(stack, other_token, sender=sender, before=3) == (403, "sender_mismatch")
    assert (await stack.read(sender, stack.customer_token(), before=3))["messages"] == []


async def get(stack: Stack, token: str | None, **params: object) -> tuple[int, str]:
    query = {name: str(value) for name, value in params.items()}
    response = await stack.client.get("/chat/messages", params=query, headers=bearer(token))
    return response.status_code, response.json().get("error", {}).get("code", "")


async def test_foreign_history_is_never_readable(stack: Stack) -> None:
    owner, other = stack.customer_token("C1001"), stack.customer_token("C1002")
    sender, visitor_token = await stack.visitor()
    await stack.say("我的欠款", sender="u-1", token=owner)
    await stack.say("我的欠款", sender=sender, token=visitor_token)
    assert await get(stack, None, sender="u-1") == (401, "token_required")
    assert (await stack.read("u-1", other))["messages"] == [], "as under any sender that they never used"
    assert await get(stack, visitor_token, sender="u-1") == (403, "sender_mismatch")
    assert await get(stack, "x.y.z", sender="u-1") == (401, "token_invalid")
    agent = stack.agent()["Authorization"].removeprefix("Bearer ")
    assert await get(stack, agent, sender="u-1") == (401, "token_invalid")
    assert (await stack.read(sender, other))["messages"] == [], "a login alone does not open a visitor's history"
    assert len((await stack.read("u-1", owner))["messages"]) == 2


async def test_a_tokenless_conversation_can_not_be_read_back(stack: Stack) -> None:
    await stack.say("我的手机号13900001002", sender="u-1")
    assert await get(stack, None, sender="u-1") == (401, "token_required")
    assert (await stack.read("u-1", stack.customer_token()))["messages"] == []


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"sender": ""},
        {"sender": "u", "after": -1},
        {"sender": "u", "after": "x"},
        {"sender": "u", "after": 2**63},
        {"sender": "u", "before": 0},
        {"sender": "u", "before": 2**31},
        {"sender": "u", "before": "x"},
        {"sender": "u", "wait": -1},
        {"sender": "u", "wait": "nan"},
        {"sender": "u", "wait": "inf"},
        {"sender": "u" * 129},
    ],
)
async def test_a_wrong_query_is_refused(stack: Stack, query: dict[str, object]) -> None:
    assert await get(stack, stack.customer_token(), **query) == (422, "invalid_request")


async def test_a_long_poll_is_woken_by_the_next_message(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    waiting = asyncio.create_task(stack.read(sender, token, after=2, wait=20))
    await until(lambda: len(stack.runtime.gateway.wakeups) == 1)
    started = time.monotonic()
    await stack.say("二", sender=sender, token=token)
    page = await waiting
    assert page["messages"][0]["text"] == "二"
    assert time.monotonic() - started < 0.9, "woken, not found by the poll of the database"


async def test_a_long_poll_sees_what_another_process_wrote(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    conversation_id = stack.conversation(sender).id
    waiting = asyncio.create_task(stack.read(sender, token, after=2, wait=20))
    await until(lambda: len(stack.runtime.gateway.wakeups) == 1)
    stack.request_human(conversation_id)  # as the action server does, without a wake-up
    page = await waiting
    assert (page["messages"][0]["author"], page["owner"]) == ("system", "queue")


async def test_a_long_poll_ends_with_nothing_after_its_time(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    started = time.monotonic()
    page = await stack.read(sender, token, after=2, wait=0.2)
    assert page == {"messages": [], "last_seq": 2, "owner": "bot", "agent_read_seq": 0}
    assert 0.2 <= time.monotonic() - started < 2
    assert len(stack.runtime.gateway.wakeups) == 0


async def test_a_client_ahead_of_the_log_is_told_at_once(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    async with asyncio.timeout(2):
        assert (await stack.read(sender, token, after=9, wait=20))["last_seq"] == 2


async def test_a_long_log_comes_in_pages_that_miss_nothing(stack: Stack) -> None:
    sender, token = await stack.visitor()

    async def many(*_: object) -> list[BotMessage]:
        return [BotMessage(text=str(number)) for number in range(PAGE + 20)]

    stack.rasa.answer = many
    await stack.say("一", sender=sender, token=token)
    newest = await stack.read(sender, token)
    assert [m["seq"] for m in newest["messages"]] == list(range(22, PAGE + 22))
    seen, after = [], 1
    while page := (await stack.read(sender, token, after=after))["messages"]:
        seen += [m["seq"] for m in page]
        after = seen[-1]
    assert seen == list(range(2, PAGE + 22))


async def leave(stack: Stack, sender: str, token: str | None) -> tuple[int, str]:
    response = await stack.client.post("/chat/leave-queue", json={"sender": sender}, headers=bearer(token))
    return response.status_code, response.json().get("error", {}).get("code", "")


async def test_a_borrower_may_leave_the_queue_and_has_the_bot_back(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    assert await leave(stack, sender, token) == (409, "not_in_queue")
    stack.request_human(stack.conversation(sender).id)
    assert await leave(stack, sender, None) == (401, "token_required")
    assert await leave(stack, sender, stack.customer_token()) == (404, "conversation_not_found")
    assert await leave(stack, sender, token) == (200, "")
    assert (await stack.read(sender, token))["owner"] == "bot"
    assert (await stack.say("二", sender=sender, token=token))[0]["text"] == "听到：二"


async def test_a_closing_process_ends_long_polls_but_answers_on(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    waiting = asyncio.create_task(stack.read(sender, token, after=2, wait=20))
    await until(lambda: len(stack.runtime.gateway.wakeups) == 1)
    stack.runtime.gateway.close()
    async with asyncio.timeout(0.9):
        assert (await waiting)["messages"] == []
        assert (await stack.read(sender, token, after=2, wait=20))["messages"] == []
    assert (await stack.say("二", sender=sender, token=token))[0]["text"] == "听到：二"
