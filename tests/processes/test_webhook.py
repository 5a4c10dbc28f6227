"""A borrower on a messaging platform through the real stack: a question, binding, a quote, a dispute, a person and back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.core.clock import SystemClock
from tests.integrator import PATH, SECRET, Integrator, serving
from tests.live import BUSINESS_DATE, LiveApp, start_stack

pytestmark = pytest.mark.processes

SECONDS = 30
PHONE_OF_C1001 = "13900001001"


class Borrower:
    def __init__(self, app: LiveApp, integrator: Integrator) -> None:
        self.app = app
        self.integrator = integrator
        self.numbers = count(1)

    def write(self, text: str) -> None:
        message = {"message_id": f"m-{next(self.numbers)}", "sender": "wx-1", "text": text}
        body = json.dumps({"messages": [message]}).encode()
        answer = self.app.client.post(PATH, content=body, headers=self.integrator.headers(body))
        assert answer.status_code == 200, answer.text

    def say(self, text: str) -> str:
        """Everything said until the borrower has been answered and a moment passes in silence."""
        before = len(self.integrator.got)
        self.write(text)
        return self.heard(before)

    def heard(self, before: int) -> str:
        deadline = time.monotonic() + SECONDS
        while len(self.integrator.got) == before:
            assert time.monotonic() < deadline, "no answer"
            time.sleep(0.05)
        seen = -1
        while len(self.integrator.got) != seen:
            seen = len(self.integrator.got)
            time.sleep(2.5)
        return "\n".join(body.get("text", "") for body in self.integrator.got[before:])


@pytest.fixture
def borrower(tmp_path: Path) -> Iterator[Borrower]:
    with serving(SystemClock(BUSINESS_DATE)) as integrator:
        settings = {
            "CHANNELS__WEBHOOK__SECRET": SECRET,
            "CHANNELS__WEBHOOK__URL": integrator.url,
            "CHANNELS__WEBHOOK__BUTTONS": "false",
        }
        stack = start_stack(tmp_path, **settings)
        try:
            yield Borrower(next(stack), integrator)
        finally:
            stack.close()


def agent_headers(client: httpx.Client) -> dict[str, str]:
    login = client.post("/desk/api/login", json={"agent_id": "A2001", "password": "suixing-demo"})
    return {"Authorization": f"Bearer {login.json()['token']}"}


def test_a_whole_conversation_on_a_platform_of_words(borrower: Borrower) -> None:
    assert "提前还款" in borrower.say("我想提前还款应该怎么操作")
    assert "绑定手机" in borrower.say("我还欠多少钱")
    assert "手机号" in borrower.say("绑定手机")
    assert "139****1001" in borrower.say(PHONE_OF_C1001)
    assert "绑定好了" in borrower.say(borrower.app.otp("C1001"))
    assert "¥" in borrower.say("我还欠多少钱")
    assert "编号" in borrower.say("系统扣款失败害我逾期，凭什么收我利息")
    assert "排" in borrower.say("转人工")

    client, headers = borrower.app.client, agent_headers(borrower.app.client)
    waiting: list[dict[str, Any]] = client.get("/desk/api/queue", headers=headers).json()["waiting"]
    conversation = next(item["conversation_id"] for item in waiting if item.get("customer_id") == "C1001")
    base, before = f"/desk/api/conversations/{conversation}", len(borrower.integrator.got)
    assert client.post(f"{base}/claim", headers=headers).status_code == 200
    assert client.post(f"{base}/reply", headers=headers, json={"text": "您好，我是小陈"}).status_code == 201
    assert "您好，我是小陈" in borrower.heard(before)
    assert client.get(f"{base}/unsent", headers=headers).json() == {"messages": []}
    before = len(borrower.integrator.got)
    assert client.post(f"{base}/give-back", headers=headers).status_code == 200
    borrower.heard(before)
    assert "还款" in borrower.say("预约还款是怎么用的")
