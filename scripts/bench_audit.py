"""What the audit trail costs: make bench-audit. Makes a PostgreSQL database of its own and drops it afterwards.

Each of several writers at once commits small deeds (one row each) as fast as it can: without the trail, with one entry a deed on
one chain, and on all chains. ``TEST_POSTGRES_URL`` names the server (default: 127.0.0.1, user postgres).
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import create_engine, delete, make_url, text
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from bot.audit.check import check_trail  # noqa: E402
from bot.audit.keys import Keyring  # noqa: E402
from bot.audit.models import CHAINS, AuditChainRow  # noqa: E402
from bot.audit.service import AuditTrail, Subject, audited  # noqa: E402
from bot.core.clock import SystemClock  # noqa: E402
from bot.core.database import Database  # noqa: E402
from bot.core.origin import Actor, Origin, coming_from  # noqa: E402
from bot.core.settings import Settings  # noqa: E402
from bot.migrations.run import upgrade  # noqa: E402

SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
SECRET = "benchmark"  # noqa: S105 of a database that is dropped at the end
CLOCK = SystemClock()


@contextmanager
def own_database(chains: int) -> Iterator[Database]:
    """With that many heads; without any no deed could be recorded."""
    name = f"suixing_bench_{uuid.uuid4().hex[:12]}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    url = make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        upgrade(url)
        database = audited(Database(url), Settings(secret_key=SecretStr(SECRET)))
        with database.transaction() as session:
            session.execute(text("CREATE TABLE deeds (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), what text)"))
            session.execute(text("ALTER TABLE audit_chains DISABLE TRIGGER USER"))
            session.execute(delete(AuditChainRow).where(AuditChainRow.chain > chains))
        yield database
        database.dispose()
    finally:
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        server.dispose()


def deed(database: Database, number: int, *, trail: bool) -> None:
    with database.transaction() as session:
        session.execute(text("INSERT INTO deeds (what) VALUES ('done')"))
        if trail:
            subject = Subject(customer_id=f"C{number}", case_no="C-20260822-0001")
            AuditTrail(session, CLOCK).record("case.decided", Actor("agent", f"A{number}"), subject, details={"amount": 192})


def measure(database: Database, writers: int, deeds: int, *, trail: bool) -> tuple[float, float]:
    """Deeds a second of all writers together, and the p99 of one in milliseconds."""
    together, took = threading.Barrier(writers + 1), [[0.0] * deeds for _ in range(writers)]

    def work(number: int) -> None:
        with coming_from(Origin("bench", "127.0.0.1", "bench")):
            deed(database, number, trail=trail)  # the connection is open
            together.wait()
            for turn in range(deeds):
                started = time.perf_counter()
                deed(database, number, trail=trail)
                took[number][turn] = time.perf_counter() - started

    threads = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    together.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    times = sorted(seconds for each in took for seconds in each)
    return writers * deeds / elapsed, times[int(len(times) * 0.99) - 1] * 1000


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deeds", type=int, default=300, help="of each writer")
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 4, 16])
    given = parser.parse_args(arguments)
    variants = {"without the trail": 0, "one chain": 1, f"{CHAINS} chains": CHAINS}
    with ExitStack() as stack:
        databases = {name: stack.enter_context(own_database(chains)) for name, chains in variants.items()}
        bar = stack.enter_context(tqdm(total=len(variants) * len(given.writers), desc="audit", file=sys.stderr))
        lines = []
        for writers in given.writers:
            cells = []
            for name, chains in variants.items():  # side by side: other work on the machine meets all three
                speed, slowest = measure(databases[name], writers, given.deeds, trail=chains > 0)
                cells.append(f"{speed:,.0f} ({slowest:.0f})")
                bar.update()
            lines.append(f"| {writers} | {' | '.join(cells)} |")
        bar.close()
        print(f"| writers | {' | '.join(f'{name}: deeds/s (p99 ms)' for name in variants)} |")
        print("|---" * (len(variants) + 1) + "|", *lines, sep="\n")
        started = time.perf_counter()
        report = check_trail(databases[f"{CHAINS} chains"], Keyring(SECRET), CLOCK)
        seconds = time.perf_counter() - started
        checked = f"{report.entries:,} entries in {seconds:.2f} s, {report.entries / seconds:,.0f} a second"
        print(f"checked {checked}; broken: {len(report.broken)}")
        return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
