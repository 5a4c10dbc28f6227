"""WeChat Official Account over real HTTP: whole conversations, its quotas, its errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.app import create_app
from bot.channels.registry import ChannelMisconfigured
from bot.channels.state import SharedState
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.rasa import BotMessage
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, until
from tests.wechat import OPTIONS, Connected, connected, serving, with_wechat

PHONE = "13900001002"
OFFERED = ({"title": "提前还款", "payload": "/ask_early_repayment"}, {"title": "转人工", "payload": "/request_human"})


@pytest.fixture(params=["encrypted", "plain"])
async def wechat(request: pytest.FixtureRequest, gateway_settings: Settings, process_logging: None) -> AsyncIterator[Connected]:
    clock = FixedClock()
    with serving(clock) as platform:
        async with connected(gateway_settings, clock, FakeRasa(), platform, mode=request.param) as started:
            yield started


@pytest.fixture
async def sealed(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Connected]:
    clock = FixedClock()
    with serving(clock) as platform:
        async with connected(gateway_settings, clock, FakeRasa(), platform) as started:
            yield started


# ── the console's check
async def test_the_address_is_confirmed(wechat: Connected) -> None:
    query = wechat.wechat.query(None, echostr="5927782489442352469")
    answer = await wechat.client.get("/channels/wechat", params=query)
    assert (answer.status_code, answer.text) == (200, "5927782489442352469")
    assert answer.headers["content-type"].startswith("text/plain")
    forged = await wechat.client.get("/channels/wechat", params=query | {"signature": "0" * 40})
    assert (forged.status_code, forged.json()["error"]["code"]) == (401, "callback_unauthenticated")


# ── whole conversations
async def test_a_question_is_acknowledged_at_once_and_answered_by_a_customer_message(wechat: Connected) -> None:
    assert await wechat.say("你好") == ["听到：你好"]
    log = wechat.stack.log(wechat.stack.conversation("o-1").id)
    assert [(row.seq, row.direction, row.text) for row in log] == [(1, "in", "你好"), (2, "out", "听到：你好")]
    await until(lambda: wechat.stack.log(log[0].conversation_id)[1].state == "sent", 20)


async def test_binding_a_quote_of_ones_own_and_unbinding(sealed: Connected) -> None:
    await sealed.say("绑定手机")
    await sealed.say(PHONE)
    assert "绑定好了" in (await sealed.say(await sealed.stack.sent_code()))[0]
    await sealed.say("还清要多少钱")
    assert sealed.stack.conversation("o-1", "C1002")
    assert sealed.stack.rasa.texts == ["还清要多少钱"], "Rasa saw neither the number nor the code"
    await sealed.say("解除绑定")


async def test_to_an_agent_and_back(sealed: Connected) -> None:
    stack, agent = sealed.stack, sealed.stack.agent()
    await sealed.say("转人工")
    conversation_id = stack.conversation("o-1").id
    stack.request_human(conversation_id)
    await until(lambda: len(sealed.wechat.got) == 2, 20)
    base = f"/desk/api/conversations/{conversation_id}"
    assert (await stack.client.post(f"{base}/claim", headers=agent)).status_code == 200
    await sealed.write("在吗")
    assert (await stack.client.post(f"{base}/reply", headers=agent, json={"text": "我在的"})).status_code == 201
    await until(lambda: "我在的" in sealed.wechat.texts(), 20)
    await until(lambda: [row.text for row in stack.log(conversation_id) if row.direction == "in"] == ["转人工", "在吗"], 20)
    assert (await stack.client.post(f"{base}/give-back", headers=agent)).status_code == 200
    await sealed.write("谢谢")
    await until(lambda: sealed.wechat.texts()[-1] == "听到：谢谢", 20)
    assert "听到：在吗" not in sealed.wechat.texts(), "the bot is silent while an agent has the conversation"


async def test_options_are_numbered(sealed: Connected) -> None:
    async def offer(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text="想办什么？", buttons=OFFERED if message == "你好" else ())]

    sealed.stack.rasa.answer = offer
    assert await sealed.say("你好") == ["想办什么？\n\n回复 1：提前还款\n回复 2：转人工"]
    await until(lambda: sealed.stack.log(sealed.stack.conversation("o-1").id)[1].state == "sent", 20)
    await sealed.say("2")
    assert sealed.stack.rasa.texts == ["你好", "/request_human"]


async def test_a_long_answer_comes_in_parts_that_fit(sealed: Connected) -> None:
    async def long(_sender: str, _message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text="𠮷" * 1200)]

    sealed.stack.rasa.answer = long
    assert "".join(await sealed.say("你好", answers=3)) == "𠮷" * 1200
    assert not sealed.wechat.breaches


# ── what borrowers send
@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"MsgType": "text", "Content": "扣款失败"}, "扣款失败"),
        ({"MsgType": "voice", "MediaId": "m", "Format": "amr", "Recognition": "我要还款。"}, "我要还款。"),
        (
            {"MsgType": "link", "Title": "还款通知", "Description": "", "Url": "http://suixing-jie.cn/pay"},
            "还款通知\nhttp://suixing-jie.cn/pay",
        ),
        ({"MsgType": "event", "Event": "CLICK", "EventKey": "/ask_early_repayment"}, "/ask_early_repayment"),
    ],
)
async def test_words_voice_links_and_the_menu_are_understood(sealed: Connected, fields: dict[str, str], asked: str) -> None:
    sealed.wechat.opens("o-1", "message")
    assert (await sealed.deliver(sealed.wechat.message(**fields))).text == "success"
    await until(lambda: sealed.stack.rasa.texts == [asked], 20)


@pytest.mark.parametrize(
    ("fields", "kept", "answer"),
    [
        ({"MsgType": "image", "PicUrl": "http://x/1"}, "[图片]", "收到。图片"),
        ({"MsgType": "voice", "MediaId": "m", "Recognition": ""}, "[语音]", "收到。图片"),
        ({"MsgType": "shortvideo", "MediaId": "m"}, "[视频]", "收到。图片"),
        ({"MsgType": "location", "Location_X": "23.1", "Location_Y": "113.3", "Label": "某路"}, "[位置]", "收到您的位置"),
        ({"MsgType": "event", "Event": "subscribe", "EventKey": ""}, "[关注]", "您好，我是随星客服"),
    ],
)
async def test_what_is_not_words_is_answered_by_us(sealed: Connected, fields: dict[str, str], kept: str, answer: str) -> None:
    sealed.wechat.opens("o-1", "message")
    await sealed.deliver(sealed.wechat.message(**fields))
    await until(lambda: bool(sealed.wechat.got), 20)
    assert sealed.wechat.texts()[0].startswith(answer)
    assert sealed.stack.rasa.asked == []
    assert sealed.stack.log(sealed.stack.conversation("o-1").id)[0].text == kept


@pytest.mark.parametrize("event", ["LOCATION", "VIEW", "unsubscribe", "TEMPLATESENDJOBFINISH", "a_new_one"])
async def test_what_no_borrower_says_is_acknowledged_and_not_kept(sealed: Connected, event: str) -> None:
    assert (await sealed.event(event, key="k")).text == "success"
    assert stored(sealed) == 0


async def test_scanning_opens_a_window_and_is_not_answered(sealed: Connected) -> None:
    assert (await sealed.event("SCAN", key="scene")).text == "success"
    assert stored(sealed) == 1
    assert sealed.wechat.got == []


async def test_a_delivery_that_comes_again_changes_nothing(sealed: Connected) -> None:
    """WeChat repeats it three times, signed anew, when we take longer than five seconds."""
    sealed.wechat.opens("o-1", "message")
    message = sealed.wechat.message(Content="你好")
    click = sealed.wechat.message(MsgType="event", Event="CLICK", EventKey="/ask_early_repayment")
    for _ in range(3):
        assert (await sealed.deliver(message)).text == "success"
        assert (await sealed.deliver(click)).text == "success"
    await until(lambda: len(sealed.wechat.texts()) == 2, 20)
    await sealed.say("再见")
    assert sealed.stack.rasa.texts == ["你好", "/ask_early_repayment", "再见"]
    assert stored(sealed) == 3


# ── quotas
async def test_what_does_not_fit_waits_for_the_borrower_and_the_agent_sees_it(sealed: Connected) -> None:
    async def much(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text=f"{message}{number}") for number in range(4)]

    sealed.stack.rasa.answer = much
    await sealed.say("甲", answers=4)
    sealed.stack.rasa.answer = None
    agent, conversation_id = sealed.stack.agent(), sealed.stack.conversation("o-1").id
    sealed.stack.request_human(conversation_id)
    base = f"/desk/api/conversations/{conversation_id}"
    assert (await sealed.stack.client.post(f"{base}/claim", headers=agent)).status_code == 200
    await until(lambda: len(sealed.wechat.got) == 5, 20)
    assert (await sealed.stack.client.post(f"{base}/reply", headers=agent, json={"text": "我看一下"})).status_code == 201

    async def waiting() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await sealed.stack.client.get(f"{base}/unsent", headers=agent)).json()["messages"]
        return found

    for _ in range(200):
        if [each["waits_for"] for each in await waiting()][:1] == ["quota"]:
            break
        await asyncio.sleep(0.1)
    assert len(await waiting()) == 2
    assert not sealed.wechat.breaches, "nothing was tried that WeChat does not allow"
    await sealed.write("还在吗")
    await until(lambda: "我看一下" in sealed.wechat.texts(), 20)
    assert not sealed.wechat.breaches


async def test_after_48_hours_nothing_is_sent_until_the_borrower_writes(sealed: Connected) -> None:
    await sealed.say("你好")
    conversation_id = sealed.stack.conversation("o-1").id
    sealed.stack.clock.advance(hours=48)
    sealed.stack.request_human(conversation_id)
    for _ in range(200):
        path = f"/desk/api/conversations/{conversation_id}/unsent"
        waiting = (await sealed.stack.client.get(path, headers=sealed.stack.agent())).json()["messages"]
        if [each["waits_for"] for each in waiting] == ["quota"]:
            break
        await asyncio.sleep(0.1)
    assert [each["waits_for"] for each in waiting] == ["quota"]
    assert len(sealed.wechat.got) == 1
    assert not sealed.wechat.breaches
    await sealed.write("在吗")
    await until(lambda: len(sealed.wechat.got) >= 2, 20)
    assert not sealed.wechat.breaches


# ── errors of the platform
@pytest.mark.parametrize("behaviour", [-1, 45009, 45011, 40164, 48001, "503", "lost", "slow", "endless"])
async def test_a_failure_that_passes_is_tried_again(sealed: Connected, behaviour: int | str) -> None:
    sealed.wechat.behaviour.append(behaviour)
    await sealed.write("你好")
    await sealed.as_time_passes(lambda: "听到：你好" in sealed.wechat.texts() and not sealed.wechat.behaviour)
    assert set(sealed.wechat.texts()) == {"听到：你好"}


async def test_a_token_that_ended_is_replaced_and_nothing_waits(sealed: Connected) -> None:
    await sealed.say("一")
    sealed.wechat.valid.clear()
    assert await sealed.say("二") == ["听到：二"]
    assert sealed.wechat.tokens == ["token-1", "token-2"]
    with sealed.stack.database.transaction() as session:
        assert SharedState(session, sealed.stack.clock, "wechat").get("access_token") == "token-2"


@pytest.mark.parametrize(("code", "failure"), [(40003, "wechat_40003"), (43004, "wechat_43004"), (45002, "wechat_45002")])
async def test_what_can_never_be_delivered_is_a_dead_letter_and_the_next_goes_on(
    sealed: Connected, code: int, failure: str
) -> None:
    sealed.wechat.behaviour.append(code)
    await sealed.write("一")
    assert await sealed.say("二") == ["听到：二"], "the next goes on"
    letters = (await sealed.stack.client.get("/desk/api/dead-letters", headers=sealed.stack.agent("S2101"))).json()["messages"]
    assert [(each["channel"], each["failure"]) for each in letters] == [("wechat", failure)]


@pytest.mark.parametrize("code", [45015, 45047])
async def test_when_wechat_counts_otherwise_we_wait_for_the_borrower(sealed: Connected, code: int) -> None:
    sealed.wechat.behaviour.append(code)
    await sealed.write("一")
    await until(lambda: not sealed.wechat.behaviour, 20)
    assert await sealed.say("二", answers=2) == ["听到：一", "听到：二"]


# ── settings
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"token": ""}, "TOKEN"),
        ({"app_secret": ""}, "APP_SECRET"),
        ({"app_id": ""}, "APP_ID"),
        ({"encoding_aes_key": ""}, "ENCODING_AES_KEY"),
        ({"encoding_aes_key": "short"}, "ENCODING_AES_KEY"),
        ({"api_url": "http://api.weixin.qq.com"}, "API_URL"),
        ({"unknown": "x"}, "UNKNOWN"),
    ],
)
def test_a_channel_without_its_secrets_does_not_start(gateway_settings: Settings, changed: dict[str, str], named: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=named) as refused:
        create_app(with_wechat(gateway_settings, "http://127.0.0.1:9", **changed))
    assert not any(secret in str(refused.value) for secret in OPTIONS.values())


def test_encrypted_mode_needs_its_key(gateway_settings: Settings) -> None:
    settings = with_wechat(gateway_settings, "http://127.0.0.1:9")
    del settings.channels["wechat"]["encoding_aes_key"]
    with pytest.raises(ChannelMisconfigured, match="ENCODING_AES_KEY"):
        create_app(settings)


def stored(platform: Connected) -> int:
    with platform.stack.database.transaction() as session:
        return session.scalar(select(func.count()).select_from(InboxMessage)) or 0
