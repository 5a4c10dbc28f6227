"""Proves that the audit trail of the configured database is as it was written: ``make audit-check [ANCHOR=…]``, nightly.

``ANCHOR`` is an anchor that an earlier check printed or the worker logged, or a file whose last line is one.
Exit status 0: all chains hold; 1: one does not, one line for each broken place on standard output; 2: there is no trail at
``DATABASE_URL``, or the anchor is none of ours. The progress bar goes to standard error.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import make_url
from tqdm import tqdm

from bot.audit.anchor import Anchor
from bot.audit.check import Report, check_trail, size
from bot.audit.errors import NoAudit, NotAnAnchor
from bot.audit.keys import Keyring
from bot.core.clock import SystemClock
from bot.core.database import Database
from bot.core.settings import Settings

SHOWN = 200
"""Broken places that are listed; a forged renumbering breaks everything after it."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="checks the chains of the audit trail")
    parser.add_argument("--anchor", default="", help="an anchor, or a file whose last line is one")
    settings = Settings()
    parsed = make_url(settings.database_url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        print(f"no audit trail at {parsed!r}", file=sys.stderr)  # opening it would make an empty file
        return 2
    keys = Keyring.of(settings)
    try:
        anchor = read_anchor(parser.parse_args(arguments).anchor, keys)
        report = run(settings, keys, anchor)
    except (NoAudit, NotAnAnchor) as error:
        print(error, file=sys.stderr)
        return 2
    return show(report, anchor)


def read_anchor(given: str, keys: Keyring) -> Anchor | None:
    """Raises ``NotAnAnchor``."""
    if not given:
        return None
    if not given.startswith("au1-"):
        path = Path(given)
        lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
        if not lines:
            raise NotAnAnchor(f"{given} is neither an anchor nor a file with one")
        given = lines[-1]
    return Anchor.parse(given, keys)


def run(settings: Settings, keys: Keyring, anchor: Anchor | None) -> Report:
    database = Database(settings.database_url)
    try:
        with tqdm(total=size(database), desc="audit", unit=" entries", file=sys.stderr) as bar:
            return check_trail(database, keys, SystemClock(settings.business_date), anchor=anchor, progress=bar.update)
    finally:
        database.dispose()


def show(report: Report, anchor: Anchor | None) -> int:
    for each in report.broken[:SHOWN]:
        print(each)
    if len(report.broken) > SHOWN:
        print(f"… and {len(report.broken) - SHOWN:,} more")
    counted = f"{report.entries:,} entries in {report.chains} chains"
    if report.broken:
        print(f"{counted}: {len(report.broken):,} broken places")
        return 1
    since = "" if anchor is None else f", and hold what the anchor of {anchor.at:%Y-%m-%d %H:%M:%S} knew"
    print(f"{counted}: all as they were written{since}")
    print(f"keep this anchor outside the database: {report.anchor}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
