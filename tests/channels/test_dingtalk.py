"""DingTalk's robot over real HTTP and a real stream: whole conversations, its errors, and who is not let in."""

from __future__ import annotations

import asyncio
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
from tests.dingtalk import OPTIONS, OUTSIDER, PATH, Connected, connected, serving, with_dingtalk
from tests.gateway import FakeRasa, until

PHONE = "13900001002"
OFFERED = ({"title": "提前还款", "payload": "/ask_early_repayment"}, {"title": "转人工", "payload": "/request_human"})
TIMES = 50


@pytest.fixture(params=["stream", "http"])
async def dingtalk(
    request: pytest.FixtureRequest, gateway_settings: Settings, process_logging: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connected]:
    monkeypatch.setattr(bot.channels.push, "AGAIN_SECONDS", 0.05)
    clock = FixedClock()
    with serving(clock) as platform:
        async with connected(gateway_settings, clock, FakeRasa(), platform, mode=request.param) as started:
            yield started


@pytest.fixture
async def stream(gateway_settings: Settings, process_logging: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connected]:
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


# ── whole conversations
async def test_a_question_is_answered(dingtalk: Connected) -> None:
    assert await dingtalk.say("你好") == ["听到：你好"]
    how = "session" if dingtalk.mode == "stream" else "robot"
    assert dingtalk.dingtalk.got == [(how, "staff1", "听到：你好")]
    log = dingtalk.stack.log(dingtalk.stack.conversation("staff1").id)
    assert [(row.seq, row.direction, row.text) for row in log] == [(1, "in", "你好"), (2, "out", "听到：你好")]
    await until(lambda: dingtalk.stack.log(log[0].conversation_id)[1].state == "sent", 20)


async def test_binding_a_quote_of_ones_own_and_unbinding(dingtalk: Connected) -> None:
    await dingtalk.say("绑定手机")
    await dingtalk.say(PHONE)
    assert "绑定好了" in (await dingtalk.say(await dingtalk.stack.sent_code()))[0]
    await dingtalk.say("还清要多少钱")
    assert dingtalk.stack.conversation("staff1", "C1002")
    assert dingtalk.stack.rasa.texts == ["还清要多少钱"], "Rasa saw neither the number nor the code"
    await dingtalk.say("解除绑定")


async def test_to_an_agent_and_back(dingtalk: Connected) -> None:
    stack, agent = dingtalk.stack, dingtalk.stack.agent()
    await dingtalk.say("转人工")
    conversation_id = stack.conversation("staff1").id
    stack.request_human(conversation_id)
    await until(lambda: len(dingtalk.dingtalk.got) == 2, 20)
    base = f"/desk/api/conversations/{conversation_id}"
    assert (await stack.client.post(f"{base}/claim", headers=agent)).status_code == 200
    await dingtalk.write("在吗")
    assert (await stack.client.post(f"{base}/reply", headers=agent, json={"text": "我在的"})).status_code == 201
    await until(lambda: "我在的" in dingtalk.dingtalk.texts(), 20)
    await until(lambda: [row.text for row in stack.log(conversation_id) if row.direction == "in"] == ["转人工", "在吗"], 20)
    assert (await stack.client.post(f"{base}/give-back", headers=agent)).status_code == 200
    await dingtalk.write("谢谢")
    await until(lambda: dingtalk.dingtalk.texts()[-1] == "听到：谢谢", 20)
    assert "听到：在吗" not in dingtalk.dingtalk.texts(), "the bot is silent while an agent has the conversation"


async def test_options_are_buttons_that_say_their_title(stream: Connected) -> None:
    async def offer(_sender: str, _message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text="想办什么？\n*两项*", buttons=OFFERED)]

    stream.stack.rasa.answer = offer
    await stream.say("你好")
    card = stream.dingtalk.bodies[0]["actionCard"]
    assert (card["title"], card["text"]) == ("随星客服", "想办什么？  \n\\*两项\\*")
    said = "dtmd://dingtalkclient/sendMessage?content=%E8%BD%AC%E4%BA%BA%E5%B7%A5"
    assert card["btns"][1] == {"title": "转人工", "actionURL": said}


async def test_where_the_robot_speaks_first_options_are_words(http: Connected) -> None:
    async def offer(_sender: str, _message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text="想办什么？", buttons=OFFERED)]

    http.stack.rasa.answer = offer
    assert await http.say("你好") == ["想办什么？\n回复“提前还款”\n回复“转人工”"]


