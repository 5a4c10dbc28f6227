"""The action server: ``python -m actions``. Loopback only; Rasa is its one client."""

from __future__ import annotations

import warnings

from actions.base import Services
from actions.registry import make_executor
from bot.audit.service import audited
from bot.core.clock import SystemClock
from bot.core.database import Database
from bot.core.logs import configure_logging
from bot.core.settings import Settings
from bot.core.texts import Texts
from bot.loans.backends import loan_backends


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from rasa_sdk.endpoint import create_app  # noqa: PLC0415  (its import warns, and takes a second)

    settings = Settings()
    configure_logging(json=settings.log_json)
    clock = SystemClock(settings.business_date)
    services = Services(
        database=audited(Database(settings.database_url), settings),
        clock=clock,
        texts=Texts.load(settings.data_dir / "answers"),
        settings=settings,
        loans=loan_backends(settings, clock),
    )
    app = create_app(make_executor(services), cors_origins=None)
    app.config.RESPONSE_TIMEOUT = int(settings.actions_timeout_seconds) + 1
    app.run(host="127.0.0.1", port=settings.actions_port, single_process=True, access_log=False, motd=False)


if __name__ == "__main__":
    main()
