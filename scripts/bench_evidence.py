"""First part of make bench-cases: the evidence for one overdue instalment, from loading the facts to the split.

On PostgreSQL and SQLite, at growing sizes of the invented book (loan_portfolio.py). One call is one transaction of its own
on an overdue instalment drawn at random. Beside milliseconds it gives ratios, which say more on a machine that is shared: to the
payoff quote of the same contract, and to the smallest book.
"""

from __future__ import annotations

import random
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import text

from bot.cases.evidence import examine
from bot.cases.evidence.loader import facts_of
from bot.core.database import Database
from bot.loans.catalogue import Catalogue
from bot.loans.origination import OriginationService
from bot.loans.service import SqlLoanBackend
from bot.loans.unit import Unit
from bot.migrations.run import upgrade
from scripts.bench_loans import CLOCK, ROOT, book, progress
from scripts.loan_portfolio import COLUMNS, NULL, STORIES, TODAY, rows_of

ROUNDS = 5
_NOON = re.compile(r"^(\d{4}-\d\d-\d\d) (\d\d):(\d\d:\d\d)\+08$")


def evidence(sizes: list[int], times: int, engines: list[str]) -> dict[str, Any]:
    """Milliseconds and ratios by engine and size; prints them as it goes. ``times``: calls of each kind, in five rounds."""
    found: dict[str, Any] = {}
    for engine in engines:
        for size in sizes:
            with (book if engine == "postgresql" else sqlite_book)(size) as database:
                found.setdefault(engine, {})[str(size)] = _measure(database, size, times)
        smallest = found[engine][str(sizes[0])]["evidence"]["p50_ms"]
        for size in sizes[1:]:
            ratio = found[engine][str(size)]["evidence"]["p50_ms"] / smallest
            print(f"  {engine}: p50 at {size:,} contracts is {ratio:.2f} times that at {sizes[0]:,}", flush=True)
    return found


def _measure(database: Database, size: int, times: int) -> dict[str, Any]:
    overdue = _overdue(database, size)
    chance = random.Random(size)  # noqa: S311 - a benchmark
    picked = [chance.choice(overdue) for _ in range(times + times // 10)]

    def examined(turn: int) -> object:
        customer_id, contract_no, instalment = picked[turn]
        with database.transaction() as session:
            loans = SqlLoanBackend(session, CLOCK)
            result = examine(facts_of(loans, customer_id, contract_no, instalment, TODAY))
            if not result.days or result.system_caused + result.borrower_caused != result.penalty:
                raise AssertionError(f"{contract_no} {instalment}: not an overdue instalment, or its split does not add up")
            return result

    def quoted(turn: int) -> object:
        customer_id, contract_no, _ = picked[turn]
        with database.transaction() as session:
            return SqlLoanBackend(session, CLOCK).payoff_quote(customer_id, contract_nos=[contract_no])

    measured = _in_turn({"evidence": examined, "payoff quote": quoted}, times)
    measured["evidence"]["to_quote"] = measured["evidence"]["p50_ms"] / measured["payoff quote"]["p50_ms"]
    for name, figures in measured.items():
        ratio = f"   {figures['to_quote']:.2f} × the quote" if "to_quote" in figures else ""
        print(f"  {name:<20} p50 {figures['p50_ms']:7.2f} ms   p99 {figures['p99_ms']:7.2f} ms{ratio}", flush=True)
    return {**measured, "overdue_instalments_sampled": len(overdue)}


def _in_turn(kinds: dict[str, Callable[[int], object]], times: int) -> dict[str, dict[str, float]]:
    """The kinds take turns call by call, so that other work on the machine hits them alike.

    ``p50_ms``: the median of the rounds' medians; ``p99_ms``: of all calls.
    """
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(times // 10):
        for work in kinds.values():
            work(turn)
    for turn in range(times):
        for name, work in kinds.items():
            started = time.perf_counter_ns()
            work(turn + times // 10)
            taken[name].append((time.perf_counter_ns() - started) / 1e6)
        progress("evidence", turn + 1, times)
    each = max(1, times // ROUNDS)
    return {
        name: {
            "p50_ms": median(median(all_of[first : first + each]) for first in range(0, times, each)),
            "p99_ms": sorted(all_of)[min(times - 1, times * 99 // 100)],
        }
        for name, all_of in taken.items()
    }


def _overdue(database: Database, size: int) -> list[tuple[str, str, int]]:
    """Some thousand overdue instalments: (customer, contract, number)."""
    query = (
        "SELECT c.customer_id, i.contract_no, i.number FROM instalments i JOIN contracts c ON c.contract_no = i.contract_no "
        "WHERE i.settled_on IS NULL AND i.due_on < :today AND i.principal > i.paid_principal ORDER BY i.contract_no, i.number"
    )
    with database.transaction() as session:
        found = [(row[0], row[1], int(row[2])) for row in session.execute(text(query), {"today": TODAY.isoformat()})]
    if not found:
        raise AssertionError(f"nothing is overdue in a book of {size:,} contracts")
    return random.Random(size).sample(found, min(len(found), 5000))  # noqa: S311 - a benchmark


@contextmanager
def sqlite_book(contracts: int) -> Iterator[Database]:
    """The same book in a SQLite file of our own, removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "book.db"
        url = f"sqlite:///{path}"
        upgrade(url)
        database = Database(url)
        with database.transaction() as session:
            OriginationService(Unit(session, CLOCK)).load_catalogue(Catalogue.load(ROOT / "data" / "catalogue" / "products.yml"))
        started = time.monotonic()
        _fill(path, contracts)
        print(f"\n── SQLite, {contracts:,} contracts, loaded in {time.monotonic() - started:.0f} s", flush=True)
        yield database
        database.dispose()


def _fill(path: Path, contracts: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    for place, (table, chunks) in enumerate(rows_of(contracts, stories=STORIES)):
        marks = ", ".join("?" for _ in COLUMNS[table].split(", "))
        statement = f"INSERT INTO {table} ({COLUMNS[table]}) VALUES ({marks})"  # noqa: S608 - our own names
        for done, lines in chunks:
            connection.executemany(statement, (list(map(_value, line.split("\t"))) for line in lines.splitlines()))
            progress(f"{place + 1}/{len(COLUMNS)} {table}", done, contracts)
        connection.commit()
    connection.execute("ANALYZE")
    connection.close()


def _value(written: str) -> str | None:
    """COPY's text as SQLite keeps it: moments in UTC without a zone, as ``bot.core.database.Instant`` writes them."""
    if written == NULL:
        return None
    moment = _NOON.match(written)
    return f"{moment[1]} {int(moment[2]) - 8:02}:{moment[3]}.000000" if moment else written
