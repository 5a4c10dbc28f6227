"""Doors that exist only with ``DEMO=1``: log in as a demo customer, read the code that the simulated carrier "sent"."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import yaml
from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.channels.schemas import DemoCustomer, LoginRequest, OtpResponse, TokenResponse
from bot.conversations.runtime import CurrentRuntime
from bot.core.http import ERRORS, CleanStr
from bot.core.limits.service import this_address
from bot.core.origin import Actor
from bot.identity.sms import SimulatedCarrier
from bot.loans.errors import CustomerNotFound

router = APIRouter(prefix="/demo", tags=["demo"], responses=ERRORS)


@router.post("/login", summary="A token of a demo customer")
async def login(body: LoginRequest, runtime: CurrentRuntime) -> TokenResponse:
    """404 `customer_not_found` for anybody else."""

    await runtime.limits.take(runtime.limits.rules.visitors, this_address())

    def known(session: Session) -> str:
        customer_id = runtime.loans.open(session).customer(body.customer_id).customer_id
        trail = AuditTrail(session, runtime.clock)
        trail.record("token.issued", Actor("customer", customer_id), Subject(customer_id=customer_id), details={"by": "demo"})
        return customer_id

    customer_id = await runtime.gateway.transaction(known)
    lifetime = timedelta(minutes=runtime.settings.token_minutes)
    return TokenResponse(token=runtime.tokens.issue("customer", customer_id, lifetime=lifetime))


@router.get("/otp", summary='The last code "sent" to a demo customer')
async def otp(customer_id: Annotated[CleanStr, Query(max_length=64)], runtime: CurrentRuntime) -> OtpResponse:
    """404 `no_code_sent` when there is none."""
    code = await runtime.gateway.transaction(lambda session: SimulatedCarrier(session, runtime.clock).last_code(customer_id))
    return OtpResponse(code=code)


@router.get("/customers", summary="Whom one can log in as")
async def customers(runtime: CurrentRuntime) -> list[DemoCustomer]:
    path = runtime.settings.data_dir / "demo" / "stories.yml"
    stories: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))

    def seeded(session: Session) -> list[DemoCustomer]:
        loans = runtime.loans.open(session)
        people = []
        for customer_id, story in stories.items():
            try:
                name = loans.customer(customer_id).name
            except CustomerNotFound:
                continue  # this database was not filled with the demo people
            people.append(DemoCustomer(customer_id=customer_id, name=name, story=story))
        return people

    return await runtime.gateway.transaction(seeded)
