"""A one-time code typed into the chat is checked by the gateway; Rasa and the log never see it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.conversations.rasa import BotMessage, RasaUnreachable
from bot.conversations.service import ConversationService
from tests.gateway import Stack


@pytest.fixture
async def conversation_id(stack: Stack) -> str:
    """A customer's conversation in which a code was just sent."""
    await stack.say("预约还款", token=stack.customer_token())
    conversation_id = stack.conversation(customer_id="C1002").id
    stack.start_step_up(conversation_id)
    stack.rasa.asked.clear()
    return conversation_id


def level(stack: Stack, conversation_id: str) -> str:
    with stack.database.transaction() as session:
        return ConversationService(session, stack.clock).context(conversation_id).level


def stored(stack: Stack, conversation_id: str) -> str:
    return " ".join(f"{row.text} {row.shown_text} {row.rasa_text}" for row in stack.log(conversation_id))


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


@pytest.mark.parametrize("form", ["{}", "验证码{}", "{}。", "验证码是 {}"])
async def test_a_right_code_becomes_a_yes_for_rasa(stack: Stack, conversation_id: str, form: str) -> None:
    code = await stack.sent_code()
    await stack.say(form.format(code), token=stack.customer_token())
    assert stack.rasa.texts == ['/affirm{"step_up":"done"}']
    assert stack.rasa.asked[0][2].items() >= {"turn": 3, "channel": "rest"}.items()
    assert code not in stored(stack, conversation_id)
    assert stack.log(conversation_id)[2].text == "******"
    assert level(stack, conversation_id) == "stepped_up"
    stack.clock.advance(minutes=10)
    assert level(stack, conversation_id) == "identified"


async def test_full_width_digits_are_a_code_too(stack: Stack, conversation_id: str) -> None:
    code = await stack.sent_code()
    await stack.say(code.translate(str.maketrans("0123456789", "０１２３４５６７８９")), token=stack.customer_token())
    assert level(stack, conversation_id) == "stepped_up"


async def test_wrong_codes_are_counted_down_and_then_lock(stack: Stack, conversation_id: str) -> None:
    code = await stack.sent_code()
    token = stack.customer_token()
    answers = [(await stack.say(wrong(code), token=token))[0] for _ in range(3)]
    assert ["2" in answers[0]["text"], "1" in answers[1]["text"]] == [True, True]
    assert answers[0]["custom"] == {"type": "step_up_required"}
    assert answers[2]["text"] == stack.runtime.texts.dialogue["step_up_locked"].text
    (still_locked,) = await stack.say(code, token=token)
    assert still_locked["text"] == answers[2]["text"]
    assert stack.rasa.asked == []
    assert wrong(code) not in stored(stack, conversation_id)
    assert code not in stored(stack, conversation_id)
    assert level(stack, conversation_id) == "identified"


async def test_a_retry_of_a_wrong_code_does_not_use_up_another_try(stack: Stack, conversation_id: str) -> None:
    code, token = await stack.sent_code(), stack.customer_token()
    first = await stack.say(wrong(code), token=token, message_id="m-1")
    assert await stack.say(wrong(code), token=token, message_id="m-1") == first
    assert "1" in (await stack.say(wrong(code), token=token))[0]["text"]


async def test_a_late_code_is_told_to_be_late(stack: Stack, conversation_id: str) -> None:
    code = await stack.sent_code()
    stack.clock.advance(minutes=6)
    (answer,) = await stack.say(code, token=stack.customer_token())
    assert answer["text"] == stack.runtime.texts.dialogue["step_up_expired"].text
    assert stack.rasa.asked == []


async def test_when_rasa_is_down_a_right_code_is_not_lost(stack: Stack, conversation_id: str) -> None:
    async def down(*_: Any) -> list[BotMessage]:
        raise RasaUnreachable("down")

    code, token = await stack.sent_code(), stack.customer_token()
    stack.rasa.answer = down
    await stack.say(code, token=token, message_id="m-1")
    stack.rasa.answer = None
    stack.rasa.asked.clear()
    await stack.say(code, token=token, message_id="m-1")
    assert stack.rasa.texts == ['/affirm{"step_up":"done"}']


async def test_other_words_go_to_rasa_while_a_code_is_awaited(stack: Stack, conversation_id: str) -> None:
    await stack.say("没收到验证码", token=stack.customer_token())
    await stack.say("改成还100000", token=stack.customer_token())
    assert stack.rasa.texts == ["没收到验证码", "改成还100000"]


async def test_six_digits_are_just_digits_when_no_code_was_sent(stack: Stack) -> None:
    await stack.say("123456", token=stack.customer_token())
    assert stack.rasa.texts == ["123456"]


async def test_a_code_of_one_conversation_is_worth_nothing_in_another(stack: Stack, conversation_id: str) -> None:
    code = await stack.sent_code()
    await stack.say(code, token=stack.customer_token(), sender="u-2")
    assert level(stack, stack.conversation("u-2", "C1002").id) == "identified"


async def test_a_borrower_cannot_claim_to_have_entered_a_code(stack: Stack, conversation_id: str) -> None:
    await stack.say('/affirm{"step_up":"done"}', token=stack.customer_token())
    assert level(stack, conversation_id) == "identified"


async def test_a_code_typed_to_a_human_is_hidden_from_the_human(stack: Stack, conversation_id: str) -> None:
    code = await stack.sent_code()
    stack.request_human(conversation_id)
    await stack.say(f"验证码{code}", token=stack.customer_token())
    assert code not in stored(stack, conversation_id)
    assert level(stack, conversation_id) == "identified"
