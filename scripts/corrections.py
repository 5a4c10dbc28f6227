"""The accepted corrections of the desk become training sentences: ``make corrections`` (docs/nlu.md).

An agent said what a message meant and a second person agreed (product §5). Each such sentence passes the checks of
``make import``, masked once more, and goes to data/local/corrections.yml, which git ignores and ``make train`` picks up; the file
always holds all of them. Of the same sentence the latest correction counts. What fails a check is left out and named by the
number of its correction; it stops nothing, for nobody can rewrite what a borrower wrote. Exit status 2: no database at
``DATABASE_URL``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import make_url
from tqdm import tqdm

from bot.core.clock import SystemClock
from bot.core.database import Database
from bot.core.settings import ROOT, Settings
from bot.desk.corrections import Correction, CorrectionService, intents
from scripts.import_questions import LOCAL, Report, check, questions, write

NAME = "corrections.yml"


def export(corrections: Iterable[Correction], held_out: set[str], target: Path) -> Report:
    """Writes ``target``, or removes it when nothing is left. ``held_out``: bare questions that measure and must not train."""
    report = check(_newest_first(corrections), {each.name for each in intents()}, held_out, each="correction")
    if report.count:
        write(report, target)
    else:
        target.unlink(missing_ok=True)
    return report


def _newest_first(corrections: Iterable[Correction]) -> Iterator[tuple[int, str, str]]:
    accepted = [each for each in corrections if each.state == "accepted"]
    for each in sorted(accepted, key=lambda each: each.number, reverse=True):
        yield each.number, each.text.strip(), each.intent


def accepted(settings: Settings) -> Sequence[Correction]:
    database = Database(settings.database_url)
    try:
        with database.transaction() as session:
            return CorrectionService(session, SystemClock(settings.business_date)).all_in("accepted")
    finally:
        database.dispose()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="exports the accepted corrections for training")
    parser.add_argument("--into", type=Path, default=LOCAL, help="folder of the result")
    target = parser.parse_args(arguments).into / NAME
    settings = Settings()
    parsed = make_url(settings.database_url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        print(f"no database at {parsed!r}", file=sys.stderr)  # opening it would make an empty file
        return 2
    found = accepted(settings)
    report = export(tqdm(found, desc="corrections", file=sys.stderr), questions(ROOT / "tests" / "data"), target)
    for line in (*report.left_out, *report.problems):
        print(f"left out: {line}")
    print(f"{len(found)} accepted corrections: {report.count} sentences of {len(report.sentences)} intents", end="")
    print(f" in {target}" if report.count else "; nothing to learn")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
