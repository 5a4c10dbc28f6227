"""The stack under load: ``scripts/serve.py`` with data of its own, and what its processes take of the machine."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
BUSINESS_DATE = "2026-08-22"
"""As in the tests: the demo people then have their stories (product §6)."""
START_SECONDS = 480
Target = Literal["rasa", "app", "earlier app"]
LIMITS = (
    "MESSAGES_PER_MINUTE",
    "MESSAGES_PER_CUSTOMER_MINUTE",
    "ANONYMOUS_MESSAGES_PER_ADDRESS_MINUTE",
    "REQUESTS_PER_TOKEN_MINUTE",
    "VISITORS_PER_ADDRESS_HOUR",
)
PARTS = ("app", "rasa", "actions", "worker")


class NotStarted(RuntimeError):
    """The message holds the end of the log."""


@dataclass
class Stack:
    """``earlier_app_url``: another version of the app on the same database, Rasa and action server."""

    app_url: str
    rasa_url: str
    database: Path
    pids: dict[str, int]
    earlier_app_url: str | None = None

    def url(self, target: Target) -> str:
        urls = {"rasa": self.rasa_url, "app": self.app_url, "earlier app": self.earlier_app_url}
        return urls[target] or self.app_url

    def conversation_id(self, sender: str) -> str:
        """Under which sender Rasa knows the conversation of ``sender``."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=20) as connection:
            row = connection.execute("SELECT id FROM conversations WHERE sender = ?", (sender,)).fetchone()
        connection.close()
        return str(row[0])


@dataclass
class Usage:
    """CPU seconds and MiB of resident memory of each part, its children included."""

    at: float
    cpu: dict[str, float] = field(default_factory=dict)
    rss: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, pids: dict[str, int]) -> Usage:
        usage = cls(time.monotonic())
        for name, pid in pids.items():
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            usage.cpu[name] = sum(sum(one.cpu_times()[:2]) for one in family)
            usage.rss[name] = sum(one.memory_info().rss for one in family) / 2**20
        return usage

    def cpu_since(self, earlier: Usage) -> dict[str, float]:
        """CPU seconds."""
        return {name: self.cpu[name] - earlier.cpu[name] for name in self.cpu}


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


@contextmanager
def running_stack(folder: Path, earlier: Path | None) -> Iterator[Stack]:
    """The stack, ready. ``earlier``: a checkout whose app runs beside ours. Raises ``NotStarted``."""
    ports = dict(zip(("APP_PORT", "RASA_PORT", "ACTIONS_PORT", "EARLIER"), free_ports(4), strict=True))
    database = folder / "suixing.db"
    env = os.environ | {name: str(port) for name, port in ports.items() if name != "EARLIER"}
    env |= {
        "DEMO": "1",
        "BUSINESS_DATE": BUSINESS_DATE,
        "DATABASE_URL": f"sqlite:///{database}",
        "VAR_DIR": str(folder),
        **dict.fromkeys(LIMITS, "1000000"),  # in the closed loop a client says more than any borrower may
        "PYTHONWARNINGS": "ignore",
    }
    log = folder / "serve.log"
    processes = []
    try:
        processes.append(_start([sys.executable, "scripts/serve.py"], ROOT, env, log))
        _wait(processes[0], log, f"http://127.0.0.1:{ports['APP_PORT']}")
        pids = {name: _pid(log, name) for name in PARTS}
        earlier_url = None
        if earlier is not None:
            port = str(ports["EARLIER"])
            command = [sys.executable, "-m", "uvicorn", "bot.app:create_app_from_env", "--factory", "--no-access-log"]
            other_log = folder / "earlier.log"
            processes.append(_start([*command, "--port", port], earlier, env, other_log))
            _wait(processes[1], other_log, f"http://127.0.0.1:{port}")
            pids["earlier app"] = processes[1].pid
            earlier_url = f"http://127.0.0.1:{port}"
        urls = [f"http://127.0.0.1:{ports[name]}" for name in ("APP_PORT", "RASA_PORT")]
        yield Stack(urls[0], urls[1], database, pids, earlier_url)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _start(command: list[str], cwd: Path, env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=output, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    """Until the app says that every part has answered."""
    deadline = time.monotonic() + START_SECONDS
    while not _ready(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStarted(f"the stack did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
        time.sleep(0.5)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def _pid(log: Path, name: str) -> int:
    return int(re.findall(rf"^{name}\s*\| started \(pid (\d+)\)", log.read_text(encoding="utf-8"), re.MULTILINE)[-1])
