"""WeCom's customer service over real HTTP: whole conversations through the application, with WeCom's rules counted by WeCom."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sqlalchemy import select

from bot.channels import json_calls
from bot.channels.wecom import fetching
from bot.conversations.handoff import HandoffService
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.models import PLATFORM_AGENT
from bot.conversations.outbox.service import DeliveryService
from bot.conversations.rasa import BotMessage
from bot.conversations.repository import ConversationRepository
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, until
from tests.wecom import ADDRESS, BROKEN, KF, Connected, WeCom, connected, menu, serving, shown

PHONE = "13900001002"
OPTIONS = ({"title": "提前还款", "payload": "/ask_early_repayment"}, {"title": "转人工", "payload": "/request_human"})
OTHER = f"{KF}:wmOTHER"


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(fetching, "PAUSES", (0.02,))


@pytest.fixture
async def desk(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Connected]:
    """People answer at our desk."""
    clock = FixedClock()
    with serving(clock) as wecom:
        async with connected(gateway_settings, clock, FakeRasa(), wecom) as started:
            yield started


@pytest.fixture
async def pool(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Connected]:
    """People answer in WeCom's client."""
    clock = FixedClock()
    with serving(clock) as wecom:
        async with connected(gateway_settings, clock, FakeRasa(), wecom, people="wecom", servicers="A2001=zhangsan") as started:
            yield started


def log(platform: Connected, customer_id: str = "", address: str = ADDRESS) -> list[tuple[str, str | None, str]]:
    """(author, text, state) of the conversation; empty before there is one."""
    with platform.stack.database.transaction() as session:
        conversation = ConversationRepository(session).find("wecom", address, customer_id)
    rows = () if conversation is None else platform.stack.log(conversation.id)
    return [(row.author, row.text, row.state) for row in rows]


def words(platform: Connected) -> list[tuple[str, str | None]]:
    return [(author, text) for author, text, _ in log(platform)]


def owner(platform: Connected, address: str = ADDRESS) -> tuple[str, str | None]:
    row = platform.stack.conversation(address)
    return row.owner, row.agent_id


async def as_time_passes(platform: Connected, condition: Callable[[], bool]) -> None:
    """A pause before the next try begins when it is written down."""
    for _ in range(200):
        if condition():
            return
        platform.stack.clock.advance(seconds=5)
        await asyncio.sleep(0.05)
    raise AssertionError("it never came")


# ── whole conversations
async def test_a_question_is_fetched_and_answered_as_the_assistant(desk: Connected) -> None:
    answer = (await desk.say("你好"))[0]
    assert (answer["address"], shown(answer)) == (ADDRESS, "听到：你好")
    assert len(answer["msgid"]) <= 32
    assert desk.wecom.state() == 1, "WeCom's own people are not asked"
    await until(lambda: log(desk) == [("borrower", "你好", "answered"), ("bot", "听到：你好", "sent")], 10)


async def test_messages_of_one_borrower_are_answered_in_order_over_short_and_empty_pages(desk: Connected) -> None:
    desk.wecom.page = 2
    for number in range(5):
        desk.wecom.write(str(number))
    desk.wecom.log[KF][1:3] = [
        each | {"send_time": 0} for each in desk.wecom.log[KF][1:3]
    ]  # WeCom leaves them out: older than 3 days
    desk.wecom.write("甲", address=OTHER)
    await desk.notify()
    await until(lambda: len(desk.wecom.got) == 4, 20)
    assert desk.wecom.texts() == ["听到：0", "听到：3", "听到：4"]
    assert desk.wecom.texts(OTHER) == ["听到：甲"]
    pages = [body for path, body in desk.wecom.calls if path == "kf/sync_msg"]
    assert [body.get("cursor") for body in pages] == [None, "cursor_2", "cursor_4"]
    assert all("token" in body and body["limit"] == 1000 for body in pages)


async def test_a_bound_borrower_reads_their_own_data(desk: Connected) -> None:
    await desk.say("绑定手机")
    await desk.say(PHONE)
    await desk.say(await desk.stack.sent_code())
    assert "绑定好了" in desk.wecom.texts()[-1]
    await desk.say("我还欠多少")
    assert desk.stack.conversation(ADDRESS, "C1002").customer_id == "C1002"
    assert not any(PHONE in (text or "") for _, text, _ in log(desk, "C1002"))


