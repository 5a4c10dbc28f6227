"""What the process writes down: enough to find a problem, nothing personal."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from bot.conversations.rasa import BotMessage, RasaUnreachable
from tests.gateway import PHONE, Stack, bearer

CARD = "6222021234567890123"
ID_NUMBER = "110101199003077719"


@pytest.fixture
def written(stack: Stack) -> Iterator[StringIO]:
    """What goes to the process's log while the test runs."""
    (handler,) = logging.getLogger().handlers[:1]
    assert isinstance(handler, logging.StreamHandler)
    stream = StringIO()
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


async def test_nothing_personal_is_in_the_log_of_a_whole_conversation(stack: Stack, written: StringIO) -> None:
    async def down(*_: Any) -> list[BotMessage]:
        raise RasaUnreachable(f"cannot deliver {PHONE}")

    async def broken(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        raise ValueError(f"no idea what to do with {message}")

    token = stack.customer_token()
    sender, visitor_token = await stack.visitor()
    personal = f"我叫李婷，电话{PHONE}，卡号{CARD}，身份证{ID_NUMBER}"
    await stack.say(personal, token=token)
    conversation_id = stack.conversation(customer_id="C1002").id
    stack.start_step_up(conversation_id)
    code = await stack.sent_code()
    await stack.say(f"验证码{code}", token=token)
    stack.rasa.answer = down
    await stack.say(personal, token=token)
    stack.rasa.answer = broken
    await stack.post(personal, token=token)
    await stack.read(sender, visitor_token)
    await stack.client.get("/chat/messages", params={"sender": PHONE, "token": token})
    await stack.client.post("/webhooks/rest/webhook", json={"sender": [PHONE], "message": personal}, headers=bearer(token))
    await stack.client.post("/demo/login", json={"customer_id": PHONE})
    agent = stack.agent()
    stack.request_human(conversation_id)
    await stack.client.get(f"/desk/api/conversations/{conversation_id}", headers=agent)
    await stack.client.get(f"/{PHONE}/{token}", headers=agent)

    log = written.getvalue()
    assert "unexpected error" in log
    assert "rasa gave no answer" in log
    agent_token = agent["Authorization"].removeprefix("Bearer ")
    for secret in (PHONE, CARD, ID_NUMBER, code, token, visitor_token, agent_token, stack.settings.demo_agent_password):
        assert secret not in log
    assert "我叫李婷" not in log.replace("no idea what to do with 我叫李婷", "")


async def test_a_line_names_the_request_and_the_conversation(stack: Stack, written: StringIO) -> None:
    response = await stack.post("你好")
    (line,) = written.getvalue().strip().splitlines()
    assert response.headers["X-Request-ID"] in line
    assert stack.conversation().id in line
    assert "path=/webhooks/rest/webhook" in line
    assert "status=200" in line


async def test_query_strings_are_left_out(stack: Stack, written: StringIO) -> None:
    await stack.client.get("/chat/messages?sender=u-1&wait=0&secret=abc")
    assert "path=/chat/messages" in written.getvalue()
    assert "secret" not in written.getvalue()


async def test_health_checks_do_not_fill_the_log(stack: Stack, written: StringIO) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        await stack.client.get(path)
    assert written.getvalue() == ""


def test_libraries_log_through_the_mask_and_uvicorns_access_log_is_off(stack: Stack, written: StringIO) -> None:
    logging.getLogger("some.library").warning("calling %s", PHONE)
    logging.getLogger("uvicorn.error").error("broken pipe of %s", PHONE)
    logging.getLogger("uvicorn.access").info('"GET /chat/messages?token=abc"')
    log = written.getvalue()
    assert "139****1002" in log
    assert "broken pipe" in log
    assert "token=abc" not in log
    assert PHONE not in log


def test_a_traceback_shows_no_local_variables(stack: Stack, written: StringIO) -> None:
    what_the_borrower_wrote = "我家住在幸福路"
    try:
        raise KeyError(len(what_the_borrower_wrote))
    except KeyError:
        logging.getLogger("some.library").exception("failed")
    assert "KeyError" in written.getvalue()
    assert "幸福路'" not in written.getvalue().replace('what_the_borrower_wrote = "我家住在幸福路"', "")
