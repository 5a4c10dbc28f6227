"""The port to Rasa, and its adapter over Rasa's REST channel.

RasaError
├── RasaTimeout      no answer in time
├── RasaUnreachable  nobody listens, or the connection broke
├── RasaRefused      a status other than 200
├── RasaMalformed    not JSON, or not the REST channel's shape
└── RasaSilent       an empty list: what Rasa answers when the action server is down
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError


class RasaError(Exception):
    """Rasa gave no usable answer. ``kind`` labels metrics and the stored message."""

    kind: ClassVar[str] = "error"


class RasaTimeout(RasaError):
    kind = "timeout"


class RasaUnreachable(RasaError):
    kind = "unreachable"


class RasaRefused(RasaError):
    kind = "http_error"


class RasaMalformed(RasaError):
    kind = "malformed"


class RasaSilent(RasaError):
    kind = "empty"


@dataclass(frozen=True)
class BotMessage:
    """One message of an answer; at least one of the fields is set."""

    text: str | None = None
    buttons: tuple[dict[str, str], ...] = ()
    custom: dict[str, Any] | None = None


class RasaClient(Protocol):
    """Who understands the borrower. Tests use a fake that misbehaves on purpose."""

    async def send(self, sender: str, message: str, metadata: dict[str, Any]) -> list[BotMessage]:
        """The answer, never empty. Raises ``RasaError``."""

    async def health(self) -> dict[str, bool]:
        """Which of ``rasa`` and ``actions`` can answer a message now."""

    async def aclose(self) -> None:
        """Ends the connections."""


class _Button(BaseModel):
    model_config = ConfigDict(strict=True)
    title: str
    payload: str


class _Message(BaseModel):
    model_config = ConfigDict(strict=True)
    text: str | None = None
    buttons: list[_Button] | None = None
    custom: dict[str, Any] | None = None


WARM_UP_SENDER = "warm-up"
"""No conversation of anybody: the action server treats it as anonymous."""

IDLE_SECONDS = 4.0
"""Rasa's server closes a connection that was idle for 5 s; we give it up sooner, so that no message meets a closing one."""

_MESSAGES = TypeAdapter(list[_Message])


def parse_messages(body: bytes) -> list[BotMessage]:
    """Reads the REST channel's answer. Rasa sends the card of an utterance as a message of its own; it is rejoined here.

    Raises ``RasaMalformed``, ``RasaSilent``.
    """
    try:
        raw = _MESSAGES.validate_json(body)
    except ValidationError as error:
        raise RasaMalformed("not the shape of Rasa's REST channel") from error
    messages: list[BotMessage] = []
    for item in raw:
        buttons = tuple({"title": button.title, "payload": button.payload} for button in item.buttons or ())
        message = BotMessage(item.text or None, buttons, item.custom)
        last = messages[-1] if messages else None
        card_only = message.custom is not None and message.text is None and not message.buttons
        if card_only and last is not None and last.custom is None:
            messages[-1] = BotMessage(last.text, last.buttons, message.custom)
        elif message != BotMessage():
            messages.append(message)
    if not messages:
        raise RasaSilent("an empty answer")
    return messages


class HttpRasaClient:
    """Asks Rasa's REST channel. One connection pool; every wait is bounded.

    aiohttp, because it costs a fifth of httpx's CPU and its answer comes in fewer turns of the event loop (docs/benchmarks.md).
    """

    def __init__(self, rasa_url: str, actions_url: str, *, timeout_seconds: float) -> None:
        self._rasa_url = rasa_url
        self._actions_url = actions_url
        self._timeout = ClientTimeout(total=timeout_seconds, connect=min(1.0, timeout_seconds))
        self._opened: ClientSession | None = None
        self._warm = False

    @property
    def _http(self) -> ClientSession:
        """Made inside the event loop that uses it."""
        if self._opened is None:
            self._opened = ClientSession(
                connector=TCPConnector(limit=200, keepalive_timeout=IDLE_SECONDS),
                cookie_jar=DummyCookieJar(),
                timeout=self._timeout,
            )
        return self._opened

    async def send(self, sender: str, message: str, metadata: dict[str, Any]) -> list[BotMessage]:
        body = {"sender": sender, "message": message, "metadata": metadata}
        try:
            async with self._http.post(f"{self._rasa_url}/webhooks/rest/webhook", json=body, allow_redirects=False) as response:
                status, content = response.status, await response.read()
        except TimeoutError as error:
            raise RasaTimeout("no answer in time") from error
        except (ClientError, OSError) as error:
            raise RasaUnreachable(type(error).__name__) from error
        if status != 200:
            raise RasaRefused(f"status {status}")
        return parse_messages(content)

    async def health(self) -> dict[str, bool]:
        rasa, actions = await asyncio.gather(
            self._answers(f"{self._rasa_url}/webhooks/rest/"), self._answers(f"{self._actions_url}/health")
        )
        self._warm = rasa and actions and (self._warm or await self._warm_up())
        return {"rasa": rasa and (self._warm or not actions), "actions": actions}

    async def _warm_up(self) -> bool:
        """Rasa listens before its model is loaded, and its first message is slow: ready means that it has answered one."""
        try:
            await self.send(WARM_UP_SENDER, "你好", {})
        except RasaError:
            return False
        return True

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _answers(self, url: str) -> bool:
        try:
            async with self._http.get(url, timeout=ClientTimeout(total=2.0)) as response:
                return response.status == 200
        except (ClientError, OSError):  # a TimeoutError is an OSError
            return False
