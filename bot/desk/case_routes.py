"""Looking at cases."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeVar, get_args

import structlog
from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from bot.cases.errors import CaseNotFound
from bot.cases.repository import CaseFilter
from bot.cases.thread import OVER, CaseStatus
from bot.conversations.runtime import CurrentRuntime, Runtime
from bot.core.http import ERRORS, FilledStr
from bot.desk.access import CurrentAgent
from bot.desk.case_schemas import CaseDetail, CasePage, CaseQuery
from bot.desk.cases import DeskCases
from bot.desk.errors import RevealReasonMissing
from bot.desk.login import AgentIdentity

log = structlog.get_logger(__name__)

T = TypeVar("T")

_NOT_OVER: tuple[CaseStatus, ...] = tuple(status for status in get_args(CaseStatus) if status not in OVER)
_CASE_NO = re.compile(r"C-\d{8}-\d{4,9}", re.ASCII)

router = APIRouter(prefix="/desk/api/cases", tags=["desk cases"], responses=ERRORS)


async def known_shape(case_no: str) -> str:
    """Whatever cannot be a number of ours is as unknown as one that is not there. Raises ``CaseNotFound``."""
    if _CASE_NO.fullmatch(case_no) is None:
        raise CaseNotFound("no such case")
    return case_no


CaseNo = Annotated[str, Depends(known_shape)]


async def desk_cases(runtime: Runtime, agent: AgentIdentity, work: Callable[[DeskCases], T]) -> T:
    """``work`` in a transaction of its own."""

    def in_transaction(session: Session) -> T:
        return work(DeskCases(session, runtime, agent))

    return await runtime.gateway.transaction(in_transaction)


@router.get("", summary="Cases by deadline")
async def cases(query: Annotated[CaseQuery, Query()], agent: CurrentAgent, runtime: CurrentRuntime) -> CasePage:
    """The nearest deadline first. A page goes on where the last one ended, also when cases came in between.

    400 `cursor_invalid`.
    """

    def read(desk: DeskCases) -> CasePage:
        due_from, due_before = desk.filter_due(query.due)
        wanted = CaseFilter(
            kind=query.kind,
            statuses=tuple(query.status) or _NOT_OVER,
            owner=agent.agent_id if query.owner == "me" else query.owner,
            due_from=due_from,
            due_before=due_before,
            customer_id=query.customer_id,
            contract_no=query.contract_no,
            text=query.text,
        )
        return desk.page(wanted, query.cursor, query.limit)

    return await desk_cases(runtime, agent, read)


@router.get("/{case_no}", summary="One case with everything known about it")
async def case(
    case_no: CaseNo,
    agent: CurrentAgent,
    runtime: CurrentRuntime,
    reveal: Annotated[bool, Query(description="the number to call back in clear; the owner only, and it is recorded")] = False,
    reason: Annotated[FilledStr | None, Query(max_length=300, description="needed with `reveal`; recorded")] = None,
) -> CaseDetail:
    """404 `case_not_found`, 403 `not_case_owner`, 400 `reveal_reason_missing`. The look is recorded."""
    if reveal and reason is None:
        raise RevealReasonMissing("say why the number is to be shown in clear")
    detail = await desk_cases(runtime, agent, lambda desk: desk.detail(case_no, reveal=reveal, reason=reason if reveal else None))
    if reveal:
        log.info("callback number revealed", case_no=case_no)
    return detail
