"""The bank's side door: its signed reports about our orders (docs/bank-callbacks.md). Without a secret it does not exist."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.conversations.runtime import CurrentRuntime
from bot.core.errors import NotFound, PayloadTooLarge
from bot.core.http import ERRORS
from bot.core.settings import Settings
from bot.core.signing import Signed, check_signature
from bot.core.wire import Text
from bot.loans.servicing.callbacks import CallbackService, OrderNotFound
from bot.loans.servicing.channel import ChannelEvent, ChannelResult
from bot.loans.servicing.orders import log_outcome
from bot.loans.unit import Unit

PATH = "/bank/callbacks"
MAX_BYTES = 4096
"""A report has four short fields."""


closed = APIRouter()
"""Without a secret: the path answers like any that does not exist (the catch-all for pages would make it a 405)."""


@closed.post(PATH, include_in_schema=False)
async def nothing_here() -> None:
    raise NotFound("Not Found")


class BankCallback(BaseModel):
    """One report. The bank repeats it, under the same ``event_id``, until it gets 200."""

    model_config = ConfigDict(extra="forbid", strict=True)

    event_id: Annotated[Text, StringConstraints(min_length=1, max_length=80)]
    order_no: Annotated[Text, StringConstraints(min_length=1, max_length=40)]
    state: Literal["processing", "settled", "failed", "returned"]
    code: Annotated[Text, StringConstraints(min_length=1, max_length=32)] | None = Field(
        default=None, description="why it failed or came back; an unknown code counts as our side's"
    )

    def event(self) -> ChannelEvent:
        return ChannelEvent(self.event_id, ChannelResult(self.order_no, self.state, self.code))


class CallbackAnswer(BaseModel):
    """``applied``: booked now. ``repeated``: known already. ``pending``: noted, nothing to book yet. ``contradiction``: noted for
    a person, because the order was settled before and is now called failed.
    """

    outcome: Literal["applied", "repeated", "pending", "contradiction"]


def make_router(settings: Settings) -> APIRouter:
    """The route, for the secrets of the settings. Raises ``ValueError`` without one: it is never open to everybody."""
    given = (settings.bank_callback_secret, settings.bank_callback_previous_secret)
    secrets = [secret.get_secret_value() for secret in given if secret is not None]
    if not secrets:
        raise ValueError("the bank's callbacks need BANK_CALLBACK_SECRET")
    window = timedelta(seconds=settings.bank_callback_window_seconds)
    router = APIRouter(tags=["bank"], responses=ERRORS)

    @router.post(PATH, summary="The bank reports where an order stands", openapi_extra=_described_body())
    async def receive(
        request: Request,
        runtime: CurrentRuntime,
        timestamp: Annotated[str, Header(alias="X-Callback-Timestamp", description="seconds since 1970")] = "",
        nonce: Annotated[str, Header(alias="X-Callback-Nonce", description="16 to 64 of A-Z a-z 0-9 _ -, used once")] = "",
        signature: Annotated[
            str,
            Header(
                alias="X-Callback-Signature",
                description="`v1=` and the hex HMAC-SHA256 of timestamp, `.`, nonce, `.` and the body's bytes",
            ),
        ] = "",
    ) -> CallbackAnswer:
        """Booked exactly once, in the request. Any order of reports ends in the same books; repetitions are harmless.

        `callback_unauthenticated`, `callback_stale` (401), `callback_replayed`, `idempotency_key_reused` (409: the event
        reported something else before), `invalid_request` (422): nothing is stored. `payment_order_not_found` (404): kept for a
        person, nothing is booked.
        """
        message = Signed(timestamp, nonce, signature, await _body(request))
        check_signature(message, secrets, runtime.clock.now(), window)
        event = _parsed(message.body).event()
        outcome = await runtime.gateway.transaction(
            lambda session: CallbackService(Unit(session, runtime.clock)).receive(event, nonce)
        )
        log_outcome(event.result, outcome)
        if outcome == "unknown_order":
            raise OrderNotFound("no such order")
        return CallbackAnswer(outcome=outcome)

    return router


async def _body(request: Request) -> bytes:
    """Raises ``PayloadTooLarge`` without reading on."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BYTES:
            raise PayloadTooLarge(f"a callback has at most {MAX_BYTES} bytes", max_bytes=MAX_BYTES)
        pieces.append(piece)
    return b"".join(pieces)


def _parsed(body: bytes) -> BankCallback:
    """Raises ``RequestValidationError``, which is answered like that of any route."""
    try:
        return BankCallback.model_validate_json(body)
    except ValidationError as error:
        problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_input=False)]
        raise RequestValidationError(problems) from error


def _described_body() -> dict[str, Any]:
    """FastAPI does not see the body: the signature is over its bytes, so it is read before it is parsed."""
    schema = BankCallback.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
