"""Who is at the desk: the bearer token (other programs) or the cookie (browsers) of a session that has not ended."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request
from sqlalchemy.orm import Session

from bot.conversations.runtime import BearerToken, CurrentRuntime, Runtime
from bot.core.origin import refine_origin
from bot.desk.errors import PasswordChangeNeeded, RoleNotAllowed
from bot.desk.login import AgentIdentity, Role
from bot.desk.sessions import COOKIE, DeskSessions, hash_of
from bot.identity.errors import TokenRequired

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


async def any_agent(request: Request, token: BearerToken, runtime: CurrentRuntime) -> AgentIdentity:
    """The agent, if the account is still active; also with a password that has to be changed first.

    Raises ``TokenRequired``, ``TokenInvalid``, ``TokenExpired``, ``SessionEnded``, ``CsrfFailed``.
    """
    agent = await (_of_token(runtime, token) if token is not None else _of_cookie(request, runtime))
    structlog.contextvars.bind_contextvars(agent=agent.agent_id)
    refine_origin(channel="desk", actor=agent.actor)
    return agent


async def _of_token(runtime: Runtime, token: str) -> AgentIdentity:
    principal = runtime.tokens.read(token, kinds=("agent",))
    return await runtime.gateway.transaction(
        lambda session: DeskSessions(session, runtime.clock, runtime.settings).read_token(principal)
    )


async def _of_cookie(request: Request, runtime: Runtime) -> AgentIdentity:
    cookie = request.cookies.get(COOKIE)
    if cookie is None:
        raise TokenRequired("agents only")
    csrf_token = request.headers.get("x-csrf-token")

    def read(session: Session) -> AgentIdentity:
        sessions = DeskSessions(session, runtime.clock, runtime.settings)
        return sessions.read(cookie)[0] if request.method in _READING else sessions.read_for_change(cookie, csrf_token)

    return await runtime.gateway.transaction(read)


def session_id_of(request: Request, token: str | None, runtime: Runtime) -> str:
    """The session that a request came with; ``any_agent`` has let it in."""
    if token is not None:
        return runtime.tokens.read(token, kinds=("agent",)).session_id or ""
    return hash_of(request.cookies.get(COOKIE, ""))


AnyAgent = Annotated[AgentIdentity, Depends(any_agent)]


async def current_agent(agent: AnyAgent) -> AgentIdentity:
    """As ``any_agent``, and raises ``PasswordChangeNeeded``."""
    if agent.must_change_password:
        raise PasswordChangeNeeded("choose a password of your own first")
    return agent


CurrentAgent = Annotated[AgentIdentity, Depends(current_agent)]


def only(*roles: Role) -> Callable[[AgentIdentity], Coroutine[Any, Any, AgentIdentity]]:
    """A dependency that refuses other roles with ``role_not_allowed``."""

    async def check(agent: CurrentAgent) -> AgentIdentity:
        if agent.role not in roles:
            raise RoleNotAllowed("not for this role", roles=list(roles))
        return agent

    return check


Supervisor = Annotated[AgentIdentity, Depends(only("supervisor", "admin"))]
Admin = Annotated[AgentIdentity, Depends(only("admin"))]
