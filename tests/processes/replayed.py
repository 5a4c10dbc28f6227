"""What borrowers do on the five platforms, as requests that the platforms send us: sealed and signed anew each time."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import httpx
from sqlalchemy.orm import Session

from bot.channels.state import SharedState
from bot.core.settings import ROOT
from bot.core.texts import Texts
from tests import dingtalk, feishu, integrator, wechat, wecom

TIMES = 50
REPLAYED = (409, "callback_replayed")
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Delivery:
    """One request of a platform."""

    path: str
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Happened:
    """``address``: where its answer goes. ``sign`` makes a delivery of it. ``acknowledged``: what the platform wants to read."""

    address: str
    sign: Callable[[], Delivery]
    acknowledged: str


class Line(Protocol):
    """One platform. ``bytes_count_once``: the same bytes again are refused (they carry a nonce), not acknowledged."""

    channel: str
    bytes_count_once: bool

    def happens(self, kind: str, borrower: str, **instead: str) -> Happened: ...

    def texts(self, address: str) -> list[str]: ...

    def fetched(self, session: Session) -> bool:
        """Whether we have everything of which the platform told us."""
        ...


class _Called:
    """A platform that brings its messages."""

    bytes_count_once = False

    def fetched(self, session: Session) -> bool:
        return True


class WeChatLine(_Called):
    channel = "wechat"

    def __init__(self, platform: wechat.WeChat, *, plain: bool = False) -> None:
        self._platform = platform
        self._plain = plain

    def happens(self, kind: str, borrower: str, **instead: str) -> Happened:
        message = self._platform.recorded(kind, openid=borrower, **instead)

        def sign() -> Delivery:
            if self._plain:
                return Delivery(wechat.PATH, message, self._platform.query(None, openid=borrower))
            sealed, body = self._platform.sealed(message)
            return Delivery(wechat.PATH, body, self._platform.query(sealed, openid=borrower))

        return Happened(borrower, sign, "success")

    def texts(self, address: str) -> list[str]:
        return self._platform.texts(address)


class WeComLine:
    channel = "wecom"
    bytes_count_once = True

    def __init__(self, platform: wecom.WeCom) -> None:
        self._platform = platform

    def happens(self, kind: str, borrower: str, **instead: str) -> Happened:
        """The callback says only that there is something; the message lies in the log that we fetch."""
        self._platform.recorded(kind, user=borrower, **instead)
        return self.told(borrower)

    def told(self, borrower: str) -> Happened:
        """The callback."""
        notice = self._platform.notice_xml()

        def sign() -> Delivery:
            query, body = self._platform.sealed(notice)
            return Delivery(wecom.PATH, body, query)

        return Happened(f"{wecom.KF}:{borrower}", sign, "success")

    def texts(self, address: str) -> list[str]:
        return self._platform.texts(address)

    @contextmanager
    def cursor_forgotten(self) -> Iterator[None]:
        """WeCom does not know how far we were: whoever asks next begins three days ago."""
        self._platform.forgotten.add(f"cursor_{len(self._platform.log[wecom.KF])}")
        try:
            yield
        finally:
            self._platform.forgotten.clear()

    def beginnings(self) -> int:
        """How often we have fetched from the beginning."""
        return sum(path == "kf/sync_msg" and "cursor" not in body for path, body in self._platform.calls)

    def fetched(self, session: Session) -> bool:
        shared = SharedState(session, self._platform.clock, self.channel)
        cursor = f"cursor_{len(self._platform.log[wecom.KF])}"
        return shared.get(f"want:{wecom.KF}") is None and shared.get(f"cursor:{wecom.KF}") == cursor


class FeishuLine(_Called):
    channel = "feishu"

    def __init__(self, platform: feishu.Feishu) -> None:
        self._platform = platform
        self._toast = Texts.load(ROOT / "data" / "answers").dialogue["platform_button_heard"].text

    def happens(self, kind: str, borrower: str, **instead: str) -> Happened:
        event = json.dumps(self._platform.recorded(kind, whom=borrower, **instead), ensure_ascii=False).encode()

        def sign() -> Delivery:
            body = feishu.seal(event)
            return Delivery(feishu.PATH, body, headers=JSON | self._platform.headers(body))

        toast = {"toast": {"type": "info", "content": self._toast}} if kind == "card_action" else {}
        return Happened(borrower, sign, json.dumps(toast, ensure_ascii=False))

    def texts(self, address: str) -> list[str]:
        return self._platform.texts(address)


class DingTalkLine(_Called):
    channel = "dingtalk"

    def __init__(self, platform: dingtalk.DingTalk) -> None:
        self._platform = platform

    def happens(self, kind: str, borrower: str, **instead: str) -> Happened:
        """The time is signed, not the body: in one millisecond the same signature serves twice."""
        told = self._platform.recorded(kind, whom=borrower, session_minutes=90, **instead)
        body = json.dumps(told, ensure_ascii=False).encode()
        return Happened(dingtalk.address_of(told), lambda: Delivery(dingtalk.PATH, body, headers=self._platform.headers()), "{}")

    def texts(self, address: str) -> list[str]:
        """As they are read: on a card the words are Markdown."""
        return [
            words if how == "robot" else re.sub(r"\\(.)", r"\1", words).replace("  \n", "\n")
            for how, whom, words in self._platform.got
            if whom == address
        ]


class WebhookLine(_Called):
    channel = "webhook"
    bytes_count_once = True

    def __init__(self, platform: integrator.Integrator) -> None:
        self._platform = platform

    def happens(self, kind: str, borrower: str, **instead: str) -> Happened:
        body = self._platform.recorded(kind, sender=borrower, **instead)
        return Happened(borrower, lambda: Delivery(integrator.PATH, body, headers=JSON | self._platform.headers(body)), "{}")

    def texts(self, address: str) -> list[str]:
        return self._platform.texts(address)


async def _post_at_once(posts: Sequence[tuple[str, Delivery]]) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=len(posts))
    async with httpx.AsyncClient(timeout=30, limits=limits) as client:
        requests = (
            client.post(f"{url}{each.path}", params=each.query, content=each.body, headers=each.headers) for url, each in posts
        )
        return await asyncio.gather(*requests)


def deliver_fifty_times(line: Line, happened: Happened, urls: tuple[str, str]) -> float:
    """At once, 25 to each process; 25 are the same bytes, 25 are signed anew. Checks what the platform reads back; seconds of the
    slowest, which is told and not judged: how soon is for ``make bench-callbacks``.
    """
    caught = happened.sign()
    deliveries = [caught] * (TIMES // 2) + [happened.sign() for _ in range(TIMES // 2)]
    posts = [(urls[number % 2], each) for number, each in enumerate(deliveries)]
    random.Random(TIMES).shuffle(posts)  # noqa: S311
    answers = asyncio.run(_post_at_once(posts))
    taken = [answer for answer in answers if answer.status_code == 200]
    refused = [(answer.status_code, answer.json()["error"]["code"]) for answer in answers if answer.status_code != 200]
    again = TIMES // 2 - 1
    assert refused == ([REPLAYED] * again if line.bytes_count_once else []), refused
    assert {answer.text for answer in taken} == {happened.acknowledged}
    return max(answer.elapsed.total_seconds() for answer in answers)


def deliver_once(happened: Happened, url: str) -> None:
    (answer,) = asyncio.run(_post_at_once([(url, happened.sign())]))
    assert (answer.status_code, answer.text) == (200, happened.acknowledged)
