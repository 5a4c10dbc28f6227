"""The thread of a case: append-only typed events, from which its status is derived (product §4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from bot.cases.errors import CaseOver, StepNotAllowed

CaseKind = Literal["complaint", "dispute", "fraud_report", "credit_correction"]
CaseStatus = Literal[
    "received",
    "acknowledged",
    "investigating",
    "waiting_for_borrower",
    "proposed",
    "decided",
    "remedied",
    "closed",
    "withdrawn",
    "reopened",
]
EventType = Literal[
    "received",
    "acknowledged",
    "assigned",
    "investigating",
    "asked_borrower",
    "fact_added",
    "merged",
    "note",
    "extension_requested",
    "extended",
    "proposed",
    "approved",
    "rejected",
    "decided",
    "remedied",
    "closed",
    "withdrawn",
    "reopened",
]
Audience = Literal["borrower", "internal"]
ActorKind = Literal["borrower", "bot", "agent", "supervisor", "system"]

CASE_KINDS: tuple[str, ...] = get_args(CaseKind)
EVENT_TYPES: tuple[str, ...] = get_args(EventType)
ACTOR_KINDS: tuple[str, ...] = get_args(ActorKind)

OVER: frozenset[CaseStatus] = frozenset({"closed", "withdrawn"})
"""Nothing happens any more, unless it is reopened."""
CLOCK_STOPS: frozenset[CaseStatus] = frozenset({"decided", "remedied", "closed", "withdrawn"})
"""The decision has been made, or is not wanted any more: no date is pending."""

_BECOMES: dict[str, CaseStatus] = {
    "received": "received",
    "acknowledged": "acknowledged",
    "investigating": "investigating",
    "asked_borrower": "waiting_for_borrower",
    "proposed": "proposed",
    "approved": "decided",
    "rejected": "investigating",
    "decided": "decided",
    "remedied": "remedied",
    "closed": "closed",
    "withdrawn": "withdrawn",
    "reopened": "reopened",
}
_WORKING: frozenset[CaseStatus] = frozenset(
    {"received", "acknowledged", "investigating", "waiting_for_borrower", "proposed", "reopened"}
)
_ANY_TIME = frozenset({"note", "assigned"})
_ALLOWED_FROM: dict[str, frozenset[CaseStatus]] = {
    "acknowledged": frozenset({"received"}),
    "investigating": _WORKING - {"proposed"},
    "asked_borrower": _WORKING - {"proposed"},
    "fact_added": _WORKING | {"decided", "remedied"},
    "merged": _WORKING | {"decided", "remedied"},
    "extension_requested": _WORKING,
    "extended": _WORKING,
    "proposed": _WORKING,
    "approved": frozenset({"proposed"}),
    "rejected": frozenset({"proposed"}),
    "decided": _WORKING,
    "remedied": frozenset({"decided"}),
    "closed": frozenset({"decided", "remedied"}),
    "withdrawn": _WORKING,
    "reopened": frozenset({"decided", "remedied", "closed", "withdrawn"}),
}


@dataclass(frozen=True)
class Actor:
    """Who did something. ``identifier`` is a customer id, a conversation id, an agent id, or ``bot``."""

    kind: ActorKind
    identifier: str


BOT = Actor("bot", "bot")
SYSTEM = Actor("system", "worker")
"""The clock itself: alerts, escalations, updates (bot/cases/worker.py)."""


def status_of(types: Iterable[str]) -> CaseStatus:
    """The status after these events, oldest first. An answer to our question lets the work go on."""
    status: CaseStatus = "received"
    for event in types:
        answered = event == "fact_added" and status == "waiting_for_borrower"
        status = "investigating" if answered else _BECOMES.get(event, status)
    return status


class PastEvent(Protocol):
    """What an appeal reads of an event."""

    @property
    def type(self) -> EventType: ...

    @property
    def actor_kind(self) -> ActorKind: ...

    @property
    def actor_id(self) -> str: ...

    @property
    def data(self) -> dict[str, Any]: ...


def barred_by_appeal(thread: Sequence[PastEvent]) -> frozenset[str]:
    """The people who decided what was appealed against: somebody else decides now (product §3, §4)."""
    appeals = [number for number, event in enumerate(thread) if event.type == "reopened" and event.data.get("appeal")]
    decided = thread[: appeals[-1]] if appeals else []
    return frozenset(
        event.actor_id
        for event in decided
        if event.type in ("decided", "approved", "rejected") and event.actor_kind in ("agent", "supervisor")
    )


def admits(status: CaseStatus, event: EventType) -> bool:
    """Whether ``event`` may follow ``status``."""
    return event in _ANY_TIME or status in _ALLOWED_FROM.get(event, frozenset())


def require_step(status: CaseStatus, event: EventType) -> None:
    """Raises ``CaseOver`` or ``StepNotAllowed`` when ``event`` cannot follow ``status``."""
    if admits(status, event):
        return
    if status in OVER:
        raise CaseOver(f"the case is {status}", status=status)
    raise StepNotAllowed(f"{event} cannot follow {status}", status=status)