# ── what borrowers send
@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"msgtype": "text", "text": {"content": " 扣款失败 "}}, "扣款失败"),
        ({"msgtype": "audio", "content": {"duration": 3, "downloadCode": "d", "recognition": "我要还款"}}, "我要还款"),
        (
            {"msgtype": "richText", "content": {"richText": [{"text": "一直"}, {"downloadCode": "d"}, {"text": "还款中"}]}},
            "一直还款中",
        ),
    ],
)
async def test_words_voice_and_rich_text_are_understood(stream: Connected, fields: dict[str, Any], asked: str) -> None:
    await stream.deliver(stream.dingtalk.message() | fields)
    await until(lambda: stream.stack.rasa.texts == [asked], 20)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"msgtype": "picture", "content": {}}, "[图片]"),
        ({"msgtype": "audio", "content": {"downloadCode": "d"}}, "[语音]"),
        ({"msgtype": "file", "content": {"downloadCode": 7, "fileName": "x.pdf"}}, "[文件]"),
        ({"msgtype": "video", "content": {"downloadCode": "d"}}, "[视频]"),
        ({"msgtype": "aNewOne"}, "[消息]"),
        ({"msgtype": "unknownMsgType", "content": "unknownMsgType", "text": None}, "[消息]"),
    ],
)
async def test_what_is_not_words_is_answered_by_us(stream: Connected, fields: dict[str, Any], kept: str) -> None:
    await stream.deliver(stream.dingtalk.message() | fields)
    await until(lambda: bool(stream.dingtalk.got), 20)
    assert stream.stack.rasa.asked == []
    assert stream.stack.log(stream.stack.conversation("staff1").id)[0].text == kept


async def test_in_a_group_nothing_is_kept_or_said(dingtalk: Connected) -> None:
    """Others would read what somebody owes."""
    await dingtalk.deliver(dingtalk.dingtalk.message("我欠多少", conversationType="2", isInAtList=True))
    await dingtalk.say("你好")
    assert dingtalk.stack.rasa.texts == ["你好"]


# ── where answers go
async def test_after_the_session_has_ended_the_robot_speaks_first(stream: Connected) -> None:
    await stream.say("你好", session_minutes=0.5)
    assert [how for how, *_ in stream.dingtalk.got] == ["robot"], "a minute is kept as a margin"
    await stream.say("你好", session_minutes=5)
    assert stream.dingtalk.got[-1][0] == "session"
    stream.stack.clock.advance(minutes=5)
    stream.stack.request_human(stream.stack.conversation("staff1").id)
    await until(lambda: len(stream.dingtalk.got) == 3, 20)
    assert stream.dingtalk.got[-1][0] == "robot"


async def test_a_session_that_dingtalk_has_forgotten_is_not_used_again(stream: Connected) -> None:
    message = stream.dingtalk.message("你好")
    stream.dingtalk.sessions.clear()
    await stream.deliver(message)
    await until(lambda: stream.dingtalk.got == [("robot", "staff1", "听到：你好")], 20)


async def test_a_session_that_is_too_busy_is_used_again_later(stream: Connected) -> None:
    stream.dingtalk.behaviour.append((200, {"errcode": 130101, "errmsg": "send too fast"}))
    await stream.write("你好")
    await stream.as_time_passes(lambda: stream.dingtalk.got == [("session", "staff1", "听到：你好")])


async def test_more_than_twenty_a_minute_wait(stream: Connected) -> None:
    async def much(_sender: str, _message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text=str(number)) for number in range(25)]

    stream.stack.rasa.answer = much
    await stream.say("你好", answers=20)
    await asyncio.to_thread(stream.dingtalk.push, {}, kind="SYSTEM", topic="ping")
    assert len(stream.dingtalk.got) == 20
    await stream.as_time_passes(lambda: len(stream.dingtalk.got) == 25)


async def test_an_empty_staff_id_is_none(http: Connected) -> None:
    await http.deliver(http.dingtalk.message("你好", staff=None, senderStaffId=""))
    await until(lambda: http.dingtalk.texts(OUTSIDER) == ["听到：你好"], 20)


async def test_who_is_no_colleague_is_answered_while_the_session_lasts(http: Connected) -> None:
    assert await http.say("你好", staff=None) == ["听到：你好"]
    assert http.dingtalk.got[0][0] == "session"
    conversation_id = http.stack.conversation(OUTSIDER).id
    http.stack.clock.advance(minutes=90)
    http.stack.request_human(conversation_id)
    agent = http.stack.agent()
    base = f"/desk/api/conversations/{conversation_id}"
    assert (await http.stack.client.post(f"{base}/claim", headers=agent)).status_code == 200
    for _ in range(200):
        waiting = (await http.stack.client.get(f"{base}/unsent", headers=agent)).json()["messages"]
        if waiting and waiting[0]["waits_for"] == "quota":
            break
        await asyncio.sleep(0.1)
    assert waiting[0]["waits_for"] == "quota"
    http.stack.clock.advance(seconds=1)
    await http.write("还在吗", staff=None)
    await until(lambda: len(http.dingtalk.texts(OUTSIDER)) >= 2, 20)


