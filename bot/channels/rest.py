"""Rasa's REST channel, served by us: any client of Rasa works, and gets order, retries and identity on top."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from bot.channels.access import customer_of, proves_visitor
from bot.channels.schemas import Health, WebhookReply, WebhookRequest
from bot.conversations.runtime import BearerToken, CurrentRuntime
from bot.conversations.turns import Inbound
from bot.core.http import ERRORS
from bot.core.limits.service import this_address

CHANNEL = "rest"


class AnyContentType(APIRoute):
    """Reads the body as JSON whatever the client calls it, as Rasa does (``curl -d`` sends a form's content type)."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_as_json(request: Request) -> Response:
            headers = [pair for pair in request.scope["headers"] if pair[0] != b"content-type"]
            scope = {**request.scope, "headers": [*headers, (b"content-type", b"application/json")]}
            return await handle(Request(scope, request.receive))

        return handle_as_json


router = APIRouter(prefix="/webhooks/rest", tags=["borrower"], responses=ERRORS, route_class=AnyContentType)


@router.get("/", summary="Health, as Rasa's channel has it", include_in_schema=False)
@router.get("/webhook", summary="Health of the channel")
async def health() -> Health:
    return Health()


@router.post("/webhook", summary="Say something to the assistant", response_model_exclude_none=True)
async def receive(body: WebhookRequest, token: BearerToken, runtime: CurrentRuntime) -> list[WebhookReply]:
    """Answers with the assistant's messages; an empty list while a human owns the conversation.

    A repeated `metadata.message_id` returns the first answer; with another text it is refused (`message_id_reused`).
    """
    metadata = body.metadata
    customer_id = await customer_of(runtime, token, body.sender)
    if not customer_id:
        runtime.limits.take_here(runtime.limits.rules.anonymous_messages, this_address())
    inbound = Inbound(
        channel=CHANNEL,
        sender=body.sender,
        text=body.message,
        customer_id=customer_id,
        message_id=None if metadata is None or metadata.message_id is None else str(metadata.message_id),
        adopt_anonymous=metadata is not None and proves_visitor(runtime, metadata.visitor_token, body.sender),
    )
    answers = await runtime.gateway.handle(inbound)
    runtime.gateway.receipts.sent(answer.id for answer in answers if answer.state == "queued")
    return [WebhookReply.of(answer, body.sender) for answer in answers]
