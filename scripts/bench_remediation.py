"""Mass remediation on PostgreSQL: make bench-remediation [ITEMS=1000000]. Makes a database of its own and drops it afterwards.

A book of ITEMS contracts, each with one instalment that fell due in an incident, is listed, approved and posted by
scripts/remediate.py as separate processes; the posting is killed with SIGKILL in the middle and started again. The end is
compared with what the code per instalment gives for each life story. ``TEST_POSTGRES_URL`` names the server.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from bot.audit.service import audited  # noqa: E402
from bot.cases.evidence import EvidencePolicy  # noqa: E402
from bot.cases.remediation.books import Place, PortBooks  # noqa: E402
from bot.cases.remediation.driver import Driver  # noqa: E402
from bot.cases.remediation.preview import yuan  # noqa: E402
from bot.cases.remediation.service import examined  # noqa: E402
from bot.cases.remediation.views import Progress  # noqa: E402
from bot.cases.thread import Actor  # noqa: E402
from bot.core.clock import SHANGHAI, FixedClock  # noqa: E402
from bot.core.database import Database  # noqa: E402
from bot.core.settings import Settings  # noqa: E402
from bot.loans.backends import EmbeddedBackends  # noqa: E402
from bot.loans.catalogue import Catalogue  # noqa: E402
from bot.loans.ledger_check import check_ledger, size  # noqa: E402
from bot.loans.models import ContractRow, IncidentRow  # noqa: E402
from bot.loans.origination import OriginationService  # noqa: E402
from bot.loans.service import SqlLoanBackend  # noqa: E402
from bot.loans.unit import Unit  # noqa: E402
from bot.migrations.run import upgrade  # noqa: E402
from scripts.harmed_portfolio import ENDS_AT, STARTS_AT, harmed_story  # noqa: E402
from scripts.loan_portfolio import TODAY, load, story_of  # noqa: E402

SECRET = "benchmark"  # noqa: S105 of a database that is dropped at the end
SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
CLOCK = FixedClock(datetime.combine(TODAY, datetime.min.time(), SHANGHAI) + timedelta(hours=12))
INCIDENT = "I-BENCH"
STORIES = 400
KILL_AT_PERCENT = 40
GRACE_DAYS = 3
COMPILED = str(Path(tempfile.gettempdir()) / "suixing-bench-compiled")


@contextmanager
def book(contracts: int) -> Iterator[tuple[str, Database]]:
    """A loaded database of our own and its address, dropped afterwards, also after a failure or Ctrl-C."""
    name = f"suixing_remediation_{uuid.uuid4().hex[:12]}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    url = make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    try:
        upgrade(url)
        database = audited(Database(url), Settings(secret_key=SecretStr(SECRET)))
        with database.transaction() as session:
            OriginationService(Unit(session, CLOCK)).load_catalogue(Catalogue.load(ROOT / "data" / "catalogue" / "products.yml"))
        started = time.monotonic()
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        rows = load(plain, contracts, lambda *_: None, stories=STORIES, tell=harmed_story)
        with database.transaction() as session:
            session.add(
                IncidentRow(
                    incident_no=INCIDENT, channel="auto_debit", status="confirmed", starts_at=STARTS_AT, ends_at=ENDS_AT,
                    confirmed_by="S2101", bank_name=None, summary="bench",
                )
            )  # fmt: skip
        listed = ", ".join(f"{rows[table]:,} {table}" for table in ("contracts", "instalments", "customers", "ledger_entries"))
        print(f"── {listed}, loaded in {time.monotonic() - started:.0f} s", flush=True)
        yield url, database
        database.dispose()
    finally:
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        server.dispose()


def expected(database: Database, contracts: int) -> dict[str, int]:
    """What everyone together must get: one contract of each story through the port, times how often the story occurs."""
    used = min(STORIES, contracts)
    times = Counter(story_of(index, used) for index in range(contracts))
    first: dict[int, int] = {}
    for index in range(contracts):
        if len(first) == used:
            break
        first.setdefault(story_of(index, used), index)
    total: Counter[str] = Counter()
    with database.transaction() as session:
        books, policy = PortBooks(SqlLoanBackend(session, CLOCK)), EvidencePolicy(GRACE_DAYS)
        for story, index in first.items():
            (contract,) = session.query(ContractRow).where(ContractRow.contract_no.in_([f"FQ-{index}", f"YD-{index}"]))
            items = books.loans.contract(contract.customer_id, contract.contract_no).instalments
            number = next(item.number for item in items if STARTS_AT.date() <= item.due_on <= ENDS_AT.date())
            place = Place(contract.customer_id, contract.contract_no, number)
            amount = examined(0, books.examine([place], TODAY, policy)[0])[9]
            waive = min(amount, items[number - 1].penalty_due)
            total["amount"] += times[story] * amount
            total["waived"] += times[story] * waive
            total["refunded"] += times[story] * (amount - waive)
            total["posted"] += times[story] * (amount > 0)
            total["receipts"] += times[story] * ((waive > 0) + (amount > waive))
    return dict(total)


def remediate(url: str, step: str, workers: int) -> subprocess.Popen[bytes]:
    """The command line in a process group of its own, with compiled modules as an installation has them."""
    call = [sys.executable, str(ROOT / "scripts" / "remediate.py"), step, "--incident", INCIDENT, "--workers", str(workers)]
    environment = {**os.environ, "DATABASE_URL": url, "BUSINESS_DATE": TODAY.isoformat(), "SECRET_KEY": SECRET}
    environment["PYTHONPYCACHEPREFIX"] = COMPILED
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen([*call, "--quiet"], env=environment, start_new_session=True)


def finish(process: subprocess.Popen[bytes], what: str) -> None:
    if process.wait() != 0:
        raise SystemExit(f"{what} ended with {process.returncode}")


class Bench:
    """The steps in their order; ``results`` are what is printed and written."""

    def __init__(self, url: str, database: Database, workers: int) -> None:
        self.url, self.database, self.workers = url, database, workers
        self.driver = Driver(database, CLOCK, EmbeddedBackends(CLOCK))
        self.results: dict[str, Any] = {"workers": workers}

    def progress(self) -> Progress:
        return self.driver.once(lambda service: service.progress(service.of_incident(INCIDENT)[0].run_no))

    def timed(self, name: str, items: int, seconds: float) -> None:
        self.results[name] = {"items": items, "seconds": round(seconds, 1), "per_second": round(items / seconds)}
        print(f"  {name:<28} {items:9,} items in {seconds:7.1f} s   {items / seconds:8,.0f} items/s", flush=True)

    def list(self) -> None:
        started = time.monotonic()
        finish(remediate(self.url, "list", self.workers), "list")
        self.timed("list (find and examine)", self.progress().items, time.monotonic() - started)

    def approve(self) -> None:
        run_no = self.driver.once(lambda service: service.of_incident(INCIDENT)[0].run_no)
        started = time.monotonic()
        run = self.driver.once(lambda service: service.propose(run_no, Actor("agent", "A2001")))
        self.driver.once(lambda service: service.approve(run_no, Actor("supervisor", "S2101")))
        self.timed("propose and approve", run.items or 0, time.monotonic() - started)

    def post(self) -> None:
        """Killed in the middle, then to the end; the time is that of both together."""
        pending = self.progress().pending
        started = time.monotonic()
        process = remediate(self.url, "post", self.workers)
        while process.poll() is None and self.progress().posted * 100 < pending * KILL_AT_PERCENT:
            time.sleep(0.2 if pending < 200_000 else 2)
        if process.poll() is not None:
            raise SystemExit("the posting ended before it could be killed")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        killed = self.progress()
        print(f"  kill -9 with {killed.posted:,} posted and {killed.pending:,} pending", flush=True)
        self.results["killed_at"] = killed.posted
        finish(remediate(self.url, "post", self.workers), "post")
        self.timed("post, killed and repeated", pending, time.monotonic() - started)
        before = self.state()
        started = time.monotonic()
        finish(remediate(self.url, "post", self.workers), "post again")
        print(f"  post again: {time.monotonic() - started:.1f} s, nothing changed: {self.state() == before}", flush=True)
        if self.state() != before:
            raise SystemExit("posting again changed something")

    def state(self) -> dict[str, int]:
        """Figures of the end; each of the last four must be nought."""
        twice = "SELECT count(*) FROM (SELECT 1 FROM {} GROUP BY {} HAVING count(*) > 1) t"
        queries = {
            "amount": "SELECT sum(amount) FROM remediation_items",
            "waived": "SELECT sum(waived) FROM remediation_items",
            "refunded": "SELECT sum(refunded) FROM remediation_items",
            "posted": "SELECT count(*) FROM remediation_items WHERE status = 'posted'",
            "receipts": "SELECT count(*) FROM receipts",
            "keys": "SELECT count(*) FROM loan_idempotency_keys",
            "people": "SELECT count(DISTINCT customer_id) FROM remediation_items WHERE status = 'posted'",
            "words": "SELECT count(*) FROM notifications",
            "books_waived": "SELECT sum(waived_penalty) FROM instalments",
            "ledger_waived": "SELECT sum(amount) FROM ledger_entries WHERE debit = 'waiver_expense'",
            "refunds": "SELECT coalesce(sum(amount), 0) FROM refunds",
            "unsettled": "SELECT count(*) FROM remediation_items WHERE status IN ('found', 'pending')",
            "receipts twice": twice.format("receipts", "contract_no, instalment, kind"),
            "told twice": twice.format("notifications", "customer_id"),
            "not done": "SELECT count(*) FROM remediation_runs WHERE status <> 'done'",
        }
        with self.database.transaction() as session:
            return {name: int(session.execute(text(query)).scalar_one()) for name, query in queries.items()}

    def verify(self, wanted: dict[str, int]) -> None:
        """Raises ``SystemExit`` naming everything that is not as it must be."""
        found = self.state()
        given = wanted["amount"]
        must = {
            **wanted, "keys": wanted["receipts"], "words": found["people"], "books_waived": given, "ledger_waived": given,
            "refunds": wanted["refunded"], "unsettled": 0, "receipts twice": 0, "told twice": 0, "not done": 0,
        }  # fmt: skip
        wrong = [f"{name}: {found[name]:,}, not {value:,}" for name, value in must.items() if found[name] != value]
        with tqdm(total=size(self.database), desc="ledger-check", disable=not sys.stderr.isatty()) as bar:
            wrong += map(str, check_ledger(self.database, bar.update))
        if wrong:
            raise SystemExit("\n".join(wrong[:20]))
        self.results["end"] = found
        told = f"{found['receipts']:,} receipts and {found['words']:,} notifications, each once"
        print(f"  verified: {found['posted']:,} items of {found['people']:,} borrowers, {yuan(given)} yuan; {told}; ledger clean")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    started = time.monotonic()
    with book(options.items) as (url, database):
        wanted = expected(database, options.items)
        bench = Bench(url, database, options.workers)
        bench.list()
        bench.approve()
        bench.post()
        bench.verify(wanted)
    bench.results["total_seconds"] = round(time.monotonic() - started)
    target = ROOT / "results" / "bench-remediation.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({str(options.items): bench.results}, indent=1), encoding="utf-8")
    print(f"  {bench.results['total_seconds']} s in all; written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
