"""The real stack for tests: ``scripts/serve.py``, as ``make run`` starts it, on free ports, with its own data and a fixed day."""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.secret import SECRET

ROOT = Path(__file__).resolve().parents[1]
BUSINESS_DATE = date(2026, 8, 22)
"""郭海's tenth instalment is then due on 8月10日, as in the product text."""
START_SECONDS = 300
_numbers = itertools.count(1)


@dataclass
class Chat:
    """One borrower's conversation over the public HTTP contract."""

    client: httpx.Client
    sender: str
    token: str | None = None
    replies: list[dict[str, Any]] = field(default_factory=list)

    def say(self, text: str, **metadata: Any) -> list[dict[str, Any]]:
        """Sends ``text``; returns the messages of the answer."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        body = {"sender": self.sender, "message": text, "metadata": metadata}
        response = self.client.post("/webhooks/rest/webhook", json=body, headers=headers)
        assert response.status_code == 200, response.text
        self.replies = response.json()
        return self.replies

    def card(self, kind: str) -> dict[str, Any]:
        """The one card of this type in the last answer."""
        found = [item["custom"] for item in self.replies if (item.get("custom") or {}).get("type") == kind]
        assert len(found) == 1, f"{len(found)} cards of type {kind} in {self.replies}"
        card: dict[str, Any] = found[0]
        return card

    def kinds(self) -> list[str]:
        return [item["custom"]["type"] for item in self.replies if item.get("custom")]

    @property
    def text(self) -> str:
        return "\n".join(item["text"] for item in self.replies if item.get("text"))

    @property
    def intent(self) -> str | None:
        """Which FAQ was answered."""
        return next((c["intent"] for c in (item.get("custom") or {} for item in self.replies) if c.get("type") == "answer"), None)


@dataclass
class LiveApp:
    """A running stack. ``log`` is what its terminal would show, ``database`` the file it keeps its books in.

    ``env``: the environment of its processes.
    """

    url: str
    log: Path
    client: httpx.Client
    database: Path
    env: dict[str, str]

    def start_over(self) -> None:
        """Puts every table back to what it held when the stack was ready. Conversations begun before are gone."""
        copy_database(self.database.with_name("as_seeded.db"), self.database)

    def chat(self, customer_id: str | None = None) -> Chat:
        """A new conversation, anonymous or of a demo customer."""
        token = None
        if customer_id:
            token = self.client.post("/demo/login", json={"customer_id": customer_id}).json()["token"]
        return Chat(self.client, f"test-{os.getpid()}-{next(_numbers)}", token)

    def otp(self, customer_id: str) -> str:
        """The last code "sent" to the customer's phone."""
        code: str = self.client.get("/demo/otp", params={"customer_id": customer_id}).json()["code"]
        return code

    def pid(self, process: str) -> int:
        """The process id of ``rasa``, ``actions``, ``app`` or ``worker``, the latest one if it was restarted."""
        found = re.findall(rf"^{process}\s*\| started \(pid (\d+)\)", self.log.read_text(encoding="utf-8"), re.MULTILINE)
        return int(found[-1])

    def __str__(self) -> str:
        return self.url


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


def copy_database(source: Path, target: Path) -> None:
    """Copies a SQLite database while others have it open; they see all of the change or none."""
    with sqlite3.connect(source, timeout=20) as reading, sqlite3.connect(target, timeout=20) as writing:
        reading.backup(writing)
    reading.close()
    writing.close()


def start_stack(folder: Path, **settings: str) -> Generator[LiveApp]:
    """Starts the stack with its data under ``folder`` and stops it in the end. Fails with the log when it does not get ready.

    ``settings``: environment variables besides or instead of ours.
    """
    app_port, rasa_port, actions_port = free_ports(3)
    database = folder / "suixing.db"
    env = {
        **os.environ,
        "DEMO": "1",
        "BUSINESS_DATE": BUSINESS_DATE.isoformat(),
        "DATABASE_URL": f"sqlite:///{database}",
        "VAR_DIR": str(folder),
        "SECRET_KEY": SECRET,
        "APP_PORT": str(app_port),
        "RASA_PORT": str(rasa_port),
        "ACTIONS_PORT": str(actions_port),
        "PYTHONWARNINGS": "ignore",
        **settings,
    }
    log = folder / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "scripts/serve.py"], cwd=ROOT, env=env, stdout=output, stderr=output, start_new_session=True
        )
    url = f"http://127.0.0.1:{app_port}"
    try:
        _wait_until_ready(process, log)
        if "DATABASE_URL" not in settings:
            copy_database(database, folder / "as_seeded.db")
        with httpx.Client(base_url=url, timeout=20) as client:
            yield LiveApp(url, log, client, database, env)
    finally:
        _stop(process)


@contextmanager
def web_process(app: LiveApp, name: str, **settings: str) -> Iterator[str]:
    """Another web process of a running stack, on the same database, Rasa and action server; its URL. ``settings`` as above."""
    (port,) = free_ports(1)
    command = ("-m", "uvicorn", "bot.app:create_app_from_env", "--factory", "--no-access-log", "--port", str(port))
    log = app.log.with_name(f"{name}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env={**app.env, **settings},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(f"{url}/readyz"):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{name} did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-4000:]}")
            time.sleep(0.2)
        yield url
    finally:
        _stop(process)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        text = log.read_text(encoding="utf-8", errors="replace")
        if "is ready after" in text:
            return
        if process.poll() is not None:
            pytest.fail(f"the stack ended with code {process.returncode}:\n{text[-4000:]}")
        time.sleep(0.2)
    pytest.fail(f"the stack is not ready after {START_SECONDS} s:\n{log.read_text(encoding='utf-8')[-4000:]}")


@pytest.fixture(scope="session")
def live_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """One stack for all tests of a run; each test uses conversations of its own."""
    yield from start_stack(tmp_path_factory.mktemp("live"))


@pytest.fixture
def doomed_app(tmp_path: Path) -> Iterator[LiveApp]:
    """A stack of one's own, for tests that kill a part of it."""
    yield from start_stack(tmp_path)
