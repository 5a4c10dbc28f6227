"""``HttpLoanBackend``: an integrator's core system behind ``LoanBackend`` (docs/loan-backend.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from bot.core.calls import Seconds
from bot.loans.http_client import LoanHttpClient
from bot.loans.http_contract import OPERATIONS, Operation
from bot.loans.port import LoanBackend


class HttpLoanBackend:
    """One unit of work's view of the core system. It has every method of the protocol, made from the protocol below.

    Nothing of it takes part in the local transaction: a command is done when it returns. See docs/loan-backend.md for what that
    means when the transaction rolls back. All calls together last at most ``unit_seconds``.
    """

    def __init__(self, client: LoanHttpClient, *, unit_seconds: Seconds | None = None) -> None:
        self._client = client
        seconds = client.policy.unit_seconds if unit_seconds is None else unit_seconds
        self._deadline = client.now() + seconds

    def _call(self, operation: Operation, arguments: dict[str, Any]) -> Any:
        key = arguments.pop("key", None)
        return self._client.call(operation, arguments, key, self._deadline)


def _method(operation: Operation) -> Callable[..., Any]:
    def call(self: HttpLoanBackend, *args: Any, **kwargs: Any) -> Any:
        arguments = dict(operation.signature.bind(self, *args, **kwargs).arguments)
        del arguments["self"]
        return self._call(operation, arguments)

    call.__name__, call.__doc__ = operation.name, operation.doc
    call.__signature__ = operation.signature  # type: ignore[attr-defined]
    return call


for _operation in OPERATIONS.values():
    setattr(HttpLoanBackend, _operation.name, _method(_operation))


def http_loan_backend(client: LoanHttpClient, *, unit_seconds: Seconds | None = None) -> LoanBackend:
    """A backend for one unit of work. The cast is safe: the class gets one method per method of the protocol."""
    return cast(LoanBackend, HttpLoanBackend(client, unit_seconds=unit_seconds))
