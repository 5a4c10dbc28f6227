"""One call to the core system over HTTP: timeouts, retries of what may be repeated, circuit breaker, strict decoding.

What happened                              retried            breaker   raised
─────────────────────────────────────────  ─────────────────  ────────  ──────────────────────────────
an answer, also a business refusal          no                 success   the class of its code
no connection, timeout, broken answer       reads, keyed POST  failure   ``LoanBackendUnavailable``
5xx without a code of the contract          reads, keyed POST  failure   ``LoanBackendUnavailable``
429                                         reads, keyed POST  success   ``LoanBackendUnavailable``
circuit open, or the unit's time used up    no                 —         ``LoanBackendUnavailable``
401/403, redirect, unknown code, bad JSON   no                 success   ``LoanBackendMisbehaved``
"""

from __future__ import annotations

import json
import math
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import structlog
import tenacity
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from bot.core.breaker import BreakerOpen, CircuitBreaker
from bot.core.calls import CallPolicy, Seconds
from bot.core.errors import InvalidInput
from bot.loans.errors import LoanBackendMisbehaved, LoanBackendUnavailable
from bot.loans.http_contract import KEY_HEADER, Operation, decode_error, header_of

log = structlog.get_logger(__name__)

MAX_ANSWER_BYTES = 8 * 1024 * 1024


