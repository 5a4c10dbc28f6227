"""Two web processes on one PostgreSQL: one delivery of WeChat counts, whoever gets it, and one access token serves both.

Every kind of callback, on processes of their own: tests/processes/test_replays.py.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import func, select

from bot.conversations.inbox.models import InboxMessage
from bot.conversations.models import Conversation, Message
from bot.core.clock import FixedClock
from bot.core.settings import Settings
from tests.conftest import postgres_database
from tests.gateway import FakeRasa, until
from tests.wechat import Connected, connected, serving

TIMES = 50
ASKED = "扣款失败害我逾期"


async def test_fifty_deliveries_at_once_to_two_processes_are_one_message_and_one_answer(
    postgres_template: str, gateway_settings: Settings, process_logging: None
) -> None:
    clock, rasa = FixedClock(), FakeRasa()
    with postgres_database(postgres_template) as database, serving(clock) as platform:
        url = database.engine.url.render_as_string(hide_password=False)
        settings = gateway_settings.model_copy(update={"database_url": url, "rasa_timeout_seconds": 30.0})
        async with (
            connected(settings, clock, rasa, platform) as first,
            connected(settings, clock, rasa, platform) as second,
        ):
            message = platform.recorded("text", words=ASKED)
            sealed, body = platform.sealed(message)
            caught = platform.query(sealed)

            async def deliver(number: int, process: Connected) -> str:
                """Half of them are the caught bytes, half are signed and sealed anew."""
                answer = await (process.post(body, caught) if number % 2 else process.deliver(message))
                return answer.text

            told = await asyncio.gather(*(deliver(number, (first, second)[number // 2 % 2]) for number in range(TIMES)))
            assert set(told) == {"success"}
            await until(lambda: platform.texts() == [f"听到：{ASKED}"], 20)
            await first.say("再见")
        assert rasa.texts == [ASKED, "再见"]
        assert platform.texts() == [f"听到：{ASKED}", "听到：再见"]
        assert len(platform.tokens) == 1, "both processes share one access token"
        with database.transaction() as session:
            counts = [session.scalar(select(func.count()).select_from(table)) for table in (Conversation, Message, InboxMessage)]
        assert counts == [1, 4, 2]
