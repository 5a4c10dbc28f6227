"""The real app, database and actions behind both pages, with a clock that stands still; only what Rasa would hear is given.

No model and no other process: a conversation starts in a second. Where understanding is the point, take ``tests/live.py``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from actions.base import Services
from actions.registry import make_executor
from bot.app import create_app
from bot.audit.service import audited
from bot.conversations.courier import Courier
from bot.conversations.rasa import BotMessage
from bot.conversations.runtime import Runtime
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import ROOT, Settings
from bot.loans.backends import EmbeddedBackends
from bot.loans.servicing.simulated import SimulatedSender
from tests.gateway import shipped_texts
from tests.secret import SECRET

DISPUTE = "系统扣款失败害我逾期，凭什么收我利息"
MEANINGS = {
    "怎么提前还款": "ask_early_repayment",
    "为什么要查征信": "ask_credit_inquiry",
    "转人工": "request_human",
    DISPUTE: "dispute_overdue_fee",
}
"""The sentences of these tests, and the intents that bot/nlu hears in them."""
START_SECONDS = 60


class ActingRasa:
    """Implements ``RasaClient``: the intent is looked up in ``MEANINGS``, then the real action runs on the real database."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._executor = make_executor(services)
        self._slots: dict[str, dict[str, Any]] = {}

    async def send(self, sender: str, message: str, metadata: dict[str, Any]) -> list[BotMessage]:
        intent = message.removeprefix("/") if message.startswith("/") else MEANINGS[message]
        action = "action_request_human" if intent == "request_human" else "action_answer"
        slots = self._slots.setdefault(sender, {})
        tracker = {
            "sender_id": sender,
            "slots": slots,
            "latest_message": {
                "text": message,
                "intent": {"name": intent, "confidence": 1.0},
                "intent_ranking": [{"name": intent, "confidence": 1.0}],
                "entities": [],
                "metadata": metadata,
            },
            "events": [],
            "paused": False,
            "followup_action": None,
            "active_loop": {},
            "latest_action_name": "action_listen",
        }
        result = await self._executor.run({"next_action": action, "sender_id": sender, "tracker": tracker, "domain": {}})
        assert result is not None
        slots.update({event["name"]: event["value"] for event in result.events if event["event"] == "slot"})
        return [
            BotMessage(each.get("text"), tuple(each.get("buttons") or ()), each.get("custom") or None)
            for each in result.responses
        ]

    async def health(self) -> dict[str, bool]:
        return {"rasa": True, "actions": True}

    async def aclose(self) -> None:
        self._database.dispose()


@dataclass
class Office:
    """The running app at ``port``. ``clock`` is moved by hand."""

    port: int
    runtime: Runtime
    clock: FixedClock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def deliver_notices(self) -> None:
        """What the worker does every few seconds."""
        texts = self.runtime.texts.dialogue
        done = Courier(self.runtime.database, self.clock, texts, SimulatedSender(), self.runtime.loans).round()
        assert done["errors"] == 0


@contextmanager
def office(database: Path, folder: Path) -> Iterator[Office]:
    """The app on the SQLite file ``database``, which holds the demo people and agents; its files go to ``folder``."""
    settings = Settings(
        demo=True,
        database_url=f"sqlite:///{database}",
        secret_key=SecretStr(SECRET),
        data_dir=ROOT / "data",
        web_dir=ROOT / "web",
        var_dir=folder,
    )
    clock, texts = FixedClock(), shipped_texts()
    actions = Services(audited(Database(settings.database_url), settings), clock, texts, settings, EmbeddedBackends(clock))
    app = create_app(settings, clock=clock, rasa=ActingRasa(actions), texts=texts)
    runtime: Runtime = app.state.runtime
    # No logging settings: they would be set for the whole process, and other tests look at what is logged.
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="websockets-sansio", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise TimeoutError("the app did not start")
        time.sleep(0.01)
    try:
        yield Office(server.servers[0].sockets[0].getsockname()[1], runtime, clock)
    finally:
        runtime.gateway.close()
        server.should_exit = True
        thread.join(START_SECONDS)
