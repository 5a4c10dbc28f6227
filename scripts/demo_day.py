"""A day at the desk, played on a running stack: who waits, cases of several ages, a remedy, a run, ratings, corrections."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from bot.audit.service import audited
from bot.cases.service import CaseService
from bot.conversations.service import ConversationService
from bot.core.clock import SHANGHAI, FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.loans.backends import EmbeddedBackends
from tests.e2e.desk import PASSWORD
from tests.live import BUSINESS_DATE, Chat, LiveApp
from tests.secret import SECRET

DISPUTE = "系统扣款失败害我逾期，凭什么收我利息"
PATIENCE_SECONDS = 120

OLDER_COMPLAINTS = (
    ("C1003", 13, "两次申请都被拒，客服每次说的原因都不一样，请给我一个书面的说法"),
    ("C1006", 17, "征信上多了一条查询记录，我没有同意过，要求核实更正"),
    ("C1005", 4, "预约还款的短信写的日期和App里不一致，差点逾期"),
)
"""Customer, days ago, words."""
WAITING = (
    ("C1001", (DISPUTE, "转人工", "请尽快帮我处理，谢谢")),
    ("C1002", ("我想一次性把全部借款都还清，要多少钱", "转人工", "结清以后能开证明吗")),
    ("C1004", ("我失业了实在还不上，活着都没意思了", "能不能先缓一缓")),
    (None, ("有人冒充你们客服，让我把钱转到他的账户，是真的吗", "转人工")),
)
"""Who asks for a person today: customer (or nobody known), what they say."""
SERVED = (
    ("A2001", "C1005", 5, "很耐心，一次就说清楚了"),
    ("A2002", "C1006", 4, "等了一会儿，问题解决了"),
    ("S2102", "C1008", 3, "希望能快一点"),
)
"""Agent, customer, stars, comment."""


@dataclass
class Day:
    """``case_no``: 周凯's dispute with a remedy that waits for the second person; ``run_no``: a mass remediation."""

    case_no: str
    run_no: str


