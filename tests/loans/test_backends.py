"""Settings choose the loan books; the composition roots hand them on."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bot.app import create_app
from bot.conversations.runtime import Runtime
from bot.core.clock import FixedClock
from bot.core.database import Database
from bot.core.settings import Settings
from bot.loans.backends import EmbeddedBackends, RemoteBackends, loan_backends
from bot.loans.http_backend import HttpLoanBackend
from bot.loans.service import SqlLoanBackend

URL, SECRET = "https://core.example/api", "a secret of these tests"


def settings(**given: object) -> Settings:
    return Settings.model_validate({"demo": True, **given})


def test_without_a_url_the_books_are_embedded(seeded: Database, clock: FixedClock) -> None:
    backends = loan_backends(settings(), clock)
    assert isinstance(backends, EmbeddedBackends)
    with seeded.transaction() as session:
        assert isinstance(backends.open(session), SqlLoanBackend)


def test_with_a_url_they_are_remote(seeded: Database, clock: FixedClock) -> None:
    backends = loan_backends(
        settings(loan_backend_url=URL, loan_backend_secret=SECRET, loan_backend_attempts=2, loan_backend_unit_seconds=2), clock
    )
    assert isinstance(backends, RemoteBackends)
    assert (backends.client.policy.attempts, backends.client.policy.unit_seconds) == (2, 2.0)
    with seeded.transaction() as session:
        assert isinstance(backends.open(session), HttpLoanBackend)
    backends.close()


def test_a_url_without_a_secret_does_not_start() -> None:
    with pytest.raises(ValidationError, match="LOAN_BACKEND_SECRET"):
        settings(loan_backend_url=URL)


def test_the_web_process_uses_the_chosen_books(seeded: Database) -> None:
    app = create_app(
        settings(database_url=str(seeded.engine.url), loan_backend_url=URL, loan_backend_secret=SECRET, secret_key="s" * 64)
    )
    runtime: Runtime = app.state.runtime
    assert isinstance(runtime.loans, RemoteBackends)
    runtime.loans.close()
    runtime.database.dispose()
