"""Rasa's REST channel, served by us: any client of Rasa works, and gets order, retries and identity on top."""

from __future__ import annotations

from fastapi import APIRouter, BackgroundTasks

from bot.channels.access import customer_of, proves_visitor
from bot.channels.schemas import Health, WebhookReply, WebhookRequest
from bot.conversations.runtime import BearerToken, CurrentRuntime
from bot.conversations.turns import Inbound
from bot.core.http import ERRORS

CHANNEL = "rest"

router = APIRouter(prefix="/webhooks/rest", tags=["borrower"], responses=ERRORS)


@router.get("/", summary="Health, as Rasa's channel has it", include_in_schema=False)
@router.get("/webhook", summary="Health of the channel")
async def health() -> Health:
    return Health()


@router.post("/webhook", summary="Say something to the assistant", response_model_exclude_none=True)
async def receive(
    body: WebhookRequest, token: BearerToken, runtime: CurrentRuntime, background: BackgroundTasks
) -> list[WebhookReply]:
    """Answers with the assistant's messages; an empty list while a human owns the conversation.

    A repeated `metadata.message_id` returns the first answer; with another text it is refused (`message_id_reused`).
    """
    metadata = body.metadata
    inbound = Inbound(
        channel=CHANNEL,
        sender=body.sender,
        text=body.message,
        customer_id=customer_of(runtime, token, body.sender),
        message_id=None if metadata is None or metadata.message_id is None else str(metadata.message_id),
        adopt_anonymous=metadata is not None and proves_visitor(runtime, metadata.visitor_token, body.sender),
    )
    answers = await runtime.gateway.handle(inbound)
    background.add_task(runtime.gateway.mark_sent, [answer.id for answer in answers if answer.state == "queued"])
    return [WebhookReply.of(answer, body.sender) for answer in answers]
