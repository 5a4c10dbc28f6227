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
from bot.conversations.runtime import BearerToken, CurrentRuntime, Runtime
from bot.core.http import ERRORS, FilledStr
from bot.core.limits.service import this_address
from bot.core.origin import refine_origin
from bot.desk.access import AnyAgent, CurrentAgent, Supervisor
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

    A browser gets a session cookie and sends `csrf_token` as `X-CSRF-Token` with each change; other programs use `token`, which
    ends with the same session. A page gets no `token`: its scripts could read it, and it needs no cookie.
    """
    refine_origin(channel="desk")
    checker = Login(runtime.database, runtime.clock, runtime.settings)
    limits = runtime.limits
    async with limits.failures_only(limits.rules.failed_logins, this_address()):
        agent = await to_thread.run_sync(checker.check, body.agent_id, body.password, limiter=runtime.hashers)
    lifetime = timedelta(minutes=runtime.settings.agent_token_minutes)
    by_page = "origin" in request.headers  # browsers name the page that posts, and no script can hide it
    before = request.cookies.get(COOKIE) if by_page else None  # a program may be several agents, and keep cookies unawares
    opened = await _sessions(runtime, lambda sessions: sessions.open(agent, instead_of=before))
    response.set_cookie(COOKIE, opened.cookie, max_age=int(lifetime.total_seconds()), **_cookie_flags(runtime))
    log.info("agent logged in", agent=agent.agent_id)
    token = None
    if not by_page:
        token = runtime.tokens.issue("agent", agent.agent_id, lifetime=lifetime, session_id=opened.session_id)
    return AgentSession(
        token=token,
        csrf_token=opened.csrf_token,
        expires_in=int(lifetime.total_seconds()),
        agent=_agent_view(agent),
        must_change_password=agent.must_change_password,
        now=runtime.clock.now(),
    )


@router.get("/session", summary="Who this browser is logged in as")
async def session_of_browser(runtime: CurrentRuntime, request: Request) -> SessionView:
    """For a page that is loaded again. 401 `session_ended`."""
    cookie = request.cookies.get(COOKIE, "")
    agent, csrf_token = await _sessions(runtime, lambda sessions: sessions.read(cookie))
    return SessionView(
        csrf_token=csrf_token,
        agent=_agent_view(agent),
        must_change_password=agent.must_change_password,
        now=runtime.clock.now(),
    )


@router.post("/logout", status_code=204, summary="End this session")
async def logout(agent: AnyAgent, token: BearerToken, runtime: CurrentRuntime, request: Request, response: Response) -> None:
    """The cookie and the token of one login end together, whichever of them this request came with."""
    cookie = request.cookies.get(COOKIE)

    def end(session: Session) -> None:
        sessions = DeskSessions(session, runtime.clock, runtime.settings)
        if token is not None:
            sessions.end_token(runtime.tokens.read(token, kinds=("agent",)))
        elif cookie is not None:
            sessions.end(cookie)
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
    before: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="an older part: the last 200 before it; `after` does not count")
    ] = None,
    reveal: Annotated[bool, Query(description="phones and cards in clear; the owner only, and it is recorded")] = False,
    reason: Annotated[FilledStr | None, Query(max_length=300, description="needed with `reveal`; recorded")] = None,
) -> ConversationView:
    """404 `conversation_not_found` also for what this agent may not see; 400 `reveal_reason_missing`."""
    if reveal and reason is None:
        raise RevealReasonMissing("say why personal data are to be shown in clear")

    def read(desk: DeskService) -> ConversationView:
        if reveal and desk.visible(agent, conversation_id).agent_id != agent.agent_id:
            raise NotTheOwner("only the owner sees personal data in clear")
        why = reason if reveal else None
        return desk.conversation(agent, conversation_id, after=after, before=before, reveal=reveal, reason=why)

    view = await _desk(runtime, read)
    if reveal:
        log.info("transcript revealed", conversation=conversation_id)
    return view


@router.post("/conversations/{conversation_id}/claim", summary="Take a waiting conversation")
async def claim(conversation_id: ConversationId, agent: CurrentAgent, runtime: CurrentRuntime) -> HandoffCard:
    """409 `already_claimed` when another agent was faster (`details`: `by`, `name`), `not_in_queue` when nobody waits there,
    `desk_full` above the cap. Claimed again by who has it, it changes nothing.
    """

    def take(session: Session) -> Handoff:
        desk = DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session))
        if not desk.owns(agent, conversation_id):
            AttendanceService(session, runtime.clock, runtime.texts).require_room(agent.agent_id)
        return desk.claim(agent, conversation_id)

    handoff = await runtime.gateway.transaction(take)
    runtime.gateway.grew(conversation_id)
    log.info("conversation claimed", conversation=conversation_id)
    return HandoffCard(state=handoff.state, position=handoff.position, reason=handoff.reason, case_no=handoff.case_no)


@router.post("/conversations/{conversation_id}/take-over", summary="Take a conversation from the agent who owns it")
async def take_over(conversation_id: ConversationId, agent: Supervisor, runtime: CurrentRuntime) -> HandoffCard:
    """For supervisors. 409 `not_with_agent` when no agent owns it, `desk_full` above the cap; again, it changes nothing."""

    def take(session: Session) -> Handoff:
        desk = DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session))
        if not desk.owns(agent, conversation_id):
            AttendanceService(session, runtime.clock, runtime.texts).require_room(agent.agent_id)
        return desk.take_over(agent, conversation_id)

    handoff = await runtime.gateway.transaction(take)
    runtime.gateway.grew(conversation_id)
    log.info("conversation taken over", conversation=conversation_id)
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
    """403 `not_the_owner`, 404 `colleague_not_found`. It keeps its place in the queue until it is taken.

    A supervisor also passes on what an agent owns. Outside office hours the bot goes on, and the request is kept.
    """

    def pass_on(session: Session) -> Handoff:
        desk = DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session))
        owner = desk.require_may_pass_on(agent, conversation_id)
        attendance = AttendanceService(session, runtime.clock, runtime.texts)
        return attendance.transfer(conversation_id, owner, to_agent=body.to_agent)

    handoff = await runtime.gateway.transaction(pass_on)
    runtime.gateway.grew(conversation_id)
    log.info("conversation transferred", conversation=conversation_id, to=body.to_agent)
    return OwnerView(owner="bot" if handoff.state == "offline" else "queue")


@router.post("/conversations/{conversation_id}/read", status_code=204, summary="How far I have read")
async def read(conversation_id: ConversationId, body: ReadRequest, agent: CurrentAgent, runtime: CurrentRuntime) -> None:
    """Shown to the borrower while this agent owns the conversation; from others it changes nothing."""
    await runtime.gateway.transaction(
        lambda session: ConversationRepository(session).mark_agent_read(conversation_id, agent.agent_id, body.seq)
    )
    runtime.gateway.grew(conversation_id)