class _Transient(Exception):
    """An attempt that may be repeated. ``retry_after``: seconds the server asked for."""

    def __init__(self, reason: str, retry_after: Seconds = 0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class LoanHttpClient:
    """Shared by all threads of a process; keeps connections open and the breaker's memory."""

    def __init__(
        self,
        url: str,
        secret: str,
        policy: CallPolicy | None = None,
        *,
        breaker: CircuitBreaker | None = None,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[Seconds], None] = time.sleep,
        now: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        self.policy = policy or CallPolicy()
        self.breaker = breaker or CircuitBreaker()
        self.now = now
        self._sleep = sleep
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"},
            verify=ssl.create_default_context(cafile=None if ca_file is None else str(ca_file)),
            transport=transport,
            trust_env=False,  # a proxy meant for the internet must not see the loan books
        )

    def close(self) -> None:
        self._client.close()

    def call(self, operation: Operation, arguments: Mapping[str, Any], key: str | None, deadline: Seconds) -> Any:
        """The decoded result. ``deadline`` is a time of ``now``. Raises the backend's own errors, and those of the table above.

        Only reads, and commands that carry a key, are tried again: anything else might be done twice.
        """
        request = self._request(operation, arguments, key)
        repeatable = operation.safe or bool(key)
        retrying = tenacity.Retrying(
            stop=self._stop(self.policy.attempts if repeatable else 1, deadline),
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(_Transient),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, operation, request, deadline)
        except _Transient as error:
            log.warning("the loan backend does not answer", operation=operation.name, reason=str(error))
            details = {"retry_after": math.ceil(error.retry_after)} if error.retry_after else {}
            raise LoanBackendUnavailable(f"{operation.name}: {error}", **details) from error
        except BreakerOpen as error:
            raise LoanBackendUnavailable(
                f"{operation.name}: {error}", retry_after=max(1, math.ceil(error.retry_after))
            ) from error

    def _request(self, operation: Operation, arguments: Mapping[str, Any], key: str | None) -> httpx.Request:
        given = {name: value for name, value in to_jsonable_python(dict(arguments)).items() if value is not None}
        headers = {} if operation.safe else {KEY_HEADER: header_of(key or "")}
        if operation.in_body:
            return self._client.build_request("POST", operation.path, json=given, headers=headers)
        return self._client.build_request("GET", operation.path, params=given, headers=headers)

    def _stop(self, attempts: int, deadline: Seconds) -> Callable[[tenacity.RetryCallState], bool]:
        """After ``attempts``, or when the pause before the next one would end too late."""
        return lambda state: state.attempt_number >= attempts or self.now() + state.upcoming_sleep >= deadline

    def _wait(self, state: tenacity.RetryCallState) -> Seconds:
        """Exponential with full jitter, and at least what the server asked for."""
        policy = self.policy
        backoff = tenacity.wait_random_exponential(multiplier=policy.backoff_seconds, max=policy.max_backoff_seconds)(state)
        error = state.outcome.exception() if state.outcome else None
        return max(backoff, error.retry_after if isinstance(error, _Transient) else 0)

    def _attempt(self, operation: Operation, request: httpx.Request, deadline: Seconds) -> Any:
        left = deadline - self.now()
        if left <= 0:
            raise _Transient("no time is left in this unit of work")
        ticket = self.breaker.admit()
        try:
            response = self._send(request, min(left, self.policy.timeout_seconds))
        except httpx.HTTPError as error:
            self.breaker.failed(ticket)
            raise _Transient(f"{type(error).__name__}: {error}") from error
        except BaseException:
            self.breaker.abandoned(ticket)
            raise
        refusal = None if response.status_code < 400 else _error_in(response)
        if response.status_code >= 500 and refusal is None:
            self.breaker.failed(ticket)
            raise _Transient(f"status {response.status_code}", _retry_after(response))
        self.breaker.succeeded(ticket)
        if refusal is not None:
            raise refusal
        return _result_in(operation, response)

    def _send(self, request: httpx.Request, seconds: Seconds) -> httpx.Response:
        """Reads the whole answer within ``seconds``; httpx alone would only bound the time between two pieces of it."""
        end = self.now() + seconds
        request.extensions["timeout"] = httpx.Timeout(seconds).as_dict()
        response = self._client.send(request, stream=True)
        try:
            pieces, size = [], 0
            for piece in response.iter_bytes():
                pieces.append(piece)
                size += len(piece)
                if size > MAX_ANSWER_BYTES:
                    raise LoanBackendMisbehaved(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
                if self.now() > end:
                    raise httpx.ReadTimeout("the answer arrives too slowly", request=request)
        finally:
            response.close()
        return httpx.Response(response.status_code, headers=_plain(response.headers), content=b"".join(pieces), request=request)


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """The headers that are read later; the body is decompressed already, so its encoding must not be named again."""
    return {name: headers[name] for name in ("retry-after", "content-type") if name in headers}


def _retry_after(response: httpx.Response) -> int:
    """Seconds; a date in the header is not worth parsing, backoff covers it."""
    given = response.headers.get("retry-after", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 6 else 0


def _error_in(response: httpx.Response) -> Exception | None:
    """What an answer of 400 or more means; ``None`` for a 5xx without a code of the contract."""
    status = response.status_code
    try:
        body = json.loads(response.content)["error"]
        code, message, details = body["code"], body["message"], body.get("details") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        code, message, details = None, "an answer without the shape of an error", {}
    known = decode_error(code, message, details)
    if known is not None and known.status == status:
        return known
    if status == 422 and code == "invalid_request":
        return InvalidInput(str(message), **{str(name): value for name, value in details.items()})
    if status == 429:
        return _Transient("too many requests", _retry_after(response))
    if status >= 500:
        return None
    # A 401 is about our secret, not about the borrower's token, so it must not look like one.
    return LoanBackendMisbehaved(f"status {status} with code {code!r}: {message}")


def _result_in(operation: Operation, response: httpx.Response) -> Any:
    if response.status_code != 200:
        raise LoanBackendMisbehaved(f"{operation.name}: status {response.status_code}")
    try:
        return operation.result.validate_json(response.content, strict=True)
    except ValidationError as error:
        # Names of fields and kinds of problems only: the values may be personal.
        problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['type']}" for item in error.errors()[:10]]
        raise LoanBackendMisbehaved(f"{operation.name}: {'; '.join(problems)}") from None
