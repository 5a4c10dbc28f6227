"""Mass remediation from the command line: make remediate INCIDENT=I-… [STEP=list|preview|propose|approve|reject|post] [AS=S2101].

list      finds and examines everyone whom the incident may have harmed (a new run, or the open one)
preview   writes the list (CSV) and the chart (SVG), prints the totals
propose   freezes the list; approve / reject: another person, once; these three ask for the password of AS (or take it from
          REMEDIATE_PASSWORD)
post      gives everyone what was approved, batch by batch

list and post may be killed and started again, and run in several processes (``--workers``). Exit status: 0, 1 when the step was
refused, 2 for a wrong call.
"""

from __future__ import annotations

import argparse
import gc
import getpass
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tqdm import tqdm  # noqa: E402

from bot.audit.service import audited  # noqa: E402
from bot.cases.remediation.chart import chart  # noqa: E402
from bot.cases.remediation.driver import Driver  # noqa: E402
from bot.cases.remediation.preview import csv_pages, yuan  # noqa: E402
from bot.cases.remediation.service import RemediationService  # noqa: E402
from bot.cases.remediation.views import Progress, RunView  # noqa: E402
from bot.cases.thread import Actor  # noqa: E402
from bot.core.clock import SystemClock  # noqa: E402
from bot.core.database import Database  # noqa: E402
from bot.core.errors import CareError  # noqa: E402
from bot.core.settings import Settings  # noqa: E402
from bot.core.texts import Texts  # noqa: E402
from bot.loans.backends import loan_backends  # noqa: E402

STEPS = ("list", "preview", "propose", "approve", "reject", "post")
SECONDS_BETWEEN_LOOKS = 1.0


class Command:
    """One call; everything it needs from the settings."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.settings = Settings()
        self.clock = SystemClock(self.settings.business_date)
        self.database = audited(Database(self.settings.database_url), self.settings)
        self.loans = loan_backends(self.settings, self.clock)
        self.driver = Driver(self.database, self.clock, self.loans)

    def close(self) -> None:
        self.loans.close()
        self.database.dispose()

    def run(self) -> None:
        step: str = self.options.step
        if step == "list":
            self.list()
        elif step == "preview":
            self.preview(self.chosen().run_no)
        elif step == "post":
            self.post(self.chosen().run_no)
        else:
            self.decide(step, self.chosen().run_no)

    def chosen(self) -> RunView:
        """The run that is named, else the newest of the incident."""
        if self.options.run:
            return self.driver.once(lambda service: service.run(self.options.run))
        runs = self.driver.once(lambda service: service.of_incident(self.options.incident))
        if not runs:
            raise SystemExit(f"no run of {self.options.incident} yet: begin with STEP=list")
        return runs[0]

    def list(self) -> None:
        if self.options.run:
            run = self.chosen()
        else:
            by = Actor("agent", self.options.who or f"operator:{getpass.getuser()}")
            run = self.driver.once(lambda service: service.start(self.options.incident, by, again=self.options.again))
        with self.bar(run.run_no, "found", of=None) as tick:
            self.driver.find(run.run_no, tick)
        found = self.progress(run.run_no).found
        with self.helpers("list", run.run_no), self.bar(run.run_no, "examined", of=found) as tick:
            self.driver.examine(run.run_no, tick, self.options.batch)
        self.say(run.run_no)

    def post(self, run_no: str) -> None:
        pending = self.progress(run_no).pending
        with self.helpers("post", run_no), self.bar(run_no, "posted", of=pending) as tick:
            self.driver.post(run_no, tick, self.options.batch)
        self.driver.post(run_no)  # marks the run as done when a helper had the last batch
        self.say(run_no)

    @contextmanager
    def helpers(self, step: str, run_no: str) -> Iterator[None]:
        """The other processes; the last batch of one of them may end after ours. They begin as copies of this one, because the
        imports take seconds, and open connections of their own.
        """
        changed = {"step": step, "run": run_no, "workers": 1, "quiet": True}
        options = argparse.Namespace(**{**vars(self.options), **changed})
        forked = multiprocessing.get_context("fork")
        others = [forked.Process(target=carry_out, args=(options,)) for _ in range(self.options.workers - 1)]
        for other in others:
            other.start()
        yield
        for other in others:
            other.join()
        if any(other.exitcode for other in others):
            raise SystemExit("a helping process failed; start the step again")

    @contextmanager
    def bar(self, run_no: str, what: str, of: int | None) -> Iterator[Tick]:
        with tqdm(total=of, desc=what, unit=" items", disable=self.options.quiet, file=sys.stderr) as bar:
            yield Tick(self, run_no, bar, what, None if self.options.workers == 1 else of)

    def progress(self, run_no: str) -> Progress:
        return self.driver.once(lambda service: service.progress(run_no))

    def preview(self, run_no: str) -> None:
        folder = Path(self.options.out)
        folder.mkdir(parents=True, exist_ok=True)
        words = Texts.load(self.settings.data_dir / "answers").dialogue
        run = self.driver.once(lambda service: service.run(run_no))
        totals = self.driver.once(lambda service: service.totals(run_no))
        (folder / f"{run_no}.svg").write_text(chart(run, totals, words), encoding="utf-8")
        with (folder / f"{run_no}.csv").open("w", encoding="utf-8", newline="") as file:
            file.writelines(csv_pages(self.opened, run_no, words, everyone=self.options.everyone))
        print(f"{totals.people:,} people, {totals.items:,} instalments, {yuan(totals.amount)} yuan; skipped: {totals.skipped}")
        print(f"written: {folder / run_no}.csv, {folder / run_no}.svg")

    @contextmanager
    def opened(self) -> Iterator[RemediationService]:
        with self.database.transaction() as session:
            yield RemediationService(session, self.clock, self.loans.open(session))

    def decide(self, step: str, run_no: str) -> None:
        agent = self.login()
        if step == "propose":
            run = self.driver.once(lambda service: service.propose(run_no, agent))
        elif step == "approve":
            run = self.driver.once(lambda service: service.approve(run_no, agent))
        else:
            run = self.driver.once(lambda service: service.reject(run_no, agent, reason=self.options.reason or "-"))
        amount = "" if run.amount is None else f", {run.people:,} people, {run.items:,} instalments, {yuan(run.amount)} yuan"
        print(f"{run.run_no}: {run.status} by {agent.identifier}{amount}, hash {run.items_hash}")

    def login(self) -> Actor:
        """The desk's own login, with its lock after wrong passwords."""
        from bot.desk.login import Login  # noqa: PLC0415 - importing it hashes a password, which the other steps need not wait for

        if not self.options.who:
            raise SystemExit("say who you are: AS=S2101")
        password = os.environ.get("REMEDIATE_PASSWORD") or getpass.getpass(f"password of {self.options.who}: ")
        agent = Login(self.database, self.clock, self.settings).check(self.options.who, password)
        return Actor("supervisor" if agent.role in ("supervisor", "admin") else "agent", agent.agent_id)

    def say(self, run_no: str) -> None:
        if self.options.quiet:
            return
        run, now = self.driver.once(lambda service: service.run(run_no)), self.progress(run_no)
        print(
            f"{run_no}: {run.status}; {now.pending:,} pending, {now.posted:,} posted, {now.skipped:,} skipped; "
            f"{yuan(now.amount)} yuan to give, {yuan(now.waived)} waived, {yuan(now.refunded)} refunded"
        )


