"""Working on cases. Each command asks the role (bot/desk/permissions.py) and may be retried under its ``Idempotency-Key``.

Errors of all: 404 `case_not_found`, 403 `role_not_allowed`, 409 `case_over`, `step_not_allowed`, `idempotency_key_reused`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel

from bot.cases.views import RemedyView
from bot.conversations.runtime import CurrentRuntime, Runtime
from bot.core.http import ERRORS, FilledStr, Number
from bot.desk.access import CurrentAgent
from bot.desk.case_routes import CaseNo, desk_cases
from bot.desk.case_schemas import (
    AssignRequest,
    CommandResult,
    CorrectionRequest,
    CustomerRequest,
    DecisionRequest,
    ExtensionRequest,
    NoteRequest,
    QuestionRequest,
    ReasonRequest,
    Remedy,
    RemedyRequest,
    ReopenRequest,
    WayOn,
)
from bot.desk.cases import DeskCases, Envelope
from bot.desk.login import AgentIdentity
from bot.desk.permissions import Command
from bot.loans.port import InstalmentRef

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/desk/api/cases/{case_no}", tags=["desk cases"], responses=ERRORS)

Key = Annotated[
    FilledStr | None,
    Header(alias="Idempotency-Key", max_length=128, description="chosen by the client; a retry with it gets the first answer"),
]


class Desk:
    """One request's agent and process, to write each command in one line."""

    def __init__(self, runtime: Runtime, agent: AgentIdentity, case_no: str, key: str | None) -> None:
        self.case_no = case_no
        self._runtime, self._agent, self._key = runtime, agent, key

    async def run(
        self, command: Command, body: BaseModel | None, work: Callable[[DeskCases], object], target: str = ""
    ) -> CommandResult:
        envelope = Envelope(command, self.case_no, body, self._key, target)
        result = await desk_cases(self._runtime, self._agent, lambda desk: desk.carry_out(envelope, lambda: work(desk)))
        log.info("case command", command=command, case_no=self.case_no)
        return result


async def current_desk(case_no: CaseNo, agent: CurrentAgent, runtime: CurrentRuntime, key: Key = None) -> Desk:
    return Desk(runtime, agent, case_no, key)


CurrentDesk = Annotated[Desk, Depends(current_desk)]


def _with_remedy(desk: DeskCases, remedy: RemedyView) -> CommandResult:
    return CommandResult(case=desk.item(remedy.case_no), remedy=Remedy.of(remedy))


@router.post("/assign", summary="Take a case, or hand it on")
async def assign(body: AssignRequest, desk: CurrentDesk) -> CommandResult:
    """An agent takes what a team has and hands on their own; a supervisor assigns any.

    404 `agent_not_found`, 403 `not_case_owner`, `same_person` (they decided what is appealed against).
    """
    return await desk.run("assign", body, lambda d: d.assign(desk.case_no, body.owner))


@router.post("/notes", summary="Write a note, internal or for the borrower")
async def note(body: NoteRequest, desk: CurrentDesk) -> CommandResult:
    return await desk.run("note", body, lambda d: d.handling.note(desk.case_no, d.actor, body.text, audience=body.audience))


@router.post("/ask", summary="Ask the borrower something")
async def ask(body: QuestionRequest, desk: CurrentDesk) -> CommandResult:
    return await desk.run("ask_borrower", body, lambda d: d.handling.ask_borrower(desk.case_no, d.actor, body.question))


@router.post("/investigate", summary="Start investigating")
async def investigate(desk: CurrentDesk) -> CommandResult:
    return await desk.run("investigate", None, lambda d: d.handling.investigate(desk.case_no, d.actor))


@router.post("/extension", summary="Extend the clock, or ask for it")
async def request_extension(body: ExtensionRequest, desk: CurrentDesk) -> CommandResult:
    """30 days take effect at once; 60 wait for another supervisor. 400 `extension_not_offered`, 409 `deadline_passed`."""
    return await desk.run(
        "request_extension",
        body,
        lambda d: d.handling.request_extension(desk.case_no, d.actor, days=body.days, reason=body.reason),
    )


@router.post("/extension/approve", summary="Approve the extension that was asked for")
async def approve_extension(desk: CurrentDesk) -> CommandResult:
    """Supervisors. 403 `same_person` for who asked, 409 `deadline_passed`."""
    return await desk.run("approve_extension", None, lambda d: d.handling.approve_extension(desk.case_no, d.actor))


