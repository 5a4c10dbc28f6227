"""The desk's socket: something has changed; and who may listen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect

from bot.desk.models import Attendance
from tests.gateway import Stack, listening, until


@asynccontextmanager
async def page(stack: Stack, cookie: str | None, origin: str | None = "same") -> AsyncIterator[ClientConnection]:
    async with listening(stack.app) as address:
        headers = {} if cookie is None else {"Cookie": f"suixing_desk={cookie}"}
        named = f"http://{address}" if origin == "same" else origin
        async with connect(f"ws://{address}/desk/api/socket", additional_headers=headers, origin=named) as connection:  # type: ignore[arg-type]
            yield connection


async def cookie_of(stack: Stack, agent_id: str = "A2001") -> str:
    await stack.client.post("/desk/api/login", json={"agent_id": agent_id, "password": "suixing-demo"})
    return stack.client.cookies["suixing_desk"]


async def changed(connection: ClientConnection) -> bool:
    async with asyncio.timeout(3):
        return bool(json.loads(await connection.recv()) == {"type": "changed"})


async def closed(connection: ClientConnection) -> int:
    async with asyncio.timeout(3):
        await connection.wait_closed()
    assert connection.close_code is not None
    return connection.close_code


async def test_a_page_hears_of_changes_and_its_agent_is_there(stack: Stack) -> None:
    sender, token = await stack.visitor()
    async with page(stack, await cookie_of(stack)) as connection:
        assert await changed(connection)
        await stack.say("一", sender=sender, token=token)
        assert await changed(connection)
        stack.request_human(stack.conversation(sender=sender).id)  # by another process
        assert await changed(connection)

        def there() -> bool:
            with stack.database.transaction() as session:
                return session.get(Attendance, "A2001") is not None

        await until(there)


@pytest.mark.parametrize(("origin", "code"), [("http://evil.example", 4403), (None, 4403)])
async def test_foreign_pages_and_programs_are_refused(stack: Stack, origin: str | None, code: int) -> None:
    async with page(stack, await cookie_of(stack), origin) as connection:
        assert await closed(connection) == code


@pytest.mark.parametrize("cookie", [None, "", "x"])
async def test_without_a_session_nobody_listens(stack: Stack, cookie: str | None) -> None:
    async with page(stack, cookie) as connection:
        assert await closed(connection) == 4401


async def test_a_session_that_ends_closes_the_socket(stack: Stack) -> None:
    stack.settings.socket_look_seconds = 0.05
    async with page(stack, await cookie_of(stack)) as connection:
        assert await changed(connection)
        stack.clock.advance(hours=11)
        assert await closed(connection) == 4401