class Staff:
    """The desk's interface, as several people."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._tokens: dict[str, str] = {}

    def call(self, who: str, method: str, path: str, **body: Any) -> Any:
        if who not in self._tokens:
            login = self._client.post("/desk/api/login", json={"agent_id": who, "password": PASSWORD})
            self._tokens[who] = login.raise_for_status().json()["token"]
            self._client.cookies.clear()
        headers = {"Authorization": f"Bearer {self._tokens[who]}"}
        response = self._client.request(method, f"/desk/api{path}", headers=headers, json=body or None)
        return None if response.raise_for_status().status_code == 204 else response.json()


def play(app: LiveApp) -> Day:
    """Takes some seconds: it waits for the worker where the desk would."""
    staff = Staff(app.client)
    for number, (customer_id, days, story) in enumerate(OLDER_COMPLAINTS):
        complain_earlier(app, customer_id, days, story, number)
    for agent_id, customer_id, stars, comment in SERVED:
        serve(app, staff, agent_id, customer_id, stars, comment)
    correct(app, staff)
    dispute = app.chat("C1007")
    dispute.say(DISPUTE)
    case_no: str = dispute.card("case")["case_no"]
    staff.call("A2001", "POST", f"/cases/{case_no}/remedies", reason="到期日当天系统超时，首日费用应退减")
    run_no = remediate(staff)
    for known, words in WAITING:
        chat = app.chat(known)
        for each in words:
            chat.say(each)
    staff.call("S2101", "POST", "/presence", presence="busy")  # to whom nobody is assigned by itself
    return Day(case_no, run_no)


def complain_earlier(app: LiveApp, customer_id: str, days: int, story: str, number: int) -> None:
    """As a complaint of that day stands in the books, so that its clock has run since."""
    clock = FixedClock(datetime(BUSINESS_DATE.year, BUSINESS_DATE.month, BUSINESS_DATE.day, 9, 40, tzinfo=SHANGHAI))
    clock.moment -= timedelta(days=days)
    url = f"sqlite:///{app.database}"
    database = audited(Database(url), Settings.model_validate({"secret_key": SECRET, "database_url": url}))
    with database.transaction() as session:
        conversation = ConversationService(session, clock).open("rest", f"earlier-{number}", customer_id)
        CaseService(session, clock, EmbeddedBackends(clock).open(session)).open_complaint(
            customer_id=customer_id,
            conversation_id=conversation.id,
            channel="rest",
            story=story,
            callback_phone=None,
            key=f"earlier-{number}",
        )
    database.dispose()


def serve(app: LiveApp, staff: Staff, agent_id: str, customer_id: str, stars: int, comment: str) -> None:
    """From the queue to the rating."""
    chat = app.chat(customer_id)
    chat.say("转人工")
    conversation = waiting(staff, agent_id, customer_id)
    staff.call(agent_id, "POST", f"/conversations/{conversation}/claim")
    staff.call(agent_id, "POST", f"/conversations/{conversation}/reply", text="您好，我来帮您看一下。")
    staff.call(agent_id, "POST", f"/conversations/{conversation}/give-back")
    rating = next(card for card in cards(app, chat) if card["type"] == "rating")
    body = {"sender": chat.sender, "handoff_id": rating["handoff_id"], "score": stars, "comment": comment}
    app.client.post("/chat/rating", json=body, headers=bearer(chat)).raise_for_status()


def correct(app: LiveApp, staff: Staff) -> None:
    """Two messages that the bot is said to have misunderstood."""
    for said, meant in (
        ("我的额度怎么突然变少了", "ask_credit_limit"),
        ("扣款日能不能改到发工资以后", "request_extension"),
    ):
        chat = app.chat("C1003")
        chat.say(said)
        chat.say("转人工")
        conversation = waiting(staff, "A2003", "C1003")
        staff.call("A2003", "POST", f"/conversations/{conversation}/claim")
        seen = staff.call("A2003", "GET", f"/conversations/{conversation}")["messages"]
        seq = next(message["seq"] for message in seen if message["text"] == said)
        staff.call("A2003", "POST", f"/conversations/{conversation}/messages/{seq}/misunderstood", intent=meant)
        staff.call("A2003", "POST", f"/conversations/{conversation}/give-back")


def remediate(staff: Staff) -> str:
    """A run of the lasting incident, listed by the worker and put forward by one supervisor."""
    incidents = staff.call("S2101", "GET", "/incidents")["incidents"]
    confirmed = next(each["incident_no"] for each in incidents if each["status"] == "confirmed" and each["ends_at"] is None)
    run_no: str = staff.call("S2101", "POST", "/remediation/runs", incident_no=confirmed)["run"]["run_no"]

    def judged() -> bool:
        progress = staff.call("S2101", "GET", f"/remediation/runs/{run_no}")["progress"]
        return bool(progress["listed"] and progress["found"] == 0)

    eventually(judged)
    staff.call("S2101", "POST", f"/remediation/runs/{run_no}/propose")
    return run_no


def waiting(staff: Staff, agent_id: str, customer_id: str) -> str:
    queue = staff.call(agent_id, "GET", "/queue")["waiting"]
    found: str = next(each["conversation_id"] for each in queue if each["customer_id"] == customer_id)
    return found


def cards(app: LiveApp, chat: Chat) -> list[dict[str, Any]]:
    page = app.client.get("/chat/messages", params={"sender": chat.sender}, headers=bearer(chat)).raise_for_status()
    return [message["custom"] for message in page.json()["messages"] if message.get("custom")]


def bearer(chat: Chat) -> dict[str, str]:
    return {"Authorization": f"Bearer {chat.token}"}


def eventually(condition: Callable[[], bool]) -> None:
    """Raises ``TimeoutError``."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the worker has not done it")
        time.sleep(0.5)
