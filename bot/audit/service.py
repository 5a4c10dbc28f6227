"""``AuditTrail``: records who saw or did what, and finds it again. Never commits.

Entries wait in the session and are chained right before its commit, in the same transaction as the deed: what is rolled back
leaves none, what is committed always has its own. The head of a chain is therefore locked only while a commit lasts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from bot.audit.chain import Head, entry_hash
from bot.audit.errors import AuditKeyMissing
from bot.audit.keys import Keyring
from bot.audit.repository import AuditRepository, Place
from bot.core import sealing
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.http import storable
from bot.core.masking import mask
from bot.core.origin import Actor, ActorKind, Origin, origin
from bot.core.settings import Settings

log = structlog.get_logger(__name__)

HEAD_BROKEN = "audit.head_broken"
"""Stands in a chain for good where its head had been changed without the key; ``make audit-check`` names it."""
MAX_REASON_CHARS = 300
MAX_DETAIL_CHARS = 200
PAGE = 50
MACHINES: frozenset[ActorKind] = frozenset({"bot", "system"})
"""Who may look at the same thing again and again without leaving an entry each time."""
_KEYS, _PENDING = "audit.keys", "audit.pending"
_ACTION = re.compile(r"[a-z_]+(\.[a-z_]+)+")
_OUR_NUMBER = re.compile(r"[A-Z]{1,2}-\d{8}-\d{1,16}")
"""Of a contract, payment, case or receipt. Some have as many digits as a bank card, and masked they would find nothing."""

Detail = str | int | bool | None | Sequence[str | int]


@dataclass(frozen=True)
class Subject:
    """What a deed was about, or was seen of. Everything that is known of these four."""

    conversation_id: str | None = None
    case_no: str | None = None
    contract_no: str | None = None
    customer_id: str | None = None


@dataclass(frozen=True)
class AuditEntry:
    """One entry as it is read. ``at`` in Shanghai time."""

    at: datetime
    actor: Actor
    channel: str
    address: str | None
    request_id: str | None
    action: str
    subject: Subject
    reason: str | None
    details: Mapping[str, Any]
    chain: int
    seq: int

    @property
    def place(self) -> Place:
        return self.at, self.chain, self.seq


@dataclass(frozen=True)
class AuditPage:
    """Newest first; ``after`` is the cursor of the next page, ``None`` on the last."""

    entries: tuple[AuditEntry, ...]
    after: Place | None


@dataclass(frozen=True)
class _Draft:
    """An entry that has no place in a chain yet."""

    at: datetime
    actor: Actor
    place: Origin
    action: str
    subject: Subject
    reason: str | None
    details: dict[str, Any]

    def columns(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "actor_kind": self.actor.kind,
            "actor_id": self.actor.identifier,
            "channel": self.place.channel,
            "address": self.place.address,
            "request_id": self.place.request_id,
            "action": self.action,
            **asdict(self.subject),
            "reason": self.reason,
            "details": self.details,
        }


def audited(database: Database, settings: Settings) -> Database:
    """Gives the sessions of ``database`` the keys of the chains, and the one of what is sealed (``bot.core.sealing``).

    Raises ``RuntimeError`` when the settings have none.
    """
    database.session_info[_KEYS] = Keyring.of(settings)
    database.session_info[sealing.KEY] = sealing.Sealer.of(settings)
    return database


class AuditTrail:
    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    def record(
        self,
        action: str,
        actor: Actor | None,
        subject: Subject,
        *,
        reason: str | None = None,
        details: Mapping[str, Detail] | None = None,
    ) -> None:
        """Leaves an entry with the deed. ``actor=None``: whoever the unit of work runs for (``bot.core.origin``).

        ``action`` is a stable code, ``thing.happened``. ``reason`` and the strings of ``details`` are masked; still, pass
        numbers and codes, not what people wrote: no mask knows a name.
        Raises ``AuditKeyMissing``, and ``ValueError`` or ``TypeError`` for what cannot be sealed.
        """
        if _KEYS not in self._session.info:
            raise AuditKeyMissing("open the database with bot.audit.service.audited")
        if not _ACTION.fullmatch(action):
            raise ValueError(f"{action!r} is not a code like thing.happened")
        place = origin()
        if subject.conversation_id is None:
            subject = replace(subject, conversation_id=place.conversation_id)
        draft = _Draft(
            at=self._clock.now(),
            actor=actor or place.actor,
            place=place,
            action=action,
            subject=subject,
            reason=None if reason is None else mask(storable(reason))[:MAX_REASON_CHARS],
            details={name: _safe(value) for name, value in (details or {}).items()},
        )
        within = self._session.get_nested_transaction()
        self._session.info.setdefault(_PENDING, []).append((within, draft))

    def record_finding(
        self, action: str, subject: Subject, *, details: Mapping[str, Detail], about: Collection[str], since: datetime
    ) -> None:
        """As ``record`` for whoever the unit of work runs for, but a machine that finds the same again leaves no second entry.

        Left out is what the last entry from ``since`` on says already, of the same machine, subject and conversation. ``about``
        names the details that belong to the subject; when another differs, it is recorded. So is each look of a person.
        """
        place = origin()
        if place.actor.kind in MACHINES:
            here = subject if subject.conversation_id is not None else replace(subject, conversation_id=place.conversation_id)
            found = {name: _safe(value) for name, value in details.items()}
            if self._last_finding(action, place.actor, here, {name: found[name] for name in about}, since) == found:
                return
        self.record(action, None, subject, details=details)

    def _last_finding(
        self, action: str, actor: Actor, subject: Subject, about: Mapping[str, Any], since: datetime
    ) -> Mapping[str, Any] | None:
        """The details of the newest such entry, those of this transaction included unless a rollback could still take them."""
        current = self._session.get_nested_transaction()
        pending = reversed(self._session.info.get(_PENDING, []))
        kept: list[_Draft | AuditEntry] = [draft for within, draft in pending if within is None or _inside(current, within)]
        kept.extend(self.search(subject=subject, actor_id=actor.identifier, action=action, first=since).entries)
        for each in kept:
            same = (each.action, each.actor, each.subject) == (action, actor, subject)
            if same and all(each.details.get(name) == value for name, value in about.items()):
                return each.details
        return None

    def search(
        self,
        *,
        subject: Subject | None = None,
        actor_id: str | None = None,
        action: str | None = None,
        first: datetime | None = None,
        last: datetime | None = None,
        after: Place | None = None,
        limit: int = PAGE,
    ) -> AuditPage:
        """What is committed, newest first. An ``action`` that ends in a dot finds all that begin with it (``case.``)."""
        conditions: dict[str, Any] = {name: value for name, value in asdict(subject or Subject()).items() if value is not None}
        given = {"actor_id": actor_id, "first": first, "last": last, "after": after}
        conditions.update({name: value for name, value in given.items() if value is not None})
        if action is not None:
            conditions["action_prefix" if action.endswith(".") else "action"] = action
        rows = AuditRepository(self._session).search(conditions, limit=limit + 1)
        entries = tuple(_entry(row) for row in rows[:limit])
        return AuditPage(entries, entries[-1].place if len(rows) > limit else None)

    def recorded_since(
        self, action: str, actor: Actor, subject: Subject, moment: datetime, details: Mapping[str, Detail] | None = None
    ) -> bool:
        """Whether the same look was recorded already: what is looked at every few seconds is recorded once in a while.

        With ``details``: one that says the same of these. More than ``PAGE`` other looks at the subject may hide it.
        """
        about = {name: _safe(value) for name, value in (details or {}).items()}
        limit = PAGE if about else 1
        found = self.search(subject=subject, actor_id=actor.identifier, action=action, first=moment, limit=limit).entries
        return any(all(each.details.get(name) == value for name, value in about.items()) for each in found)


def _safe(value: Detail) -> Any:
    if isinstance(value, str):
        kept = value if _OUR_NUMBER.fullmatch(value) else mask(storable(value))
        return kept[:MAX_DETAIL_CHARS]
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(item, (str, int)) for item in value):
        return [_safe(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot stand in an audit entry")


def _entry(row: Any) -> AuditEntry:
    subject = Subject(**{field.name: getattr(row, field.name) for field in fields(Subject)})
    return AuditEntry(
        at=row.at,
        actor=Actor(row.actor_kind, row.actor_id),
        channel=row.channel,
        address=row.address,
        request_id=row.request_id,
        action=row.action,
        subject=subject,
        reason=row.reason,
        details=row.details,
        chain=row.chain,
        seq=row.seq,
    )


# --- at the end of the transaction


@event.listens_for(Session, "before_commit")
def _chain_pending(session: Session) -> None:
    """Also called when a savepoint is released: then nothing is final yet."""
    if session.in_nested_transaction():
        return
    pending = session.info.pop(_PENDING, None)
    if pending:
        session.flush()  # every other lock comes before that of the head
        _append(session, [draft for _, draft in pending])


@event.listens_for(Session, "after_soft_rollback")
def _forget_rolled_back(session: Session, ended: SessionTransaction) -> None:
    if ended.nested and _PENDING in session.info:
        session.info[_PENDING] = [(within, draft) for within, draft in session.info[_PENDING] if not _inside(within, ended)]


@event.listens_for(Session, "after_transaction_end")
def _forget_all(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        session.info.pop(_PENDING, None)


def _inside(within: SessionTransaction | None, ended: SessionTransaction) -> bool:
    while within is not None:
        if within is ended:
            return True
        within = within.parent
    return False


def _append(session: Session, drafts: list[_Draft]) -> None:
    """Chains the drafts behind a head that is proved genuine first: else ours would seal what a forger left there."""
    keys: Keyring = session.info[_KEYS]
    repository = AuditRepository(session)
    head = repository.lock_any_head()
    seq, last_hash = head.count, head.last_hash
    if not head.genuine(keys):
        log.error("audit_head_broken", chain=head.chain, count=head.count)
        mark = replace(drafts[0], actor=Actor("system", "audit"), action=HEAD_BROKEN, subject=Subject(), reason=None)
        drafts = [replace(mark, details={"count": head.count}), *drafts]
        seq = max(seq, repository.last_seq(head.chain))  # not over what is there; the gap, if any, is found by the check
    rows = []
    for draft in drafts:
        seq += 1
        row = {"chain": head.chain, "seq": seq, **draft.columns(), "key_id": keys.current, "prev_hash": last_hash}
        row["hash"] = last_hash = entry_hash(keys, row)
        rows.append(row)
    repository.add(rows, Head.sealed(keys, head.chain, seq, last_hash))
