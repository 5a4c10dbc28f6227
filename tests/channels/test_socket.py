"""The socket: exactly what was missed, then what is new; and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.gateway import Stack, bearer, listening, until


class Client:
    """A widget's end of the socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, frame: dict[str, Any] | str) -> None:
        await self.connection.send(frame if isinstance(frame, str) else json.dumps(frame))

    async def hear(self, seconds: float = 3) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            frame: dict[str, Any] = json.loads(await self.connection.recv())
        return frame

    async def hear_seqs(self) -> list[int]:
        frame = await self.hear()
        assert frame["type"] == "log", frame
        return [message["seq"] for message in frame["messages"]]

    async def closed(self) -> tuple[str, int]:
        """The error that the server named after pages without news, and the code with which it closed."""
        error = await self.hear()
        while error["type"] == "log" and not error["messages"]:
            error = await self.hear()
        assert error["type"] == "error", error
        with pytest.raises(ConnectionClosed) as closed:
            await self.hear()
        assert closed.value.rcvd is not None
        return error["code"], closed.value.rcvd.code


@asynccontextmanager
async def widget(stack: Stack, **options: Any) -> AsyncIterator[Client]:
    async with listening(stack.app) as address, connect(f"ws://{address}/chat/socket", **options) as connection:
        yield Client(connection)


def hello(sender: str, token: str, after: int = 0) -> dict[str, Any]:
    return {"type": "hello", "sender": sender, "token": token, "after": after}


async def test_a_client_gets_what_it_missed_and_then_what_is_new(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    async with widget(stack) as client:
        await client.say(hello(sender, token, after=1))
        frame = await client.hear()
        assert [(m["seq"], m["author"], m["text"]) for m in frame["messages"]] == [(2, "bot", "听到：一")]
        assert (frame["last_seq"], frame["owner"], frame["agent_read_seq"]) == (2, "bot", 0)
        await stack.say("二", sender=sender, token=token, message_id="m-2")
        seqs: list[int] = []
        while seqs != [3, 4]:
            seqs += await client.hear_seqs()


async def test_a_visitor_who_has_said_nothing_is_told_so_and_hears_the_first_message(stack: Stack) -> None:
    sender, token = await stack.visitor()
    async with widget(stack) as client:
        await client.say(hello(sender, token))
        assert (await client.hear())["messages"] == []
        await stack.say("一", sender=sender, token=token)
        seqs: list[int] = []
        while seqs != [1, 2]:
            seqs += await client.hear_seqs()


async def test_a_change_of_owner_is_told_even_without_a_message_for_the_client(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("转人工", sender=sender, token=token)
    conversation = stack.conversation(sender=sender).id
    async with widget(stack) as client:
        await client.say(hello(sender, token))
        assert (await client.hear())["owner"] == "bot"
        stack.request_human(conversation)  # in the action server's process: found by the watcher
        assert (await client.hear())["owner"] == "queue"


async def test_a_quiet_line_is_spoken_on_so_that_a_page_can_tell_it_from_a_dead_one(stack: Stack) -> None:
    assert stack.settings.socket_look_seconds <= 30  # the widget hangs up after 75 s of silence
    stack.settings.socket_look_seconds = 0.05
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    async with widget(stack) as client:
        await client.say(hello(sender, token, after=2))
        first = await client.hear()
        assert first == {"type": "log", "messages": [], "last_seq": 2, "owner": "bot", "agent_read_seq": 0}
        assert [await client.hear(), await client.hear()] == [first, first]
        await stack.say("二", sender=sender, token=token, message_id="m-2")
        seqs: list[int] = []
        while seqs != [3, 4]:
            seqs += await client.hear_seqs()


async def test_what_the_borrower_holds_and_has_seen_is_recorded_and_never_goes_back(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    await stack.say("二", sender=sender, token=token)
    conversation = stack.conversation(sender=sender).id

    def states() -> list[str]:
        return [row.state for row in stack.log(conversation) if row.direction == "out"]

    async with widget(stack) as client:
        await client.say(hello(sender, token))
        await client.hear()
        await client.say({"type": "ack", "delivered": 4})
        await until(lambda: states() == ["delivered", "delivered"])
        await client.say({"type": "ack", "delivered": 4, "read": 2})
        await until(lambda: states() == ["read", "delivered"])
    for body in ({"delivered": 2}, {"read": 2}, {"delivered": 99}):
        response = await stack.client.post("/chat/ack", json={"sender": sender, **body}, headers=bearer(token))
        assert response.status_code == 204
        await stack.runtime.gateway.receipts.flush()
    assert states() == ["read", "delivered"]
    assert (await stack.client.post("/chat/ack", json={"sender": sender, "read": 99}, headers=bearer(token))).status_code == 204
    await stack.runtime.gateway.receipts.flush()
    assert states() == ["read", "read"]


@pytest.mark.parametrize(
    "frame",
    [
        "nonsense",
        "[]",
        {"type": "hello"},
        {"type": "ack", "read": 1},
        {"type": "hello", "sender": "u", "token": "t", "after": -1},
        {"type": "hello", "sender": "", "token": "t"},
        "x" * 20_000,
    ],
)
async def test_a_frame_that_makes_no_sense_ends_the_socket(stack: Stack, frame: dict[str, Any] | str) -> None:
    async with widget(stack) as client:
        await client.say(frame)
        assert await client.closed() == ("malformed_frame", 4400)


async def test_nobody_reads_another_ones_log(stack: Stack) -> None:
    sender, token = await stack.visitor()
    await stack.say("一", sender=sender, token=token)
    other_sender, other_token = await stack.visitor()
    await stack.say("我的欠款", sender="u-1", token=stack.customer_token("C1001"))
    attempts = [
        (hello(sender, other_token), ("sender_mismatch", 4404)),
        (hello(sender, "x.y.z"), ("token_invalid", 4401)),
        (hello(other_sender, stack.agent()["Authorization"].removeprefix("Bearer ")), ("token_invalid", 4401)),
    ]
    for frame, refusal in attempts:
        async with widget(stack) as client:
            await client.say(frame)
            assert await client.closed() == refusal


async def test_pages_of_other_origins_are_refused_unless_they_may_embed_us(stack: Stack) -> None:
    async with widget(stack, origin="https://evil.example") as client:
        assert await client.closed() == ("foreign_origin", 4403)
    stack.settings.cors_origins.append("https://shop.example")
    sender, token = await stack.visitor()
    async with widget(stack, origin="https://shop.example") as client:
        await client.say(hello(sender, token))
        assert (await client.hear())["type"] == "log"


async def test_a_token_that_runs_out_ends_the_socket(stack: Stack) -> None:
    stack.settings.socket_look_seconds = 0.05
    sender, token = await stack.visitor()
    async with widget(stack) as client:
        await client.say(hello(sender, token))
        await client.hear()
        stack.clock.advance(days=stack.settings.visitor_token_days, minutes=1)
        assert await client.closed() == ("token_expired", 4401)


async def test_who_says_no_hello_is_not_waited_for(stack: Stack) -> None:
    stack.settings.socket_hello_seconds = 0.05
    async with widget(stack) as client:
        assert await client.closed() == ("no_hello", 4408)


async def test_an_ending_process_lets_go_of_every_socket(stack: Stack) -> None:
    sender, token = await stack.visitor()
    async with widget(stack) as client:
        await client.say(hello(sender, token))
        await client.hear()
        stack.runtime.gateway.close()
        with pytest.raises(ConnectionClosed) as closed:
            await client.hear()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
    assert len(stack.runtime.gateway.wakeups) == 0
