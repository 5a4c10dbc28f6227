"""What happened, in order: due date, mandate, debit attempts, incidents, payments, errors of the app, notices (product §3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Literal

from bot.cases.evidence.facts import Facts, day_of
from bot.cases.evidence.wording import Named, clock_time, code_keys, render
from bot.core.clock import SHANGHAI, chinese_date
from bot.core.money import format_yuan
from bot.core.texts import Texts

EntryKind = Literal["due", "mandate", "incident", "debit_attempt", "payment", "app_error", "notice"]
RANK: tuple[EntryKind, ...] = ("due", "mandate", "incident", "debit_attempt", "payment", "app_error", "notice")
"""Entries of the same moment stand in this order."""


@dataclass(frozen=True)
class Entry:
    """One line. ``key`` is its text ``evidence_timeline_<key>``, filled from ``values`` and from the texts ``named``."""

    at: datetime
    kind: EntryKind
    key: str
    values: dict[str, str] = field(default_factory=dict)
    named: Named = field(default_factory=dict)

    def text(self, texts: Texts) -> str:
        return render(texts, f"evidence_timeline_{self.key}", self.values, self.named)


def timeline(facts: Facts) -> tuple[Entry, ...]:
    """All entries up to the end of ``facts.as_of``, oldest first."""
    before = [*_due(facts), *_mandates(facts), *_attempts(facts), *_incidents(facts)]
    entries = [*before, *_payments(facts), *_app_errors(facts), *_notices(facts)]
    known = [entry for entry in entries if day_of(entry.at) <= facts.as_of]
    return tuple(sorted(known, key=lambda entry: (entry.at, RANK.index(entry.kind), entry.key, sorted(entry.values.items()))))


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=SHANGHAI)


def _due(facts: Facts) -> Iterator[Entry]:
    at, due = _start_of(facts.due_on), chinese_date(facts.due_on)
    yield Entry(at, "due", "due", {"on": due, "instalment": str(facts.instalment), "amount": format_yuan(facts.owed)})
    if not facts.days:
        return
    tried = any(day_of(item.at) == facts.due_on for item in facts.attempts)
    if not tried and any(item.active_throughout(facts.due_on) for item in facts.mandates):
        yield Entry(at, "debit_attempt", "debit_none", {"on": due})
    if not any(item.kind == "due_reminder" for item in facts.notices):
        yield Entry(at, "notice", "reminder_missing")


def _mandates(facts: Facts) -> Iterator[Entry]:
    on_due_date = [item for item in facts.mandates if item.touches(facts.due_on)]
    yield Entry(_start_of(facts.due_on), "mandate", "mandate_active" if on_due_date else "mandate_none")
    for item in on_due_date:
        if item.revoked_at:
            yield Entry(item.revoked_at, "mandate", "mandate_revoked", {"at": clock_time(item.revoked_at)})


def _attempts(facts: Facts) -> Iterator[Entry]:
    for item in facts.attempts:
        at = {"at": clock_time(item.at)}
        if item.side == "none":
            yield Entry(item.at, "debit_attempt", "debit_taken", at)
        else:
            named = {"code_text": code_keys(item.code, item.side)}
            yield Entry(item.at, "debit_attempt", f"debit_failed_{item.side}", at, named)


def _incidents(facts: Facts) -> Iterator[Entry]:
    for item in facts.incidents:
        named = {"channel_text": (f"evidence_channel_{item.channel}",)}
        state = "confirmed" if item.confirmed else "suspected"
        yield Entry(item.starts_at, "incident", f"incident_{state}", {"at": clock_time(item.starts_at)}, named)
        if item.confirmed and item.ends_at:
            yield Entry(item.ends_at, "incident", "incident_over", {"at": clock_time(item.ends_at)}, named)


def _payments(facts: Facts) -> Iterator[Entry]:
    """Own and scheduled repayments; an auto-debit is told by its attempts, unless the money was taken and then hung."""
    for item in facts.payments:
        same_day = item.resolved_at is not None and day_of(item.resolved_at) == day_of(item.created_at)
        if item.kind == "auto_debit" and (same_day or item.status == "created"):
            continue
        amount = format_yuan(item.amount)
        began = item.status if same_day or item.status in ("created", "processing") else "made"
        named = {"code_text": code_keys(item.code or "", item.side)} if began == "failed" else {}
        yield Entry(item.created_at, "payment", f"payment_{began}", {"at": clock_time(item.created_at), "amount": amount}, named)
        if item.resolved_at is not None and not same_day:
            values = {"at": clock_time(item.resolved_at), "amount": amount, "made_on": chinese_date(day_of(item.created_at))}
            named = {"code_text": code_keys(item.code or "", item.side)} if item.status == "failed" else {}
            yield Entry(item.resolved_at, "payment", f"resolved_{item.status}", values, named)


def _app_errors(facts: Facts) -> Iterator[Entry]:
    for item in facts.app_errors:
        named = {
            "operation_text": (f"evidence_app_{item.operation}", "evidence_app_other"),
            "code_text": code_keys(item.code, "none"),
        }
        yield Entry(item.at, "app_error", "app_error", {"at": clock_time(item.at)}, named)


def _notices(facts: Facts) -> Iterator[Entry]:
    for item in facts.notices:
        at = item.delivered_at or item.sent_at
        named = {"channel_text": (f"evidence_notice_{item.channel}",), "kind_text": (f"evidence_notice_{item.kind}",)}
        yield Entry(at, "notice", f"notice_{item.delivery}", {"at": clock_time(at)}, named)
