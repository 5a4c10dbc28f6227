"""A borrower in WeChat through WeCom and the real stack: a question, binding, a quote, a dispute, people, and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.core.clock import SystemClock
from tests.live import BUSINESS_DATE, LiveApp, start_stack
from tests.wecom import PATH, WeCom, menu, options, serving

pytestmark = pytest.mark.processes

SECONDS = 60
PHONE_OF_C1001 = "13900001001"


class Borrower:
    def __init__(self, app: LiveApp, wecom: WeCom) -> None:
        self.app = app
        self.wecom = wecom

    def notify(self) -> None:
        query, body = self.wecom.notice()
        answer = self.app.client.post(PATH, params=query, content=body)
        assert answer.status_code == 200, answer.text

    def say(self, text: str, **more: Any) -> str:
        """Everything said until the borrower has been answered and a moment passes in silence."""
        before = len(self.wecom.got)
        self.wecom.write(text, **more)
        self.notify()
        return self.heard(before)

    def press(self, title: str) -> str:
        """A menu item of the last message that has it."""
        found = [menu(body)[title] for body in self.wecom.got if title in menu(body)]
        return self.say(title, menu_id=found[-1])

    def heard(self, before: int) -> str:
        deadline = time.monotonic() + SECONDS
        while len(self.wecom.got) == before:
            assert time.monotonic() < deadline, "no answer"
            time.sleep(0.05)
        seen = -1
        while len(self.wecom.got) != seen:
            seen = len(self.wecom.got)
            time.sleep(2.5)
        return "\n".join(self.wecom.texts()[before:])


@pytest.fixture
def borrower(tmp_path: Path) -> Iterator[Borrower]:
    with serving(SystemClock(BUSINESS_DATE)) as wecom:
        settings = {f"CHANNELS__WECOM__{name.upper()}": value for name, value in options(wecom.url).items()}
        stack = start_stack(tmp_path, **settings)
        try:
            yield Borrower(next(stack), wecom)
        finally:
            stack.close()


def agent_headers(client: httpx.Client, agent_id: str = "A2001") -> dict[str, str]:
    login = client.post("/desk/api/login", json={"agent_id": agent_id, "password": "suixing-demo"})
    return {"Authorization": f"Bearer {login.json()['token']}"}


def test_a_whole_conversation_in_wechat(borrower: Borrower) -> None:
    borrower.wecom.enter()
    borrower.notify()
    assert "我是随星客服" in borrower.heard(0)
    assert "还款" in borrower.press("怎么还款")
    assert "提前还款" in borrower.say("我想提前还款应该怎么操作")
    assert "绑定手机" in borrower.say("我还欠多少钱")
    assert "手机号" in borrower.say("绑定手机")
    assert "139****1001" in borrower.say(PHONE_OF_C1001)
    assert "绑定好了" in borrower.say(borrower.app.otp("C1001"))
    assert "¥" in borrower.say("我还欠多少钱")
    assert "编号" in borrower.say("系统扣款失败害我逾期，凭什么收我利息")
    assert "排" in borrower.press("转人工")

    client, headers = borrower.app.client, agent_headers(borrower.app.client)
    waiting: list[dict[str, Any]] = client.get("/desk/api/queue", headers=headers).json()["waiting"]
    conversation = next(item["conversation_id"] for item in waiting if item.get("customer_id") == "C1001")
    base, before = f"/desk/api/conversations/{conversation}", len(borrower.wecom.got)
    assert client.post(f"{base}/claim", headers=headers).status_code == 200
    assert client.post(f"{base}/reply", headers=headers, json={"text": "您好，我是小陈"}).status_code == 201
    assert "您好，我是小陈" in borrower.heard(before)
    assert client.get(f"{base}/unsent", headers=headers).json() == {"messages": []}
    borrower.wecom.write("好的，谢谢")
    borrower.notify()
    before = len(borrower.wecom.got)
    assert client.post(f"{base}/give-back", headers=headers).status_code == 200
    borrower.heard(before)
    assert "还款" in borrower.say("预约还款是怎么用的")
    assert borrower.wecom.state() == 1, "WeCom lets the bot and our desk speak as its assistant"

    supervisor, before = agent_headers(client, "S2101"), len(borrower.wecom.got)
    borrower.wecom.take("lisi")
    borrower.wecom.answer("您好，我是李四，这边再跟您确认一下")
    borrower.wecom.write("好的")
    borrower.notify()
    wait_for(lambda: "您好，我是李四，这边再跟您确认一下" in texts_of(client, supervisor, conversation))
    wait_for(lambda: "好的" in texts_of(client, supervisor, conversation))
    borrower.wecom.end()
    borrower.notify()
    assert "人工服务先到这里" in borrower.heard(before)
    assert len(borrower.wecom.got) == before + 1, "the bot said nothing while a colleague had the session"
    assert "还款" in borrower.say("怎么提前还款")


def texts_of(client: httpx.Client, headers: dict[str, str], conversation: str) -> list[str | None]:
    view = client.get(f"/desk/api/conversations/{conversation}", headers=headers).json()
    return [message["text"] for message in view["messages"]]


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
