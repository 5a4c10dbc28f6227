"""How soon platforms' callbacks are acknowledged while Rasa answers nobody: ``make bench-callbacks [ARGS="--seconds 60"]``.

The real application with all five channels on a port of its own and a database file, the platforms beside it, and a Rasa that is
silent for the whole time. Callbacks arrive at a steady rate from many accounts, in turn for each channel, each signed and sealed
as that platform does, each on its own schedule whatever became of those before (so a slow acknowledgement is not hidden by a
client that waits for it). Prints p50, p99 and the slowest of each channel; exit status 1 when a p99 reached a second, a callback
was refused, or a message was not stored. Afterwards Rasa answers again, and every message must get its turn.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import structlog
from pydantic import SecretStr
from sqlalchemy import func, select
from tqdm import tqdm

from bot.conversations.inbox.models import InboxMessage
from bot.conversations.rasa import BotMessage
from bot.core.clock import SystemClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.migrations.run import upgrade
from tests import dingtalk, feishu, integrator, wechat, wecom
from tests.gateway import FakeRasa, listening, running
from tests.secret import SECRET

GOAL_SECONDS = 1.0
"""Of p99, for each channel."""


def quantile(seconds: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of all do not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Post:
    """One callback as the platform sends it."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


def webhook_callback(platform: integrator.Integrator, number: int, account: int) -> Post:
    message = {"message_id": f"m-{number}", "sender": f"wx-{account}", "text": "你好"}
    body = json.dumps({"messages": [message], "receipts": []}).encode()
    return Post(integrator.PATH, body, platform.headers(body))


def wechat_callback(platform: wechat.WeChat, _number: int, account: int) -> Post:
    platform.opens(f"o-{account}", "message")
    sealed, body = platform.sealed(platform.message(Content="你好", FromUserName=f"o-{account}"))
    return Post(wechat.PATH, body, {"Content-Type": "text/xml"}, platform.query(sealed))


def wecom_callback(platform: wecom.WeCom, _number: int, account: int) -> Post:
    platform.write("你好", address=f"{wecom.KF}:wm{account}")
    query, body = platform.notice()
    return Post(wecom.PATH, body, query=query)


def feishu_callback(platform: feishu.Feishu, _number: int, account: int) -> Post:
    body = feishu.seal(json.dumps(platform.message("你好", whom=f"ou_{account}")).encode())
    return Post(feishu.PATH, body, {"Content-Type": "application/json", **platform.headers(body)})


def dingtalk_callback(platform: dingtalk.DingTalk, _number: int, account: int) -> Post:
    body = json.dumps(platform.message("你好", staff=f"staff{account}")).encode()
    return Post(dingtalk.PATH, body, platform.headers())


@dataclass
class Bench:
    """``acknowledged``: seconds, by channel."""

    client: httpx.AsyncClient
    makers: Mapping[str, Callable[[int, int], Post]]
    acknowledged: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0

    async def one(self, channel: str, number: int, account: int) -> None:
        callback = self.makers[channel](number, account)
        started = time.perf_counter()
        answer = await self.client.post(callback.path, params=callback.query, content=callback.body, headers=callback.headers)
        self.acknowledged[channel].append(time.perf_counter() - started)
        self.refused += answer.status_code != 200

    async def run(self, length: float, rate: float, accounts: int) -> int:
        """How many callbacks there were."""
        channels, begun, count = list(self.makers), time.perf_counter(), int(length * rate)
        async with asyncio.TaskGroup() as group:
            for number in tqdm(range(count), desc="callbacks", file=sys.stderr):
                await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
                group.create_task(self.one(channels[number % len(channels)], number, number % accounts))
        return count


def stored(database: Database, *states: str) -> int:
    with database.reading() as session:
        query = select(func.count()).select_from(InboxMessage).where(InboxMessage.state.in_(states))
        return session.scalar(query) or 0


async def run(options: argparse.Namespace, folder: Path) -> int:
    clock: Any = SystemClock(None)
    url = f"sqlite:///{folder / 'care.db'}"
    upgrade(url)
    settings = Settings(
        demo=True,
        secret_key=SecretStr(SECRET),
        database_url=url,
        var_dir=folder / "var",
        web_dir=folder / "web",
        rasa_timeout_seconds=2 * options.seconds + 60,
        messages_per_minute=10**6,
    )
    released, rasa = asyncio.Event(), FakeRasa()

    async def silent(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        await released.wait()
        return [BotMessage(text=message)]

    rasa.answer = silent
    with ExitStack() as servers:
        hook, chat, kf, lark, ding = (
            servers.enter_context(each.serving(clock)) for each in (integrator, wechat, wecom, feishu, dingtalk)
        )
        connected = (
            integrator.with_webhook(settings, hook.url),
            wechat.with_wechat(settings, chat.url),
            wecom.with_wecom(settings, kf.url),
            feishu.with_feishu(settings, lark.url, mode="http"),
            dingtalk.with_dingtalk(settings, ding.url, mode="http"),
        )
        makers = {
            "webhook": partial(webhook_callback, hook),
            "wechat": partial(wechat_callback, chat),
            "wecom": partial(wecom_callback, kf),
            "feishu": partial(feishu_callback, lark),
            "dingtalk": partial(dingtalk_callback, ding),
        }
        channels = {name: given for each in connected for name, given in each.channels.items()}
        async with (
            running(settings.model_copy(update={"channels": channels}), clock, rasa) as stack,
            listening(stack.app) as address,
            httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client,
        ):
            bench = Bench(client, makers)
            count = await bench.run(options.seconds, options.rate, options.accounts)
            give_up = time.monotonic() + 30
            while (kept := stored(stack.database, "pending", "done")) < count and time.monotonic() < give_up:
                await asyncio.sleep(0.2)  # WeCom's are fetched
            answered = stored(stack.database, "done")
            print(f"{count} callbacks in {options.seconds:.0f} s: {bench.refused} refused, {kept} kept, {answered} answered")
            slow = report(bench.acknowledged)
            released.set()
            with tqdm(total=kept, desc="turns", file=sys.stderr) as bar:
                while left := stored(stack.database, "pending"):
                    bar.update(kept - left - bar.n)
                    await asyncio.sleep(0.5)
            lost = stored(stack.database, "failed")
    return 0 if not (bench.refused or answered or lost or slow) and kept == count else 1


def report(acknowledged: Mapping[str, Sequence[float]]) -> list[str]:
    """Prints a line for each channel; those whose p99 is not below ``GOAL_SECONDS``."""
    slow = []
    for channel, taken in acknowledged.items():
        p50, p99, slowest = (quantile(taken, share) for share in (0.5, 0.99, 1.0))
        print(f"{channel:9} {len(taken)} acknowledged after p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms, ", end="")
        print(f"slowest {1000 * slowest:.0f} ms{'' if p99 < GOAL_SECONDS else '  TOO SLOW'}")
        if p99 >= GOAL_SECONDS:
            slow.append(channel)
    return slow


def main() -> int:
    parser = argparse.ArgumentParser(description="acknowledgements of callbacks while Rasa is silent")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=10, help="callbacks a second, of all channels together")
    parser.add_argument("--accounts", type=int, default=200)
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="bench-callbacks-") as folder:
        return asyncio.run(run(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