async def test_options_are_a_menu_and_a_pressed_item_is_its_payload(desk: Connected) -> None:
    async def offer(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text="想办什么？", buttons=OPTIONS if message == "你好" else ())]

    desk.stack.rasa.answer = offer
    items = menu((await desk.say("你好"))[0])
    assert items == {"提前还款": "/ask_early_repayment", "转人工": "/request_human"}
    await desk.say("转人工", menu_id=items["转人工"])
    await desk.say("欢迎语的菜单", menu_id="console-item-3")
    assert desk.stack.rasa.texts == ["你好", "/request_human", "欢迎语的菜单"], "a menu that is not ours is its words"
    rows = desk.stack.log(desk.stack.conversation(ADDRESS).id)
    assert [row.shown_text for row in rows if row.direction == "in"] == [None, "转人工", None]


async def test_more_options_than_a_menu_holds_are_chosen_by_number(desk: Connected) -> None:
    many = tuple({"title": f"第{number}项", "payload": f'/inform{{"item": "{number}"}}'} for number in range(1, 12))

    async def offer(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text="选哪一个？", buttons=many if message == "你好" else ())]

    desk.stack.rasa.answer = offer
    answer = (await desk.say("你好"))[0]
    assert answer["msgtype"] == "text"
    assert "回复 11：第11项" in shown(answer)
    await until(lambda: log(desk)[1][2] == "sent", 10)
    await desk.say("11")
    assert desk.stack.rasa.texts == ["你好", many[10]["payload"]]


@pytest.mark.parametrize(
    ("kind", "content", "word"),
    [
        ("image", {}, "[图片]"),
        ("voice", {"media_id": "m"}, "[语音]"),
        ("video", {"media_id": "m"}, "[视频]"),
        ("file", "a file of next year", "[文件]"),
        ("location", {"latitude": 23.1, "longitude": 113.2, "name": "广州", "address": "天河"}, "[位置]"),
        ("link", {"title": "t", "url": "https://example.test"}, "[链接]"),
        ("business_card", {"userid": "u"}, "[名片]"),
        ("miniprogram", {"title": "t", "appid": "a", "pagepath": "p", "thumb_media_id": "m"}, "[小程序]"),
        ("msgmenu", {"head_content": "h", "list": []}, "[菜单]"),
        ("a_kind_of_next_year", {"x": 1}, "[消息]"),
    ],
)
async def test_what_is_no_text_is_answered_in_words(desk: Connected, kind: str, content: Any, word: str) -> None:
    desk.wecom.send_in(kind, content)
    await desk.notify()
    await until(lambda: bool(desk.wecom.got), 20)
    assert desk.wecom.texts()[0].startswith("收到。图片")
    assert desk.stack.rasa.asked == []
    assert log(desk)[0][1] == word


async def test_who_enters_is_greeted_once_within_twenty_seconds(desk: Connected) -> None:
    assert desk.wecom.enter() is not None
    await desk.notify()
    await until(lambda: bool(desk.wecom.got), 20)
    assert shown(desk.wecom.got[0]).startswith("您好，我是随星客服")
    assert menu(desk.wecom.got[0])["转人工"] == "/request_human"
    await until(lambda: [(author, state) for author, _, state in log(desk)] == [("bot", "sent")], 10)
    assert desk.wecom.enter() is None
    desk.wecom.enter(address=OTHER)
    desk.stack.clock.advance(seconds=20)
    await desk.notify()
    await desk.say("你好")
    assert len(desk.wecom.got) == 2, "twenty seconds later a code is worth nothing, so it is not used"
    assert not any(path == "kf/send_msg_on_event" for path, _ in desk.wecom.calls[-3:])


async def test_a_welcome_that_wecom_refuses_disturbs_nothing(desk: Connected) -> None:
    desk.wecom.trouble["kf/send_msg_on_event"] = deque([95015])
    desk.wecom.enter()
    await desk.say("你好")
    assert desk.wecom.texts() == ["听到：你好"]


