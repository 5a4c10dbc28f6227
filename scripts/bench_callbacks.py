"""How soon a platform's callbacks are acknowledged while Rasa answers nobody: ``make bench-callbacks [ARGS="--seconds 60"]``.

The real application with the webhook connector on a port of its own and a database file, and a Rasa that is silent for the whole
time. Callbacks arrive at a steady rate from many accounts, each signed, each on its own schedule whatever became of those before
(so a slow acknowledgement is not hidden by a client that waits for it). Prints p50, p99 and the slowest; exit status 1 when
one was refused, or was not stored. Afterwards Rasa answers again, and every message must get its turn.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import structlog
from pydantic import SecretStr
from sqlalchemy import func, select
from tqdm import tqdm

from bot.conversations.inbox.models import InboxMessage
from bot.conversations.rasa import BotMessage
from bot.core.clock import SystemClock
from bot.core.settings import Settings
from bot.migrations.run import upgrade
from tests.gateway import FakeRasa
from tests.integrator import Connected, connected, serving
from tests.secret import SECRET


def quantile(seconds: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of all do not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def measure(platform: Connected, rasa: FakeRasa, length: float, rate: float, accounts: int) -> tuple[list[float], int]:
    """(seconds until each acknowledgement, how many were refused)."""
    released, taken, refused = asyncio.Event(), list[float](), 0

    async def silent(_sender: str, message: str, _metadata: Any) -> list[BotMessage]:
        await released.wait()
        return [BotMessage(text=message)]

    async def one(number: int) -> None:
        nonlocal refused
        started = time.perf_counter()
        message = {"message_id": f"m-{number}", "sender": f"wx-{number % accounts}", "text": "你好"}
        answer = await platform.deliver(message)
        taken.append(time.perf_counter() - started)
        refused += answer.status_code != 200
        bar.update()

    rasa.answer = silent
    begun, count = time.perf_counter(), int(length * rate)
    with tqdm(total=count, desc="callbacks", file=sys.stderr) as bar:
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
                group.create_task(one(number))
    if platform.integrator.got:
        raise RuntimeError("Rasa was to be silent")
    released.set()
    return taken, refused


def pending(platform: Connected) -> int:
    with platform.stack.database.transaction() as session:
        return session.scalar(select(func.count()).where(InboxMessage.state == "pending")) or 0


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
    rasa = FakeRasa()
    with serving(clock) as integrator:
        async with connected(settings, clock, rasa, integrator) as platform:
            taken, refused = await measure(platform, rasa, options.seconds, options.rate, options.accounts)
            stored = pending(platform)
            print(f"{len(taken)} callbacks in {options.seconds:.0f} s while Rasa was silent: {refused} refused, {stored} waiting")
            p50, p99, slowest = (1000 * quantile(taken, share) for share in (0.5, 0.99, 1.0))
            print(f"acknowledged after p50 {p50:.0f} ms, p99 {p99:.0f} ms, slowest {slowest:.0f} ms")
            with tqdm(total=stored, desc="turns", file=sys.stderr) as bar:
                while left := pending(platform):
                    bar.update(stored - left - bar.n)
                    await asyncio.sleep(0.5)
    return 0 if not refused and stored == len(taken) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description="acknowledgements of callbacks while Rasa is silent")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=10, help="callbacks a second")
    parser.add_argument("--accounts", type=int, default=200)
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="bench-callbacks-") as folder:
        return asyncio.run(run(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
