"""What the audit trail keeps of a case: codes and numbers; what people wrote stays in the thread."""

from __future__ import annotations

from typing import Any, cast

from bot.audit.service import AuditTrail, Detail, Subject
from bot.cases.models import CaseEventRow, CaseRow
from bot.cases.thread import Actor as CaseActor
from bot.core.origin import Actor, ActorKind

REASONED = frozenset({"extension_requested", "extended", "proposed", "rejected", "reopened"})
"""Events whose text is the reason that somebody at the desk gave."""
TOLD = (
    "automatic",
    "reason",
    "amount",
    "remedy_no",
    "receipts",
    "days",
    "requested_by",
    "refused_extension",
    "from",
    "to",
    "restarts_clock",
)
"""Of an event's data. ``reason`` there is a code; facts, reasons and remedy of a decision are texts."""
_KINDS: dict[str, ActorKind] = {"bot": "bot", "agent": "agent", "supervisor": "supervisor", "system": "system"}


def subject_of(case: CaseRow) -> Subject:
    return Subject(case.conversation_id, case.case_no, case.contract_no, case.customer_id)


def who(actor: CaseActor, *, anonymous: bool = False) -> Actor:
    """The actor of a case as the trail names it. Who works at the command line is called ``operator:<user>`` there."""
    if actor.identifier.startswith("operator:"):
        return Actor("operator", actor.identifier.removeprefix("operator:"))
    return Actor(_KINDS.get(actor.kind) or ("visitor" if anonymous else "customer"), actor.identifier)


def record_event(trail: AuditTrail, case: CaseRow, event: CaseEventRow) -> None:
    """Every event of a thread leaves an entry ``case.<type>``; ``number`` finds it in the thread."""
    details: dict[str, Detail] = {name: event.data[name] for name in TOLD if name in event.data}
    given = (event.type in REASONED or "refused_extension" in event.data) and event.actor_kind != "borrower"
    actor = CaseActor(cast(Any, event.actor_kind), event.actor_id)
    trail.record(
        f"case.{event.type}",
        who(actor, anonymous=case.customer_id is None),
        subject_of(case),
        reason=event.text if given else None,
        details={"number": event.number, "kind": case.kind, "audience": event.audience, **details},
    )