# ── people at our desk
async def test_to_an_agent_at_the_desk_and_back(desk: Connected) -> None:
    stack, agent = desk.stack, desk.stack.agent()
    await desk.say("转人工")
    conversation_id = stack.conversation(ADDRESS).id
    stack.request_human(conversation_id)
    await until(lambda: len(desk.wecom.got) == 2, 20)
    base = f"/desk/api/conversations/{conversation_id}"
    assert (await stack.client.post(f"{base}/claim", headers=agent)).status_code == 200
    await desk.write("在吗")
    assert (await stack.client.post(f"{base}/reply", headers=agent, json={"text": "我在的"})).status_code == 201
    await until(lambda: "我在的" in desk.wecom.texts(), 20)
    assert "听到：在吗" not in desk.wecom.texts(), "the bot is silent while an agent has the conversation"
    assert (await stack.client.post(f"{base}/give-back", headers=agent)).status_code == 200
    await desk.say("谢谢", answers=1)
    await until(lambda: desk.wecom.texts()[-1] == "听到：谢谢", 20)
    assert (desk.wecom.state(), desk.wecom.changes()) == (1, [1]), "WeCom lets us speak as the assistant only"


async def test_a_colleague_who_takes_the_session_in_wecom_silences_the_bot_until_they_end_it(desk: Connected) -> None:
    await desk.say("你好")
    desk.wecom.take("lisi")
    desk.wecom.answer("我是李四，我来看一下")
    await desk.write("好的")
    await until(lambda: owner(desk) == ("agent", PLATFORM_AGENT), 20)
    await until(lambda: ("borrower", "好的") in words(desk), 20)
    assert ("system", "同事在微信客服里接过了这段对话，接下来由同事直接回复您。", "sent") in log(desk)
    await until(lambda: ("agent", "我是李四，我来看一下", "sent") in log(desk), 20)
    desk.wecom.end()
    await desk.notify()
    await until(lambda: desk.wecom.texts()[-1].startswith("人工服务先到这里"), 20)
    assert owner(desk) == ("bot", None)
    assert desk.wecom.calls[-1][0] == "kf/send_msg_on_event", "the session is over; its last code still lets us say so"
    await desk.say("谢谢")
    assert desk.wecom.texts() == ["听到：你好", desk.wecom.texts()[1], "听到：谢谢"]
    assert desk.stack.rasa.texts == ["你好", "谢谢"]


async def test_the_end_that_comes_too_late_to_speak_stands_in_the_log_only(desk: Connected) -> None:
    await desk.say("你好")
    desk.wecom.take("lisi")
    desk.wecom.end()
    desk.stack.clock.advance(seconds=20)
    await desk.notify()
    await until(lambda: str(words(desk)[-1][1]).startswith("人工服务先到这里"), 20)
    assert log(desk)[-1][2] == "sent"
    await desk.say("在吗")
    assert desk.wecom.texts() == ["听到：你好", "听到：在吗"]


async def test_a_session_that_ended_without_a_word_comes_back_with_the_borrowers_next_message(desk: Connected) -> None:
    await desk.say("你好")
    desk.wecom.take("lisi")
    await desk.notify()
    await until(lambda: owner(desk) == ("agent", PLATFORM_AGENT), 20)
    desk.wecom.end(silently=True)
    await desk.say("还在吗", answers=2)
    assert desk.wecom.texts()[1].startswith("人工服务先到这里")
    assert desk.wecom.texts()[2] == "听到：还在吗"
    assert owner(desk) == ("bot", None)


async def test_a_session_that_began_and_ended_while_we_were_away_is_not_left_to_nobody(desk: Connected) -> None:
    await desk.say("你好")
    desk.wecom.take("lisi")
    desk.wecom.answer("我是李四")
    desk.wecom.end(silently=True)
    await desk.notify()
    await until(lambda: ("agent", "我是李四", "sent") in log(desk) and owner(desk) == ("bot", None), 20)
    assert log(desk)[-1][2] == "sent", "WeCom lets nobody speak before the borrower writes"
    await desk.say("在吗")
    assert desk.wecom.texts() == ["听到：你好", "听到：在吗"]