@router.post("/extension/refuse", summary="Refuse the extension that was asked for; the clock goes on")
async def refuse_extension(body: ReasonRequest, desk: CurrentDesk) -> CommandResult:
    """Supervisors. The reason stays inside."""
    return await desk.run(
        "refuse_extension", body, lambda d: d.handling.refuse_extension(desk.case_no, d.actor, reason=body.reason)
    )


@router.post("/remedies", summary="Propose a remedy, or put the bot's draft forward")
async def propose(body: RemedyRequest, desk: CurrentDesk) -> CommandResult:
    """409 `remedy_open`, 400 `invalid_remedy_amount` (`details.most`)."""

    def work(d: DeskCases) -> CommandResult:
        return _with_remedy(d, d.remedies.propose(desk.case_no, d.actor, reason=body.reason, amount=body.amount))

    return await desk.run("propose_remedy", body, work)


@router.post("/remedies/{remedy_no}/approve", summary="Approve a remedy; it is posted at once")
async def approve(remedy_no: Number, desk: CurrentDesk) -> CommandResult:
    """Supervisors, but not who proposed it (403 `same_person`) or decided what is appealed against.

    403 `daily_remedy_limit` with `details.needs`: `admin`, or `another_day`. 404 `remedy_not_found`, 409 `remedy_not_proposed`.
    """

    def work(d: DeskCases) -> CommandResult:
        number = d.remedy_of(desk.case_no, remedy_no)
        return _with_remedy(d, d.remedies.approve(number, d.actor, as_admin=d.agent.role == "admin"))

    return await desk.run("approve_remedy", None, work, str(remedy_no))


@router.post("/remedies/{remedy_no}/reject", summary="Reject a remedy; the case goes on")
async def reject(remedy_no: Number, body: ReasonRequest, desk: CurrentDesk) -> CommandResult:
    """Supervisors. 404 `remedy_not_found`, 409 `remedy_not_proposed`."""

    def work(d: DeskCases) -> CommandResult:
        return _with_remedy(d, d.remedies.reject(d.remedy_of(desk.case_no, remedy_no), d.actor, reason=body.reason))

    return await desk.run("reject_remedy", body, work, str(remedy_no))


@router.post("/decide", summary="Decide a case")
async def decide(body: DecisionRequest, desk: CurrentDesk) -> CommandResult:
    """400 `decision_incomplete` (`details.missing`), 409 `step_not_allowed` while a remedy waits.

    403 `same_person` when the appeal is against this agent's decision.
    """

    def work(d: DeskCases) -> CommandResult:
        ways = d.handling.decide(desk.case_no, d.actor, **body.model_dump())
        return CommandResult(case=d.item(desk.case_no), ways_on=[WayOn.of(way) for way in ways])

    return await desk.run("decide", body, work)


@router.post("/close", summary="Close a decided case; the hold ends")
async def close(desk: CurrentDesk) -> CommandResult:
    return await desk.run("close", None, lambda d: d.handling.close(desk.case_no, d.actor))


@router.post("/reopen", summary="Take a case up again, for an appeal or a mistake")
async def reopen(body: ReopenRequest, desk: CurrentDesk) -> CommandResult:
    """An appeal: 409 `nothing_decided`, `appeal_too_late`; afterwards somebody else decides."""
    return await desk.run(
        "reopen", body, lambda d: d.handling.reopen(desk.case_no, d.actor, reason=body.reason, appeal=body.appeal)
    )


@router.post("/correct-report", summary="Correct the credit report")
async def correct_report(desk: CurrentDesk, body: CorrectionRequest | None = None) -> CommandResult:
    """Takes the report back; the case is decided and remedied by it. Without a dispute decided before it is a supervisor's.

    409 `wrong_case_kind`, `instalment_missing`, `not_reported`, 403 `not_supervisor`, 404 `contract_not_found`.
    """
    about = body.about if body else None
    ref = InstalmentRef(about.contract_no, about.instalment) if about else None
    return await desk.run("correct_report", body, lambda d: d.handling.correct_report(desk.case_no, d.actor, ref))


@router.post("/customer", summary="Join an anonymous case to a customer")
async def join_customer(body: CustomerRequest, desk: CurrentDesk) -> CommandResult:
    """After the call back, when it is clear who they are. 409 `case_has_customer`, 404 `customer_not_found`."""
    return await desk.run("join_customer", body, lambda d: d.handling.join_customer(desk.case_no, d.actor, body.customer_id))
