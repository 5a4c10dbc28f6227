"""The agent API: log in, see who waits, claim, reply, give back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import structlog
from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from bot.conversations.errors import ConversationNotFound, NotTheOwner
from bot.conversations.runtime import BearerToken, CurrentRuntime, Runtime
from bot.core.http import ERRORS
from bot.desk.login import AgentIdentity, Login, find_agent
from bot.desk.schemas import (
    AgentLogin,
    AgentSession,
    AgentView,
    ConversationView,
    HandoffCard,
    OwnerView,
    Queue,
    ReplyRequest,
    ReplyStored,
)
from bot.desk.service import DeskService
from bot.identity.errors import TokenInvalid, TokenRequired

log = structlog.get_logger(__name__)

T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{32}")

router = APIRouter(prefix="/desk/api", tags=["desk"], responses=ERRORS)


async def current_agent(token: BearerToken, runtime: CurrentRuntime) -> AgentIdentity:
    """The agent of the token, if the account is still active. Raises ``TokenRequired``, ``TokenInvalid``, ``TokenExpired``."""
    if token is None:
        raise TokenRequired("agents only")
    agent_id = runtime.tokens.read(token, kinds=("agent",)).subject
    agent = await runtime.gateway.transaction(lambda session: find_agent(session, agent_id))
    if agent is None:
        raise TokenInvalid("the account is closed")
    structlog.contextvars.bind_contextvars(agent=agent.agent_id)
    return agent


async def known_shape(conversation_id: str) -> str:
    """Whatever cannot be an id of ours is as unknown as one that is not there. Raises ``ConversationNotFound``."""
    if _ID.fullmatch(conversation_id) is None:
        raise ConversationNotFound("no such conversation")
    return conversation_id


ConversationId = Annotated[str, Depends(known_shape)]
CurrentAgent = Annotated[AgentIdentity, Depends(current_agent)]


async def _desk(runtime: Runtime, work: Callable[[DeskService], T]) -> T:
    def in_transaction(session: Session) -> T:
        return work(DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session)))

    return await runtime.gateway.transaction(in_transaction)


@router.post("/login", summary="Log in")
async def login(body: AgentLogin, runtime: CurrentRuntime) -> AgentSession:
    """401 `login_failed`; after repeated wrong passwords 429 `login_locked`."""
    checker = Login(runtime.database, runtime.clock, runtime.settings)
    agent = await to_thread.run_sync(checker.check, body.agent_id, body.password)
    lifetime = timedelta(minutes=runtime.settings.agent_token_minutes)
    log.info("agent logged in", agent=agent.agent_id)
    return AgentSession(
        token=runtime.tokens.issue("agent", agent.agent_id, lifetime=lifetime),
        expires_in=int(lifetime.total_seconds()),
        agent=AgentView(agent_id=agent.agent_id, name=agent.name, role=agent.role),
    )


@router.get("/queue", summary="Who waits, and what I own")
async def queue(agent: CurrentAgent, runtime: CurrentRuntime) -> Queue:
    return await _desk(runtime, lambda desk: desk.queue(agent))


@router.get("/conversations/{conversation_id}", summary="Transcript, identity and reason")
async def conversation(
    conversation_id: ConversationId,
    agent: CurrentAgent,
    runtime: CurrentRuntime,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    reveal: Annotated[bool, Query(description="phones and cards in clear; the owner only, and it is logged")] = False,
) -> ConversationView:
    """404 `conversation_not_found` also for what this agent may not see."""

    def read(desk: DeskService) -> ConversationView:
        if reveal and desk.visible(agent, conversation_id).agent_id != agent.agent_id:
            raise NotTheOwner("only the owner sees personal data in clear")
        return desk.conversation(agent, conversation_id, after=after, reveal=reveal)

    view = await _desk(runtime, read)
    if reveal:
        log.info("transcript revealed", conversation=conversation_id)
    return view


@router.post("/conversations/{conversation_id}/claim", summary="Take a waiting conversation")
async def claim(conversation_id: ConversationId, agent: CurrentAgent, runtime: CurrentRuntime) -> HandoffCard:
    """409 `already_claimed` when another agent was faster, `not_in_queue` when nobody waits there."""
    handoff = await _desk(runtime, lambda desk: desk.handoffs.claim(conversation_id, agent.agent_id, agent_name=agent.name))
    runtime.gateway.wakeups.notify(conversation_id)
    log.info("conversation claimed", conversation=conversation_id)
    return HandoffCard(state=handoff.state, position=handoff.position, reason=handoff.reason, case_no=handoff.case_no)


@router.post("/conversations/{conversation_id}/reply", status_code=201, summary="Answer the borrower")
async def reply(conversation_id: ConversationId, body: ReplyRequest, agent: CurrentAgent, runtime: CurrentRuntime) -> ReplyStored:
    """403 `not_the_owner` unless this agent owns the conversation."""
    seq = await _desk(
        runtime,
        lambda desk: desk.handoffs.reply(conversation_id, agent.agent_id, body.text, message_id=body.message_id),
    )
    runtime.gateway.wakeups.notify(conversation_id)
    runtime.metrics.messages.labels("out", "desk").inc()
    return ReplyStored(seq=seq)


@router.post("/conversations/{conversation_id}/give-back", summary="Return the conversation to the bot")
async def give_back(conversation_id: ConversationId, agent: CurrentAgent, runtime: CurrentRuntime) -> OwnerView:
    """403 `not_the_owner` unless this agent owns the conversation."""
    await _desk(runtime, lambda desk: desk.handoffs.give_back(conversation_id, agent.agent_id))
    runtime.gateway.wakeups.notify(conversation_id)
    log.info("conversation given back", conversation=conversation_id)
    return OwnerView(owner="bot")
