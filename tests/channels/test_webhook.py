"""The generic webhook over real HTTP: whole conversations, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from bot.app import create_app
from bot.channels.registry import ChannelMisconfigured
from bot.conversations.inbox.models import InboxMessage, InboxNonce
from bot.conversations.models import Conversation, Message
from bot.conversations.rasa import BotMessage
from bot.conversations.service import ConversationService
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, Stack, running, until
from tests.integrator import PATH, SECRET, Connected, connected, serving

PHONE = "13900001002"
OPTIONS = ({"title": "提前还款", "payload": "/ask_early_repayment"}, {"title": "转人工", "payload": "/request_human"})


@pytest.fixture
async def webhook(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Connected]:
    clock = FixedClock()
    with serving(clock) as integrator:
        async with connected(gateway_settings, clock, FakeRasa(), integrator) as started:
            yield started


@pytest.fixture
async def plain(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Connected]:
    """The same for an integrator who shows words only."""
    clock = FixedClock()
    with serving(clock) as integrator:
        async with connected(gateway_settings, clock, FakeRasa(), integrator, buttons="false") as started:
            yield started


async def bind(platform: Connected, sender: str = "wx-1") -> None:
    await platform.say("绑定手机", sender=sender)
    await platform.say(PHONE, sender=sender)
    await platform.say(await platform.stack.sent_code(), sender=sender)


# ── whole conversations
async def test_a_question_is_acknowledged_and_answered_by_a_signed_message(webhook: Connected) -> None:
    body = json.dumps({"messages": [{"message_id": "first", "sender": "wx-1", "text": "你好"}]}).encode()
    answer = await webhook.post(body, webhook.integrator.headers(body))
    assert (answer.status_code, answer.json()) == (200, {})
    await until(lambda: bool(webhook.integrator.got), 10)
    got = webhook.integrator.got[0]
    assert (got["address"], got["author"], got["text"]) == ("wx-1", "bot", "听到：你好")
    log = webhook.stack.log(webhook.stack.conversation("wx-1").id)
    assert [(row.seq, row.direction, row.text) for row in log] == [(1, "in", "你好"), (2, "out", "听到：你好")]
    await until(lambda: webhook.stack.log(log[0].conversation_id)[1].state == "sent", 10)


async def test_messages_of_one_account_are_answered_in_order(webhook: Connected) -> None:
    await webhook.deliver(*({"message_id": f"b-{n}", "sender": "wx-1", "text": str(n)} for n in range(8)))
    await until(lambda: len(webhook.integrator.got) == 8, 10)
    assert webhook.integrator.texts() == [f"听到：{n}" for n in range(8)]


async def test_a_bound_account_reads_its_own_data_and_an_unbound_one_does_not(webhook: Connected) -> None:
    await webhook.say("我还欠多少")
    anonymous = webhook.stack.conversation("wx-1")
    await bind(webhook)
    assert "绑定好了" in webhook.integrator.texts()[-1]
    await webhook.say("我还欠多少")
    bound = webhook.stack.conversation("wx-1", "C1002")
    assert bound.id == anonymous.id, "the dialogue goes on where it was"
    log = webhook.stack.log(bound.id)
    assert not any(PHONE in (row.text or "") for row in log), "the number is kept masked"
    assert [row.text for row in log if row.direction == "in"][-2:] == ["******", "我还欠多少"]
    assert webhook.stack.rasa.texts == ["我还欠多少", "我还欠多少"], "Rasa saw neither the number nor the code"
    await webhook.say("解除绑定")
    await webhook.say("我还欠多少")
    assert webhook.stack.conversation("wx-1").id != bound.id
    assert webhook.stack.rasa.asked[-1][0] != bound.id, "the customer's dialogue is not continued"


async def test_a_code_that_moves_money_never_reaches_rasa_or_the_log(webhook: Connected) -> None:
    await bind(webhook)
    await webhook.say("预约还款")
    webhook.stack.start_step_up(webhook.stack.conversation("wx-1", "C1002").id)
    code = await webhook.stack.sent_code()
    await webhook.say(code)
    assert webhook.stack.rasa.texts[-1] == '/affirm{"step_up":"done"}'
    with webhook.stack.database.transaction() as session:
        assert session.scalars(select(InboxMessage.text)).all() == [None] * 5, "what was taken is wiped"


async def test_to_an_agent_and_back(webhook: Connected) -> None:
    stack, agent = webhook.stack, webhook.stack.agent()
    await webhook.say("转人工")
    conversation_id = stack.conversation("wx-1").id
    stack.request_human(conversation_id)
    await until(lambda: len(webhook.integrator.got) == 2, 10)
    base = f"/desk/api/conversations/{conversation_id}"
    assert (await stack.client.post(f"{base}/claim", headers=agent)).status_code == 200
    await webhook.write("在吗")
    assert (await stack.client.post(f"{base}/reply", headers=agent, json={"text": "我在的"})).status_code == 201
    await until(lambda: "我在的" in webhook.integrator.texts(), 10)
    await until(lambda: [row.text for row in stack.log(conversation_id) if row.direction == "in"] == ["转人工", "在吗"], 10)
    assert "听到：在吗" not in webhook.integrator.texts(), "the bot is silent while an agent has the conversation"
    assert (await stack.client.post(f"{base}/give-back", headers=agent)).status_code == 200
    await webhook.write("谢谢")
    await until(lambda: webhook.integrator.texts()[-1] == "听到：谢谢", 10)
    authors = [body["author"] for body in webhook.integrator.got]
    assert authors == ["bot", "system", "system", "agent", "system", "system", "bot"]


async def test_without_buttons_the_number_chooses_what_was_last_offered(plain: Connected) -> None:
    async def offer(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        return [BotMessage(text="想办什么？", buttons=OPTIONS if message == "你好" else ())]

    plain.stack.rasa.answer = offer
    first = await plain.say("你好")
    assert first[0]["text"] == "想办什么？\n\n回复 1：提前还款\n回复 2：转人工"
    await until(lambda: plain.stack.log(plain.stack.conversation("wx-1").id)[1].state == "sent", 10)
    await plain.say("回复２")
    await until(lambda: plain.stack.log(plain.stack.conversation("wx-1").id)[3].state == "sent", 10)
    await plain.say("1")
    assert plain.stack.rasa.texts == ["你好", "/request_human", "1"], "after an answer without options a number is a number"
    log = plain.stack.log(plain.stack.conversation("wx-1").id)
    assert log[2].shown_text == "转人工"


async def test_a_picture_is_answered_in_words_and_events_are_not(webhook: Connected) -> None:
    await webhook.deliver({"message_id": "e-1", "sender": "wx-1", "type": "event"})
    answer = await webhook.say("", type="image")
    assert answer[0]["text"].startswith("收到。图片")
    assert webhook.stack.rasa.asked == []
    assert webhook.stack.log(webhook.stack.conversation("wx-1").id)[0].text == "[图片]"


async def test_receipts_bring_a_message_forward_and_never_back(webhook: Connected) -> None:
    got = (await webhook.say("你好"))[0]
    conversation_id = webhook.stack.conversation("wx-1").id
    await until(lambda: webhook.stack.log(conversation_id)[1].state == "sent", 10)
    for state, expected in (("read", "read"), ("delivered", "read")):
        await webhook.deliver(receipts=[{"message_id": got["message_id"], "state": state}])
        assert webhook.stack.log(conversation_id)[1].state == expected


async def as_time_passes(webhook: Connected, condition: Callable[[], bool]) -> None:
    """The pause before the next try begins when the sender has written it down, not when the integrator refused."""
    for _ in range(100):
        if condition():
            return
        webhook.stack.clock.advance(seconds=5)
        await asyncio.sleep(0.1)
    raise AssertionError("not tried again")


async def test_what_the_integrator_does_not_take_is_tried_again_in_order(webhook: Connected) -> None:
    webhook.integrator.answers.extend([503, 500])
    await webhook.write("一")
    await webhook.write("二")
    await until(lambda: webhook.integrator.refused == [503], 10)
    await as_time_passes(webhook, lambda: webhook.integrator.refused == [503, 500])
    await as_time_passes(webhook, lambda: len(webhook.integrator.got) == 2)
    assert webhook.integrator.texts() == ["听到：一", "听到：二"]


async def test_a_message_that_is_refused_for_good_is_a_dead_letter_that_a_supervisor_retries(webhook: Connected) -> None:
    webhook.integrator.answers.append(404)
    await webhook.write("一")
    await until(lambda: webhook.integrator.refused == [404], 10)
    supervisor = webhook.stack.agent("S2101")
    conversation_id = webhook.stack.conversation("wx-1").id
    await until(lambda: webhook.stack.log(conversation_id)[1].state == "failed", 10)
    letters = (await webhook.stack.client.get("/desk/api/dead-letters", headers=supervisor)).json()["messages"]
    assert [(each["channel"], each["failure"]) for each in letters] == [("webhook", "http_404")]
    path = f"/desk/api/dead-letters/messages/{letters[0]['number']}/retry"
    assert (await webhook.stack.client.post(path, headers=webhook.stack.agent())).status_code == 403
    assert (await webhook.stack.client.post(path, headers=supervisor)).status_code == 204
    await until(lambda: webhook.integrator.texts() == ["听到：一"], 10)
    assert (await webhook.stack.client.post(path, headers=supervisor)).status_code == 404


async def test_an_agent_unbinds_an_account_and_nothing_more_of_the_customer_goes_there(webhook: Connected) -> None:
    await bind(webhook)
    conversation_id = webhook.stack.conversation("wx-1", "C1002").id
    supervisor = webhook.stack.agent("S2101")
    path = f"/desk/api/conversations/{conversation_id}/unbind"
    assert (await webhook.stack.client.post(path, headers=supervisor)).status_code == 204
    await until(lambda: "我们解除了" in webhook.integrator.texts()[-1], 10)
    assert (await webhook.stack.client.post(path, headers=supervisor)).status_code == 404
    webhook.stack.request_human(conversation_id)
    log = webhook.stack.log
    await until(lambda: log(conversation_id)[-1].state == "failed", 10)
    assert "排队" not in webhook.integrator.texts()[-1]


async def test_the_old_conversation_of_a_customer_does_not_unbind_who_has_the_account_now(webhook: Connected) -> None:
    await bind(webhook)
    with webhook.stack.database.transaction() as session:
        former = ConversationService(session, webhook.stack.clock).open("webhook", "wx-1", "C1001").id
    path = f"/desk/api/conversations/{former}/unbind"
    refused = await webhook.stack.client.post(path, headers=webhook.stack.agent("S2101"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "binding_not_found")
    await webhook.say("解除绑定")
    assert "已经解除绑定" in webhook.integrator.texts()[-1], "it was bound until now"


async def test_the_customer_unbinds_also_while_a_human_has_the_conversation_who_is_told(webhook: Connected) -> None:
    await bind(webhook)
    conversation_id = webhook.stack.conversation("wx-1", "C1002").id
    webhook.stack.request_human(conversation_id)
    agent = webhook.stack.agent()
    base = f"/desk/api/conversations/{conversation_id}"
    assert (await webhook.stack.client.post(f"{base}/claim", headers=agent)).status_code == 200
    await webhook.write("解除绑定")
    await until(lambda: "已经解除绑定" in webhook.integrator.texts()[-1], 10)
    assert "客户在自己的账号上解除了绑定" in (webhook.stack.log(conversation_id)[-1].text or "")
    assert (await webhook.stack.client.post(f"{base}/reply", headers=agent, json={"text": "这一期是320元"})).status_code == 201
    await until(lambda: webhook.stack.log(conversation_id)[-1].state == "failed", 10)
    assert not any("320元" in text for text in webhook.integrator.texts()), "who has the account may be somebody else"


# ── at once, whatever Rasa does
@pytest.fixture
async def patient(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Connected]:
    """A gateway that waits for Rasa as long as it takes."""
    clock = FixedClock()
    settings = gateway_settings.model_copy(update={"rasa_timeout_seconds": 600.0})
    with serving(clock) as integrator:
        async with connected(settings, clock, FakeRasa(), integrator) as started:
            yield started


async def test_with_a_stalled_rasa_a_human_reads_at_once_what_is_written_to_them(patient: Connected) -> None:
    await patient.say("你好")
    conversation_id = patient.stack.conversation("wx-1").id
    patient.stack.request_human(conversation_id)
    claimed = await patient.stack.client.post(f"/desk/api/conversations/{conversation_id}/claim", headers=patient.stack.agent())
    assert claimed.status_code == 200
    released = asyncio.Event()

    async def stalled(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        await released.wait()
        return [BotMessage(f"听到：{message}")]

    patient.stack.rasa.answer = stalled
    others = 4 * patient.stack.app.state.runtime.settings.inbox_at_once
    sent = [patient.deliver({"message_id": f"o-{n}", "sender": f"other-{n}", "text": "你好"}) for n in range(others)]
    assert {answer.status_code for answer in await asyncio.gather(*sent)} == {200}
    await patient.deliver({"message_id": "mine", "sender": "wx-1", "text": "小陈，我还在"})
    await until(lambda: patient.stack.log(conversation_id)[-1].text == "小陈，我还在", 20)
    released.set()
    answered = [f"other-{n}" for n in range(others)]
    await until(lambda: all(patient.integrator.texts(each) == ["听到：你好"] for each in answered), 60)


async def test_with_a_stalled_rasa_callbacks_are_acknowledged_before_it_answers(patient: Connected) -> None:
    released = asyncio.Event()

    async def stalled(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        await released.wait()
        return [BotMessage(text=message)]

    patient.stack.rasa.answer = stalled
    answers = await asyncio.gather(
        *(patient.deliver({"message_id": f"s-{n}", "sender": f"wx-{n}", "text": "你好"}) for n in range(40))
    )
    assert [answer.status_code for answer in answers] == [200] * 40
    assert not patient.integrator.got, "every acknowledgement came while Rasa had answered nobody"
    released.set()
    await until(lambda: len({body["address"] for body in patient.integrator.got}) == 40, 20)


# ── who is not let in
async def nothing_stored(platform: Connected) -> bool:
    with platform.stack.database.transaction() as session:
        tables = (InboxMessage, InboxNonce, Conversation, Message)
        return not any(session.scalar(select(func.count()).select_from(table)) for table in tables)


GOOD = json.dumps({"messages": [{"message_id": "first", "sender": "wx-1", "text": "你好"}]}).encode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret": "another secret that is just as long as ours"}, "callback_unauthenticated"),
        ({"secret": ""}, "callback_unauthenticated"),
        ({"late": -301}, "callback_stale"),
        ({"late": 301}, "callback_stale"),
        ({"nonce": "short"}, "callback_unauthenticated"),
    ],
)
async def test_who_cannot_sign_or_comes_late_leaves_nothing(webhook: Connected, change: dict[str, Any], code: str) -> None:
    answer = await webhook.post(GOOD, webhook.integrator.headers(GOOD, **change))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert await nothing_stored(webhook)


async def test_without_headers_or_with_a_changed_body_nothing_is_stored(webhook: Connected) -> None:
    headers = webhook.integrator.headers(GOOD)
    for body, given in ((GOOD, {}), (GOOD.replace(b"first", b"other"), headers), (GOOD + b" ", headers), (b"", headers)):
        answer = await webhook.post(body, given)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "callback_unauthenticated")
    assert await nothing_stored(webhook)


BAD_BODIES = [
    (b"", 422),
    (b"{", 422),
    (b"[]", 422),
    (b'{"messages": [{"message_id": "m", "sender": "wx 1", "text": "x"}]}', 422),
    (b'{"messages": [{"message_id": "m", "sender": "wx-1", "text": "x", "more": 1}]}', 422),
    (b'{"messages": [{"sender": "wx-1", "text": "x"}]}', 422),
    (b'{"messages": [{"message_id": "m", "sender": "wx-1", "type": "dance"}]}', 422),
    (b'{"messages": [{"message_id": "m", "sender": "wx-1", "text": "x", "at": "2026-08-22T10:00:00"}]}', 422),
    (json.dumps({"messages": [{"message_id": str(n), "sender": "wx-1"} for n in range(51)]}).encode(), 422),
    (b" " * 40_000, 413),
]


@pytest.mark.parametrize(("body", "status"), BAD_BODIES)
async def test_signed_nonsense_is_refused_and_leaves_nothing(webhook: Connected, body: bytes, status: int) -> None:
    answer = await webhook.post(body, webhook.integrator.headers(body))
    assert answer.status_code == status or (status, answer.status_code) == (422, 400)
    assert answer.json()["error"]["code"]
    assert await nothing_stored(webhook)


async def test_the_same_bytes_again_are_refused_and_a_message_delivered_again_changes_nothing(webhook: Connected) -> None:
    headers = webhook.integrator.headers(GOOD)
    assert (await webhook.post(GOOD, headers)).status_code == 200
    again = await webhook.post(GOOD, headers)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "callback_replayed")
    assert (await webhook.post(GOOD, webhook.integrator.headers(GOOD))).status_code == 200
    await until(lambda: bool(webhook.integrator.got), 10)
    await webhook.say("再见")
    assert webhook.integrator.texts() == ["听到：你好", "听到：再见"]


# ── set up
async def test_a_channel_that_is_not_configured_has_no_route(stack: Stack) -> None:
    for answer in (
        await stack.client.post(PATH, content=GOOD),
        await stack.client.get(PATH),
        await stack.client.post("/channels/x"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert PATH not in (await stack.client.get("/openapi.json")).json()["paths"]


@pytest.mark.parametrize(
    ("channel", "options", "named"),
    [
        ("webhook", {"url": "https://example.test/in"}, "CHANNELS__WEBHOOK__SECRET"),
        ("webhook", {"url": "https://example.test/in", "secret": ""}, "CHANNELS__WEBHOOK__SECRET"),
        ("webhook", {"url": "https://example.test/in", "secret": "short"}, "CHANNELS__WEBHOOK__SECRET"),
        ("webhook", {"secret": SECRET}, "CHANNELS__WEBHOOK__URL"),
        ("webhook", {"secret": SECRET, "url": "http://example.test/in"}, "https"),
        ("webhook", {"secret": SECRET, "url": "https://example.test/in", "sercet": "x"}, "CHANNELS__WEBHOOK__SERCET"),
        ("telegraph", {"secret": SECRET}, "no such channel"),
    ],
)
def test_a_channel_that_is_half_configured_keeps_the_process_from_starting(
    gateway_settings: Settings, channel: str, options: dict[str, str], named: str
) -> None:
    given = {channel: {name: SecretStr(value) for name, value in options.items()}}
    with pytest.raises(ChannelMisconfigured, match=named) as refused:
        create_app(gateway_settings.model_copy(update={"channels": given}), clock=FixedClock(), rasa=FakeRasa())
    assert SECRET not in str(refused.value)
    assert "short" not in str(refused.value)


async def test_openapi_describes_both_directions(webhook: Connected) -> None:
    described = (await webhook.client.get("/openapi.json")).json()["paths"][PATH]["post"]
    assert {each["name"] for each in described["parameters"]} == {
        "X-Channel-Timestamp", "X-Channel-Nonce", "X-Channel-Signature",
    }  # fmt: skip
    message = described["requestBody"]["content"]["application/json"]["schema"]["properties"]["messages"]["items"]
    assert {"message_id", "sender"} <= set(message["required"])
    assert "post" in next(iter(described["callbacks"]["answer"].values()))


async def test_a_process_that_ends_finishes_what_it_has_begun(gateway_settings: Settings, process_logging: None) -> None:
    clock, rasa = FixedClock(), FakeRasa()
    begun = asyncio.Event()

    async def slowly(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        begun.set()
        await asyncio.sleep(0.2)
        return [BotMessage(text=message)]

    rasa.answer = slowly
    with serving(clock) as integrator:
        async with connected(gateway_settings, clock, rasa, integrator) as first:
            await first.write("你好")
            await begun.wait()
        async with running(gateway_settings, clock, rasa) as later:
            log = later.log(later.conversation("wx-1").id)
            assert [(row.direction, row.text) for row in log] == [("in", "你好"), ("out", "你好")]
