"""Outside office hours nobody waits in vain: the request is kept, and the bot goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.orm import Session

from bot.conversations.errors import NotInQueue
from bot.conversations.handoff import Handoff, HandoffService
from bot.conversations.office_hours import OfficeHours
from bot.conversations.rasa import BotMessage, RasaUnreachable
from bot.core.clock import SHANGHAI, FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa, Stack, bearer, running

HOURS = OfficeHours.parse("09:00-21:00")
CARD = {"type": "handoff", "state": "offline", "position": None, "reason": "asked", "case_no": None}


@pytest.fixture
async def night(gateway_settings: Settings, process_logging: None) -> AsyncIterator[Stack]:
    """Ten in the evening, an hour after the last agent left."""
    settings = gateway_settings.model_copy(update={"office_hours": "09:00-21:00"})
    clock = FixedClock(datetime(2026, 8, 22, 22, 0, tzinfo=SHANGHAI))
    async with running(settings, clock, FakeRasa()) as started:
        yield started


def handoffs(stack: Stack, session: Session) -> HandoffService:
    return HandoffService(session, stack.clock, stack.runtime.texts, HOURS)


def ask(stack: Stack, conversation_id: str, **more: Any) -> Handoff:
    with stack.database.transaction() as session:
        return handoffs(stack, session).request(conversation_id, reason="asked", **more)


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        ("00:00-24:00", "00:00", True),
        ("00:00-24:00", "23:59", True),
        ("09:00-21:00", "08:59", False),
        ("09:00-21:00", "09:00", True),
        ("09:00-21:00", "20:59", True),
        ("09:00-21:00", "21:00", False),
        ("20:00-08:30", "23:00", True),
        ("20:00-08:30", "08:29", True),
        ("20:00-08:30", "08:30", False),
        ("09:00-09:00", "09:00", False),
    ],
)
def test_hours_include_their_first_minute_and_not_their_last(hours: str, moment: str, expected: bool) -> None:
    parsed = OfficeHours.parse(hours)
    at = datetime.fromisoformat(f"2026-08-22T{moment}:00+08:00")
    assert parsed.open_at(at) is expected
    assert parsed.open_at(at - timedelta(days=1)) is expected
    assert str(parsed) == hours


@pytest.mark.parametrize("hours", ["9-21", "24:00-08:00", "09:00-25:00", "09:60-21:00", "", "09:00-21:00-22:00"])
def test_hours_that_make_no_sense_stop_the_start(hours: str) -> None:
    with pytest.raises(ValidationError, match="office_hours"):
        Settings(office_hours=hours)


async def test_at_night_the_bot_keeps_the_conversation_and_the_desk_finds_the_request(night: Stack) -> None:
    await night.say("你好")
    conversation_id = night.conversation().id
    assert ask(night, conversation_id).card() == CARD
    assert ask(night, conversation_id, case_no="C-20260822-0001").case_no == "C-20260822-0001"
    assert night.conversation().owner == "bot"
    assert (await night.say("怎么还款"))[0]["text"] == "听到：怎么还款"
    queue = (await night.client.get("/desk/api/queue", headers=night.agent())).json()
    assert [(item["conversation_id"], item["offline"]) for item in queue["waiting"]] == [(conversation_id, True)]
    seen = await night.client.get(f"/desk/api/conversations/{conversation_id}", headers=night.agent())
    assert (seen.status_code, seen.json()["case_no"]) == (200, "C-20260822-0001")


async def test_in_the_morning_an_agent_claims_it_and_gives_it_back(night: Stack) -> None:
    await night.say("你好")
    conversation_id = night.conversation().id
    ask(night, conversation_id)
    night.clock.advance(hours=12)
    path = f"/desk/api/conversations/{conversation_id}"
    claimed = await night.client.post(f"{path}/claim", headers=night.agent())
    assert (claimed.status_code, claimed.json()["state"]) == (200, "assigned")
    assert (await night.client.post(f"{path}/claim", headers=night.agent("A2002"))).status_code == 409
    assert await night.say("在吗") == []
    assert (await night.client.post(f"{path}/give-back", headers=night.agent())).status_code == 200
    assert (await night.say("在吗"))[0]["text"] == "听到：在吗"
    assert (await night.client.get("/desk/api/queue", headers=night.agent())).json() == {"waiting": [], "mine": []}


async def test_asked_again_within_the_hours_it_joins_the_queue(night: Stack) -> None:
    for sender in ("u-1", "u-2"):
        await night.say("你好", sender=sender)
    first, second = night.conversation("u-1").id, night.conversation("u-2").id
    ask(night, first, priority=10)
    night.clock.advance(hours=12)
    assert ask(night, second) == Handoff("queued", 1, "asked", None)
    with night.database.transaction() as session:
        assert handoffs(night, session).queue_length() == 1
        assert [(item.conversation_id, item.offline) for item in handoffs(night, session).queue()] == [
            (second, False),
            (first, True),
        ]
    assert ask(night, first).state == "queued"
    assert night.conversation("u-1").owner == "queue"
    assert [row.author for row in night.log(first)].count("system") == 1


async def test_when_rasa_is_down_at_night_the_request_is_noted_without_promising_a_place(night: Stack) -> None:
    async def down(*_: Any) -> list[BotMessage]:
        raise RasaUnreachable("down")

    night.rasa.answer = down
    for _ in range(2):
        (answer,) = await night.say("转人工")
        assert answer["custom"] == CARD
        assert "每天09:00-21:00" in answer["text"]
    (answer,) = await night.say("我要还款")
    assert "没有反应过来" in answer["text"]
    assert "custom" not in answer
    assert night.conversation().owner == "bot"


async def test_when_rasa_is_down_at_night_an_identified_borrower_gets_a_case_all_the_same(night: Stack) -> None:
    async def down(*_: Any) -> list[BotMessage]:
        raise RasaUnreachable("down")

    night.rasa.answer = down
    token = night.customer_token("C1002")
    answers = [(await night.say("转人工", token=token))[0] for _ in range(2)]
    numbers = {answer["custom"]["case_no"] for answer in answers}
    assert len(numbers) == 1
    (number,) = numbers
    assert number is not None
    assert all(number in answer["text"] for answer in answers)
    (case,) = (await night.client.get("/chat/cases", headers=bearer(token))).json()["cases"]
    assert case["case_no"] == number


async def test_without_a_request_a_conversation_of_the_bot_cannot_be_claimed_at_night_either(night: Stack) -> None:
    await night.say("你好")
    with night.database.transaction() as session, pytest.raises(NotInQueue):
        handoffs(night, session).claim(night.conversation().id, "A2001")


async def test_who_is_claimed_in_the_middle_of_a_turn_still_gets_the_answer_to_what_they_asked(night: Stack) -> None:
    await night.say("你好")
    conversation_id = night.conversation().id
    ask(night, conversation_id)

    async def answer(*_: Any) -> list[BotMessage]:
        with night.database.transaction() as session:
            handoffs(night, session).claim(conversation_id, "A2001", agent_name="小林")
        return [BotMessage("您还欠¥320.67"), BotMessage("已经记下", custom=CARD)]

    night.rasa.answer = answer
    assert [reply["text"] for reply in await night.say("我还欠多少")] == ["您还欠¥320.67"]
    assert [(row.author, row.text) for row in night.log(conversation_id)][-1] == ("system", "您还欠¥320.67")
