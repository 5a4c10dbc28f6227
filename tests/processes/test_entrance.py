"""The HTTP entrance with the real Rasa and action server: bad input, a person, retries, and parts that die."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.live import LiveApp

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{not json", {}, 400),
        (b"[]", {}, 422),
        (b'{"sender": "x"}', {}, 422),
        (b'{"sender": 5, "message": {}}', {}, 422),
        (b'{"sender": "x", "message": "' + b"a" * 10_000_000 + b'"}', {}, 413),
        (b'{"sender": "x", "message": "hi"}', {"Authorization": "Bearer nonsense"}, 401),
    ],
)
def test_bad_requests_get_a_stable_code(live_app: LiveApp, body: bytes, headers: dict[str, str], status: int) -> None:
    response = live_app.client.post(
        "/webhooks/rest/webhook", content=body, headers={"Content-Type": "application/json", **headers}
    )
    assert response.status_code in {status, 400 if status == 422 else status}
    assert response.json()["error"]["code"]


ODD = [
    "😂😂😂",
    "'; DROP TABLE customers; --",
    "<script>alert(1)</script>",
    "？？？",
    "\u0000",
    "a" * 2000,
    "/restart",
    "/nonsense{",
    "{}",
]


@pytest.mark.parametrize("text", ODD)
def test_odd_messages_get_a_clear_answer(live_app: LiveApp, text: str) -> None:
    chat = live_app.chat("C1002")
    replies = chat.say(text)
    assert replies
    assert any(item.get("text") for item in replies)


def test_a_message_that_is_too_long_gets_a_clear_reply(live_app: LiveApp) -> None:
    chat = live_app.chat()
    chat.say("我" * 2001)
    assert "2000" in chat.text.replace(",", "")


def test_a_retry_returns_the_first_answer(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    first = chat.say("提前还款要手续费吗", message_id="same")
    assert chat.say("提前还款要手续费吗", message_id="same") == first


def test_an_odd_question_offers_meanings_then_a_person(live_app: LiveApp) -> None:
    chat = live_app.chat()
    chat.say("咕噜咕噜蓝色的那个弄一下")
    options = chat.card("options")
    assert 2 <= len(options["intents"]) <= 3
    chat.say("阿巴阿巴嘎嘎嘎")
    assert chat.card("handoff")["state"] == "queued"


def test_a_person_is_one_step_away_and_the_bot_is_silent_then(live_app: LiveApp) -> None:
    chat = live_app.chat("C1002")
    chat.say("我要找人工")
    card = chat.card("handoff")
    assert card["state"] == "queued"
    assert card["position"] >= 1
    chat.say("我的额度是多少")
    assert chat.text == ""


def test_an_agent_answers_and_gives_back(live_app: LiveApp) -> None:
    chat = live_app.chat("C1006")
    chat.say("转人工")
    client = live_app.client
    login = client.post("/desk/api/login", json={"agent_id": "A2001", "password": "suixing-demo"})
    headers = {"Authorization": f"Bearer {login.json()['token']}"}
    waiting = client.get("/desk/api/queue", headers=headers).json()["waiting"]
    conversation = next(item["conversation_id"] for item in waiting if item.get("customer_id") == "C1006")
    base = f"/desk/api/conversations/{conversation}"
    assert client.post(f"{base}/claim", headers=headers).status_code == 200
    assert chat.say("在吗") == []
    assert client.post(f"{base}/reply", headers=headers, json={"text": "您好，我是小陈"}).status_code in {200, 201}
    log = client.get(
        "/chat/messages", params={"sender": chat.sender, "after": 0}, headers={"Authorization": f"Bearer {chat.token}"}
    ).json()
    assert "您好，我是小陈" in [item.get("text") for item in log["messages"]]
    assert client.post(f"{base}/give-back", headers=headers).status_code == 200
    chat.say("你好")
    assert chat.intent == "greet"


def test_rasa_and_actions_may_die_and_come_back(doomed_app: LiveApp) -> None:
    chat = doomed_app.chat("C1002")
    os.kill(doomed_app.pid("actions"), signal.SIGKILL)
    chat.say("我还欠多少钱", message_id="m1")
    assert any("人工" in button["title"] for item in chat.replies for button in item.get("buttons", []))
    os.kill(doomed_app.pid("rasa"), signal.SIGKILL)
    chat.say("转人工", message_id="m2")
    assert chat.card("handoff")["state"] == "queued"

    deadline = time.monotonic() + 180  # Rasa needs 20 s on an idle machine
    while doomed_app.client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline, "the stack did not recover"
        time.sleep(0.5)
    other = doomed_app.chat("C1002")
    other.say("我还欠多少钱")
    assert other.card("payoff_quote")["total"] == 2004290


def test_the_log_of_the_stack_holds_no_personal_data(live_app: LiveApp) -> None:
    chat = live_app.chat("C1005")
    for text in ("我的手机13812345678", "卡号6222020200112233445", "身份证110101199003071234", "我要预约还款"):
        chat.say(text)
    log = live_app.log.read_text(encoding="utf-8")
    for secret in ("13812345678", "6222020200112233445", "110101199003071234", chat.token or "?"):
        assert secret not in log