class Tick:
    """Moves the bar by our own batches, or, with helpers (``of`` items together), by what all have done so far."""

    def __init__(self, command: Command, run_no: str, bar: Any, what: str, of: int | None) -> None:
        self.command, self.run_no, self.bar, self.what, self.of = command, run_no, bar, what, of
        self.shown = 0
        self.looked = time.monotonic()

    def __call__(self, count: int) -> None:
        time.sleep(self.command.options.pause)
        if self.of is None:
            self.bar.update(count)
        elif time.monotonic() - self.looked > SECONDS_BETWEEN_LOOKS:
            now = self.command.progress(self.run_no)
            done = self.of - (now.found if self.what == "examined" else now.pending)
            self.bar.update(done - self.shown)
            self.shown = done
            self.looked = time.monotonic()


def carry_out(options: argparse.Namespace) -> None:
    """One call from its beginning to its end."""
    command = Command(options)
    try:
        command.run()
    finally:
        command.close()


def main(arguments: list[str]) -> int:
    """Exit status of one call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--incident", default="")
    parser.add_argument("--run", default="", help="a run's number; default: the newest run of the incident")
    parser.add_argument("--as", dest="who", default="", help="agent id of who acts")
    parser.add_argument("--again", action="store_true", help="list: a new run although the last one is done")
    parser.add_argument("--everyone", action="store_true", help="preview: also those who get nothing")
    parser.add_argument("--out", default=str(ROOT / "results"), help="preview: folder")
    parser.add_argument("--reason", default="", help="reject: why")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1000, help="items of one transaction")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two batches, to leave room for other work")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args(arguments)
    if not options.incident and not options.run:
        parser.error("say which incident (--incident I-…) or run (--run MR-…)")
    tqdm.monitor_interval = 0  # its thread must not hold a lock when helpers are forked
    # A batch makes some hundred thousand objects and drops them; nobody need look through what the imports left, again and again.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    try:
        carry_out(options)
    except CareError as error:
        print(f"{error.code}: {error.message} {error.details or ''}".rstrip(), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