@pytest.mark.parametrize(
    "url",
    [
        "https://oapi.dingtalk.com.evil.cn/robot/sendBySession?session=1",
        "https://evil.cn/robot/sendBySession?session=1",
        "https://oapi.dingtalk.com@evil.cn/x",
        "http://oapi.dingtalk.com/robot/sendBySession?session=1",
        "file:///etc/passwd",
        "",
    ],
)
async def test_answers_go_to_dingtalk_and_nowhere_else(dingtalk: Connected, url: str) -> None:
    assert await dingtalk.say("你好", sessionWebhook=url) == ["听到：你好"]
    assert dingtalk.dingtalk.got == [("robot", "staff1", "听到：你好")]


async def test_over_http_a_staff_members_answers_never_follow_a_session_that_a_request_names(http: Connected) -> None:
    """The body is not signed: who caught one request could have somebody's answers sent to a session of their own."""
    message = http.dingtalk.message("我欠多少")
    http.dingtalk.sessions[message["sessionWebhook"]] = "the forger"
    await http.deliver(message)
    await until(lambda: bool(http.dingtalk.got), 20)
    assert http.dingtalk.got == [("robot", "staff1", "听到：我欠多少")]


# ── errors of the platform
@pytest.mark.parametrize(
    "behaviour",
    [
        (503, {"code": "ServiceUnavailable"}),
        (429, {"code": "Throttling.User"}),
        (403, {"code": "Forbidden.AccessDenied.AccessTokenPermissionDenied"}),
        (200, {"flowControlledStaffIdList": ["staff1"]}),
        "lost",
    ],
)
async def test_a_failure_that_passes_is_tried_again(http: Connected, behaviour: Any) -> None:
    http.dingtalk.behaviour.append(behaviour)
    await http.write("你好")
    await http.as_time_passes(lambda: http.dingtalk.texts() == ["听到：你好"])


async def test_a_token_that_ended_is_replaced_and_nothing_waits(http: Connected) -> None:
    await http.say("一")
    http.dingtalk.valid.clear()
    assert await http.say("二") == ["听到：二"]
    assert http.dingtalk.tokens == ["token-1", "token-2"]


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        ((400, {"code": "invalidParameter.userIds"}), "dingtalk_invalidParameter.userIds"),
        ((200, {"invalidStaffIdList": ["staff1"]}), "dingtalk_invalid_staff_id"),
    ],
)
async def test_what_can_never_be_delivered_is_a_dead_letter(http: Connected, behaviour: Any, failure: str) -> None:
    http.dingtalk.behaviour.append(behaviour)
    await http.write("一")
    assert await http.say("二") == ["听到：二"], "the next goes on"
    letters = (await http.stack.client.get("/desk/api/dead-letters", headers=http.stack.agent("S2101"))).json()["messages"]
    assert [(each["channel"], each["failure"]) for each in letters] == [("dingtalk", failure)]


# ── the stream
async def test_every_frame_is_acknowledged_and_a_broken_stream_is_opened_again(stream: Connected) -> None:
    await stream.say("一")
    ping = await asyncio.to_thread(stream.dingtalk.push, {"opaque": "x"}, kind="SYSTEM", topic="ping")
    await until(lambda: (ping, 200) in stream.dingtalk.acknowledged, 20)
    await asyncio.to_thread(stream.dingtalk.cut)
    await until(lambda: not stream.dingtalk.streams, 20)
    await asyncio.to_thread(stream.dingtalk.push, stream.dingtalk.message("二"))
    await until(lambda: stream.dingtalk.texts() == ["听到：一", "听到：二"], 20)
    await asyncio.to_thread(stream.dingtalk.push, {}, kind="SYSTEM", topic="disconnect")
    await until(lambda: not stream.dingtalk.streams, 20)
    assert await stream.say("三") == ["听到：三"]
    assert not stream.dingtalk.unacknowledged


async def test_what_was_not_kept_is_not_acknowledged_and_comes_again(stream: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    await stream.say("一")
    kept = Reception.store

    def away(*_: Any) -> int:
        raise ConnectionError("the database is away")

    monkeypatch.setattr(Reception, "store", away)
    number = await asyncio.to_thread(stream.dingtalk.push, stream.dingtalk.message("二"))
    await until(lambda: (number, 500) in stream.dingtalk.acknowledged, 20)
    monkeypatch.setattr(Reception, "store", kept)
    await asyncio.to_thread(stream.dingtalk.cut)
    await until(lambda: stream.dingtalk.texts() == ["听到：一", "听到：二"], 20)


async def test_frames_that_make_no_sense_are_put_aside_and_the_next_are_taken(stream: Connected) -> None:
    await stream.say("一")
    foreign = await asyncio.to_thread(stream.dingtalk.push, stream.dingtalk.message("别家", chatbotCorpId="dingother00000"))
    senseless = await asyncio.to_thread(stream.dingtalk.push, {"msgtype": 1})
    await until(lambda: {(foreign, 400), (senseless, 400)} <= set(stream.dingtalk.acknowledged), 20)
    for frame in ("{", "[]", "null", "1", '{"type": "CALLBACK"}', '{"type": "CALLBACK", "headers": {}, "data": "{"}'):
        await asyncio.to_thread(stream.dingtalk.push_raw, frame)
    assert await stream.say("二") == ["听到：二"]
    assert stream.stack.rasa.texts == ["一", "二"]


async def test_in_stream_mode_nothing_is_taken_over_http(stream: Connected) -> None:
    answer = await stream.post(json.dumps(stream.dingtalk.message("你好")).encode(), stream.dingtalk.headers())
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "callback_unauthenticated")