async def test_a_session_that_wecom_gives_to_its_people_at_once_is_left_to_them(desk: Connected) -> None:
    desk.wecom.assigned_to = "zhangsan"
    await desk.write("你好")
    await until(lambda: len(log(desk)) == 3 and log(desk)[1][2] == "failed", 20)
    assert owner(desk) == ("agent", PLATFORM_AGENT)
    assert desk.wecom.got == []
    supervisor = desk.stack.agent("S2101")
    letters = (await desk.stack.client.get("/desk/api/dead-letters", headers=supervisor)).json()["messages"]
    assert [each["failure"] for each in letters] == ["with_people"]


async def test_what_the_company_has_to_say_waits_until_wecoms_people_are_done(desk: Connected) -> None:
    await desk.say("你好")
    desk.wecom.take("lisi")
    await desk.notify()
    await until(lambda: owner(desk) == ("agent", PLATFORM_AGENT), 20)
    conversation_id = desk.stack.conversation(ADDRESS).id
    notice(desk, conversation_id, "您的申诉有结果了")
    await until(lambda: unsent(desk, conversation_id) == ["quota"], 20)
    desk.wecom.end()
    await desk.notify()
    await until(lambda: owner(desk) == ("bot", None), 20)
    await desk.write("谢谢")
    await until(lambda: desk.wecom.texts()[-1] == "听到：谢谢", 20)
    assert "您的申诉有结果了" in desk.wecom.texts()


def notice(platform: Connected, conversation_id: str, text: str) -> None:
    with platform.stack.database.transaction() as session:
        ConversationRepository(session).append(
            conversation_id, platform.stack.clock.now(), direction="out", author="system", text=text, state="queued"
        )


def unsent(platform: Connected, conversation_id: str) -> list[str | None]:
    with platform.stack.database.transaction() as session:
        return [each.waits_for for each in DeliveryService(session, platform.stack.clock).unsent(conversation_id)]


# ── people in WeCom
async def test_who_asks_for_a_human_is_put_into_wecoms_pool_when_everything_has_been_said(pool: Connected) -> None:
    await pool.say("转人工")
    pool.stack.request_human(pool.stack.conversation(ADDRESS).id)
    await until(lambda: pool.wecom.state() == 2, 20)
    assert pool.wecom.changes() == [1, 2]
    assert "排队" in pool.wecom.texts()[-1], "the words about it went out before"
    await until(lambda: owner(pool) == ("agent", PLATFORM_AGENT), 20)
    pool.wecom.take("lisi")
    pool.wecom.answer("您好，我是李四")
    await pool.write("我的扣款失败了")
    await until(lambda: ("borrower", "我的扣款失败了") in words(pool), 20)
    await until(lambda: ("agent", "您好，我是李四", "sent") in log(pool), 20)
    pool.wecom.end()
    await pool.notify()
    await until(lambda: owner(pool) == ("bot", None), 20)
    await pool.say("谢谢", answers=2)
    assert pool.wecom.texts()[-1] == "听到：谢谢"
    assert pool.wecom.changes() == [1, 2, 1], "a new session is the assistant's again"


async def test_who_does_not_want_to_wait_in_wecoms_pool_leaves_it(pool: Connected) -> None:
    await pool.say("转人工")
    pool.stack.request_human(pool.stack.conversation(ADDRESS).id)
    await until(lambda: owner(pool) == ("agent", PLATFORM_AGENT), 20)
    await pool.say("不等了")
    assert pool.wecom.texts()[-1].startswith("您已退出人工排队")
    assert (owner(pool), pool.wecom.state()) == (("bot", None), 4)
    await pool.say("怎么还款")
    assert pool.wecom.texts()[-1] == "听到：怎么还款"
    assert pool.stack.rasa.texts == ["转人工", "怎么还款"]
    pool.wecom.take("lisi")
    await pool.write("不等了")
    await until(lambda: owner(pool) == ("agent", PLATFORM_AGENT), 20)
    assert pool.wecom.state() == 3, "a colleague who has begun is not sent away"


async def test_an_agent_who_claims_gets_the_session_in_their_own_client(pool: Connected) -> None:
    await pool.say("转人工")
    conversation_id = pool.stack.conversation(ADDRESS).id
    pool.wecom.trouble["kf/service_state/trans"] = deque([-1])
    pool.stack.request_human(conversation_id)
    await until(lambda: not pool.wecom.trouble["kf/service_state/trans"], 20)
    agent = pool.stack.agent()
    assert (await pool.stack.client.post(f"/desk/api/conversations/{conversation_id}/claim", headers=agent)).status_code == 200
    pool.stack.app.state.push._connectors["wecom"]._sessions._not_before.clear()
    await until(lambda: pool.wecom.sessions[ADDRESS].servicer == "zhangsan", 20)
    await until(lambda: owner(pool) == ("agent", PLATFORM_AGENT), 20)


