"""Messaging platforms at the desk: what a borrower has not got yet, what was given up, and undoing a binding."""

from __future__ import annotations

from dataclasses import asdict

import structlog
from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.orm import Session

from bot.conversations.inbox.service import INBOX, Inbox
from bot.conversations.models import PULLED
from bot.conversations.outbox.service import DeliveryService
from bot.conversations.repository import ConversationRepository
from bot.conversations.runtime import CurrentRuntime
from bot.conversations.service import ConversationService
from bot.core.http import ERRORS, Number
from bot.desk.access import CurrentAgent, Supervisor
from bot.desk.routes import ConversationId
from bot.desk.schemas import UnsentMessage
from bot.desk.service import DeskService
from bot.identity.binding import BindingService, active_customer
from bot.identity.errors import BindingNotFound

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/desk/api", tags=["desk"], responses=ERRORS)


class UnsentMessages(BaseModel):
    messages: list[UnsentMessage]


@router.get("/conversations/{conversation_id}/unsent", summary="What the borrower has not got")
async def unsent(conversation_id: ConversationId, agent: CurrentAgent, runtime: CurrentRuntime) -> UnsentMessages:
    def read(session: Session) -> UnsentMessages:
        DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session)).visible(agent, conversation_id)
        found = DeliveryService(session, runtime.clock).unsent(conversation_id)
        return UnsentMessages(messages=[UnsentMessage.model_validate(asdict(each)) for each in found])

    return await runtime.gateway.transaction(read)


@router.post("/conversations/{conversation_id}/unbind", status_code=204, summary="This account is not that customer's")
async def unbind(conversation_id: ConversationId, agent: CurrentAgent, runtime: CurrentRuntime) -> None:
    """The borrower is told, as the anonymous that they are from now on. 404 `binding_not_found`."""

    def revoke(session: Session) -> str:
        desk = DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session))
        row = desk.visible(agent, conversation_id)
        if row.channel in PULLED:
            raise BindingNotFound("accounts of this channel are not bound")
        if not row.customer_id or active_customer(session, row.channel, row.sender) != row.customer_id:
            raise BindingNotFound("this account is not bound to the customer of this conversation")
        binding = BindingService(session, runtime.clock, runtime.settings, lambda _phone: None)
        binding.revoke(row.channel, row.sender, by=agent.actor)
        anonymous = ConversationService(session, runtime.clock).open(row.channel, row.sender, "")
        text = runtime.texts.dialogue["bind_revoked_by_us"]
        ConversationRepository(session).append(
            anonymous.id,
            runtime.clock.now(),
            direction="out",
            author="system",
            text=text.render(),
            buttons=[button.as_dict() for button in text.buttons] or None,
            state="queued",
        )
        return anonymous.id

    runtime.gateway.grew(await runtime.gateway.transaction(revoke))


@router.post("/dead-letters/messages/{number}/retry", status_code=204, summary="Send a lost message again")
async def retry_message(number: Number, agent: Supervisor, runtime: CurrentRuntime) -> None:
    """404 `dead_letter_not_found`."""
    grown = await runtime.gateway.transaction(lambda session: DeliveryService(session, runtime.clock).retry(number))
    runtime.gateway.grew(grown)
    log.info("lost message retried", number=number)


@router.post("/dead-letters/incoming/{number}/retry", status_code=204, summary="Take a borrower's lost message again")
async def retry_incoming(number: Number, agent: Supervisor, runtime: CurrentRuntime) -> None:
    """404 `dead_letter_not_found`."""
    await runtime.gateway.transaction(lambda session: Inbox(session, runtime.clock).retry(number))
    runtime.gateway.wakeups.notify(INBOX)
    log.info("lost incoming message retried", number=number)
