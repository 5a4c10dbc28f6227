"""What the widget needs besides the REST channel: a visitor's identity, a customer's conversation on another device, the log
with long-poll, leaving the queue.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from bot.channels.access import count, customer_only, reader_of, visitor_of
from bot.channels.rest import CHANNEL
from bot.channels.schemas import (
    AcknowledgeRequest,
    LeaveQueueRequest,
    MessagesPage,
    RatingRequest,
    Resumed,
    ResumedConversation,
    ResumeRequest,
    Sender,
    Visitor,
)
from bot.conversations.errors import ConversationNotFound
from bot.conversations.handoff import HandoffService
from bot.conversations.ratings import RatingService
from bot.conversations.resuming import ResumingService
from bot.conversations.runtime import BearerToken, CurrentRuntime
from bot.conversations.service import ConversationService, LogPage
from bot.core.http import ERRORS
from bot.core.limits.service import this_address

LONGEST_WAIT_SECONDS = 25.0

router = APIRouter(prefix="/chat", tags=["borrower"], responses=ERRORS)


@router.post("/visitor", status_code=201, summary="Become a visitor")
async def visitor(runtime: CurrentRuntime) -> Visitor:
    await runtime.limits.take(runtime.limits.rules.visitors, this_address())
    sender = f"v-{secrets.token_hex(16)}"
    lifetime = timedelta(days=runtime.settings.visitor_token_days)
    return Visitor(sender=sender, token=runtime.tokens.issue("visitor", sender, lifetime=lifetime))


@router.post("/resume", summary="My conversation, on this device too", response_model_exclude_none=True)
async def resume(body: ResumeRequest, token: BearerToken, runtime: CurrentRuntime) -> Resumed:
    """For customers. Which conversation goes on: one with a human first, else the one in which something was said last."""
    customer_id = await customer_only(runtime, token)
    visitor = visitor_of(runtime, body.visitor_token)
    found = await runtime.gateway.reading(
        lambda session: ResumingService(session, runtime.clock).find(CHANNEL, customer_id, visitor)
    )
    if found is None:
        return Resumed()
    if found.sender != body.sender:
        await count(runtime, runtime.limits.rules.changes, customer_id, "")
        await runtime.gateway.transaction(lambda session: ResumingService(session, runtime.clock).join(found, customer_id))
    runtime.gateway.receipts.sent(entry.id for entry in found.page.entries if entry.state == "queued")
    return Resumed(conversation=ResumedConversation.of_resumable(found))


@router.get("/messages", summary="The log after a sequence number", response_model_exclude_none=True)
async def messages(
    sender: Annotated[Sender, Query()],
    token: BearerToken,
    runtime: CurrentRuntime,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    wait: Annotated[float, Query(ge=0, description="seconds, at most 25", allow_inf_nan=False)] = 0,
    before: Annotated[
        int | None,
        Query(ge=1, le=2**31 - 1, description="the last 200 before it; `after` and `wait` do not count"),
    ] = None,
) -> MessagesPage:
    """Returns at once when there is something after `after`, else waits up to `wait` seconds for it.

    With `after=0` it is the newest part of the log; what is older is read with `before`, back to `seq` 1. A sender under which
    this customer said nothing has an empty log.
    """
    customer_id = await reader_of(runtime, token, sender)

    def read(service: ConversationService, after: int) -> LogPage:
        return service.page(CHANNEL, sender, customer_id, after, before=before)

    with runtime.gateway.follow(read, CHANNEL, sender) as log:
        page = await log.news(after, 0 if before is not None else min(wait, LONGEST_WAIT_SECONDS))
    runtime.gateway.receipts.sent(entry.id for entry in page.entries if entry.state == "queued")
    return MessagesPage.of(page)


@router.post("/ack", status_code=204, summary="What the client holds and the borrower has seen")
async def acknowledge(body: AcknowledgeRequest, token: BearerToken, runtime: CurrentRuntime) -> None:
    """For clients without the socket. Going back is not possible, and the future cannot be read: both are ignored."""
    customer_id = await reader_of(runtime, token, body.sender)
    page = await runtime.gateway.reading(
        lambda session: ConversationService(session, runtime.clock).page(CHANNEL, body.sender, customer_id, body.delivered)
    )
    if page.conversation_id is not None:
        runtime.gateway.receipts.reached(page.conversation_id, delivered=body.delivered, read=body.read)


@router.post("/rating", status_code=204, summary="How was the help of a human?")
async def rate(body: RatingRequest, token: BearerToken, runtime: CurrentRuntime) -> None:
    """404 `nothing_to_rate`, 409 `already_rated`."""
    customer_id = await reader_of(runtime, token, body.sender)
    await count(runtime, runtime.limits.rules.changes, customer_id, body.sender)

    def store(session: Session) -> None:
        page = ConversationService(session, runtime.clock).page(CHANNEL, body.sender, customer_id, 0)
        if page.conversation_id is None:
            raise ConversationNotFound("no such conversation")
        RatingService(session, runtime.clock).rate(page.conversation_id, body.handoff_id, body.score, body.comment)

    await runtime.gateway.transaction(store)


@router.post("/leave-queue", summary="No longer wait for a human", response_model_exclude_none=True)
async def leave_queue(body: LeaveQueueRequest, token: BearerToken, runtime: CurrentRuntime) -> MessagesPage:
    """Back to the bot; answers with the newest part of the log. 409 `not_in_queue` when nothing is waited for."""
    customer_id = await reader_of(runtime, token, body.sender)
    await count(runtime, runtime.limits.rules.changes, customer_id, body.sender)

    def leave(session: Session) -> LogPage:
        conversations = ConversationService(session, runtime.clock)
        page = conversations.page(CHANNEL, body.sender, customer_id, 0)
        if page.conversation_id is None:
            raise ConversationNotFound("no such conversation")
        HandoffService(session, runtime.clock, runtime.texts).leave(page.conversation_id)
        return conversations.page_by_id(page.conversation_id)

    page = await runtime.gateway.transaction(leave)
    runtime.gateway.grew(page.conversation_id)
    return MessagesPage.of(page)
