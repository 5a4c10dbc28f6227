"""Feishu over real HTTP and a real long connection: whole conversations, cards, its errors, and who is not let in."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select

import bot.channels.push
from bot.app import create_app
from bot.channels.reception import Reception
from bot.channels.registry import ChannelMisconfigured
from bot.conversations.inbox.models import InboxMessage, InboxNonce
from bot.conversations.models import Conversation, Message
from bot.conversations.rasa import BotMessage
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.conftest import postgres_database
from tests.e2e.cards import EVIDENCE, PAYOFF
from tests.feishu import APP_ID, OPTIONS, TOKEN, Connected, connected, seal, serving, with_feishu
from tests.gateway import FakeRasa, until

PHONE = "13900001002"
OFFERED = ({"title": "提前还款", "payload": "/ask_early_repayment"}, {"title": "转人工", "payload": "/request_human"})
TIMES = 50


@pytest.fixture(params=["long_connection", "http"])
async def feishu(
    request: pytest.FixtureRequest, gateway_settings: Settings, process_logging: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connected]:
    monkeypatch.setattr(bot.channels.push, "AGAIN_SECONDS", 0.05)
    clock = FixedClock()
    with serving(clock) as platform:
        async with connected(gateway_settings, clock, FakeRasa(), platform, mode=request.param) as started:
            yield started


@pytest.fixture
async def held(gateway_settings: Settings, process_logging: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connected]:
    """Over the long connection."""
    monkeypatch.setattr(bot.channels.push, "AGAIN_SECONDS", 0.05)
    clock = FixedClock()
    with serving(clock) as platform:
        async with connected(gateway_settings, clock, FakeRasa(), platform) as started:
            yield started


@pytest.fixture
async def http(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Connected]:
    clock = FixedClock()
    with serving(clock) as platform:
        async with connected(gateway_settings, clock, FakeRasa(), platform, mode="http") as started:
            yield started


# ── the console's check
async def test_the_address_is_confirmed(http: Connected) -> None:
    body = seal(json.dumps({"challenge": "ajls384kdjx98XX", "token": TOKEN, "type": "url_verification"}).encode())
    answer = await http.post(body, {})
    assert (answer.status_code, answer.json()) == (200, {"challenge": "ajls384kdjx98XX"})
    forged = seal(json.dumps({"challenge": "c", "token": "somebody", "type": "url_verification"}).encode())
    assert (await http.post(forged, {})).status_code == 401


# ── whole conversations
async def test_a_question_is_answered(feishu: Connected) -> None:
    assert await feishu.say("你好") == ["听到：你好"]
    assert feishu.feishu.got == [("ou_1", "text", {"text": "听到：你好"})]
    log = feishu.stack.log(feishu.stack.conversation("ou_1").id)
    assert [(row.seq, row.direction, row.text) for row in log] == [(1, "in", "你好"), (2, "out", "听到：你好")]
    await until(lambda: feishu.stack.log(log[0].conversation_id)[1].state == "sent", 20)


async def test_binding_a_quote_of_ones_own_and_unbinding(feishu: Connected) -> None:
    await feishu.say("绑定手机")
    await feishu.say(PHONE)
    assert "绑定好了" in (await feishu.say(await feishu.stack.sent_code()))[0]
    await feishu.say("还清要多少钱")
    assert feishu.stack.conversation("ou_1", "C1002")
    assert feishu.stack.rasa.texts == ["还清要多少钱"], "Rasa saw neither the number nor the code"
    await feishu.say("解除绑定")


async def test_to_an_agent_and_back(feishu: Connected) -> None:
    stack, agent = feishu.stack, feishu.stack.agent()
    await feishu.say("转人工")
    conversation_id = stack.conversation("ou_1").id
    stack.request_human(conversation_id)
    await until(lambda: len(feishu.feishu.got) == 2, 20)
    base = f"/desk/api/conversations/{conversation_id}"
    assert (await stack.client.post(f"{base}/claim", headers=agent)).status_code == 200
    await feishu.write("在吗")
    assert (await stack.client.post(f"{base}/reply", headers=agent, json={"text": "我在的"})).status_code == 201
    await until(lambda: "我在的" in feishu.feishu.texts(), 20)
    await until(lambda: [row.text for row in stack.log(conversation_id) if row.direction == "in"] == ["转人工", "在吗"], 20)
    assert (await stack.client.post(f"{base}/give-back", headers=agent)).status_code == 200
    await feishu.write("谢谢")
    await until(lambda: feishu.feishu.texts()[-1] == "听到：谢谢", 20)
    assert "听到：在吗" not in feishu.feishu.texts(), "the bot is silent while an agent has the conversation"


# ── cards
async def test_options_are_buttons_that_come_back_with_a_toast(http: Connected) -> None:
    async def offer(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text="想办什么？", buttons=OFFERED if message == "你好" else ())]

    http.stack.rasa.answer = offer
    await http.say("你好")
    kind, card = http.feishu.got[0][1:]
    assert kind == "interactive"
    button = card["body"]["elements"][2]
    assert button["text"]["content"] == "转人工"
    body = seal(json.dumps(http.feishu.pressed(button["behaviors"][0]["value"]["payload"])).encode())
    answer = await http.post(body, http.feishu.headers(body))
    assert answer.json() == {"toast": {"type": "info", "content": "收到，这就办"}}
    await until(lambda: http.stack.rasa.texts == ["你好", "/request_human"], 20)
    assert http.stack.log(http.stack.conversation("ou_1").id)[2].shown_text == "转人工"


async def test_over_the_long_connection_a_button_gets_its_toast(held: Connected) -> None:
    await held.say("你好")
    number = await asyncio.to_thread(held.feishu.push, held.feishu.pressed("/request_human"))
    await until(lambda: number in held.feishu.answers, 20)
    assert held.feishu.answers[number]["code"] == 200
    assert "toast" in json.loads(base64.b64decode(held.feishu.answers[number]["data"]))
    await until(lambda: held.stack.rasa.texts == ["你好", "/request_human"], 20)


async def test_a_quote_and_the_evidence_stand_on_a_card(http: Connected) -> None:
    cards = {"报价": PAYOFF, "证据": EVIDENCE}

    async def show(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text=cards[message].text, custom=cards[message].card)]

    http.stack.rasa.answer = show
    (quote,) = await http.say("报价")
    assert "KD-20260701-0002　小计¥10160.00（本金¥10000.00，利息¥160.00）" in quote
    assert quote.endswith("合计¥20048.30")
    (evidence,) = await http.say("证据")
    assert all(entry["text"] in evidence for entry in EVIDENCE.card["timeline"])
    assert "2026-" not in evidence.replace("-2026", ""), "dates are read as 8月10日"


async def test_cards_that_feishu_cannot_show_are_words(http: Connected) -> None:
    async def show(_sender: str, _message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(custom={"type": "handoff", "state": "queued", "position": 2})]

    http.stack.rasa.answer = show
    assert await http.say("转人工") == ["正在为您转人工，您现在排在第2位，请稍等。"]
    assert http.feishu.got[0][1] == "text"


# ── what borrowers send
POST = {"title": "投诉", "content": [[{"tag": "text", "text": "一直还款中"}, {"tag": "a", "text": "看", "href": "http://x.cn"}]]}


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"content": json.dumps({"text": " 扣款失败 "})}, "扣款失败"),
        ({"message_type": "post", "content": json.dumps(POST)}, "投诉\n一直还款中看 http://x.cn"),
    ],
)
async def test_words_and_rich_text_are_understood(http: Connected, fields: dict[str, Any], asked: str) -> None:
    await http.write("", **fields)
    await until(lambda: http.stack.rasa.texts == [asked], 20)


@pytest.mark.parametrize(
    ("kind", "kept"), [("image", "[图片]"), ("file", "[文件]"), ("audio", "[语音]"), ("sticker", "[表情]"), ("new", "[消息]")]
)
async def test_what_is_not_words_is_answered_by_us(http: Connected, kind: str, kept: str) -> None:
    await http.write("", message_type=kind, content=json.dumps({"key": "f"}))
    await until(lambda: bool(http.feishu.got), 20)
    assert http.stack.rasa.asked == []
    assert http.stack.log(http.stack.conversation("ou_1").id)[0].text == kept


async def test_in_a_group_and_among_bots_nothing_is_kept_or_said(feishu: Connected) -> None:
    await feishu.write("我欠多少", chat_type="group")
    robot = feishu.feishu.message("我是机器人")
    robot["event"]["sender"]["sender_type"] = "app"
    await feishu.deliver(robot)
    await feishu.say("你好")
    assert feishu.stack.rasa.texts == ["你好"]


async def test_who_opens_the_conversation_for_the_first_time_is_greeted(http: Connected) -> None:
    kind = "im.chat.access_event.bot_p2p_chat_entered_v1"
    known = {"operator_id": {"open_id": "ou_2"}, "chat_id": "oc_2", "last_message_id": "om_9"}
    await http.deliver(http.feishu.event(kind, known))
    await http.deliver(http.feishu.event(kind, {"operator_id": {"open_id": "ou_1"}, "chat_id": "oc_1"}))
    await until(lambda: bool(http.feishu.got), 20)
    assert http.feishu.texts()[0].startswith("您好，我是随星客服")
    assert http.feishu.texts("ou_2") == []


async def test_what_was_read_is_known_to_be_read(http: Connected) -> None:
    await http.say("你好")
    conversation_id = http.stack.conversation("ou_1").id
    await until(lambda: http.stack.log(conversation_id)[1].state == "sent", 20)
    read = {"reader": {"reader_id": {"open_id": "ou_1"}, "read_time": "1"}, "message_id_list": ["om_sent_1", "om_foreign"]}
    await http.deliver(http.feishu.event("im.message.message_read_v1", read))
    assert http.stack.log(conversation_id)[1].state == "read"


async def test_events_of_schema_1_are_understood(http: Connected) -> None:
    event = {"type": "message", "app_id": APP_ID, "open_id": "ou_1", "chat_type": "private", "msg_type": "text"}
    old = {"uuid": "u-1", "ts": "1.0", "token": TOKEN, "type": "event_callback", "event": event | {"text_without_at_bot": "你好"}}
    for _ in range(3):
        await http.deliver(old)
    await until(lambda: http.feishu.texts() == ["听到：你好"], 20)
    await http.say("再见")
    assert http.stack.rasa.texts == ["你好", "再见"]


async def test_other_events_are_acknowledged_and_not_kept(feishu: Connected) -> None:
    await feishu.deliver(feishu.feishu.event("im.chat.updated_v1", {"chat_id": "oc_1"}))
    await feishu.say("你好")
    with feishu.stack.database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(InboxMessage)) == 1


# ── errors of the platform
@pytest.mark.parametrize(
    "behaviour",
    [
        (429, {"code": 99991400}, {"x-ogw-ratelimit-reset": "3"}),
        (429, {"code": 11232, "msg": "create message trigger system frequency limit"}, {"x-ogw-ratelimit-reset": "3"}),
        (500, {"code": 2200, "msg": "Internal Error"}, {}),
        (503, {"code": 1061045}, {}),
        (503, {}, {}),
        (200, {"code": 230020}, {}),
        (400, {"code": 99991672}, {}),
        "lost",
    ],
)
async def test_a_failure_that_passes_is_tried_again_and_read_once(http: Connected, behaviour: Any) -> None:
    http.feishu.behaviour.append(behaviour)
    await http.write("你好")
    conversation_id = http.stack.conversation
    await http.as_time_passes(lambda: http.feishu.texts() == ["听到：你好"] and not http.feishu.behaviour)
    await http.as_time_passes(lambda: http.stack.log(conversation_id("ou_1").id)[1].state == "sent")
    assert http.feishu.texts() == ["听到：你好"], "the same uuid is the same message"


@pytest.mark.parametrize("code", [99991400, 11232])
async def test_feishus_own_wait_is_respected(http: Connected, code: int) -> None:
    http.feishu.behaviour.append((429, {"code": code}, {"x-ogw-ratelimit-reset": "120"}))
    await http.write("你好")
    await until(lambda: not http.feishu.behaviour, 20)
    await asyncio.sleep(0.3)
    http.stack.clock.advance(seconds=100)
    await asyncio.sleep(1.5)
    assert http.feishu.got == []
    await http.as_time_passes(lambda: http.feishu.texts() == ["听到：你好"])


async def test_a_token_that_ended_is_replaced_and_nothing_waits(http: Connected) -> None:
    await http.say("一")
    http.feishu.valid.clear()
    assert await http.say("二") == ["听到：二"]
    assert http.feishu.tokens == ["token-1", "token-2"]


@pytest.mark.parametrize("code", [230001, 230002, 230013])
async def test_what_can_never_be_delivered_is_a_dead_letter(http: Connected, code: int) -> None:
    http.feishu.behaviour.append((400, {"code": code}, {}))
    await http.write("一")
    assert await http.say("二") == ["听到：二"], "the next goes on"
    letters = (await http.stack.client.get("/desk/api/dead-letters", headers=http.stack.agent("S2101"))).json()["messages"]
    assert [(each["channel"], each["failure"]) for each in letters] == [("feishu", f"feishu_{code}")]


# ── the long connection
async def test_a_broken_connection_is_opened_again_and_events_in_parts_are_joined(held: Connected) -> None:
    await held.say("一")
    await until(lambda: held.feishu.pings > 1, 20)
    await asyncio.to_thread(held.feishu.cut)
    await until(lambda: not held.feishu.connections, 20)
    await asyncio.to_thread(held.feishu.push, held.feishu.message("二" * 300), parts=3)
    await until(lambda: held.feishu.texts() == ["听到：一", "听到：" + "二" * 300], 20)
    await until(lambda: not held.feishu.unacknowledged, 20)


async def test_what_was_not_kept_is_not_acknowledged_and_comes_again(held: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    await held.say("一")
    kept = Reception.store

    def away(*_: Any) -> int:
        raise ConnectionError("the database is away")

    monkeypatch.setattr(Reception, "store", away)
    number = await asyncio.to_thread(held.feishu.push, held.feishu.message("二"))
    await until(lambda: held.feishu.answers.get(number) == {"code": 500}, 20)
    monkeypatch.setattr(Reception, "store", kept)
    await asyncio.to_thread(held.feishu.cut)
    await until(lambda: held.feishu.texts() == ["听到：一", "听到：二"], 20)


async def test_frames_that_make_no_sense_are_put_aside_and_the_next_are_taken(held: Connected) -> None:
    await held.say("一")
    foreign = held.feishu.message("别家")
    foreign["header"]["app_id"] = "cli_somebodyelse"
    numbers = [await asyncio.to_thread(held.feishu.push, event) for event in (foreign, {"header": 1}, {})]
    await until(lambda: [held.feishu.answers.get(number) for number in numbers] == [{"code": 400}] * 3, 20)
    assert await held.say("二") == ["听到：二"]


async def test_over_the_long_connection_nothing_is_taken_over_http(held: Connected) -> None:
    body = seal(json.dumps(held.feishu.message("你好")).encode())
    answer = await held.post(body, held.feishu.headers(body))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "callback_unauthenticated")


# ── who is not let in
async def test_every_forgery_gets_the_same_answer_and_nothing_is_stored(http: Connected) -> None:
    message = http.feishu.message("你好")
    plain = json.dumps(message).encode()
    body = seal(plain)
    good = http.feishu.headers(body)
    sealed = json.loads(body)["encrypt"]
    tampered = json.dumps({"encrypt": sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]}).encode()
    other_key = seal(plain, "another encrypt key of somebody")
    other_token = seal(json.dumps(message | {"header": message["header"] | {"token": "somebody"}}).encode())
    other_app = seal(json.dumps(message | {"header": message["header"] | {"app_id": "cli_somebodyelse"}}).encode())
    forgeries = {
        "no headers": (body, {}),
        "wrong signature": (body, good | {"X-Lark-Signature": "0" * 64}),
        "no signature": (body, good | {"X-Lark-Signature": ""}),
        "signed with an empty key": (body, http.feishu.headers(body, key="")),
        "another timestamp": (body, good | {"X-Lark-Request-Timestamp": "1"}),
        "another nonce": (body, good | {"X-Lark-Request-Nonce": "1"}),
        "sealed with another key": (other_key, http.feishu.headers(other_key)),
        "sealed with an empty key": (seal(plain, ""), http.feishu.headers(seal(plain, ""))),
        "another token": (other_token, http.feishu.headers(other_token)),
        "another app": (other_app, http.feishu.headers(other_app)),
        "tampered": (tampered, good),
        "tampered, and signed by somebody with the key": (tampered, http.feishu.headers(tampered)),
        "truncated": (body[:-10], http.feishu.headers(body[:-10])),
        "not sealed": (plain, http.feishu.headers(plain)),
        "deep": (b"[" * 20_000, http.feishu.headers(b"[" * 20_000)),
        "deep inside": ((deep := seal(b'{"a":' * 6_000)), http.feishu.headers(deep)),
        "empty": (b"", http.feishu.headers(b"")),
        "an unsigned event that calls itself a check": (seal(json.dumps(message | {"type": "x"}).encode()), {}),
    }
    answers = {}
    for name, (given, headers) in forgeries.items():
        answer = await http.post(given, headers)
        answers[name] = (answer.status_code, answer.json()["error"])
    told = {"code": "callback_unauthenticated", "message": "the signature is missing or wrong", "details": {}}
    assert answers == dict.fromkeys(forgeries, (401, told))
    assert stored(http) == 0


async def test_a_check_stores_nothing_whatever_it_carries(http: Connected) -> None:
    """It is sealed but not signed: it may only echo."""
    event = http.feishu.message("你好") | {"type": "url_verification", "challenge": "c"}
    assert (await http.post(seal(json.dumps(event).encode()), {})).json() == {"challenge": "c"}
    assert stored(http) == 0


@pytest.mark.parametrize("late", [-301, 301])
async def test_old_messages_are_refused(http: Connected, late: int) -> None:
    body = seal(json.dumps(http.feishu.message()).encode())
    answer = await http.post(body, http.feishu.headers(body, late=late))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "callback_stale")
    assert stored(http) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"event": {}},
        {"event": None},
        {"header": {"event_id": "", "token": TOKEN, "event_type": "im.message.receive_v1", "app_id": APP_ID}},
        {"header": {"event_id": "e" * 129, "token": TOKEN, "event_type": "im.message.receive_v1", "app_id": APP_ID}},
        {"event": {"sender": {"sender_id": {"open_id": "a b"}}, "message": {}}},
    ],
)
async def test_what_is_sealed_but_makes_no_sense_is_refused_and_not_stored(http: Connected, changed: dict[str, Any]) -> None:
    body = seal(json.dumps(http.feishu.message() | changed).encode())
    answer = await http.post(body, http.feishu.headers(body))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_input")
    assert stored(http) == 0


@pytest.mark.parametrize("content", ["{", "[]", "null", "[" * 5000, json.dumps({"text": 1}), json.dumps({"text": ""})])
async def test_content_of_any_shape_breaks_nothing(http: Connected, content: str) -> None:
    body = seal(json.dumps(http.feishu.message(content=content)).encode())
    assert (await http.post(body, http.feishu.headers(body))).status_code in {200, 400}
    assert await http.say("你好") != []


async def test_fifty_deliveries_at_once_to_two_processes_are_one_message_and_one_answer(
    postgres_template: str, gateway_settings: Settings, process_logging: None
) -> None:
    """Every kind of callback, on processes of their own: tests/processes/test_replays.py."""
    clock, rasa = FixedClock(), FakeRasa()
    with postgres_database(postgres_template) as database, serving(clock) as platform:
        url = database.engine.url.render_as_string(hide_password=False)
        settings = gateway_settings.model_copy(update={"database_url": url, "rasa_timeout_seconds": 30.0})
        async with (
            connected(settings, clock, rasa, platform, mode="http") as first,
            connected(settings, clock, rasa, platform, mode="http") as second,
        ):
            event = platform.message("扣款失败")
            caught = seal(json.dumps(event).encode())
            headers = platform.headers(caught)

            async def deliver(number: int) -> int:
                """Half of them are the caught bytes, half are signed and sealed anew."""
                process = (first, second)[number // 2 % 2]
                body = caught if number % 2 else seal(json.dumps(event).encode())
                return (await process.post(body, headers if number % 2 else platform.headers(body))).status_code

            assert set(await asyncio.gather(*(deliver(number) for number in range(TIMES)))) == {200}
            await until(lambda: platform.texts() == ["听到：扣款失败"], 20)
            await first.say("再见")
        assert rasa.texts == ["扣款失败", "再见"]
        assert platform.texts() == ["听到：扣款失败", "听到：再见"]
        assert len(platform.tokens) == 1, "both processes share one access token"
        with database.transaction() as session:
            counts = [session.scalar(select(func.count()).select_from(table)) for table in (Conversation, Message, InboxMessage)]
        assert counts == [1, 4, 2]


# ── settings
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"app_secret": ""}, "APP_SECRET"),
        ({"app_id": ""}, "APP_ID"),
        ({"mode": "http", "encrypt_key": ""}, "ENCRYPT_KEY"),
        ({"mode": "http", "verification_token": ""}, "VERIFICATION_TOKEN"),
        ({"api_url": "http://open.feishu.cn"}, "API_URL"),
        ({"mode": "both"}, "MODE"),
    ],
)
def test_a_channel_without_its_secrets_does_not_start(gateway_settings: Settings, changed: dict[str, str], named: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=named) as refused:
        create_app(with_feishu(gateway_settings, "http://127.0.0.1:9", **changed))
    assert not any(secret in str(refused.value) for secret in OPTIONS.values())


def test_http_mode_needs_its_keys(gateway_settings: Settings) -> None:
    for missing in ("encrypt_key", "verification_token"):
        settings = with_feishu(gateway_settings, "http://127.0.0.1:9", mode="http")
        del settings.channels["feishu"][missing]
        with pytest.raises(ChannelMisconfigured, match="ENCRYPT_KEY and VERIFICATION_TOKEN"):
            create_app(settings)


def stored(platform: Connected) -> int:
    with platform.stack.database.transaction() as session:
        tables = (InboxMessage, InboxNonce, Conversation, Message)
        return sum(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
