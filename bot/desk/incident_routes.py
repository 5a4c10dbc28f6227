"""Incidents of the repayment channels at the desk: see them, declare one, confirm it, end it, and how many borrowers it touched.

Anybody at the desk may declare: a suspicion decides nothing about money. To confirm it, and to end it, is a supervisor's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal, TypeVar

import structlog
from fastapi import APIRouter, Header, Path
from pydantic import BaseModel, Field

from bot.conversations.runtime import CurrentRuntime, Runtime
from bot.core.http import ERRORS, FilledStr
from bot.core.wire import Moment
from bot.desk.access import CurrentAgent, Supervisor
from bot.desk.login import AgentIdentity
from bot.loans.port import Incident, IncidentChannel, IncidentKind, LoanBackend

log = structlog.get_logger(__name__)

T = TypeVar("T")

DAYS = 30
TOUCHED_PAGES = 10
"""Pages of 1,000 instalments that are counted while somebody waits; what is beyond them is said as "at least"."""

router = APIRouter(prefix="/desk/api/incidents", tags=["desk incidents"], responses=ERRORS)

Key = Annotated[
    FilledStr,
    Header(alias="Idempotency-Key", max_length=128, description="chosen by the client; a retry with it gets the first answer"),
]
IncidentNo = Annotated[str, Path(max_length=40)]


class IncidentView(BaseModel):
    """``suspected`` decides nothing about money until a supervisor confirms it."""

    incident_no: str
    kind: IncidentKind
    channel: IncidentChannel
    status: Literal["suspected", "confirmed"]
    starts_at: Moment
    ends_at: Moment | None = Field(description="empty while it lasts")
    confirmed_by: str | None
    bank_name: str | None = Field(description="only cards of this bank; empty: all")
    summary: str
    detected: bool = Field(description="found from the share of failures, not declared by a person")

    @classmethod
    def of(cls, incident: Incident) -> IncidentView:
        return cls(**{name: getattr(incident, name) for name in cls.model_fields})


class Incidents(BaseModel):
    incidents: list[IncidentView] = Field(description="newest first")


class DeclareRequest(BaseModel):
    kind: IncidentKind
    channel: IncidentChannel
    starts_at: Moment
    ends_at: Moment | None = Field(None, description="empty while it lasts")
    bank_name: Annotated[FilledStr, Field(max_length=80)] | None = None
    summary: Annotated[FilledStr, Field(max_length=500)]


class EndRequest(BaseModel):
    ends_at: Moment | None = Field(None, description="since when the channel works again; empty: now")


class TouchedCounts(BaseModel):
    """How far an incident reached, also those who never complained."""

    instalments: int
    customers: int
    failed_debits: int
    payments: int = Field(description="borrowers' own repayments that failed or hung")
    complete: bool = Field(description="false: there are more than were counted")


async def _loans(runtime: Runtime, work: Callable[[LoanBackend], T]) -> T:
    return await runtime.gateway.transaction(lambda session: work(runtime.loans.open(session)))


def _own(agent: AgentIdentity, key: str) -> str:
    """Keys of two agents never meet."""
    return f"desk:{agent.agent_id}:{key}"


@router.get("", summary="Incidents of the last 30 days")
async def incidents(agent: CurrentAgent, runtime: CurrentRuntime) -> Incidents:
    today = runtime.clock.today()
    found = await _loans(runtime, lambda loans: loans.incidents(today - timedelta(days=DAYS), today))
    return Incidents(incidents=[IncidentView.of(each) for each in reversed(found)])


@router.post("", status_code=201, summary="Declare an incident")
async def declare(body: DeclareRequest, agent: CurrentAgent, runtime: CurrentRuntime, key: Key) -> IncidentView:
    """It is `suspected`. 400 `invalid_date` (a moment ahead, or an end before the start), 409 `idempotency_key_reused`."""

    def work(loans: LoanBackend) -> Incident:
        return loans.declare_incident(
            body.kind,
            body.channel,
            body.starts_at,
            body.summary,
            key=_own(agent, key),
            ends_at=body.ends_at,
            bank_name=body.bank_name,
        )

    declared = await _loans(runtime, work)
    log.info("incident declared", incident=declared.incident_no)
    return IncidentView.of(declared)


@router.post("/{incident_no}/confirm", summary="Confirm an incident")
async def confirm(incident_no: IncidentNo, agent: Supervisor, runtime: CurrentRuntime, key: Key) -> IncidentView:
    """From now on it counts in disputes. Who confirmed first stays. 404 `incident_not_found`."""
    confirmed = await _loans(runtime, lambda loans: loans.confirm_incident(incident_no, agent.agent_id, key=_own(agent, key)))
    log.info("incident confirmed", incident=incident_no)
    return IncidentView.of(confirmed)


@router.post("/{incident_no}/end", summary="The channel works again")
async def end(incident_no: IncidentNo, body: EndRequest, agent: Supervisor, runtime: CurrentRuntime, key: Key) -> IncidentView:
    """The first end stays. 404 `incident_not_found`, 400 `invalid_date`."""
    ended = await _loans(runtime, lambda loans: loans.end_incident(incident_no, body.ends_at, key=_own(agent, key)))
    log.info("incident ended", incident=incident_no)
    return IncidentView.of(ended)


@router.get("/{incident_no}/touched", summary="How many borrowers an incident touched")
async def touched(incident_no: IncidentNo, agent: CurrentAgent, runtime: CurrentRuntime) -> TouchedCounts:
    """404 `incident_not_found`."""
    return await _loans(runtime, lambda loans: _count(loans, incident_no))


def _count(loans: LoanBackend, incident_no: str) -> TouchedCounts:
    after, instalments, debits = None, 0, 0
    customers: set[str] = set()
    payments: set[str] = set()
    for _ in range(TOUCHED_PAGES):
        page = loans.touched(incident_no, after)
        instalments += len(page.instalments)
        for each in page.instalments:
            customers.add(each.customer_id)
            payments.update(each.payment_nos)
            debits += len(each.debits)
        after = page.next_after
        if after is None:
            break
    return TouchedCounts(
        instalments=instalments,
        customers=len(customers),
        failed_debits=debits,
        payments=len(payments),
        complete=after is None,
    )
