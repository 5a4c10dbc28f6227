"""What every HTTP route shares: the shape of an error, the bearer token, and the boundary around each request."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field, StrictStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.core.errors import CareError
from bot.core.origin import Origin, coming_from

log = structlog.get_logger(__name__)

_HTTP_CODES = {400: "malformed_json", 404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}
_REQUEST_ID = re.compile(r"[\w-]{8,64}")
_QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class ErrorBody(BaseModel):
    """``code`` never changes once published; ``message`` is for developers; ``details`` holds values safe to show."""

    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict)


class ErrorResponse(BaseModel):
    """The body of every answer with a status of 400 or more."""

    error: ErrorBody


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorResponse, "description": "refused; `error.code` is stable"},
    "5XX": {"model": ErrorResponse, "description": "our fault; `error.details.error_id` finds it in the log"},
}
"""For ``responses=`` of routers, so that OpenAPI shows the error shape."""


def storable(text: str) -> str:
    """``text`` without what a database or UTF-8 cannot hold: NUL is dropped, half a surrogate pair becomes U+FFFD."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _filled(text: str) -> str:
    stripped = storable(text).strip()
    if not stripped:
        raise ValueError("must not be empty")
    return stripped


CleanStr = Annotated[StrictStr, AfterValidator(storable)]
"""A string of a request that is safe to store; it may be empty."""
FilledStr = Annotated[StrictStr, AfterValidator(_filled)]
"""The same without outer blanks; it must not be empty."""

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
"""A number in an address: what no row can have is a 422, and never reaches the database."""


def error_response(status: int, code: str, message: str, details: Mapping[str, object] | None = None) -> JSONResponse:
    """The error shape. ``details.retry_after`` (seconds) also becomes the header of that name."""
    body = ErrorResponse(error=ErrorBody(code=code, message=message, details=dict(details or {})))
    headers = {"Retry-After": str(details["retry_after"])} if details and "retry_after" in details else None
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    return JSONResponse(body.model_dump(mode="json"), status_code=status, headers=headers)


def _care_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, CareError):
        raise error
    if error.status >= 500:
        log.error("request failed", code=error.code, reason=error.message)
    return error_response(error.status, error.code, error.message, error.details)


def _http_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return error_response(error.status_code, _HTTP_CODES.get(error.status_code, "http_error"), str(error.detail))


def _validation_error(_request: Request, error: Exception) -> Response:
    """Names the fields but never repeats their values: they may be personal."""
    if not isinstance(error, RequestValidationError):
        raise error
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return error_response(400, "malformed_json", "the body is not valid JSON")
    if any(problem["type"] == "missing" and tuple(problem["loc"]) == ("body",) for problem in problems):
        return error_response(400, "malformed_json", "the body is empty")
    fields = [{"field": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]} for item in problems[:10]]
    return error_response(422, "invalid_request", "a field is missing or has a wrong value", {"fields": fields})


def same_origin(connection: HTTPConnection) -> bool:
    """Whether the page that asks is ours; a client that names no origin is no browser's page."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


def install_error_handlers(app: FastAPI) -> None:
    """Every error that a route raises leaves in one shape."""
    app.add_exception_handler(CareError, _care_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)


class BodyLimit:
    """Refuses bodies above ``max_bytes`` without reading them to their end, in the shape of every other error.

    ``uploads``: the paths where up to ``upload_bytes`` are taken.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, uploads: re.Pattern[str] | None = None, upload_bytes: int = 0) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.uploads = uploads
        self.upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_upload = self.uploads is not None and self.uploads.fullmatch(scope["path"]) is not None
        most = self.upload_bytes if is_upload else self.max_bytes
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared[:18]) > most:
            message = f"the body is longer than {most} bytes"
            await error_response(413, "payload_too_large", message, {"max_bytes": most})(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise HTTPException(413, f"the body is longer than {most} bytes")
            return message

        await self.app(scope, counted, send)


class RequestBoundary:
    """The outermost middleware: request id, access log without query strings, and no exception past this point."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        status = 0

        async def remember(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        client = scope.get("client")
        try:
            with coming_from(Origin("http", client[0][:45] if client else None, request_id)):
                await self.app(scope, receive, remember)
        except Exception:
            error_id = secrets.token_hex(4).upper()
            log.exception("unexpected error", error_id=error_id)
            if status == 0:
                details = {"error_id": error_id}
                await error_response(500, "internal_error", "an unexpected error", details)(scope, receive, remember)
        finally:
            if scope["path"] not in _QUIET_PATHS:
                elapsed = round((time.perf_counter() - started) * 1000, 1)
                log.info("request", method=scope["method"], path=scope["path"], status=status, ms=elapsed)
