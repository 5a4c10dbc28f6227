"""A borrower's own cases, from whatever channel they were opened: progress, adding facts, withdrawing, appealing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Header
from sqlalchemy.orm import Session

from bot.attachments.service import AttachmentService
from bot.cases.errors import CaseNotFound
from bot.cases.service import CaseService
from bot.channels.access import count, customer_only
from bot.channels.case_schemas import BorrowerCase, BorrowerCases, CaseCard, FactsRequest
from bot.channels.rest import CHANNEL
from bot.conversations.runtime import BearerToken, CurrentRuntime, Runtime
from bot.core.http import ERRORS, FilledStr

router = APIRouter(prefix="/chat/cases", tags=["borrower"], responses=ERRORS)

T = TypeVar("T")

LONGEST_CASE_NO = 24

Key = Annotated[
    FilledStr,
    Header(alias="Idempotency-Key", max_length=128, description="chosen by the client; a retry with it changes nothing more"),
]


async def current_customer(token: BearerToken, runtime: CurrentRuntime) -> str:
    return await customer_only(runtime, token)


async def known_shape(case_no: str) -> str:
    """Whatever cannot be a number of ours is as unknown as one that is not there. Raises ``CaseNotFound``."""
    if len(case_no) > LONGEST_CASE_NO or not case_no.isascii() or "\x00" in case_no:
        raise CaseNotFound("no such case")
    return case_no


async def changing_customer(customer_id: Annotated[str, Depends(current_customer)], runtime: CurrentRuntime) -> str:
    """The customer of a request that changes something. Raises ``LimitReached``."""
    await count(runtime, runtime.limits.rules.changes, customer_id, "")
    return customer_id


Customer = Annotated[str, Depends(current_customer)]
Changing = Annotated[str, Depends(changing_customer)]
CaseNo = Annotated[str, Depends(known_shape)]


async def _cases(runtime: Runtime, work: Callable[[CaseService], T]) -> T:
    def in_transaction(session: Session) -> T:
        return work(CaseService(session, runtime.clock, runtime.loans.open(session)))

    return await runtime.gateway.transaction(in_transaction)


def _command_key(customer_id: str, key: str) -> str:
    """Two customers never meet under one key."""
    return f"chat:{customer_id}:{key}"


@router.get("", summary="My cases")
async def cases(customer_id: Customer, runtime: CurrentRuntime) -> BorrowerCases:
    """All of the customer, newest first, wherever they were opened."""
    found = await _cases(runtime, lambda service: service.cases_of(customer_id))
    return BorrowerCases(cases=[CaseCard.of(case) for case in found], as_of=runtime.clock.today())


@router.get("/{case_no}", summary="One of my cases, with what happened")
async def case(case_no: CaseNo, customer_id: Customer, runtime: CurrentRuntime) -> BorrowerCase:
    """404 `case_not_found` also for somebody else's. What agents write among themselves is not in it."""

    def read(session: Session) -> BorrowerCase:
        service = CaseService(session, runtime.clock, runtime.loans.open(session))
        row = service.book.own(customer_id, case_no)
        files = AttachmentService(session, runtime.clock, runtime.settings).of_case(row)
        return BorrowerCase.of(
            service.case(customer_id, case_no),
            service.thread(customer_id, case_no),
            service.remedies(customer_id, case_no),
            [item for item in files if item.audience == "borrower"],
            service.appeal_until(customer_id, case_no),
            runtime.clock.today(),
        )

    return await runtime.gateway.transaction(read)


@router.post("/{case_no}/facts", summary="Add to a case")
async def add_facts(case_no: CaseNo, body: FactsRequest, key: Key, customer_id: Changing, runtime: CurrentRuntime) -> CaseCard:
    """New facts restart the clock. 409 `case_over`."""

    def add(service: CaseService) -> CaseCard:
        added = service.add_facts(
            customer_id=customer_id,
            case_no=case_no,
            conversation_id=service.case(customer_id, case_no).conversation_id,
            channel=CHANNEL,
            text=body.text,
            key=_command_key(customer_id, key),
        )
        return CaseCard.of(added.case)

    return await _cases(runtime, add)


@router.post("/{case_no}/withdraw", summary="Withdraw a case")
async def withdraw(case_no: CaseNo, key: Key, customer_id: Changing, runtime: CurrentRuntime) -> CaseCard:
    """409 `case_over`, `step_not_allowed` (decided already)."""

    def end(service: CaseService) -> CaseCard:
        command = _command_key(customer_id, key)
        return CaseCard.of(service.withdraw(customer_id=customer_id, case_no=case_no, key=command))

    return await _cases(runtime, end)


@router.post("/{case_no}/appeal", summary="Do not accept a decision")
async def appeal(case_no: CaseNo, body: FactsRequest, key: Key, customer_id: Changing, runtime: CurrentRuntime) -> CaseCard:
    """Somebody else decides anew. 409 `nothing_decided`, `appeal_too_late` (after `appeal_until`)."""

    def again(service: CaseService) -> CaseCard:
        case = service.appeal(
            customer_id=customer_id,
            case_no=case_no,
            conversation_id=service.case(customer_id, case_no).conversation_id,
            channel=CHANNEL,
            text=body.text,
            key=_command_key(customer_id, key),
        )
        return CaseCard.of(case)

    return await _cases(runtime, again)
