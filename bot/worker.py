"""Composition root of the worker: ``python -m bot.worker`` repeats its rounds until it is stopped; ``--once`` does one round.

Every job may be killed anywhere and run twice at once: what it does, it does once. Any number of workers share one database.
"""

from __future__ import annotations

import secrets
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog

from bot.attachments.cleanup import StrayFiles
from bot.audit.anchor import AnchorJob
from bot.audit.keys import Keyring
from bot.audit.service import audited
from bot.cases.remediation.worker import RemediationWorker
from bot.cases.worker import CaseWorker
from bot.channels.connector import Kit
from bot.channels.push import InboxJob
from bot.channels.registry import connectors
from bot.conversations.courier import Courier
from bot.conversations.outbox.sender import OutboxSender
from bot.core.adapters import make
from bot.core.clock import Clock, SystemClock
from bot.core.database import Database
from bot.core.guard import Guard
from bot.core.limits.cleanup import OldHits
from bot.core.logs import configure_logging
from bot.core.origin import Actor, Origin, coming_from
from bot.core.settings import Settings
from bot.core.texts import Texts
from bot.desk.worker import DeskWorker
from bot.loans.backends import LoanBackends, loan_backends
from bot.loans.servicing.policy import Policy
from bot.loans.worker import Ports, Worker

Round = Callable[[], Mapping[str, int]]
"""One round of a job: how many things each of its steps did, and ``errors``."""

log = structlog.get_logger(__name__)


def serves_loans(settings: Settings) -> bool:
    """Without a real payment channel there is nothing that the loan job outside the demo could do."""
    return settings.demo or settings.payment_channel != Settings.model_fields["payment_channel"].default


def jobs(settings: Settings, clock: Clock, database: Database, loans: LoanBackends) -> dict[str, Round]:
    """The jobs by name, in their order. Raises what the adapters raise that the settings name."""
    all_texts = Texts.load(settings.data_dir / "answers")
    texts = all_texts.dialogue
    sender = make(settings.notice_sender, settings, clock)
    found: dict[str, Round] = {}
    if serves_loans(settings):
        ports = Ports(channel=make(settings.payment_channel, settings, clock), sender=sender, texts=texts)
        found["loans"] = Worker(database, clock, ports, Policy.load(settings.data_dir / "catalogue")).round
    every = timedelta(minutes=settings.audit_anchor_minutes)
    found["audit"] = AnchorJob(database, clock, Keyring.of(settings), every).round
    found["desk"] = DeskWorker(database, clock, settings, all_texts).round
    found["cases"] = CaseWorker(database, clock, texts, loans).round
    found["attachments"] = StrayFiles(database, settings.attachments_dir).round
    found["limits"] = OldHits(database, clock, settings).round
    found["remediation"] = RemediationWorker(database, clock, loans).round
    found["notifications"] = Courier(database, clock, texts, sender, loans).round
    connected = connectors(settings, Kit(settings, clock, database))
    if connected:
        found["inbox"] = InboxJob(settings, clock, database, all_texts, loans, connected).round
        for name, connector in connected.items():
            found[f"outbox_{name}"] = OutboxSender(database, clock, texts, {name: connector}).round
    return found


def run_round(rounds: Mapping[str, Round]) -> int:
    """One round of every job, in order; the number of errors. A job that breaks as a whole does not stop the others."""
    guard, errors = Guard(), 0
    for name, work in rounds.items():
        with guard.item(name), coming_from(Origin("worker", request_id=secrets.token_hex(8), actor=Actor("system", name))):
            done = work()
            errors += done["errors"]
            if any(done.values()):
                log.info("worker_round", job=name, **{step: count for step, count in done.items() if count})
    return errors + guard.errors


def main(arguments: list[str]) -> int:
    """Rounds until SIGTERM or Ctrl-C; the exit status of ``--once`` tells whether a step broke."""
    settings = Settings()
    configure_logging(json=settings.log_json)
    clock = SystemClock(settings.business_date)
    database = audited(Database(settings.database_url), settings)
    loans = loan_backends(settings, clock)
    rounds = jobs(settings, clock, database, loans)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    errors = 0
    while not stop.is_set():
        errors = run_round(rounds)
        if "--once" in arguments:
            break
        stop.wait(settings.worker_seconds)
    loans.close()
    database.dispose()
    return 1 if errors and "--once" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
