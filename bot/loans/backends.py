"""Which loan books a process works with: the embedded ones, or a core system over HTTP. Chosen in the composition root."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session

from bot.core.breaker import CircuitBreaker
from bot.core.calls import CallPolicy
from bot.core.clock import Clock
from bot.core.settings import Settings
from bot.loans.http_backend import http_loan_backend
from bot.loans.http_client import LoanHttpClient
from bot.loans.port import LoanBackend
from bot.loans.service import SqlLoanBackend


class LoanBackends(Protocol):
    """Gives each unit of work its backend."""

    def open(self, session: Session) -> LoanBackend:
        """The books for the work of this session. Never commits."""
        ...

    def close(self) -> None:
        """When the process ends."""
        ...


class EmbeddedBackends:
    """``SqlLoanBackend`` in the session's own transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def open(self, session: Session) -> LoanBackend:
        return SqlLoanBackend(session, self._clock)

    def close(self) -> None:
        """Nothing is held."""


class RemoteBackends:
    """``HttpLoanBackend`` over one client, whose connections and breaker all units share."""

    def __init__(self, client: LoanHttpClient) -> None:
        self.client = client

    def open(self, session: Session) -> LoanBackend:
        return http_loan_backend(self.client)

    def close(self) -> None:
        self.client.close()


def loan_backends(settings: Settings, clock: Clock) -> LoanBackends:
    """``LOAN_BACKEND_URL`` chooses: unset means the embedded books."""
    if settings.loan_backend_url is None or settings.loan_backend_secret is None:
        return EmbeddedBackends(clock)
    policy = CallPolicy(
        timeout_seconds=settings.loan_backend_timeout_seconds,
        unit_seconds=settings.loan_backend_unit_seconds,
        attempts=settings.loan_backend_attempts,
    )
    breaker = CircuitBreaker(failures=settings.loan_backend_breaker_failures, open_seconds=settings.loan_backend_breaker_seconds)
    return RemoteBackends(
        LoanHttpClient(
            str(settings.loan_backend_url).rstrip("/"),
            settings.loan_backend_secret.get_secret_value(),
            policy,
            breaker=breaker,
            ca_file=settings.loan_backend_ca_file,
        )
    )
