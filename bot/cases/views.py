"""What the services hand out: frozen values, with the cards of the stable contract (money in 分, dates ISO)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from bot.cases.evidence import Evidence
from bot.cases.thread import ActorKind, Audience, CaseKind, CaseStatus, EventType
from bot.core.money import Fen
from bot.loans.port import DoubleDebit, Payment

RemedyStatus = Literal["granted", "proposed", "approved", "rejected"]
RemedyKind = Literal["penalty", "double_debit"]
Telling = Literal["first", "again", "new_facts", "reopened"]
"""What a dispute that was told did: it opened its case, said nothing new, started its clock again, or reopened it too."""


@dataclass(frozen=True)
class CaseView:
    """A case now. ``next_update_by`` is ``None`` once nothing is pending; ``runs_from`` is where its clock began.

    ``owner``, ``callback_phone`` and ``issues`` (intents that the story holds) are for the desk.
    """

    case_no: str
    kind: CaseKind
    status: CaseStatus
    received_on: date
    decide_by: date
    next_update_by: date | None
    disputed_amount: Fen | None
    owner: str
    customer_id: str | None
    conversation_id: str
    callback_phone: str | None
    contract_no: str | None
    instalment: int | None
    runs_from: date
    extended_to_days: int | None
    issues: tuple[str, ...]
    channel: str

    def card(self) -> dict[str, Any]:
        """The ``case`` card."""
        return {
            "type": "case",
            "case_no": self.case_no,
            "kind": self.kind,
            "status": self.status,
            "received_on": self.received_on.isoformat(),
            "decide_by": self.decide_by.isoformat(),
            "next_update_by": self.next_update_by.isoformat() if self.next_update_by else None,
            "disputed_amount": self.disputed_amount,
        }


@dataclass(frozen=True)
class EventView:
    """One event of a thread. ``data`` holds codes and amounts; ``text`` is what a person wrote."""

    number: int
    type: EventType
    at: datetime
    day: date
    actor_kind: ActorKind
    actor_id: str
    audience: Audience
    text: str | None
    data: dict[str, Any]


@dataclass(frozen=True)
class RemedyView:
    """Something given back, or proposed. ``waived`` + ``refunded`` = ``amount`` once it is posted, both 0 before.

    ``receipt_no`` is the first of ``receipts``: a remedy that is partly a waiver and partly a refund has two. ``drafted``: the
    bot's proposal that no agent has put forward yet.
    """

    remedy_no: int
    case_no: str
    kind: RemedyKind
    status: RemedyStatus
    amount: Fen
    waived: Fen
    refunded: Fen
    receipt_no: str | None
    receipts: tuple[str, ...]
    reason: str
    proposed_by: str | None
    decided_by: str | None
    drafted: bool

    def card(self) -> dict[str, Any]:
        """The ``remedy`` card."""
        return remedy_card(self.case_no, self.status, self.amount, self.receipt_no)


def remedy_card(case_no: str, status: str, amount: Fen, receipt_no: str | None) -> dict[str, Any]:
    """The ``remedy`` card."""
    return {"type": "remedy", "case_no": case_no, "status": status, "amount": amount, "receipt_no": receipt_no}


@dataclass(frozen=True)
class OpenedCase:
    """``merged``: the case was open already and this joined it."""

    case: CaseView
    merged: bool


@dataclass(frozen=True)
class DisputeOutcome:
    """What a dispute came to. ``remedy`` of a case that was there before is the earlier one."""

    case: CaseView
    evidence: Evidence
    remedy: RemedyView | None
    kind: Literal["system", "borrower", "mixed"]
    telling: Telling

    @property
    def repeated(self) -> bool:
        """Whether the case had been there before."""
        return self.telling != "first"


@dataclass(frozen=True)
class WrongChargeOutcome:
    """A double debit, its case and the refund of the surplus."""

    case: CaseView
    double_debit: DoubleDebit
    remedy: RemedyView | None
    telling: Telling

    @property
    def repeated(self) -> bool:
        """Whether the case had been there before."""
        return self.telling != "first"


@dataclass(frozen=True)
class DecisionView:
    """What was decided. A person's decision has words (else empty), what was given back an amount in 分 and its receipts."""

    decided_on: date
    facts: str
    reasons: str
    remedy: str
    given: Fen
    receipts: tuple[str, ...]


@dataclass(frozen=True)
class WayOnView:
    """Where the complainant can go after a decision (product §4); ``until`` is the last day, if there is one."""

    way: Literal["review", "mediation", "hotline"]
    until: date | None
    number: str | None


def decision_of(thread: Sequence[EventView]) -> DecisionView | None:
    """The last decision in the thread with what was given by it; ``None`` when there was none."""
    found = [event for event in thread if event.type in ("decided", "approved")]
    if not found:
        return None
    words = found[-1].data
    later = [event for event in thread if event.number > found[-1].number]
    given = [event for event in later if event.type == "remedied" and "receipts" in event.data]
    return DecisionView(
        decided_on=found[-1].day,
        facts=str(words.get("facts", "")),
        reasons=str(words.get("reasons", "")),
        remedy=str(words.get("remedy", "")),
        given=sum(event.data["amount"] for event in given),
        receipts=tuple(number for event in given for number in event.data["receipts"]),
    )


def payment_status_card(payments: Iterable[Payment]) -> dict[str, Any]:
    """The ``payment_status`` card."""
    return {
        "type": "payment_status",
        "payments": [
            {
                "payment_no": payment.payment_no,
                "amount": payment.amount,
                "status": payment.status,
                "created_at": payment.created_at.isoformat(),
                "advice": payment.advice,
            }
            for payment in payments
        ],
    }
