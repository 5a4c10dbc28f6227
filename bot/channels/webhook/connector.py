"""The generic webhook: any integrator's own messaging, signed in both directions (docs/channels/webhook.md)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from fastapi.exceptions import RequestValidationError
from pydantic import Field, HttpUrl, ValidationError, model_validator

from bot.channels.connector import Callback, Connector, Description, Kit, Received
from bot.channels.registry import Options, must_be_private
from bot.channels.webhook.schemas import IncomingBatch, OutgoingBody
from bot.conversations.outbox.port import UNREACHABLE, Capabilities, OutgoingMessage, SendResult
from bot.core.clock import Clock
from bot.core.signing import MIN_SECRET_CHARS, Signed, check_signature, sign

NAME = "webhook"
TIMESTAMP, NONCE, SIGNATURE = "X-Channel-Timestamp", "X-Channel-Nonce", "X-Channel-Signature"
WINDOW = timedelta(minutes=5)
SEND_SECONDS = 10.0
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


class WebhookOptions(Options):
    """``CHANNELS__WEBHOOK__…``. ``buttons=false``: options become "回复 1", and cards words."""

    secret: str = Field(min_length=MIN_SECRET_CHARS)
    previous_secret: str | None = Field(default=None, min_length=MIN_SECRET_CHARS)
    url: HttpUrl
    buttons: bool = True
    max_chars: int = Field(default=2000, ge=100, le=20_000)

    @model_validator(mode="after")
    def _private(self) -> WebhookOptions:
        must_be_private(self.url, "URL")
        return self


def make(options: Mapping[str, str], kit: Kit) -> Connector:
    """Raises ``ValidationError`` for options that will not do."""
    return WebhookConnector(WebhookOptions.model_validate(dict(options)), kit.clock)


class WebhookConnector:
    name = NAME
    max_bytes = 32_768

    def __init__(self, options: WebhookOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._secrets = [secret for secret in (options.secret, options.previous_secret) if secret]
        self._client = httpx.Client(timeout=SEND_SECONDS, follow_redirects=False)
        self.capabilities = Capabilities(
            buttons=options.buttons, cards=options.buttons, markdown=False, max_chars=options.max_chars
        )

    @property
    def description(self) -> Description:
        return DESCRIPTION

    # ── in
    def verify(self, callback: Callback) -> None:
        """Raises ``CallbackUnauthenticated``, ``CallbackStale``."""
        timestamp, nonce, signature = (callback.headers.get(name.lower(), "") for name in (TIMESTAMP, NONCE, SIGNATURE))
        check_signature(Signed(timestamp, nonce, signature, callback.body), self._secrets, self._clock.now(), WINDOW)

    def parse(self, callback: Callback) -> Received:
        """Raises ``RequestValidationError``."""
        try:
            batch = IncomingBatch.model_validate_json(callback.body)
        except ValidationError as error:
            problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_input=False)]
            raise RequestValidationError(problems) from error
        return Received(
            messages=[each.message() for each in batch.messages],
            receipts=[each.receipt() for each in batch.receipts],
            nonce=callback.headers[NONCE.lower()],
        )

    # ── out
    def send(self, address: str, message: OutgoingMessage) -> SendResult:
        body = OutgoingBody.of(address, message).model_dump_json(exclude_none=True).encode()
        timestamp, nonce = str(int(self._clock.now().timestamp())), secrets.token_urlsafe(16)
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP: timestamp,
            NONCE: nonce,
            SIGNATURE: sign(self._options.secret, timestamp, nonce, body),
        }
        try:
            with self._client.stream("POST", str(self._options.url), content=body, headers=headers) as answer:
                return self._result(answer, message.id)  # what the body says is not read: it may be endless
        except httpx.ConnectError:
            return SendResult("later", error=UNREACHABLE)
        except httpx.HTTPError as error:
            return SendResult("later", error=type(error).__name__, answered=False)

    def _result(self, answer: httpx.Response, message_id: str) -> SendResult:
        code = answer.status_code
        if answer.is_success:
            return SendResult("taken", platform_id=message_id)
        if code in (401, 403):
            return SendResult("reauthorise", error=f"http_{code}")
        if code in _LATER:
            return SendResult("later", error=f"http_{code}", retry_after=self._retry_after(answer))
        return SendResult("never", error=f"http_{code}")

    def _retry_after(self, answer: httpx.Response) -> timedelta | None:
        """Seconds or a date, an hour at most; whatever else it says is ignored."""
        given = answer.headers.get("retry-after", "")
        try:
            wait = timedelta(seconds=int(given)) if given.isdecimal() else parsedate_to_datetime(given) - self._now()
        except (ValueError, OverflowError, TypeError):
            return None
        return min(max(wait, timedelta(0)), timedelta(hours=1))

    def _now(self) -> datetime:
        return self._clock.now().astimezone(UTC)

    def close(self) -> None:
        self._client.close()


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": text}


DESCRIPTION = Description(
    summary="An integrator's messages",
    text="""Stored and answered at once; what the assistant says comes later, as a signed POST to your URL (callback `answer`).

`callback_unauthenticated`, `callback_stale` (401), `callback_replayed` (409), `invalid_request` (422), `payload_too_large`
(413): nothing is stored. A message that came before under its `message_id` changes nothing.""",
    openapi={
        "parameters": [
            _header(TIMESTAMP, "seconds since 1970"),
            _header(NONCE, "16 to 64 of A-Z a-z 0-9 _ -, used once"),
            _header(SIGNATURE, "`v1=` and the hex HMAC-SHA256 of timestamp, `.`, nonce, `.` and the body's bytes"),
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": IncomingBatch.inlined_schema()}}},
        "callbacks": {
            "answer": {
                "{CHANNELS__WEBHOOK__URL}": {
                    "post": {
                        "summary": "What the assistant or a colleague says",
                        "requestBody": {"content": {"application/json": {"schema": OutgoingBody.model_json_schema()}}},
                        "responses": {"2XX": {"description": "taken; anything else is tried again, or given up (docs)"}},
                    }
                }
            }
        },
    },
)
