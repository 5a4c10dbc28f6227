"""What mass remediation hands out: frozen values, money in 分."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from bot.core.money import Fen

RunStatus = Literal["draft", "proposed", "approved", "posting", "done", "rejected"]
ItemStatus = Literal["found", "pending", "posted", "skipped"]


@dataclass(frozen=True)
class Progress:
    """How many items stand where. ``listed``: every instalment was found; ``amount``: approved or to be approved;
    ``waived`` + ``refunded``: posted so far.
    """

    listed: bool
    found: int
    pending: int
    posted: int
    skipped: int
    amount: Fen
    waived: Fen
    refunded: Fen

    @property
    def items(self) -> int:
        return self.found + self.pending + self.posted + self.skipped


@dataclass(frozen=True)
class RunView:
    """A run. ``items``, ``people`` and ``amount`` are what was proposed, ``None`` before. ``as_of``: the day it was judged on."""

    run_no: str
    incident_no: str
    status: RunStatus
    as_of: date
    policy_from: date
    created_by: str
    created_at: datetime
    items: int | None
    people: int | None
    amount: Fen | None
    items_hash: str | None
    proposed_by: str | None
    proposed_at: datetime | None
    decided_by: str | None
    reason: str | None
    done_at: datetime | None


@dataclass(frozen=True)
class ItemView:
    """One instalment of a run; see ``RemediationItemRow``."""

    item_id: int
    customer_id: str
    contract_no: str
    instalment: int
    status: ItemStatus
    reason: str | None
    due_on: date | None
    overdue_days: int
    system_days: int
    penalty: Fen
    system_caused: Fen
    given_before: Fen
    amount: Fen
    waived: Fen
    refunded: Fen
    receipts: tuple[str, ...]


@dataclass(frozen=True)
class Totals:
    """What the preview sums up, over all items that get something. ``skipped``: the others, by reason.

    ``amounts``: how many items get which amount; ``due_days``: how many fell due on which day.
    """

    items: int
    people: int
    amount: Fen
    system_caused: Fen
    given_before: Fen
    skipped: dict[str, int]
    amounts: dict[Fen, int]
    due_days: dict[date, int]
