"""The loan books on PostgreSQL: make bench-loans [CONTRACTS=1000000]. Makes databases of its own and drops them afterwards.

Quotes and allocations: p50 and p99 of one transaction, at growing sizes of the book. Runs over the whole book: rows a second.
``TEST_POSTGRES_URL`` names the server (default: 127.0.0.1, user postgres).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from bot.audit.service import audited  # noqa: E402
from bot.core.clock import SHANGHAI, FixedClock  # noqa: E402
from bot.core.database import Database  # noqa: E402
from bot.core.settings import Settings  # noqa: E402
from bot.loans.bulk.accrual import accrue_all  # noqa: E402
from bot.loans.bulk.debits import order_all  # noqa: E402
from bot.loans.catalogue import Catalogue  # noqa: E402
from bot.loans.origination import OriginationService  # noqa: E402
from bot.loans.payments import PaymentService  # noqa: E402
from bot.loans.port import InstalmentRef  # noqa: E402
from bot.loans.service import SqlLoanBackend  # noqa: E402
from bot.loans.servicing.policy import Policy  # noqa: E402
from bot.loans.unit import Unit  # noqa: E402
from bot.migrations.run import upgrade  # noqa: E402
from scripts.loan_portfolio import COLUMNS, TODAY, customer, load  # noqa: E402

SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
CLOCK = FixedClock(datetime.combine(TODAY, datetime.min.time(), SHANGHAI) + timedelta(hours=12, minutes=30))


def progress(what: str, done: int, of: int) -> None:
    """A bar on the terminal, nothing in a file."""
    if sys.stderr.isatty():
        filled = 30 * done // max(1, of)
        print(f"\r  {'█' * filled}{'·' * (30 - filled)} {what:<32}", end="\n" if done >= of else "", file=sys.stderr, flush=True)


@contextmanager
def book(contracts: int) -> Iterator[Database]:
    """A loaded database of our own, dropped afterwards, also after a failure or Ctrl-C."""
    name = f"suixing_bench_{uuid.uuid4().hex[:12]}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    url = make_url(SERVER).set(database=name)
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        upgrade(url.render_as_string(hide_password=False))
        database = Database(url.render_as_string(hide_password=False))
        audited(database, Settings(secret_key=SecretStr("benchmark")))
        with database.transaction() as session:
            OriginationService(Unit(session, CLOCK)).load_catalogue(Catalogue.load(ROOT / "data" / "catalogue" / "products.yml"))
        started = time.monotonic()
        rows = load(url.set(drivername="postgresql").render_as_string(hide_password=False), contracts, progress)
        listed = ", ".join(f"{rows[table]:,} {table}" for table in ("contracts", "instalments", "payments", "ledger_entries"))
        print(f"\n── {contracts:,} contracts: {listed}, loaded in {time.monotonic() - started:.0f} s", flush=True)
        yield database
        database.dispose()
    finally:
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        server.dispose()


def percentiles(name: str, work: Callable[[int], object], times: int) -> dict[str, float]:
    """Milliseconds of one call, after a tenth as many to warm up. ``work`` gets the number of the call."""
    for turn in range(times // 10):
        work(turn)
    taken: list[int] = []
    for turn in range(times):
        started = time.perf_counter_ns()
        work(turn + times)
        taken.append(time.perf_counter_ns() - started)
        progress(name, turn + 1, times)
    taken.sort()
    p50, p99 = (taken[times * share // 100] / 1e6 for share in (50, 99))
    print(f"  {name:<42} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms", flush=True)
    return {"p50_ms": p50, "p99_ms": p99}


def single(database: Database, contracts: int, times: int) -> dict[str, Any]:
    """Quotes and allocations, each a transaction of its own on a borrower drawn at random."""
    chance = random.Random(contracts)  # noqa: S311 - a benchmark
    with database.transaction() as session:
        query = "SELECT contract_no, customer_id FROM contracts TABLESAMPLE BERNOULLI (:share) WHERE settled_on IS NULL"
        open_ones = [tuple(row) for row in session.execute(text(query), {"share": min(100, 6_000_000 / contracts)})]
    picked = [chance.choice(open_ones) for _ in range(2 * times)]

    def payoff(turn: int) -> object:
        contract_no, customer_id = picked[turn]
        with database.transaction() as session:
            return SqlLoanBackend(session, CLOCK).payoff_quote(customer_id, contract_nos=[contract_no])

    def settle_all(turn: int) -> object:
        with database.transaction() as session:
            return SqlLoanBackend(session, CLOCK).payoff_quote(picked[turn][1])

    def allocation(turn: int) -> object:
        with database.transaction() as session:
            return SqlLoanBackend(session, CLOCK).repayment_preview(picked[turn][1], 123_45)

    def settlement(turn: int) -> object:
        contract_no, customer_id = picked[turn]
        with database.transaction() as session:
            payments = PaymentService(Unit(session, CLOCK))
            row = payments.record(customer_id, 1_00, [InstalmentRef(contract_no, 1)], kind="own", number=f"P-bench-{turn}")
            return payments.settle(row.payment_no)

    before = _scans(database)
    found = {
        "payoff quote (one contract)": percentiles("payoff quote (one contract)", payoff, times),
        "settle-all quote (all contracts)": percentiles("settle-all quote (all contracts)", settle_all, times),
        "allocation of a payment (calculated)": percentiles("allocation of a payment (calculated)", allocation, times),
        "payment received, allocated, committed": percentiles("payment received, allocated, committed", settlement, times),
    }
    scanned = {table: count - before[table] for table, count in _scans(database).items() if count > before[table]}
    print(f"  tables read from end to end meanwhile: {scanned or 'none'}", flush=True)
    return {**found, "sequential_scans": scanned}


def _scans(database: Database) -> dict[str, int]:
    """Sequential scans per large table so far: the proof that indexes serve the quotes."""
    with database.engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    time.sleep(1.5)  # other connections report at most once a second
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT relname, seq_scan FROM pg_stat_user_tables"))
        return {name: int(count) for name, count in rows if name in COLUMNS}


def runs(database: Database) -> dict[str, Any]:
    """The runs over the whole book; the second time they find nothing left to do."""
    policy = Policy.load(ROOT / "data" / "catalogue").debit
    found: dict[str, Any] = {}
    by_name: dict[str, Callable[[Session], int]] = {
        "due-day debit run": lambda session: order_all(Unit(session, CLOCK), policy),
        "penalty accrual": lambda session: accrue_all(session, TODAY),
    }
    for name, run in by_name.items():
        for label in (name, f"{name}, again"):
            started = time.perf_counter()
            with database.transaction() as session:
                rows = run(session)
            seconds = time.perf_counter() - started
            found[label] = {"rows": rows, "seconds": seconds}
            print(f"  {label:<42} {rows:9,} rows in {seconds:6.2f} s   {rows / seconds:10,.0f} rows/s", flush=True)
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    return found


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=1000, help="calls measured of each kind")
    options = parser.parse_args()
    sizes = [size for size in (1_000, 10_000, 100_000) if size < options.contracts] + [options.contracts]
    results: dict[str, Any] = {}
    for size in sizes:
        with book(size) as database:
            results[str(size)] = {"single": single(database, size, options.times), "runs": runs(database)}
    print("\n── how one quote grows (p50 / p99, ms)")
    for name in ("payoff quote (one contract)", "settle-all quote (all contracts)"):
        steps = (f"{size:,}: {found['p50_ms']:.2f} / {found['p99_ms']:.2f}" for size in sizes
                 for found in [results[str(size)]["single"][name]])  # fmt: skip
        print(f"  {name:<34} {'   '.join(steps)}")
    print(f"  goal: p99 ≤ 10 ms at {sizes[-1]:,} contracts and not growing")
    target = ROOT / "results" / "bench-loans.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(f"  written to {target.relative_to(ROOT)}; customers in the largest book: {customer(sizes[-1] - 1) + 1:,}")


if __name__ == "__main__":
    main()
