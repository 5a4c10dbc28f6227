"""How entries hang together: the hash of an entry, the seal of a head. Pure functions; every byte of what they seal is fixed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from bot.audit.keys import Keyring

GENESIS = "0" * 64
"""What the first entry of a chain follows."""
SEALED = (
    "chain", "seq", "at", "actor_kind", "actor_id", "channel", "address", "request_id", "action",
    "conversation_id", "case_no", "contract_no", "customer_id", "reason", "details", "key_id", "prev_hash",
)  # fmt: skip
"""All columns of an entry but its hash."""


@dataclass(frozen=True)
class Head:
    """``key_id`` and ``seal`` are empty until the chain has its first entry."""

    chain: int
    count: int
    last_hash: str
    key_id: str | None = None
    seal: str | None = None

    @classmethod
    def sealed(cls, keys: Keyring, chain: int, count: int, last_hash: str) -> Head:
        return cls(chain, count, last_hash, keys.current, keys.seal(_head_bytes(chain, count, last_hash)))

    def genuine(self, keys: Keyring) -> bool:
        """Whether this is a state that somebody with a key of the ring wrote. An empty chain needs no seal."""
        if self.seal is None or self.key_id is None:
            return (self.count, self.last_hash, self.seal, self.key_id) == (0, GENESIS, None, None)
        return keys.knows(self.key_id) and self.seal == keys.seal(
            _head_bytes(self.chain, self.count, self.last_hash), self.key_id
        )


def entry_hash(keys: Keyring, columns: Mapping[str, Any]) -> str:
    """The hash of an entry by the key that it names. Raises ``KeyError`` when that key is not on the ring."""
    values = {name: columns[name] for name in SEALED}
    values["at"] = columns["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return keys.seal(_canonical("entry", values), columns["key_id"])


def _head_bytes(chain: int, count: int, last_hash: str) -> bytes:
    return _canonical("head", {"chain": chain, "count": count, "last_hash": last_hash})


def _canonical(what: str, values: Mapping[str, Any]) -> bytes:
    """One spelling for one content: sorted names, no blanks, ASCII. ``what`` keeps an entry from passing as a head."""
    return json.dumps([what, values], sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
