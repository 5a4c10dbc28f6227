"""The agent API: log in, see who waits, claim, reply, give back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal, TypedDict, TypeVar

import structlog
from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from bot.conversations.errors import ConversationNotFound, NotTheOwner
from bot.conversations.handoff import Handoff
from bot.conversations.repository import ConversationRepository
from bot.conversations.runtime import CurrentRuntime, Runtime
from bot.core.http import ERRORS, FilledStr
from bot.core.limits.service import this_address
from bot.core.origin import refine_origin
from bot.desk.access import CurrentAgent
from bot.desk.attendance import AttendanceService
from bot.desk.errors import RevealReasonMissing
from bot.desk.login import AgentIdentity, Login
from bot.desk.schemas import (
    AgentLogin,
    AgentSession,
    AgentView,
    Colleague,
    Colleagues,
    ConversationView,
    HandoffCard,
    OwnerView,
    PresenceRequest,
    Queue,
    ReadRequest,
    ReplyRequest,
    ReplyStored,
    SessionView,
    TransferRequest,
)
from bot.desk.service import DeskService
from bot.desk.sessions import COOKIE, DeskSessions

log = structlog.get_logger(__name__)

T = TypeVar("T")


class CookieFlags(TypedDict):
    path: str
    httponly: bool
    samesite: Literal["strict"]
    secure: bool


_ID = re.compile(r"[0-9a-f]{32}")

router = APIRouter(prefix="/desk/api", tags=["desk"], responses=ERRORS)


async def known_shape(conversation_id: str) -> str:
    """Whatever cannot be an id of ours is as unknown as one that is not there. Raises ``ConversationNotFound``."""
    if _ID.fullmatch(conversation_id) is None:
        raise ConversationNotFound("no such conversation")
    return conversation_id


ConversationId = Annotated[str, Depends(known_shape)]


async def _desk(runtime: Runtime, work: Callable[[DeskService], T]) -> T:
    def in_transaction(session: Session) -> T:
        return work(DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session)))

    return await runtime.gateway.transaction(in_transaction)


@router.post("/login", summary="Log in")
async def login(body: AgentLogin, runtime: CurrentRuntime, request: Request, response: Response) -> AgentSession:
    """401 `login_failed`; 429 `login_locked` after repeated wrong passwords, `too_many_requests` after many from one address.

    A browser gets a session cookie and sends `csrf_token` as `X-CSRF-Token` with each change; other programs use `token`.
    """
    refine_origin(channel="desk")
    checker = Login(runtime.database, runtime.clock, runtime.settings)
    limits = runtime.limits
    async with limits.failures_only(limits.rules.failed_logins, this_address()):
        agent = await to_thread.run_sync(checker.check, body.agent_id, body.password, limiter=runtime.hashers)
    lifetime = timedelta(minutes=runtime.settings.agent_token_minutes)
    before = request.cookies.get(COOKIE)
    opened = await _sessions(runtime, lambda sessions: sessions.open(agent, instead_of=before))
    response.set_cookie(COOKIE, opened.cookie, max_age=int(lifetime.total_seconds()), **_cookie_flags(runtime))
    log.info("agent logged in", agent=agent.agent_id)
    return AgentSession(
        token=runtime.tokens.issue("agent", agent.agent_id, lifetime=lifetime),
        csrf_token=opened.csrf_token,
        expires_in=int(lifetime.total_seconds()),
        agent=_agent_view(agent),
        now=runtime.clock.now(),
    )


@router.get("/session", summary="Who this browser is logged in as")
async def session_of_browser(runtime: CurrentRuntime, request: Request) -> SessionView:
    """For a page that is loaded again. 401 `session_ended`."""
    cookie = request.cookies.get(COOKIE, "")
    agent, csrf_token = await _sessions(runtime, lambda sessions: sessions.read(cookie))
    return SessionView(csrf_token=csrf_token, agent=_agent_view(agent), now=runtime.clock.now())


@router.post("/logout", status_code=204, summary="End this browser's session")
async def logout(agent: CurrentAgent, runtime: CurrentRuntime, request: Request, response: Response) -> None:
    cookie = request.cookies.get(COOKIE)

    def end(session: Session) -> None:
        if cookie is not None:
            DeskSessions(session, runtime.clock, runtime.settings).end(cookie)
        AttendanceService(session, runtime.clock, runtime.texts).set_presence(agent.agent_id, "away")

    await runtime.gateway.transaction(end)
    response.delete_cookie(COOKIE, **_cookie_flags(runtime))


async def _sessions(runtime: Runtime, work: Callable[[DeskSessions], T]) -> T:
    return await runtime.gateway.transaction(lambda session: work(DeskSessions(session, runtime.clock, runtime.settings)))


def _cookie_flags(runtime: Runtime) -> CookieFlags:
    configured = runtime.settings.desk_cookie_secure
    secure = not runtime.settings.demo if configured is None else configured
    return {"path": "/", "httponly": True, "samesite": "strict", "secure": secure}


def _agent_view(agent: AgentIdentity) -> AgentView:
    return AgentView(agent_id=agent.agent_id, name=agent.name, role=agent.role)


async def _attendance(runtime: Runtime, work: Callable[[AttendanceService], T]) -> T:
    return await runtime.gateway.transaction(lambda session: work(AttendanceService(session, runtime.clock, runtime.texts)))


@router.post("/presence", status_code=204, summary="Whether conversations may be assigned to me")
async def presence(body: PresenceRequest, agent: CurrentAgent, runtime: CurrentRuntime) -> None:
    await _attendance(runtime, lambda attendance: attendance.set_presence(agent.agent_id, body.presence))


@router.get("/colleagues", summary="Who is there, with how much to do")
async def colleagues(agent: CurrentAgent, runtime: CurrentRuntime) -> Colleagues:
    found = await _attendance(runtime, lambda attendance: attendance.colleagues())
    return Colleagues(
        colleagues=[
            Colleague(
                agent=_agent_view(each.agent), presence=each.presence, skills=list(each.skills), load=each.load, most=each.most
            )
            for each in found
        ]
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
    reveal: Annotated[bool, Query(description="phones and cards in clear; the owner only, and it is recorded")] = False,
    reason: Annotated[FilledStr | None, Query(max_length=300, description="needed with `reveal`; recorded")] = None,
) -> ConversationView:
    """404 `conversation_not_found` also for what this agent may not see; 400 `reveal_reason_missing`."""
    if reveal and reason is None:
        raise RevealReasonMissing("say why personal data are to be shown in clear")

    def read(desk: DeskService) -> ConversationView:
        if reveal and desk.visible(agent, conversation_id).agent_id != agent.agent_id:
            raise NotTheOwner("only the owner sees personal data in clear")
        return desk.conversation(agent, conversation_id, after=after, reveal=reveal, reason=reason if reveal else None)

    view = await _desk(runtime, read)
    if reveal:
        log.info("transcript revealed", conversation=conversation_id)
    return view


@router.post("/conversations/{conversation_id}/claim", summary="Take a waiting conversation")
async def claim(conversation_id: ConversationId, agent: CurrentAgent, runtime: CurrentRuntime) -> HandoffCard:
    """409 `already_claimed` when another agent was faster (`details`: `by`, `name`), `not_in_queue` when nobody waits there,
    `desk_full` above the cap.
    """

    def take(session: Session) -> Handoff:
        AttendanceService(session, runtime.clock, runtime.texts).require_room(agent.agent_id)
        desk = DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session))
        return desk.claim(agent, conversation_id)

    handoff = await runtime.gateway.transaction(take)
    runtime.gateway.grew(conversation_id)
    log.info("conversation claimed", conversation=conversation_id)
    return HandoffCard(state=handoff.state, position=handoff.position, reason=handoff.reason, case_no=handoff.case_no)


@router.post("/conversations/{conversation_id}/reply", status_code=201, summary="Answer the borrower")
async def reply(conversation_id: ConversationId, body: ReplyRequest, agent: CurrentAgent, runtime: CurrentRuntime) -> ReplyStored:
    """403 `not_the_owner` unless this agent owns the conversation."""
    seq = await _desk(
        runtime,
        lambda desk: desk.reply(agent, conversation_id, body.text, message_id=body.message_id),
    )
    runtime.gateway.grew(conversation_id)
    runtime.metrics.messages.labels("out", "desk").inc()
    return ReplyStored(seq=seq)


@router.post("/conversations/{conversation_id}/give-back", summary="Return the conversation to the bot")
async def give_back(conversation_id: ConversationId, agent: CurrentAgent, runtime: CurrentRuntime) -> OwnerView:
    """403 `not_the_owner` unless this agent owns the conversation."""
    await _desk(runtime, lambda desk: desk.give_back(agent, conversation_id))
    runtime.gateway.grew(conversation_id)
    log.info("conversation given back", conversation=conversation_id)
    return OwnerView(owner="bot")


@router.post(
    "/conversations/{conversation_id}/transfer", summary="Pass the conversation on to a colleague, or to whoever is next"
)
async def transfer(
    conversation_id: ConversationId, body: TransferRequest, agent: CurrentAgent, runtime: CurrentRuntime
) -> OwnerView:
    """403 `not_the_owner`, 404 `colleague_not_found`. It keeps its place in the queue until it is taken."""

    def pass_on(session: Session) -> None:
        DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session)).require_owner(agent, conversation_id)
        attendance = AttendanceService(session, runtime.clock, runtime.texts)
        attendance.transfer(conversation_id, agent.agent_id, to_agent=body.to_agent)

    await runtime.gateway.transaction(pass_on)
    runtime.gateway.grew(conversation_id)
    log.info("conversation transferred", conversation=conversation_id, to=body.to_agent)
    return OwnerView(owner="queue")


@router.post("/conversations/{conversation_id}/read", status_code=204, summary="How far I have read")
async def read(conversation_id: ConversationId, body: ReadRequest, agent: CurrentAgent, runtime: CurrentRuntime) -> None:
    """Shown to the borrower while this agent owns the conversation; from others it changes nothing."""
    await runtime.gateway.transaction(
        lambda session: ConversationRepository(session).mark_agent_read(conversation_id, agent.agent_id, body.seq)
    )
    runtime.gateway.grew(conversation_id)
