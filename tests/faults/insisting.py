"""A request that is made again and again, as a widget or the desk does, until the server has taken it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

REFUSALS_THAT_PASS = frozenset({429, 500, 502, 503, 504})
TAKEN = frozenset({200, 201, 204})


async def insist(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    final: frozenset[int] = TAKEN,
    tried: Callable[[], None] = lambda: None,
    **options: Any,
) -> httpx.Response:
    """The first answer whose status is one of ``final``. ``tried`` is called before each request."""
    while True:
        tried()
        try:
            response = await client.request(method, path, **options)
        except httpx.HTTPError:
            await asyncio.sleep(0.5)
            continue
        if response.status_code in final:
            return response
        assert response.status_code in REFUSALS_THAT_PASS, f"{method} {path}: {response.status_code} {response.text}"
        await asyncio.sleep(1.0)
