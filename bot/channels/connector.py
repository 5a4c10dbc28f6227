"""The interface of messaging platforms. A new one costs one folder, ``bot/channels/<name>``, with a ``connector.py`` in which
``make(options, kit)`` returns a ``Connector`` (docs/channels/README.md).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from sqlalchemy.orm import Session

from bot.conversations.inbox.port import InboundMessage, Medium, Receipt
from bot.conversations.outbox.port import Capabilities, OutgoingMessage, SendResult
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.settings import Settings


@dataclass(frozen=True)
class Kit:
    """What a connector may use of ours: the database for what all replicas share (an access token, a cursor)."""

    settings: Settings
    clock: Clock
    database: Database


@dataclass(frozen=True)
class Callback:
    """A request of the platform as it came. Names of headers are lower case."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the platform wants to read at once; it has nothing to do with what the borrower gets."""

    body: bytes = b"{}"
    media_type: str = "application/json"


@dataclass(frozen=True)
class Received:
    """What a request held. ``nonce``: the platform signs each delivery anew, so the same bytes again are refused.

    ``also`` runs in the transaction that keeps the messages: a cursor that moves with them, a note of what is to be fetched.
    """

    messages: Sequence[InboundMessage] = ()
    receipts: Sequence[Receipt] = ()
    reply: Reply | None = None
    nonce: str | None = None
    also: Callable[[Session], None] | None = None


@dataclass(frozen=True)
class Description:
    """The platform's callback in OpenAPI; ``None`` in ``Connector.description`` leaves it out."""

    summary: str
    text: str
    openapi: Mapping[str, Any] = field(default_factory=dict)


class Connector(Protocol):
    """One platform. ``verify`` and ``parse`` must be quick and touch nothing outside; ``send`` is called from threads."""

    @property
    def name(self) -> str:
        """The folder's name; it stands in addresses and in the log of conversations, so it never changes."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def max_bytes(self) -> int:
        """Of a request; more is refused before it is read."""
        ...

    @property
    def description(self) -> Description | None: ...

    def verify(self, callback: Callback) -> None:
        """Raises ``Unauthenticated`` unless the platform sent this, recently, and to us. Nothing is stored before."""
        ...

    def parse(self, callback: Callback) -> Received:
        """What a verified request holds. Raises ``InvalidInput`` or ``RequestValidationError`` for what nobody can read."""
        ...

    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        """One call of the platform, a few seconds at most."""
        ...

    def close(self) -> None:
        """When the process ends."""
        ...


class Sink(Protocol):
    """Where a listener puts what it got. Called from its thread."""

    def store(self, received: Received) -> int:
        """How many messages were new; they are committed now, so acknowledge. Raises ``CallbackReplayed``, database errors."""
        ...


@runtime_checkable
class Listener(Protocol):
    """What a connector has besides if it gets messages by itself: over a connection that it holds, or page by page."""

    def listen(self, sink: Sink, stopping: threading.Event) -> None:
        """In a thread of its own in every web process until ``stopping`` is set. When it raises, it is called again."""
        ...


class MediumUnavailable(RuntimeError):
    """``why``: ``away``, a later try may bring it; ``gone``, none will; ``too_long``. ``code``: of ours, for the log."""

    def __init__(self, why: Literal["away", "gone", "too_long"], code: str) -> None:
        super().__init__(code)
        self.why = why
        self.code = code


@runtime_checkable
class MediaSource(Protocol):
    """What a connector has besides if pictures and files of borrowers can be fetched from the platform."""

    def fetch(self, medium: Medium, max_bytes: int) -> bytes:
        """The bytes of what ``parse`` found. A few calls, half a minute at most; called from threads, after the acknowledgement.

        What they are is checked by whoever asks. Raises ``MediumUnavailable``.
        """
        ...
