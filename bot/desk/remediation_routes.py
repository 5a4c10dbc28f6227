"""Mass remediation at the desk: start, look, propose, approve once, watch. The worker lists and posts (bot/cases/remediation)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import structlog
from anyio import to_thread
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Detail, Subject
from bot.cases.remediation.chart import chart
from bot.cases.remediation.preview import csv_pages
from bot.cases.remediation.service import RemediationService
from bot.cases.remediation.views import ItemView, Progress, RunView
from bot.cases.thread import Actor
from bot.conversations.runtime import CurrentRuntime, Runtime
from bot.core.http import ERRORS
from bot.core.wire import Text
from bot.desk.access import Supervisor
from bot.desk.login import AgentIdentity
from bot.desk.looks import record_look

log = structlog.get_logger(__name__)

T = TypeVar("T")

router = APIRouter(prefix="/desk/api/remediation", tags=["remediation"], responses=ERRORS)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartRun(_Body):
    """``again``: a new run although the last one of the incident is done."""

    incident_no: Annotated[Text, Field(min_length=1)]
    again: bool = False


class RejectRun(_Body):
    reason: Annotated[Text, Field(min_length=1)]


class RunState(BaseModel):
    """A run and how far it has come."""

    run: RunView
    progress: Progress


def actor(agent: AgentIdentity) -> Actor:
    return Actor("supervisor" if agent.role in ("supervisor", "admin") else "agent", agent.agent_id)


def _service(runtime: Runtime, session: Session) -> RemediationService:
    return RemediationService(session, runtime.clock, runtime.loans.open(session))


async def _do(runtime: Runtime, work: Callable[[RemediationService], T]) -> T:
    return await runtime.gateway.transaction(lambda session: work(_service(runtime, session)))


def _state(service: RemediationService, run: RunView) -> RunState:
    return RunState(run=run, progress=service.progress(run.run_no))


@router.get("/runs", summary="All runs, newest first")
async def runs(_agent: Supervisor, runtime: CurrentRuntime) -> list[RunView]:
    return await _do(runtime, lambda service: service.runs())


@router.post("/runs", summary="Start the run of a confirmed incident")
async def start(body: StartRun, agent: Supervisor, runtime: CurrentRuntime) -> RunState:
    """The open run, if there is one. 404 `incident_not_found`, 409 `incident_not_confirmed`."""

    def work(service: RemediationService) -> RunState:
        return _state(service, service.start(body.incident_no, actor(agent), again=body.again))

    state = await _do(runtime, work)
    log.info("remediation started", run=state.run.run_no, incident=body.incident_no)
    return state


@router.get("/runs/{run_no}", summary="A run and its progress")
async def run(run_no: str, _agent: Supervisor, runtime: CurrentRuntime) -> RunState:
    """404 `remediation_run_not_found`, as everywhere below."""
    return await _do(runtime, lambda service: _state(service, service.run(run_no)))


@router.get("/runs/{run_no}/items", summary="Its instalments, page by page")
async def items(
    run_no: str,
    agent: Supervisor,
    runtime: CurrentRuntime,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[ItemView]:
    def read(session: Session) -> list[ItemView]:
        found = _service(runtime, session).items(run_no, after=after, limit=limit)
        record_look(session, runtime.clock, "remediation.viewed", agent, Subject(), {"run": run_no})
        return found

    return await runtime.gateway.transaction(read)


@router.get("/runs/{run_no}/preview.csv", summary="The list for a spreadsheet", response_class=StreamingResponse)
async def preview_csv(run_no: str, agent: Supervisor, runtime: CurrentRuntime, everyone: bool = False) -> StreamingResponse:
    """UTF-8 with BOM. `everyone`: also those who get nothing, with the reason. Recorded before the first line leaves."""

    def record(session: Session) -> None:
        _service(runtime, session).run(run_no)  # an unknown run is a 404, not a broken download
        details: dict[str, Detail] = {"run": run_no, "everyone": everyone}
        AuditTrail(session, runtime.clock).record("remediation.downloaded", agent.actor, Subject(), details=details)

    await runtime.gateway.transaction(record)
    pieces = csv_pages(lambda: _opened(runtime), run_no, runtime.texts.dialogue, everyone=everyone)
    first = await to_thread.run_sync(next, pieces)
    log.info("remediation list downloaded", run=run_no, agent=agent.agent_id)

    def body() -> Iterator[str]:
        yield first
        yield from pieces

    headers = {"Content-Disposition": f'attachment; filename="{run_no}.csv"'}
    return StreamingResponse(body(), media_type="text/csv; charset=utf-8", headers=headers)


@contextmanager
def _opened(runtime: Runtime) -> Iterator[RemediationService]:
    with runtime.database.transaction() as session:
        yield _service(runtime, session)


@router.get("/runs/{run_no}/chart.svg", summary="Totals, amounts and due days", response_class=Response)
async def preview_chart(run_no: str, _agent: Supervisor, runtime: CurrentRuntime) -> Response:
    def draw(service: RemediationService) -> str:
        return chart(service.run(run_no), service.totals(run_no), runtime.texts.dialogue)

    return Response(await _do(runtime, draw), media_type="image/svg+xml")


@router.post("/runs/{run_no}/propose", summary="Freeze the list and put it forward")
async def propose(run_no: str, agent: Supervisor, runtime: CurrentRuntime) -> RunState:
    """409 `remediation_listing_unfinished`, `remediation_nothing_to_give`, `remediation_run_decided`."""
    return await _decide(runtime, agent, "proposed", lambda service: service.propose(run_no, actor(agent)))


@router.post("/runs/{run_no}/approve", summary="Approve once; the worker posts")
async def approve(run_no: str, agent: Supervisor, runtime: CurrentRuntime) -> RunState:
    """403 `same_person` for who proposed it; 409 `remediation_items_changed`, `remediation_run_decided`."""
    return await _decide(runtime, agent, "approved", lambda service: service.approve(run_no, actor(agent)))


@router.post("/runs/{run_no}/reject", summary="Refuse the proposal")
async def reject(run_no: str, body: RejectRun, agent: Supervisor, runtime: CurrentRuntime) -> RunState:
    return await _decide(runtime, agent, "rejected", lambda service: service.reject(run_no, actor(agent), reason=body.reason))


async def _decide(runtime: Runtime, agent: AgentIdentity, what: str, work: Callable[[RemediationService], RunView]) -> RunState:
    state = await _do(runtime, lambda service: _state(service, work(service)))
    details: dict[str, Any] = {"run": state.run.run_no, "agent": agent.agent_id, "amount": state.run.amount}
    log.info(f"remediation {what}", **details)
    return state