async def test_a_colleague_who_does_not_receive_leaves_the_session_in_the_pool(pool: Connected) -> None:
    pool.wecom.receiving.clear()
    await pool.say("转人工")
    conversation_id = pool.stack.conversation(ADDRESS).id
    with pool.stack.database.transaction() as session:
        service = HandoffService(session, pool.stack.clock, pool.stack.runtime.texts)
        service.request(conversation_id, reason="asked")
        service.claim(conversation_id, "A2001")
    await until(lambda: pool.wecom.state() == 2, 20)
    assert pool.wecom.changes() == [1, 3, 2]


# ── rules of sending
async def test_wecom_counts_five_in_48_hours_and_the_rest_waits_for_the_borrower(desk: Connected) -> None:
    await desk.say("你好")
    conversation_id = desk.stack.conversation(ADDRESS).id
    for number in range(6):
        notice(desk, conversation_id, f"通知{number}")
    await until(lambda: len(desk.wecom.texts()) == 5, 20)
    await until(lambda: unsent(desk, conversation_id) == ["quota", None], 20)
    assert len(sends(desk.wecom)) == 5, "WeCom is not asked for what it would refuse"
    await desk.write("继续")
    await until(lambda: len(desk.wecom.texts()) == 8, 20)
    assert desk.wecom.texts()[5:] == ["通知4", "通知5", "听到：继续"]


def sends(wecom: WeCom) -> list[dict[str, Any]]:
    return [body for path, body in wecom.calls if path == "kf/send_msg"]


async def test_after_48_hours_nothing_is_tried_before_the_borrower_writes(desk: Connected) -> None:
    await desk.say("你好")
    desk.stack.clock.advance(hours=48)
    conversation_id = desk.stack.conversation(ADDRESS).id
    notice(desk, conversation_id, "您的申诉有结果了")
    await until(lambda: unsent(desk, conversation_id) == ["quota"], 20)
    assert len(sends(desk.wecom)) == 1
    await desk.write("在")
    await until(lambda: desk.wecom.texts()[-2:] == ["您的申诉有结果了", "听到：在"], 20)


async def test_a_state_that_changed_meanwhile_is_read_again_and_the_message_goes_out_once(desk: Connected) -> None:
    await desk.say("你好")
    desk.wecom.sessions[ADDRESS].state = 0
    desk.wecom.trouble["kf/send_msg"] = deque([95018])
    await desk.say("再来")
    assert desk.wecom.texts() == ["听到：你好", "听到：再来"]
    assert desk.wecom.changes() == [1, 1]


async def test_an_expired_access_token_is_replaced_and_the_message_goes_out(desk: Connected) -> None:
    await desk.say("你好")
    desk.wecom.expire_tokens()
    await desk.say("再来")
    assert [path for path, _ in desk.wecom.calls].count("gettoken") == 2


@pytest.mark.parametrize("trouble", [BROKEN, b"<html>", b"[1]", b'{"errcode": "no"}', -1, 45009, 45033])
async def test_an_answer_that_is_none_is_tried_again_and_shown_once(desk: Connected, trouble: Any) -> None:
    """WeCom took it, and its answer was lost: the id of the message keeps it from being shown twice."""
    desk.wecom.trouble["kf/send_msg"] = deque([trouble])
    await desk.write("你好")
    await until(lambda: len(sends(desk.wecom)) == 1, 20)
    await as_time_passes(desk, lambda: desk.wecom.texts() == ["听到：你好"])
    await until(lambda: log(desk)[1][2] == "sent", 10)
    assert len({body["msgid"] for body in sends(desk.wecom)}) == 1


async def test_a_call_that_hangs_is_given_up_and_made_again(
    gateway_settings: Settings, process_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_calls, "CALL_SECONDS", 0.5)
    clock, released = FixedClock(), threading.Event()
    with serving(clock) as wecom:
        async with connected(gateway_settings, clock, FakeRasa(), wecom) as platform:
            wecom.trouble["kf/send_msg"] = deque([lambda: released.wait(60) and BROKEN])
            await platform.write("你好")
            await as_time_passes(platform, lambda: wecom.texts() == ["听到：你好"])
            released.set()
    assert len(sends(wecom)) == 2


