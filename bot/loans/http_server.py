"""The reference server: any ``LoanBackend`` under ``/loan-backend/v1``, with a shared secret.

An integrator may run it around their own Python implementation, or rebuild it in another language from
``docs/loan-backend.openapi.json``. Each request is one unit of work: ``open_backend`` commits when its block ends and rolls back
when it raises, and the answer leaves only after that.
"""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bot.audit.service import audited
from bot.core.clock import SystemClock
from bot.core.database import Database
from bot.core.errors import Unauthenticated
from bot.core.http import BodyLimit, ErrorResponse, RequestBoundary, install_error_handlers
from bot.core.logs import configure_logging
from bot.core.settings import Settings
from bot.loans.http_contract import ERROR_CLASSES, KEY_HEADER, OPERATIONS, Operation, key_of
from bot.loans.port import LoanBackend
from bot.loans.service import SqlLoanBackend

OpenBackend = Callable[[], AbstractContextManager[LoanBackend]]
MAX_BODY_BYTES = 65536
MIN_SECRET_CHARS = 16

DESCRIPTION = f"""The loan books as 随星客服 asks for them. Amounts are integers in 分, dates `YYYY-MM-DD` (business dates in \
Shanghai), moments RFC 3339 with zone, rates decimal strings. Every answer of 400 or more is \
`{{"error": {{"code", "message", "details"}}}}`. Commands carry `{KEY_HEADER}`; the same key and parameters give the first \
answer again, other parameters 409 `idempotency_key_reused`. What integrators must know: docs/loan-backend.md."""


def make_router(open_backend: OpenBackend, accepted_secrets: Sequence[str]) -> APIRouter:
    """The routes. Several secrets may be accepted at once, so that one can be replaced without a pause.

    Raises ``ValueError`` when there is no secret, or one shorter than 16 characters.
    """
    if not accepted_secrets or any(len(secret) < MIN_SECRET_CHARS for secret in accepted_secrets):
        raise ValueError(f"the loan backend needs a secret of at least {MIN_SECRET_CHARS} characters")

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]) -> None:
        token = b"" if given is None else given.credentials.encode()
        if not any(secrets.compare_digest(token, secret.encode()) for secret in accepted_secrets):
            raise Unauthenticated("the shared secret is missing or wrong")

    router = APIRouter(tags=["loan backend"], dependencies=[Depends(check)], responses=_error_responses())
    for operation in OPERATIONS.values():
        router.add_api_route(
            operation.path,
            _endpoint(operation, open_backend),
            methods=[operation.verb],
            operation_id=operation.name,
            summary=operation.name.replace("_", " ").capitalize(),
            description=operation.doc.replace("``", "`"),
            response_model=operation.result_type,
            openapi_extra={"x-safe": operation.safe},
        )
    return router


def _endpoint(operation: Operation, open_backend: OpenBackend) -> Callable[..., Response]:
    def endpoint(**given: Any) -> Response:
        request = given["request"]
        arguments = {name: getattr(request, name) for name in request.model_fields_set}
        if not operation.safe:
            arguments["key"] = key_of(given["key"])
        with open_backend() as loans:
            result = getattr(loans, operation.name)(**arguments)
        return Response(operation.result.dump_json(result), media_type="application/json")

    body: Any = operation.request if operation.in_body else Annotated[operation.request, Query()]
    parameters = [inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=body)]
    if not operation.safe:
        header = Header(alias=KEY_HEADER, description="1 to 200 characters, percent-encoded UTF-8")
        parameters.append(inspect.Parameter("key", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str, header]))
    endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    endpoint.__name__ = operation.name
    return endpoint


def _error_responses() -> dict[int | str, dict[str, Any]]:
    by_status: dict[int, list[str]] = {}
    for code, error in ERROR_CLASSES.items():
        by_status.setdefault(error.status, []).append(code)
    described: dict[int | str, dict[str, Any]] = {
        status: {
            "model": ErrorResponse,
            "description": "`error.code` is one of " + ", ".join(f"`{code}`" for code in sorted(codes)),
        }
        for status, codes in sorted(by_status.items())
    }
    described[401] = {"model": ErrorResponse, "description": "`unauthenticated`: the shared secret is missing or wrong"}
    described[422] = {"model": ErrorResponse, "description": "`invalid_request`: a field is missing, unknown or of a wrong type"}
    return described


def make_app(open_backend: OpenBackend, accepted_secrets: Sequence[str]) -> FastAPI:
    """The router as an application of its own."""
    app = FastAPI(title="随星客服 loan backend", description=DESCRIPTION, version="1.0.0")
    install_error_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(RequestBoundary)
    app.include_router(make_router(open_backend, accepted_secrets))
    return app


def create_app_from_env() -> FastAPI:
    """Our embedded books as a service: ``uvicorn bot.loans.http_server:create_app_from_env --factory``.

    It takes ``DATABASE_URL`` (migrated; never the database of a web process that asks this server, which with SQLite would wait
    for itself), ``BUSINESS_DATE`` and ``LOAN_BACKEND_SECRET``. Raises ``ValueError`` without a usable secret.
    """
    settings = Settings()
    configure_logging(json=settings.log_json)
    database, clock = audited(Database(settings.database_url), settings), SystemClock(settings.business_date)

    @contextmanager
    def unit() -> Iterator[LoanBackend]:
        with database.transaction() as session:
            yield SqlLoanBackend(session, clock)

    secret = settings.loan_backend_secret
    return make_app(unit, [] if secret is None else [secret.get_secret_value()])
