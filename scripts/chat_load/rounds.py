"""Rounds: everybody says their dialogue to each target in turn, so that what else runs on the machine hits all alike."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gevent
import httpx
from locust.env import Environment
from tqdm import tqdm

from scripts.chat_load.stack import Stack, Target, Usage
from scripts.chat_load.widgets import DIALOGUES, Line, Person, Phase, Talker, Widget

_FAILURES = re.compile(r"^suixing_turn_failures_total\{.*\} (\S+)$", re.MULTILINE)
_OWN_SECONDS = re.compile(r"^suixing_turn_own_seconds_(sum|count) (\S+)$", re.MULTILINE)


@dataclass
class Spoken:
    """One phase. ``millis``: by person/turn/kind; ``own_millis``: what the app says of its part in a turn, the mean."""

    target: Target
    millis: dict[str, float] = field(default_factory=dict)
    count: int = 0
    seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    own_millis: float | None = None

    @property
    def per_second(self) -> float:
        return self.count / self.seconds


class Load:
    """The connected widgets, those of them who talk, and Locust's runner that lets them."""

    def __init__(self, stack: Stack, targets: Sequence[Target], *, widgets: int, talkers: int) -> None:
        self._stack = stack
        self._targets = targets
        self._spoken = Spoken("app")
        self.environment = Environment(user_classes=[Talker], host=stack.app_url)
        self.runner = self.environment.create_local_runner()
        self.environment.events.request.add_listener(self._heard)
        Talker.stack = stack
        with httpx.Client(base_url=stack.app_url, timeout=30) as client:
            dialogues = itertools.islice(itertools.cycle(DIALOGUES), talkers)
            self.people = [
                self._person(client, number, dialogue)
                for number, dialogue in enumerate(tqdm(list(dialogues), "people", disable=None))
            ]
            apps = [(target, stack.url(target)) for target in targets if target != "rasa"]
            lines = [(url, person.lines[target]) for target, url in apps for person in self.people]
            lines += [(url, self._visitor(client)) for _, url in apps for _ in range(widgets - len(self.people))]
        self.widgets = [Widget(url, line) for url, line in tqdm(lines, "sockets", disable=None)]

    def _person(self, client: httpx.Client, number: int, dialogue: dict[str, Any]) -> Person:
        """Greets each target through the app: the action server then knows the conversation, whoever asks Rasa later."""
        person = Person(number, dialogue)
        for target in self._targets:
            if who := dialogue.get("who"):
                token = client.post("/demo/login", json={"customer_id": who}).raise_for_status().json()["token"]
                line = Line(f"bench-{number}-{target.replace(' ', '-')}", token)
            else:
                line = self._visitor(client)
            body = {"sender": line.sender, "message": "你好"}
            client.post("/webhooks/rest/webhook", json=body, headers={"Authorization": f"Bearer {line.token}"}).raise_for_status()
            line.rasa_sender = self._stack.conversation_id(line.sender)
            person.lines[target] = line
        return person

    def _visitor(self, client: httpx.Client) -> Line:
        made = client.post("/chat/visitor").raise_for_status().json()
        return Line(made["sender"], made["token"])

    def phase(
        self, target: Target, round_number: int, *, think: float, people: int | None = None, seconds: float = 0.0
    ) -> Spoken:
        """Everybody says their dialogue once; with ``seconds`` again and again for so long, ``people`` of them."""
        self._spoken = spoken = Spoken(target)
        waiting = self.people[:people]
        started, before, own_before = time.monotonic(), Usage.of(self._stack.pids), self._own_seconds(target)
        Talker.phase = Phase(target, round_number, think, list(waiting), started + seconds if seconds else 0.0)
        self.runner.start(len(waiting), spawn_rate=len(waiting))
        gevent.sleep(0.2)
        while self.runner.user_count:
            gevent.sleep(0.05)
        spoken.seconds = time.monotonic() - started
        spoken.cpu_seconds = Usage.of(self._stack.pids).cpu_since(before)
        own_after = self._own_seconds(target)
        if own_before is not None and own_after is not None and own_after[1] > own_before[1]:
            spoken.own_millis = (own_after[0] - own_before[0]) / (own_after[1] - own_before[1]) * 1000
        self.runner.stop()
        return spoken

    def _heard(self, *, name: str, response_time: float, exception: BaseException | None, **_rest: Any) -> None:
        if name == "leave":
            return
        if exception is not None:
            self._spoken.failures.append(f"{name}: {exception}")
            return
        self._spoken.millis[name] = response_time
        self._spoken.count += 1

    def _own_seconds(self, target: Target) -> tuple[float, float] | None:
        """(seconds, turns) of the target's app up to now; nothing for Rasa, or an app that does not say it."""
        if target == "rasa":
            return None
        found = dict(_OWN_SECONDS.findall(httpx.get(f"{self._stack.url(target)}/metrics", timeout=30).text))
        return (float(found["sum"]), float(found["count"])) if found else None

    def apologies(self, target: Target) -> int:
        """How often the app has said that Rasa did not answer; an apology is no bot turn."""
        if target == "rasa":
            return 0
        text = httpx.get(f"{self._stack.url(target)}/metrics", timeout=30).text
        return sum(int(float(count)) for count in _FAILURES.findall(text))

    def close(self) -> None:
        self.runner.quit()


def open_widgets() -> int:
    return Widget.open
