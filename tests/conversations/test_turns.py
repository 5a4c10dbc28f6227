"""A turn: stored before it is used, one at a time, safe to repeat, and always answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.conversations.rasa import (
    BotMessage,
    RasaError,
    RasaMalformed,
    RasaRefused,
    RasaSilent,
    RasaTimeout,
    RasaUnreachable,
)
from bot.conversations.turns import Inbound, TurnService
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, Stack, running, until

UNAVAILABLE = "智能助手这会儿没有反应过来"


def failing(error: RasaError) -> Any:
    async def answer(_sender: str, _message: str, _metadata: dict[str, Any]) -> list[BotMessage]:
        raise error

    return answer


async def test_an_answer_reaches_the_caller_under_the_callers_own_sender(stack: Stack) -> None:
    answers = await stack.say("怎么提前还款", sender="u-7")
    assert answers == [{"recipient_id": "u-7", "text": "听到：怎么提前还款"}]


async def test_rasa_gets_our_conversation_id_and_our_metadata_only(stack: Stack) -> None:
    await stack.say("你好", message_id="m-1", visitor_token="whatever")
    conversation = stack.conversation()
    assert stack.rasa.asked == [(conversation.id, "你好", {**stack.rasa.asked[0][2], "turn": 1, "channel": "rest"})]
    assert conversation.id != "u-1"


async def test_the_message_is_stored_before_rasa_sees_it(stack: Stack) -> None:
    seen: list[tuple[str, str | None]] = []

    async def look(sender: str, _message: str, _metadata: dict[str, Any]) -> list[BotMessage]:
        seen.extend((row.state, row.text) for row in stack.log(sender))
        return [BotMessage(text="好")]

    stack.rasa.answer = look
    await stack.say("还款失败了")
    assert seen == [("processing", "还款失败了")]


async def test_every_message_of_an_answer_is_stored_in_order_and_marked_sent(stack: Stack) -> None:
    buttons = ({"title": "转人工", "payload": "/request_human"},)
    card = {"type": "payoff_quote", "total": 1204000}

    async def quote(*_: Any) -> list[BotMessage]:
        return [BotMessage(text="一共"), BotMessage(text="明细", buttons=buttons, custom=card)]

    stack.rasa.answer = quote
    answers = await stack.say("全部还清要多少")
    assert [answer["text"] for answer in answers] == ["一共", "明细"]
    assert answers[1]["buttons"] == [{"title": "转人工", "payload": "/request_human"}]
    log = stack.log(stack.conversation().id)
    assert [(row.seq, row.direction, row.author, row.state) for row in log] == [
        (1, "in", "borrower", "answered"),
        (2, "out", "bot", "sent"),
        (3, "out", "bot", "sent"),
    ]
    assert log[2].custom == card
    assert [row.reply_to for row in log] == [None, 1, 1]


async def test_messages_of_one_conversation_go_to_rasa_one_at_a_time_and_in_order(stack: Stack) -> None:
    running_now = 0
    most = 0

    async def slowly(_sender: str, message: str, _metadata: dict[str, Any]) -> list[BotMessage]:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0.02)
        running_now -= 1
        return [BotMessage(text=message)]

    stack.rasa.answer = slowly
    await asyncio.gather(*(stack.say(str(number)) for number in range(6)))
    assert most == 1
    assert stack.rasa.texts == ["0", "1", "2", "3", "4", "5"]
    assert [row.seq for row in stack.log(stack.conversation().id)] == list(range(1, 13))


async def test_different_conversations_do_not_wait_for_each_other(stack: Stack) -> None:
    both_there = asyncio.Barrier(2)

    async def together(*_: Any) -> list[BotMessage]:
        async with asyncio.timeout(2):
            await both_there.wait()
        return [BotMessage(text="好")]

    stack.rasa.answer = together
    first, second = await asyncio.gather(stack.say("一", sender="u-1"), stack.say("二", sender="u-2"))
    assert first[0]["text"] == second[0]["text"] == "好"


async def test_a_retry_with_the_same_message_id_returns_the_first_answer(stack: Stack) -> None:
    first = await stack.say("预约还款", message_id="m-1")
    stack.rasa.answer = failing(RasaUnreachable("must not be asked again"))
    assert await stack.say("预约还款", message_id="m-1") == first
    assert len(stack.rasa.asked) == 1
    assert len(stack.log(stack.conversation().id)) == 2


async def test_a_retry_that_overtakes_the_first_answer_waits_for_it(stack: Stack) -> None:
    first, second, third = await asyncio.gather(*(stack.say("预约还款", message_id="m-1") for _ in range(3)))
    assert first == second == third
    assert len(stack.rasa.asked) == 1


async def test_the_same_message_id_with_another_text_is_a_conflict(stack: Stack) -> None:
    await stack.say("还500", message_id="m-1")
    response = await stack.post("还5000", message_id="m-1")
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "message_id_reused"
    assert stack.rasa.texts == ["还500"]


async def test_the_same_message_id_of_another_conversation_is_another_message(stack: Stack) -> None:
    await stack.say("一", message_id="1", sender="u-1")
    assert (await stack.say("二", message_id="1", sender="u-2"))[0]["text"] == "听到：二"


@pytest.mark.parametrize(
    "error", [RasaUnreachable("x"), RasaTimeout("x"), RasaRefused("x"), RasaMalformed("x"), RasaSilent("x")], ids=lambda e: e.kind
)
async def test_when_rasa_fails_the_borrower_is_told_and_offered_a_human(stack: Stack, error: RasaError) -> None:
    stack.rasa.answer = failing(error)
    (answer,) = await stack.say("我要还款")
    assert UNAVAILABLE in answer["text"]
    assert answer["buttons"] == [{"title": "转人工", "payload": "/request_human"}]
    incoming, outgoing = stack.log(stack.conversation().id)
    assert (incoming.text, incoming.state, incoming.failure) == ("我要还款", "failed", error.kind)
    assert outgoing.reply_to == incoming.seq


async def test_a_rasa_that_hangs_is_given_up_after_the_limit(gateway_settings: Settings) -> None:
    async def hang(*_: Any) -> list[BotMessage]:
        await asyncio.sleep(60)
        raise AssertionError("was waited for")

    settings = gateway_settings.model_copy(update={"rasa_timeout_seconds": 0.05})
    rasa = FakeRasa(answer=hang)
    async with running(settings, FixedClock(), rasa) as stack:
        async with asyncio.timeout(2):
            (answer,) = await stack.say("在吗")
        assert UNAVAILABLE in answer["text"]
        assert stack.log(stack.conversation().id)[0].failure == "timeout"


async def test_a_client_that_returns_nothing_counts_as_silent(stack: Stack) -> None:
    async def nothing(*_: Any) -> list[BotMessage]:
        return []

    stack.rasa.answer = nothing
    (answer,) = await stack.say("在吗")
    assert UNAVAILABLE in answer["text"]
    assert stack.log(stack.conversation().id)[0].failure == "empty"


async def test_a_retry_of_a_failed_message_is_processed_again(stack: Stack) -> None:
    stack.rasa.answer = failing(RasaUnreachable("down"))
    await stack.say("查欠款", message_id="m-1")
    stack.rasa.answer = None
    assert (await stack.say("查欠款", message_id="m-1"))[0]["text"] == "听到：查欠款"
    assert (await stack.say("查欠款", message_id="m-1"))[0]["text"] == "听到：查欠款"
    # the same turn number: what the first attempt may have done with money is not done again
    assert [metadata["turn"] for _, _, metadata in stack.rasa.asked] == [1, 1]
    log = stack.log(stack.conversation().id)
    assert [(row.direction, row.state) for row in log] == [("in", "answered"), ("out", "sent"), ("out", "sent")]


@pytest.mark.parametrize("words", ["/request_human", "转人工", "人工", " 人工客服。"])
async def test_a_human_is_reached_without_rasa(stack: Stack, words: str) -> None:
    stack.rasa.answer = failing(RasaUnreachable("down"))
    (answer,) = await stack.say(words)
    assert answer["custom"] == {
        "type": "handoff",
        "state": "queued",
        "position": 1,
        "reason": "asked",
        "case_no": None,
    }
    assert "第1位" in answer["text"]
    assert stack.conversation().owner == "queue"
    assert stack.log(stack.conversation().id)[0].state == "answered"


async def test_when_rasa_works_the_words_for_a_human_go_to_rasa(stack: Stack) -> None:
    assert (await stack.say("转人工"))[0]["text"] == "听到：转人工"
    assert stack.conversation().owner == "bot"


async def test_an_unexpected_error_in_a_turn_leaves_the_conversation_usable(stack: Stack) -> None:
    async def broken(*_: Any) -> list[BotMessage]:
        raise ZeroDivisionError

    stack.rasa.answer = broken
    response = await stack.post("一", message_id="m-1")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    stack.rasa.answer = None
    assert (await stack.say("一", message_id="m-1"))[0]["text"] == "听到：一"


async def test_a_borrower_who_hangs_up_loses_nothing(stack: Stack) -> None:
    never = asyncio.Event()

    async def hang(*_: Any) -> list[BotMessage]:
        await never.wait()
        return []

    stack.rasa.answer = hang
    impatient = asyncio.create_task(stack.say("查欠款", message_id="m-1"))
    await until(lambda: len(stack.rasa.asked) == 1)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    stack.rasa.answer = None
    assert (await stack.say("查欠款", message_id="m-1"))[0]["text"] == "听到：查欠款"


async def test_a_restart_answers_what_the_dead_process_left_open(gateway_settings: Settings) -> None:
    clock = FixedClock()
    async with running(gateway_settings, clock, FakeRasa()) as stack:
        with stack.database.transaction() as session:
            turns = TurnService(session, clock, gateway_settings, stack.runtime.texts)
            begun = turns.begin(Inbound("rest", "u-1", "查欠款", message_id="m-1"), "worker-that-dies")
        assert begun.ticket is not None
    async with running(gateway_settings, clock, FakeRasa()) as stack:
        incoming, apology = stack.log(begun.conversation_id)
        assert (incoming.state, incoming.failure) == ("failed", "interrupted")
        assert apology.text is not None
        assert UNAVAILABLE in apology.text
        assert (await stack.say("查欠款", message_id="m-1"))[0]["text"] == "听到：查欠款"


async def test_another_workers_turn_is_waited_for(stack: Stack) -> None:
    def begin(text: str, holder: str) -> Any:
        with stack.database.transaction() as session:
            turns = TurnService(session, stack.clock, stack.settings, stack.runtime.texts)
            return turns.begin(Inbound("rest", "u-1", text), holder)

    first = begin("一", "replica-a")
    waiting = asyncio.create_task(stack.say("二"))
    await asyncio.sleep(0.15)
    assert not waiting.done()
    assert stack.rasa.asked == []
    with stack.database.transaction() as session:
        turns = TurnService(session, stack.clock, stack.settings, stack.runtime.texts)
        turns.complete(first.ticket, [BotMessage(text="好")])
    assert (await waiting)[0]["text"] == "听到：二"


async def test_a_turn_of_a_dead_replica_blocks_only_until_it_runs_out(stack: Stack) -> None:
    with stack.database.transaction() as session:
        turns = TurnService(session, stack.clock, stack.settings, stack.runtime.texts)
        turns.begin(Inbound("rest", "u-1", "一"), "replica-that-dies")
    stack.clock.advance(seconds=11)
    async with asyncio.timeout(2):
        assert (await stack.say("二"))[0]["text"] == "听到：二"


async def test_a_late_worker_does_not_answer_a_message_that_another_has_taken_over(stack: Stack) -> None:
    def service(session: Any) -> TurnService:
        return TurnService(session, stack.clock, stack.settings, stack.runtime.texts)

    inbound = Inbound("rest", "u-1", "一", message_id="m-1")
    with stack.database.transaction() as session:
        late = service(session).begin(inbound, "late").ticket
    stack.clock.advance(seconds=11)
    await stack.say("一", message_id="m-1")
    assert late is not None
    with stack.database.transaction() as session:
        answers = service(session).complete(late, [BotMessage(text="迟到的回答")])
    assert [answer.text for answer in answers] == ["听到：一"]
