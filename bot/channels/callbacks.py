"""The door of messaging platforms, ``/channels/<name>``: checked, stored, acknowledged at once; no answer is waited for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from bot.channels.connector import Callback, Connector, Reply
from bot.channels.reception import keep
from bot.conversations.inbox.service import INBOX
from bot.conversations.runtime import CurrentRuntime
from bot.core.errors import NotFound, PayloadTooLarge
from bot.core.http import ERRORS

PREFIX = "/channels"

closed = APIRouter(prefix=PREFIX)
"""Channels that are not configured answer like any path that does not exist; include it after the open ones."""


@closed.api_route("/{path:path}", methods=["GET", "POST"], include_in_schema=False)
async def nothing_here(path: str) -> None:
    raise NotFound("Not Found")


def make_router(connector: Connector) -> APIRouter:
    """The routes of one platform."""
    router = APIRouter(prefix=PREFIX, tags=["channels"], responses=ERRORS)
    described = connector.description

    async def receive(request: Request, runtime: CurrentRuntime) -> Response:
        callback = Callback(
            request.method, dict(request.query_params), dict(request.headers), await _body(request, connector.max_bytes)
        )
        connector.verify(callback)
        received = connector.parse(callback)

        if received.messages or received.receipts or received.nonce is not None or received.also is not None:
            await runtime.gateway.transaction(lambda session: keep(session, runtime.clock, connector.name, received))
            runtime.gateway.wakeups.notify(INBOX)
        reply = received.reply or Reply()
        return Response(reply.body, media_type=reply.media_type)

    more: dict[str, Any] = {"include_in_schema": False}
    if described is not None:
        more = {"summary": described.summary, "description": described.text, "openapi_extra": dict(described.openapi)}
    router.add_api_route(f"/{connector.name}", receive, methods=["POST"], name=f"{connector.name}_callback", **more)
    router.add_api_route(f"/{connector.name}", receive, methods=["GET"], include_in_schema=False)
    return router


async def _body(request: Request, max_bytes: int) -> bytes:
    """Raises ``PayloadTooLarge`` without reading on."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > max_bytes:
            raise PayloadTooLarge(f"a callback has at most {max_bytes} bytes", max_bytes=max_bytes)
        pieces.append(piece)
    return b"".join(pieces)
