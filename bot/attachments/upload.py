"""The way of a file from a request (or a platform) into the storage, and back out; shared by borrowers and agents."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from sqlalchemy.orm import Session

from bot.attachments.content import SUFFIX, check
from bot.attachments.errors import AttachmentLost, AttachmentTooLarge
from bot.attachments.service import AttachmentView, StoredFile
from bot.attachments.storage import Storage
from bot.conversations.gateway import Gateway
from bot.conversations.runtime import Runtime
from bot.core.errors import CareError
from bot.core.settings import Settings

T = TypeVar("T")

UPLOAD_PATHS = re.compile(r"/chat/attachments|/desk/api/cases/[^/]+/attachments")
"""Where a body may be as long as an attachment."""

RAW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "the file itself: JPEG, PNG, WebP or PDF. What it is, is decided by its content; its name is not wanted.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""``openapi_extra`` of an upload."""
FILE_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the file",
        "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in SUFFIX},
    }
}


async def receive(
    request: Request, runtime: Runtime, *, allowed: Callable[[Session], T | None], add: Callable[[Session, StoredFile], T]
) -> T:
    """Asks ``allowed`` before the body is read (a result of it ends the upload), then reads, checks, writes, and calls ``add``.

    Raises what both raise, ``AttachmentTooLarge``, and the errors of ``content.check``.
    """
    earlier = await runtime.gateway.transaction(allowed)
    if earlier is not None:
        return earlier
    return await keep(await request.body(), runtime.settings, runtime.gateway, runtime.decoders, add)


async def keep(
    data: bytes, settings: Settings, gateway: Gateway, decoders: CapacityLimiter, add: Callable[[Session, StoredFile], T]
) -> T:
    """Checks ``data`` by its content, writes it, and calls ``add`` in a transaction.

    Raises what ``add`` raises, ``AttachmentTooLarge``, and the errors of ``content.check``.
    """
    most = settings.attachment_max_bytes
    if len(data) > most:
        raise AttachmentTooLarge("the file is too long", max_bytes=most)
    look = partial(check, data, max_pixels=settings.attachment_max_pixels)
    checked = await to_thread.run_sync(look, limiter=decoders)
    file, storage = StoredFile.of(checked), Storage(settings.attachments_dir)
    await to_thread.run_sync(storage.write, file.attachment_id, checked.data)
    try:
        return await gateway.transaction(lambda session: add(session, file))
    except CareError:
        # Refused inside the transaction, so it was rolled back for certain. After any other error the row may be there all the
        # same (a commit whose answer was lost): then the cleanup decides.
        await to_thread.run_sync(storage.delete, file.attachment_id)
        raise


async def deliver(runtime: Runtime, view: AttachmentView) -> Response:
    """The file, so that a browser shows or saves it and runs nothing of it. Raises ``AttachmentLost``."""
    data = await to_thread.run_sync(Storage(runtime.settings.attachments_dir).read, view.attachment_id)
    if hashlib.sha256(data).hexdigest() != view.sha256:
        raise AttachmentLost("the file of an attachment was changed")
    shown = "inline" if view.media_type.startswith("image/") else "attachment"
    return Response(
        data,
        media_type=view.media_type,
        headers={
            "Content-Disposition": f'{shown}; filename="{view.attachment_id}.{SUFFIX[view.media_type]}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
