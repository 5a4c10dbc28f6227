"""The proof that the trail is as it was written: every chain, a range of entries at a time, and each broken place by name.

It may run while deeds are recorded: how far each chain goes is read first, in one statement, and entries only ever follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import inspect

from bot.audit.anchor import Anchor, short
from bot.audit.chain import GENESIS, Head, entry_hash
from bot.audit.errors import NoAudit
from bot.audit.keys import Keyring
from bot.audit.repository import AuditRepository
from bot.audit.service import HEAD_BROKEN
from bot.core.clock import Clock
from bot.core.database import Database

BATCH = 5000
"""Entries in one statement."""
Progress = Callable[[int], object]


@dataclass(frozen=True)
class Broken:
    """``seq``: the entry that is wrong or missing; ``None`` where the chain as a whole is."""

    chain: int
    seq: int | None
    what: str

    def __str__(self) -> str:
        return f"chain {self.chain}{'' if self.seq is None else f' entry {self.seq}'}: {self.what}"


@dataclass(frozen=True)
class Report:
    """``anchor`` of the state that was checked; ``None`` when something is broken."""

    entries: int
    chains: int
    broken: tuple[Broken, ...]
    anchor: str | None


@dataclass
class _Chain:
    """One chain on the way from its first entry to its last."""

    keys: Keyring
    head: Head
    anchored: tuple[int, str] | None
    next_seq: int = 1
    last_hash: str = GENESIS
    trusted: bool = True
    """Whether the next entry must follow ``last_hash``: not after a gap or a changed entry, which were reported."""
    entries: int = 0
    broken: list[Broken] = field(default_factory=list)

    def report(self, seq: int | None, what: str) -> None:
        self.broken.append(Broken(self.head.chain, seq, what))

    def take(self, row: Mapping[str, Any]) -> None:
        seq = row["seq"]
        self.entries += 1
        if seq < self.next_seq:
            self.report(seq, "there twice")
            return
        self._gap_before(seq)
        genuine = self._genuine(row)
        if genuine and self.trusted and row["prev_hash"] != self.last_hash:
            self.report(seq, "does not follow the entry before it")
        if genuine and row["action"] == HEAD_BROKEN:
            self.report(seq, f"the head had been changed before this was written; it said {row['details'].get('count')} entries")
        self.next_seq, self.last_hash, self.trusted = seq + 1, row["hash"], genuine
        if self.anchored is not None and seq == self.anchored[0] and genuine and short(row["hash"]) != self.anchored[1]:
            self.report(seq, "is another one than when the anchor was made: an old state was put back and written on")

    def _gap_before(self, seq: int) -> None:
        if seq > self.next_seq:
            self._missing(self.next_seq, seq - 1)
            self.trusted = False

    def _missing(self, first: int, last: int) -> None:
        self.report(first, "is missing" if first == last else f"is missing, and all to {last}")

    def _genuine(self, row: Mapping[str, Any]) -> bool:
        if not self.keys.knows(row["key_id"]):
            self.report(row["seq"], "was sealed with a key that is not here (AUDIT_ACCEPTED_KEYS), or was changed")
            return False
        if row["hash"] != entry_hash(self.keys, row):
            self.report(row["seq"], "was changed")
            return False
        return True

    def finish(self, highest: int) -> None:
        """After the last entry: what the head and the anchor know of it. ``highest``: the last ``seq`` beside this head."""
        if not self.head.genuine(self.keys):
            self.report(None, "its head was changed")
        else:
            self._compare_with_head(highest)
        if self.anchored is not None and self.anchored[0] >= self.next_seq:
            self.report(self.next_seq, f"is missing, with all after it: the anchor knows {self.anchored[0]} entries")

    def _compare_with_head(self, highest: int) -> None:
        count = self.head.count
        if count >= self.next_seq:
            self._missing(self.next_seq, count)
        elif highest > count:
            self.report(count + 1, "is not counted by the head: it was put there without it")
        elif self.trusted and self.last_hash != self.head.last_hash:
            self.report(count, "is not the one that the head knows as the last")


def size(database: Database) -> int:
    """About how many entries there are to check. Raises ``NoAudit``."""
    if not inspect(database.engine).has_table("audit_chains"):
        raise NoAudit("no audit trail here: python -m bot.migrations.run")
    with database.transaction() as session:
        return sum(max(head.count, highest) for head, _, highest in AuditRepository(session).heads())


def check_trail(
    database: Database,
    keys: Keyring,
    clock: Clock,
    *,
    anchor: Anchor | None = None,
    progress: Progress = lambda _count: None,
    batch: int = BATCH,
) -> Report:
    """Walks all chains; ``progress`` is told how many entries each range had."""
    with database.transaction() as session:
        repository = AuditRepository(session)
        heads, headless = repository.heads(), repository.chains_without_head()
    known = {} if anchor is None else anchor.chains
    gone = {*headless, *known} - {head.chain for head, *_ in heads}
    broken = [Broken(chain, None, "its head is gone") for chain in sorted(gone)]
    if not heads:
        broken.append(Broken(0, None, "all heads are gone"))
    entries = 0
    for head, lowest, highest in heads:
        chain = _Chain(keys, head, known.get(head.chain))
        for row in _rows(database, head.chain, min(1, lowest), highest, batch, progress):
            chain.take(row)
        chain.finish(highest)
        entries += chain.entries
        broken += chain.broken
    made = None if broken else Anchor.of((head for head, *_ in heads), clock.now()).text(keys)
    return Report(entries, len(heads), tuple(broken), made)


def _rows(database: Database, chain: int, first: int, last: int, batch: int, progress: Progress) -> Iterator[Mapping[str, Any]]:
    """The entries from ``first`` to ``last``. One transaction for each range, so that a long check holds up nobody."""
    for start in range(first, last + 1, batch):
        with database.transaction() as session:
            rows = AuditRepository(session).between(chain, start, min(last, start + batch - 1))
        yield from rows
        progress(len(rows))
