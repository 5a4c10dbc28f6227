"""Days of a borrower at random: what WeCom's people leave to the bot is answered once, and what they have is left to them."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import func, or_, select

from bot.channels.models import ChannelState
from bot.channels.wecom import fetching
from bot.conversations.inbox.models import InboxMessage
from bot.conversations.outbox.models import Delivery
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.gateway import FakeRasa
from tests.wecom import ADDRESS, BROKEN, Connected, connected, serving

STEPS = 40
COLLEAGUES = (2, 3)
TROUBLES = (BROKEN, b"<html>", -1, 45009, 42001, 95018)


@pytest.fixture
async def platform(
    gateway_settings: Settings, process_logging: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connected]:
    monkeypatch.setattr(fetching, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(fetching, "PAUSES", (0.01,))
    clock = FixedClock()
    with serving(clock, page=3) as wecom:
        async with connected(gateway_settings, clock, FakeRasa(), wecom) as started:
            yield started


@dataclass
class Day:
    """``for_the_bot``: what was written while nobody in WeCom had the session."""

    platform: Connected
    chance: random.Random
    for_the_bot: list[str] = field(default_factory=list)
    for_people: list[str] = field(default_factory=list)

    @property
    def state(self) -> int:
        session = self.platform.wecom.sessions.get(ADDRESS)
        return 4 if session is None else session.state

    async def step(self, number: int) -> None:
        wecom, kinds = self.platform.wecom, ["write"] * 5 + ["pause", "trouble"]
        kinds += ["answer", "end", "end silently", "end"] if self.state == 3 else ["take"] if self.state in (0, 1) else []
        kind = self.chance.choice(kinds)
        if kind == "write":
            (self.for_people if self.state in COLLEAGUES else self.for_the_bot).append(f"第{number}句")
            await self.platform.write(f"第{number}句")
        elif kind == "trouble":
            path = self.chance.choice(["kf/send_msg", "kf/sync_msg", "kf/service_state/get", "kf/service_state/trans"])
            trouble = self.chance.choice([each for each in TROUBLES if path == "kf/send_msg" or each != 95018])
            wecom.trouble.setdefault(path, deque()).append(trouble)
            return
        elif kind == "pause":
            self.platform.stack.clock.advance(hours=self.chance.choice([0, 1, 12]), minutes=1)
        elif kind == "take":
            wecom.take("lisi")
        elif kind == "answer":
            wecom.answer(f"李四第{number}句")
        else:
            wecom.end(silently=kind == "end silently")
        await self.platform.notify()
        await self.settled()

    async def settled(self) -> None:
        """Nothing is to be fetched, taken or tried any more; what waits, waits for the borrower."""
        for _ in range(400):
            await asyncio.sleep(0.02)
            if self._at_rest():
                return
            self.platform.stack.clock.advance(seconds=1)
        raise AssertionError("it never came to rest")

    def _at_rest(self) -> bool:
        with self.platform.stack.database.transaction() as session:
            noted = select(func.count()).where(
                ChannelState.value.is_not(None), or_(ChannelState.key.startswith("want:"), ChannelState.key.startswith("todo:"))
            )
            untaken = select(func.count()).where(InboxMessage.state == "pending")
            unsent = select(func.count()).where(Delivery.state == "queued", func.coalesce(Delivery.waits_for, "") != "quota")
            return not any(session.scalar(query) for query in (noted, untaken, unsent))


@pytest.mark.parametrize("seed", range(6))
async def test_everybody_answers_what_is_theirs(platform: Connected, seed: int) -> None:
    day = Day(platform, random.Random(seed))  # noqa: S311 a day, no secret
    for number in range(STEPS):
        await day.step(number)
    if day.state in COLLEAGUES:
        platform.wecom.end()
    await platform.write("最后一句")
    day.for_the_bot.append("最后一句")
    await day.settled()

    answered = [text for text in platform.wecom.texts() if text.startswith("听到：")]
    assert sorted(answered) == sorted(f"听到：{text}" for text in day.for_the_bot), "each once, and nothing of the others"
    assert [text for text in answered if text != "听到：最后一句"] == answered[:-1]
    assert sorted(platform.stack.rasa.texts) == sorted(day.for_the_bot)
    assert len({body["msgid"] for body in platform.wecom.got}) == len(platform.wecom.got), "nothing was shown twice"
    assert day.for_people, "people had something to do"
