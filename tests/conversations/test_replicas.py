"""Two replicas of the web process on one database: the database alone keeps order and prevents doubles."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from bot.conversations.models import Conversation, Message
from bot.conversations.rasa import BotMessage
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.desk.models import Agent
from tests.gateway import FakeRasa, Stack, add_customers, running


@pytest.fixture
async def replicas(each_database: Database, gateway_settings: Settings, process_logging: None) -> Any:
    """Both talk to the same Rasa."""
    with each_database.transaction() as session:
        add_customers(session)
        for agent_id in ("A2001", "A2002"):
            now = FixedClock().now()
            session.add(Agent(agent_id=agent_id, name=agent_id, role="agent", password_hash="not a hash", created_at=now))
    url = each_database.engine.url.render_as_string(hide_password=False)
    settings = gateway_settings.model_copy(update={"database_url": url, "rasa_timeout_seconds": 5})
    clock, rasa = FixedClock(), FakeRasa()
    async with running(settings, clock, rasa) as first, running(settings, clock, rasa) as second:
        yield first, second


async def test_one_message_sent_to_both_is_answered_once(replicas: tuple[Stack, Stack]) -> None:
    first, second = replicas
    answers = await asyncio.gather(*(stack.say("预约还款", message_id="m-1") for stack in (first, second) * 3))
    assert all(answer == answers[0] for answer in answers)
    assert len(first.rasa.asked) == 1


async def test_messages_through_both_are_worked_on_one_at_a_time(replicas: tuple[Stack, Stack]) -> None:
    now, most = 0, 0

    async def slowly(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return [BotMessage(text=message)]

    first, second = replicas
    first.rasa.answer = slowly
    await asyncio.gather(*(stack.say(str(number)) for number, stack in enumerate((first, second) * 3)))
    assert most == 1
    log = first.log(first.conversation().id)
    assert [row.seq for row in log] == list(range(1, 13))
    assert [row.direction for row in log] == ["in", "out"] * 6, "each answer right behind its question"
    assert all(question.text == answer.text for question, answer in zip(log[::2], log[1::2], strict=True))


async def test_a_new_conversation_opened_on_both_at_once_is_one_conversation(replicas: tuple[Stack, Stack]) -> None:
    first, second = replicas
    await asyncio.gather(*(stack.say("你好", sender=f"u-{number}") for number in range(5) for stack in (first, second)))
    with first.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Conversation)) == 5
        assert session.scalar(select(func.count()).select_from(Message)) == 20


async def test_two_agents_on_two_replicas_cannot_both_claim(replicas: tuple[Stack, Stack]) -> None:
    first, second = replicas
    await first.say("转人工")
    conversation_id = first.conversation().id
    first.request_human(conversation_id)
    agents = [(first, first.agent("A2001")), (second, second.agent("A2002"))]

    async def claim(stack: Stack, headers: dict[str, str]) -> httpx.Response:
        return await stack.client.post(f"/desk/api/conversations/{conversation_id}/claim", headers=headers)

    statuses = sorted(response.status_code for response in await asyncio.gather(*(claim(*agent) for agent in agents)))
    assert statuses == [200, 409]


async def test_one_code_cannot_be_used_on_both(replicas: tuple[Stack, Stack]) -> None:
    first, _ = replicas
    token = first.customer_token()
    await first.say("预约还款", token=token)
    first.start_step_up(first.conversation(customer_id="C1002").id)
    code = await first.sent_code()
    await asyncio.gather(*(stack.say(code, token=token) for stack in replicas))
    assert first.rasa.texts.count('/affirm{"step_up":"done"}') == 1


async def test_strange_characters_are_stored_or_refused_but_never_break(replicas: tuple[Stack, Stack]) -> None:
    first, _ = replicas
    text = "'; DROP TABLE messages; -- \x00😀 <b>"
    assert (await first.say(text))[0]["text"] == "听到：" + text.replace("\x00", "")
    agent = first.agent()
    for path in ("/desk/api/conversations/%00", "/demo/otp?customer_id=%00", "/chat/messages?sender=%00"):
        assert (await first.client.get(path, headers=agent)).status_code in {401, 404, 422}