# ── who is not let in
async def test_every_forgery_gets_the_same_answer_and_nothing_is_stored(http: Connected) -> None:
    body = json.dumps(http.dingtalk.message("你好")).encode()
    good = http.dingtalk.headers()
    another_company = json.dumps(http.dingtalk.message() | {"chatbotCorpId": "dingsomebodyelse"}).encode()
    another_robot = json.dumps(http.dingtalk.message() | {"robotCode": "dingsomebodyelse"}).encode()
    forgeries = {
        "no headers": (body, {}),
        "wrong signature": (body, good | {"sign": "AAAA"}),
        "no signature": (body, good | {"sign": ""}),
        "signed with another secret": (body, http.dingtalk.headers(secret="another secret of somebody")),
        "signed with an empty secret": (body, http.dingtalk.headers(secret="")),
        "another timestamp": (body, good | {"timestamp": str(int(good["timestamp"]) + 1)}),
        "no number": (body, good | {"timestamp": "now"}),
        "another company's robot": (another_company, good),
        "another robot": (another_robot, good),
    }
    answers = {}
    for name, (given, headers) in forgeries.items():
        answer = await http.post(given, headers)
        answers[name] = (answer.status_code, answer.json()["error"])
    told = {"code": "callback_unauthenticated", "message": "the signature is missing or wrong", "details": {}}
    assert answers == dict.fromkeys(forgeries, (401, told))
    assert stored(http) == 0


@pytest.mark.parametrize("late", [-3601, 3601])
async def test_old_messages_are_refused(http: Connected, late: int) -> None:
    answer = await http.post(json.dumps(http.dingtalk.message()).encode(), http.dingtalk.headers(late=late))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "callback_stale")
    assert stored(http) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 20_000,
        b'{"a":' * 10_000,
        b'{"msgtype":"text"}',
        b"\xff\xfe",
        b'{"msgtype":"text","msgId":"a b","createAt":1,"conversationType":"1","senderId":"x"}',
        b'{"msgtype":"text","msgId":"1","createAt":1e30,"conversationType":"1","senderId":"x"}',
    ],
)
async def test_what_is_signed_but_makes_no_sense_is_refused_and_not_stored(http: Connected, body: bytes) -> None:
    answer = await http.post(body, http.dingtalk.headers())
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_input")
    assert stored(http) == 0


async def test_a_caught_delivery_played_again_changes_nothing(http: Connected) -> None:
    body, headers = json.dumps(http.dingtalk.message("你好")).encode(), http.dingtalk.headers()
    for _ in range(5):
        assert (await http.post(body, headers)).status_code == 200
    await until(lambda: http.dingtalk.texts() == ["听到：你好"], 20)
    await http.say("再见")
    assert http.stack.rasa.texts == ["你好", "再见"]
    assert (await http.client.get(PATH, headers=headers)).status_code == 404


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
            body = json.dumps(platform.message("扣款失败")).encode()
            statuses = await asyncio.gather(
                *((first, second)[number % 2].post(body, platform.headers()) for number in range(TIMES))
            )
            assert {each.status_code for each in statuses} == {200}
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
        ({"app_key": ""}, "APP_KEY"),
        ({"robot_code": ""}, "ROBOT_CODE"),
        ({"corp_id": "somebody"}, "CORP_ID"),
        ({"api_url": "http://api.dingtalk.com"}, "API_URL"),
        ({"mode": "both"}, "MODE"),
    ],
)
def test_a_channel_without_its_secrets_does_not_start(gateway_settings: Settings, changed: dict[str, str], named: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=named) as refused:
        create_app(with_dingtalk(gateway_settings, "http://127.0.0.1:9", **changed))
    assert not any(secret in str(refused.value) for secret in OPTIONS.values())


def stored(platform: Connected) -> int:
    with platform.stack.database.transaction() as session:
        tables = (InboxMessage, InboxNonce, Conversation, Message)
        return sum(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
