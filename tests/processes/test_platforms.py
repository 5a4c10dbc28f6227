"""Borrowers on WeChat, Feishu and DingTalk through the real stack, all three connected to it at once.

Each asks something, binds their number, sees a quote and the outcome of a dispute, reaches an agent at the desk, and comes back
to the bot. (WeCom and the webhook have files of their own.)
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import pytest

from bot.core.clock import SystemClock
from tests import dingtalk, feishu, wechat
from tests.live import BUSINESS_DATE, LiveApp, start_stack

pytestmark = pytest.mark.processes

SECONDS = 60
QUIET_SECONDS = 2.5


class Line(Protocol):
    """What a borrower does on a platform, and what they read there."""

    def write(self, text: str) -> None: ...

    def texts(self) -> list[str]: ...


@dataclass
class WeChatLine:
    app: LiveApp
    platform: wechat.WeChat
    openid: str = "o-1"

    def write(self, text: str, times: int = 1) -> None:
        """``times`` deliveries of the same message at once."""
        self.platform.opens(self.openid, "message")
        sealed, body = self.platform.sealed(self.platform.message(Content=text, FromUserName=self.openid))
        query = self.platform.query(sealed)
        with ThreadPoolExecutor(times) as pool:
            answers = pool.map(lambda _: self.app.client.post(wechat.PATH, params=query, content=body), range(times))
            assert {(answer.status_code, answer.text) for answer in answers} == {(200, "success")}

    def texts(self) -> list[str]:
        return self.platform.texts(self.openid)


@dataclass
class FeishuLine:
    platform: feishu.Feishu

    def write(self, text: str) -> None:
        until(lambda: bool(self.platform.connections), "no connection")
        self.platform.push(self.platform.message(text))

    def texts(self) -> list[str]:
        return self.platform.texts()


@dataclass
class DingTalkLine:
    platform: dingtalk.DingTalk

    def write(self, text: str) -> None:
        until(lambda: bool(self.platform.streams), "no connection")
        self.platform.push(self.platform.message(text))

    def texts(self) -> list[str]:
        return self.platform.texts()


@dataclass
class Borrower:
    app: LiveApp
    line: Line

    def say(self, text: str) -> str:
        """Everything said until the borrower has been answered and a moment passes in silence."""
        before = len(self.line.texts())
        self.line.write(text)
        return self.heard(before)

    def heard(self, before: int) -> str:
        until(lambda: len(self.line.texts()) > before, "no answer")
        seen = -1
        while len(self.line.texts()) != seen:
            seen = len(self.line.texts())
            time.sleep(QUIET_SECONDS)
        return "\n".join(self.line.texts()[before:])


def until(condition: Any, otherwise: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveApp, dict[str, Line]]]:
    clock = SystemClock(BUSINESS_DATE)
    with wechat.serving(clock) as first, feishu.serving(clock) as second, dingtalk.serving(clock) as third:
        options = {
            "WECHAT": {**wechat.OPTIONS, "api_url": first.url},
            "FEISHU": {**feishu.OPTIONS, "api_url": second.url},
            "DINGTALK": {**dingtalk.OPTIONS, "api_url": third.url},
        }
        settings = {
            f"CHANNELS__{name}__{option.upper()}": value for name, given in options.items() for option, value in given.items()
        }
        stack = start_stack(tmp_path_factory.mktemp("platforms"), **settings)
        try:
            app = next(stack)
            yield app, {"wechat": WeChatLine(app, first), "feishu": FeishuLine(second), "dingtalk": DingTalkLine(third)}
        finally:
            stack.close()


STORIES = {
    # product §6; what they are told about the dispute
    "wechat": ("C1001", "13900001001", ("8月10日 09:00", "¥1.92", "C-2026")),
    "feishu": ("C1007", "13900001007", ("1天是我们造成的", "¥0.05", "6天", "¥0.30", "C-2026")),
    "dingtalk": ("C1004", "13900001004", ("C-2026",)),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_whole_conversation_on_a_platform(connected: tuple[LiveApp, dict[str, Line]], name: str) -> None:
    app, lines = connected
    borrower = Borrower(app, lines[name])
    customer_id, phone, outcome = STORIES[name]
    assert "提前还款" in borrower.say("我想提前还款应该怎么操作")
    assert "绑定手机" in borrower.say("我还欠多少钱")
    assert "手机号" in borrower.say("绑定手机")
    assert f"139****{phone[-4:]}" in borrower.say(phone)
    assert "绑定好了" in borrower.say(app.otp(customer_id))
    assert "¥" in borrower.say("我想一次性把全部借款都还清，要多少钱")
    told = borrower.say("系统扣款失败害我逾期，凭什么收我利息")
    assert all(fact in told for fact in outcome), told
    assert "排" in borrower.say("转人工")

    headers = agent_headers(app.client)
    waiting: list[dict[str, Any]] = app.client.get("/desk/api/queue", headers=headers).json()["waiting"]
    conversation = next(item["conversation_id"] for item in waiting if item.get("customer_id") == customer_id)
    base, before = f"/desk/api/conversations/{conversation}", len(borrower.line.texts())
    assert app.client.post(f"{base}/claim", headers=headers).status_code == 200
    assert app.client.post(f"{base}/reply", headers=headers, json={"text": "您好，我是小陈"}).status_code == 201
    assert "您好，我是小陈" in borrower.heard(before)
    assert app.client.get(f"{base}/unsent", headers=headers).json() == {"messages": []}
    assert app.client.post(f"{base}/give-back", headers=headers).status_code == 200  # WeChat may tell it with the next answer
    assert "还款" in borrower.say("预约还款是怎么用的")


def test_a_dispute_that_is_delivered_fifty_times_is_one_case(connected: tuple[LiveApp, dict[str, Line]]) -> None:
    """吴静 paid one instalment twice: ¥500.00 is proposed, once."""
    app, lines = connected
    first = lines["wechat"]
    assert isinstance(first, WeChatLine)
    line = WeChatLine(app, first.platform, "o-2")
    borrower = Borrower(app, line)
    borrower.say("绑定手机")
    borrower.say("13900001008")
    assert "绑定好了" in borrower.say(app.otp("C1008"))
    before = len(line.texts())
    line.write("同一期扣了我两次钱，多扣的退给我", times=50)
    told = borrower.heard(before)
    assert "¥500.00" in told, told
    with sqlite3.connect(app.database) as books:
        cases = books.execute("SELECT count(*) FROM cases WHERE customer_id = 'C1008'").fetchone()
        remedies = books.execute(
            "SELECT count(*) FROM remedies JOIN cases ON cases.id = remedies.case_id WHERE cases.customer_id = 'C1008'"
        ).fetchone()
    books.close()
    assert (cases, remedies) == ((1,), (1,))


def agent_headers(client: httpx.Client) -> dict[str, str]:
    login = client.post("/desk/api/login", json={"agent_id": "A2001", "password": "suixing-demo"})
    return {"Authorization": f"Bearer {login.json()['token']}"}
