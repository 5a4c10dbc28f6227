"""Those who wait and those who talk: sockets as the widget holds them, and Locust users who say their dialogues."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import yaml
from locust import FastHttpUser, task
from locust.exception import StopUser
from websocket import WebSocket, WebSocketException

from scripts.chat_load.stack import Stack, Target

DIALOGUES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("dialogues.yml").read_text(encoding="utf-8"))
IN_THE_CHAT = "/"
"""A button whose payload begins so is said in the chat; others open something."""


@dataclass
class Line:
    """A conversation with one target. ``rasa_sender`` is its name behind the gateway."""

    sender: str
    token: str
    rasa_sender: str = ""
    buttons: list[str] = field(default_factory=list)

    def heard(self, replies: list[dict[str, Any]]) -> None:
        payloads = [button["payload"] for reply in replies for button in reply.get("buttons") or ()]
        self.buttons = [payload for payload in payloads if payload.startswith(IN_THE_CHAT)] or self.buttons


@dataclass
class Person:
    """Talks to every target in turn, in a conversation of its own with each, with the same words and pauses."""

    number: int
    dialogue: dict[str, Any]
    lines: dict[Target, Line] = field(default_factory=dict)

    def pauses(self, round_number: int, think: float) -> Iterator[float]:
        """Before each turn: 50 to 150 % of ``think``; the first anywhere within it, so that nobody speaks in chorus."""
        dice = random.Random(f"{self.number}/{round_number}")  # noqa: S311 no secret
        yield dice.uniform(0, think)
        while True:
            yield dice.uniform(0.5, 1.5) * think


class Widget:
    """A socket at ``/chat/socket``: takes the log and acknowledges it. Breaks are counted, not repaired."""

    open = 0
    frames = 0

    def __init__(self, app_url: str, line: Line) -> None:
        self._socket = WebSocket()
        self._socket.connect(app_url.replace("http", "ws", 1) + "/chat/socket")
        self._socket.send(json.dumps({"type": "hello", "sender": line.sender, "token": line.token, "after": 0}))
        self._reading = gevent.spawn(self._read)
        type(self).open += 1

    def _read(self) -> None:
        try:
            while frame := self._socket.recv():
                log = json.loads(frame)
                Widget.frames += 1
                if log["type"] == "log" and log["messages"]:
                    seq = log["last_seq"]
                    self._socket.send(json.dumps({"type": "ack", "delivered": seq, "read": seq}))
        except (WebSocketException, OSError):
            pass  # counted below
        finally:
            type(self).open -= 1


@dataclass
class Phase:
    """What the Locust users are to do now. ``turns``: how many each says; 0: until ``until``."""

    target: Target
    round_number: int
    think: float
    waiting: list[Person]
    until: float = 0.0


class Talker(FastHttpUser):
    """One person for one phase."""

    abstract = False
    phase: Phase
    stack: Stack
    network_timeout = connection_timeout = 30.0

    def on_start(self) -> None:
        self.person = self.phase.waiting.pop()
        self.line = self.person.lines[self.phase.target]

    @task
    def talk(self) -> None:
        pauses = self.person.pauses(self.phase.round_number, self.phase.think)
        while True:
            for number, (kind, sentence) in enumerate(self.person.dialogue["turns"]):
                gevent.sleep(next(pauses))
                if self.phase.until and time.monotonic() > self.phase.until:
                    raise StopUser
                if kind == "leave":
                    self._leave()
                else:
                    self._say(f"{self.person.number}/{number}/{kind}", sentence)
            if not self.phase.until:
                raise StopUser

    def _say(self, name: str, sentence: str) -> None:
        if sentence == "press":
            sentence = self.line.buttons[0] if self.line.buttons else "好的"
        direct = self.phase.target == "rasa"
        url = f"{self.stack.url(self.phase.target)}/webhooks/rest/webhook"
        headers = {} if direct else {"Authorization": f"Bearer {self.line.token}"}
        body: dict[str, Any] = {"sender": self.line.rasa_sender if direct else self.line.sender, "message": sentence}
        body["metadata"] = {"message_id": f"{time.monotonic_ns():x}"}
        with self.client.post(url, json=body, headers=headers, name=name, catch_response=True) as response:
            replies = response.json() if response.status_code == 200 else None
            if not replies:
                response.failure(f"status {response.status_code}, answer {replies}")
            else:
                self.line.heard(replies)

    def _leave(self) -> None:
        """Out of the queue, so that the bot answers the next round; not measured."""
        headers = {"Authorization": f"Bearer {self.line.token}"}
        with self.client.post(
            f"{self._app()}/chat/leave-queue",
            json={"sender": self.line.sender},
            headers=headers,
            name="leave",
            catch_response=True,
        ) as response:
            response.success()

    def _app(self) -> str:
        return self.stack.app_url if self.phase.target == "rasa" else self.stack.url(self.phase.target)
