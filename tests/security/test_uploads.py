"""Uploads that are not what they say, never end, or come all at once. What content is taken: tests/attachments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.attachments import files
from tests.gateway import Stack, bearer, listening, until

TYPES = ("image/png", "application/pdf", "text/html", "image/svg+xml", "multipart/form-data; boundary=x", "application/json", "")


async def send(stack: Stack, data: bytes, sender: str = "u-1", **headers: str) -> httpx.Response:
    given = {**bearer(stack.customer_token()), **headers}
    return await stack.client.post("/chat/attachments", params={"sender": sender}, content=data, headers=given)


def stored(stack: Stack) -> int:
    folder = stack.settings.attachments_dir
    return sum(1 for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0


@pytest.mark.parametrize("claimed", TYPES)
async def test_what_the_client_calls_it_changes_nothing(stack: Stack, claimed: str) -> None:
    taken = await send(stack, files.image(), **{"Content-Type": claimed})
    assert (taken.status_code, taken.json()["media_type"]) == (201, "image/png")
    for data in (files.HTML, files.SVG, b"MZ\x90\x00", b"#!/bin/sh\n", b"GIF89a<script>"):
        refused = await send(stack, data, **{"Content-Type": claimed})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "attachment_type_not_allowed")
    assert stored(stack) == 1


@pytest.mark.parametrize("make", [files.image, files.photo, files.pdf], ids=["png", "jpeg", "pdf"])
@pytest.mark.parametrize("tail", [files.HTML, b"PK\x03\x04" + b"x" * 40, b"\nMZ\x90\x00"], ids=["html", "zip", "exe"])
async def test_nothing_that_hides_behind_a_file_is_ever_served(stack: Stack, make: object, tail: bytes) -> None:
    """A picture is written anew without it; a PDF with something behind its end is refused, or has it inside its last lines."""
    assert callable(make)
    response = await send(stack, make() + tail)
    if response.status_code == 201:
        read = await stack.client.get(
            f"/chat/attachments/{response.json()['attachment_id']}", headers=bearer(stack.customer_token())
        )
        assert read.headers["content-type"] == response.json()["media_type"]
        assert read.headers["x-content-type-options"] == "nosniff"
        assert response.json()["media_type"] == "application/pdf" or tail not in read.content
        assert response.json()["media_type"] != "application/pdf" or read.headers["content-disposition"].startswith("attachment")
    else:
        assert response.json()["error"]["code"] in {"attachment_unsafe", "attachment_unreadable"}
        assert stored(stack) == 0


async def test_a_body_without_a_length_is_counted_as_it_comes(stack: Stack) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10 * stack.settings.attachment_max_bytes:
            sent += 65536
            yield b"\x00" * 65536

    headers = bearer(stack.customer_token())
    for path, most in (("/chat/attachments", stack.settings.attachment_max_bytes), ("/chat/ack", stack.settings.max_body_bytes)):
        sent = 0
        response = await stack.client.post(path, params={"sender": "u-1"}, content=endless(), headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")
        assert sent <= most + 2 * 65536, "it is not read to its end"
    assert stored(stack) == 0


@pytest.mark.parametrize("declared", ["-1", "1e3", "９", "99999999999999999999999"])
async def test_a_length_that_makes_no_sense_is_refused(stack: Stack, declared: str) -> None:
    response = await send(stack, files.image(), **{"Content-Length": declared}) if declared.isascii() else None
    if response is not None:
        assert response.status_code == 413
        assert stored(stack) == 0


async def test_a_slow_or_broken_upload_holds_nobody_up_and_leaves_nothing(stack: Stack) -> None:
    """Over a real connection: half a body, then silence; others are served meanwhile; then the client is gone."""
    async with listening(stack.app) as address:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        data = files.image(size=(300, 300))
        head = (
            f"POST /chat/attachments?sender=u-1 HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len(data)}\r\n"
            f"Authorization: Bearer {stack.customer_token()}\r\n\r\n"
        )
        writer.write(head.encode() + data[: len(data) // 2])
        await writer.drain()
        async with httpx.AsyncClient(base_url=f"http://{address}") as other:
            taken = await other.post(
                "/chat/attachments", params={"sender": "u-2"}, content=data, headers=bearer(stack.customer_token("C1001"))
            )
            said = await other.post("/webhooks/rest/webhook", json={"sender": "u-3", "message": "在吗"})
        assert (taken.status_code, said.status_code) == (201, 200)
        assert taken.headers.get("server") in {None, "uvicorn"}
        writer.close()
        await writer.wait_closed()
        assert reader.at_eof() or await reader.read() == b""
        await until(lambda: stored(stack) == 1)
    assert stored(stack) == 1


async def test_many_at_once_never_become_more_than_a_conversation_takes(stack: Stack) -> None:
    most = stack.settings.attachments_per_conversation
    answers = await asyncio.gather(*(send(stack, files.image(size=(2, n + 1))) for n in range(most + 8)))
    assert [each.status_code for each in answers].count(201) == most
    assert {each.json()["error"]["code"] for each in answers if each.status_code != 201} == {"too_many_attachments"}
    assert stored(stack) == most


async def test_a_case_takes_only_so_many_files_from_agents(stack: Stack) -> None:
    unknown = await stack.client.post(
        "/desk/api/cases/C-20260101-9999/attachments",
        params={"audience": "internal"},
        content=files.png_bomb(60000, 60000),
        headers=stack.agent(),
    )
    assert unknown.status_code == 404, "asked before the body is read"
    assert stored(stack) == 0