async def test_a_message_that_wecom_has_already_is_sent(desk: Connected) -> None:
    def lost() -> str:
        body = sends(desk.wecom)[-1]
        desk.wecom._send(body)
        return BROKEN

    desk.wecom.trouble["kf/send_msg"] = deque([lost])
    await desk.write("你好")
    await until(lambda: len(sends(desk.wecom)) == 1, 20)
    await as_time_passes(desk, lambda: len(sends(desk.wecom)) == 2)
    await until(lambda: log(desk)[1][2] == "sent", 10)
    assert desk.wecom.texts() == ["听到：你好"]


@pytest.mark.parametrize(("code", "failure"), [(40096, "wecom_40096"), (95000, "wecom_95000")])
async def test_what_will_never_do_is_a_dead_letter(desk: Connected, code: int, failure: str) -> None:
    desk.wecom.trouble["kf/send_msg"] = deque([code])
    await desk.write("你好")
    await until(lambda: bool(sends(desk.wecom)) and log(desk)[1][2] == "failed", 20)
    supervisor = desk.stack.agent("S2101")
    letters = (await desk.stack.client.get("/desk/api/dead-letters", headers=supervisor)).json()["messages"]
    assert [each["failure"] for each in letters] == [failure]


async def test_credentials_that_are_refused_are_shown_as_such(desk: Connected) -> None:
    desk.wecom.trouble["kf/service_state/get"] = deque([48002])
    await desk.write("你好")
    await until(lambda: bool(log(desk)[1:]) and unsent(desk, desk.stack.conversation(ADDRESS).id) == ["authorisation"], 20)
    await as_time_passes(desk, lambda: desk.wecom.texts() == ["听到：你好"])


async def test_a_message_that_did_not_get_through_is_a_dead_letter_and_is_sent_again_on_request(desk: Connected) -> None:
    first = (await desk.say("你好"))[0]
    desk.wecom.fail(first["msgid"], 10)
    await desk.notify()
    await until(lambda: log(desk)[1][2] == "failed", 20)
    supervisor = desk.stack.agent("S2101")
    letters = (await desk.stack.client.get("/desk/api/dead-letters", headers=supervisor)).json()["messages"]
    assert [each["failure"] for each in letters] == ["msg_send_fail_10"]
    path = f"/desk/api/dead-letters/messages/{letters[0]['number']}/retry"
    assert (await desk.stack.client.post(path, headers=supervisor)).status_code == 204
    await until(lambda: desk.wecom.texts() == ["听到：你好", "听到：你好"], 20)


async def test_a_message_that_is_taken_back_before_its_turn_is_not_answered(desk: Connected) -> None:
    number = desk.wecom.write("我打错了")
    desk.wecom.event("user_recall_msg", recall_msgid=number)
    await desk.say("你好")
    assert desk.stack.rasa.texts == ["你好"]
    with desk.stack.database.transaction() as session:
        assert session.scalars(select(InboxMessage.text).where(InboxMessage.external_id == number)).all() == [None]


async def test_events_that_concern_nobodys_conversation_are_passed_over(desk: Connected) -> None:
    desk.wecom._append(
        KF,
        {
            "origin": 4,
            "msgtype": "event",
            "event": {"event_type": "servicer_status_change", "servicer_userid": "lisi", "status": 2, "open_kfid": KF},
        },
    )
    desk.wecom.event("an_event_of_next_year")
    desk.wecom._append(KF, {"origin": "three", "msgtype": "text"})
    await desk.say("你好")
    assert desk.wecom.texts() == ["听到：你好"]


async def test_a_lost_callback_delays_a_message_and_does_not_lose_it(desk: Connected) -> None:
    await desk.say("你好")
    desk.wecom.write("还在吗")
    desk.stack.clock.advance(minutes=10)
    await until(lambda: desk.wecom.texts() == ["听到：你好", "听到：还在吗"], 20)
    assert "token" not in [body for path, body in desk.wecom.calls if path == "kf/sync_msg"][-1]
