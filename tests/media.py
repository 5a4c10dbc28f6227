"""What a platform's fake hands out when it is asked for a picture: over real HTTP, whole or with bad manners."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

MISBEHAVIOURS = ("error", "page", "large", "endless", "slow", "redirect", "broken_off", "unavailable")
PRIVATE = "/latest/meta-data"
"""Where a redirect leads: nobody may ever ask for it."""


@dataclass(frozen=True)
class Handed:
    """An answer of the platform; its body may never end."""

    status: int
    headers: Mapping[str, str]
    body: Iterable[bytes]

    def response(self) -> Response:
        return StreamingResponse(self.body, self.status, dict(self.headers))


@dataclass
class Shelf:
    """``files`` by the name that the platform gives them. ``how``: what the next requests meet (``MISBEHAVIOURS``, ``odd_type``).

    ``asked``: the names that were asked for. ``strayed``: paths outside the interface that somebody asked for.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    how: deque[str] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def forgotten(self, name: str) -> bool:
        if name in self.files:
            return False
        self.asked.append(name)
        return True

    def take(self, name: str, refusal: dict[str, Any], status: int = 200) -> Handed:
        """``refusal`` and ``status``: how this platform says that it has no such file (any more)."""
        self.asked.append(name)
        how = self.how.popleft() if self.how else "well"
        data = self.files.get(name)
        if data is None or how == "error":
            return self.refused(refusal, status)
        picture, whole = {"Content-Type": "image/jpeg"}, {"Content-Length": str(len(data))}
        misbehaviours: dict[str, Handed] = {
            "page": Handed(200, picture, [b"<!doctype html><title>gateway</title>"]),
            "large": Handed(200, {**picture, "Content-Length": str(10**9)}, self._endless()),
            "endless": Handed(200, picture, self._endless()),
            "slow": Handed(200, picture, self._slow(data)),
            "redirect": Handed(302, {"Location": PRIVATE}, [b""]),
            "broken_off": Handed(200, {**picture, **whole}, [data[: len(data) // 2]]),
            "unavailable": Handed(503, {"Content-Type": "text/html"}, [b"<html>"]),
            "odd_type": Handed(200, {"Content-Type": "text/plain", **whole}, [data]),
            "well": Handed(200, {**picture, **whole}, [data]),
        }
        return misbehaviours[how]

    def refused(self, refusal: dict[str, Any], status: int = 200) -> Handed:
        return Handed(status, {"Content-Type": "application/json"}, [json.dumps(refusal).encode()])

    async def stray(self, request: Request) -> Response:
        self.strayed.append(request.url.path)
        return PlainTextResponse("credentials", 200)

    def _endless(self) -> Iterator[bytes]:
        while not self.released.wait(0.001):
            yield b"\xff" * 4_194_304  # few pieces: what ends it is their size, also on a slow machine

    def _slow(self, data: bytes) -> Iterator[bytes]:
        """Byte by byte; the rest when the test has seen enough."""
        for place in range(len(data)):
            if self.released.wait(0.05):
                yield data[place:]
                return
            yield data[place : place + 1]


def hand_out(handler: BaseHTTPRequestHandler, handed: Handed) -> None:
    """By Python's own server; a body without a length ends with the connection."""
    handler.close_connection = True
    handler.send_response(handed.status)
    for name, value in handed.headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    try:
        for piece in handed.body:
            handler.wfile.write(piece)
    except OSError:
        return  # whoever asked has enough
