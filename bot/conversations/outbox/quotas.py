"""May this address be sent another message now? Pure: what was sent and when windows opened is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.conversations.outbox.port import Opening, QuotaRule


@dataclass(frozen=True)
class Verdict:
    """``reopens_at``: when waiting helps by itself; ``None`` when only the borrower can open it. ``rule``: the one in the way."""

    allowed: bool
    reopens_at: datetime | None = None
    rule: str | None = None


def judge(rules: Sequence[QuotaRule], sent: Sequence[datetime], opened: Mapping[Opening, datetime], now: datetime) -> Verdict:
    """``sent``: moments of all calls that the platform may have counted, oldest first, at least as far back as any rule looks.

    A call counts against every window that was open at its time, so we never use more than is allowed, however it is counted.
    """
    for rule in rules:
        if rule.opened_by is None:
            recent = [moment for moment in sent if moment > now - rule.within]
            if len(recent) >= rule.most:
                return Verdict(False, recent[-rule.most] + rule.within, rule.name)
    windows = [rule for rule in rules if rule.opened_by is not None]
    if not windows or any(_open(rule, sent, opened, now) for rule in windows):
        return Verdict(True)
    return Verdict(False, None, windows[0].name)


def _open(rule: QuotaRule, sent: Sequence[datetime], opened: Mapping[Opening, datetime], now: datetime) -> bool:
    at = opened.get(rule.opened_by) if rule.opened_by is not None else None
    if at is None or now >= at + rule.within - rule.margin:
        return False
    return sum(moment >= at for moment in sent) < rule.most
