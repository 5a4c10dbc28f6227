"""What the widget needs besides the REST channel: a visitor's identity, the log with long-poll, leaving the queue."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query
from sqlalchemy.orm import Session

from bot.channels.access import reader_of
from bot.channels.rest import CHANNEL
from bot.channels.schemas import LeaveQueueRequest, MessagesPage, Sender, Visitor
from bot.conversations.errors import ConversationNotFound
from bot.conversations.handoff import HandoffService
from bot.conversations.runtime import BearerToken, CurrentRuntime
from bot.conversations.service import ConversationService, LogPage
from bot.core.http import ERRORS

LONGEST_WAIT_SECONDS = 25.0

router = APIRouter(prefix="/chat", tags=["borrower"], responses=ERRORS)


@router.post("/visitor", status_code=201, summary="Become a visitor")
async def visitor(runtime: CurrentRuntime) -> Visitor:
    sender = f"v-{secrets.token_hex(16)}"
    lifetime = timedelta(days=runtime.settings.visitor_token_days)
    return Visitor(sender=sender, token=runtime.tokens.issue("visitor", sender, lifetime=lifetime))


@router.get("/messages", summary="The log after a sequence number", response_model_exclude_none=True)
async def messages(
    sender: Annotated[Sender, Query()],
    token: BearerToken,
    runtime: CurrentRuntime,
    background: BackgroundTasks,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    wait: Annotated[float, Query(ge=0, description="seconds, at most 25", allow_inf_nan=False)] = 0,
) -> MessagesPage:
    """Returns at once when there is something after `after`, else waits up to `wait` seconds for it.

    With `after=0` it is the newest part of the log. Another customer's conversation is a 404.
    """
    customer_id = await reader_of(runtime, token, sender)

    def read(service: ConversationService) -> LogPage:
        return service.page(CHANNEL, sender, customer_id, after)

    page = await runtime.gateway.wait_for_messages(read, after, min(wait, LONGEST_WAIT_SECONDS))
    queued = [entry.id for entry in page.entries if entry.state == "queued"]
    background.add_task(runtime.gateway.mark_sent, queued)
    return MessagesPage.of(page)


@router.post("/leave-queue", summary="No longer wait for a human", response_model_exclude_none=True)
async def leave_queue(body: LeaveQueueRequest, token: BearerToken, runtime: CurrentRuntime) -> MessagesPage:
    """Back to the bot; answers with the newest part of the log. 409 `not_in_queue` when nothing is waited for."""
    customer_id = await reader_of(runtime, token, body.sender)

    def leave(session: Session) -> LogPage:
        conversations = ConversationService(session, runtime.clock)
        page = conversations.page(CHANNEL, body.sender, customer_id, 0)
        if page.conversation_id is None:
            raise ConversationNotFound("no such conversation")
        HandoffService(session, runtime.clock, runtime.texts).leave(page.conversation_id)
        return conversations.page_by_id(page.conversation_id)

    page = await runtime.gateway.transaction(leave)
    runtime.gateway.wakeups.notify(page.conversation_id)
    return MessagesPage.of(page)
