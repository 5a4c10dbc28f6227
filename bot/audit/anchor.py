"""Anchors: the state of all chains in one line, to be kept outside the database (docs/audit.md).

What a forger with the database alone cannot do is write a new history; what they can do is put back an old one, of which every
seal is genuine. An anchor that was kept elsewhere shows that entries after the old one had existed.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import structlog

from bot.audit.chain import Head
from bot.audit.errors import AuditHeadBroken, NotAnAnchor
from bot.audit.keys import Keyring
from bot.audit.repository import AuditRepository
from bot.core.clock import SHANGHAI, Clock
from bot.core.database import Database

log = structlog.get_logger(__name__)

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
"""Digits in a row could look like a card or a phone, and the log would mask them."""
_SHAPE = re.compile(r"au1-(\d{8}T\d{6}Z)-([a-p]{16})-((?:\d{1,6}x\d{1,18}x[a-p]{16}\.?)*)-([a-p]{32})", re.ASCII)


@dataclass(frozen=True)
class Anchor:
    """``chains``: number of entries and beginning of the last hash (in letters) of each chain, at ``at``."""

    at: datetime
    chains: dict[int, tuple[int, str]]

    @classmethod
    def of(cls, heads: Iterable[Head], at: datetime) -> Self:
        return cls(at.replace(microsecond=0), {head.chain: (head.count, short(head.last_hash)) for head in heads})

    def text(self, keys: Keyring) -> str:
        chains = ".".join(f"{chain}x{count}x{ending}" for chain, (count, ending) in sorted(self.chains.items()))
        body = f"au1-{self.at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{keys.current.translate(_LETTERS)}-{chains}"
        return f"{body}-{_mac(keys, body, keys.current)}"

    @classmethod
    def parse(cls, text: str, keys: Keyring) -> Self:
        """Raises ``NotAnAnchor`` for whatever ``text`` did not write with a key of the ring."""
        match = _SHAPE.fullmatch(text.strip())
        if match is None:
            raise NotAnAnchor("this is not an anchor: it begins with au1- and is one line")
        at, key, chains, mac = match.groups()
        key_id = key.translate({after: before for before, after in _LETTERS.items()})
        if not keys.knows(key_id):
            raise NotAnAnchor("the anchor belongs to a key that is not here; add it to AUDIT_ACCEPTED_KEYS")
        if not hmac.compare_digest(mac, _mac(keys, text.strip().rpartition("-")[0], key_id)):
            raise NotAnAnchor("the anchor was cut or changed")
        parts = [part.split("x") for part in chains.split(".") if part]
        moment = datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).astimezone(SHANGHAI)
        return cls(moment, {int(chain): (int(count), ending) for chain, count, ending in parts})


def short(digest: str) -> str:
    """The first 64 bits of a hash, as an anchor spells them."""
    return digest[:16].translate(_LETTERS)


def _mac(keys: Keyring, body: str, key_id: str) -> str:
    return keys.seal(b"anchor:" + body.encode("ascii"), key_id)[:32].translate(_LETTERS)


class AnchorJob:
    """The worker's job: logs an anchor from time to time, for the place where logs are kept."""

    def __init__(self, database: Database, clock: Clock, keys: Keyring, every: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._every = every
        self._last: datetime | None = None

    def round(self) -> dict[str, int]:
        """Raises ``AuditHeadBroken``: then nothing is anchored, and somebody must look (``make audit-check``)."""
        now = self._clock.now()
        if self._last is not None and now < self._last + self._every:
            return {"anchored": 0, "errors": 0}
        with self._database.transaction() as session:
            heads = [head for head, _, _ in AuditRepository(session).heads()]
        broken = [head.chain for head in heads if not head.genuine(self._keys)]
        if broken or not heads:
            raise AuditHeadBroken(f"heads of the audit trail that are not ours: {broken or 'all are gone'}; run make audit-check")
        log.info("audit_anchor", anchor=Anchor.of(heads, now).text(self._keys), entries=sum(head.count for head in heads))
        self._last = now
        return {"anchored": 1, "errors": 0}
