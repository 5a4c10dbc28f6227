"""Who is at the desk: the bearer token (other programs) or the cookie (browsers) of a session that has not ended."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request
from sqlalchemy.orm import Session

from bot.conversations.runtime import BearerToken, CurrentRuntime, Runtime
from bot.core.origin import refine_origin
from bot.desk.errors import RoleNotAllowed
from bot.desk.login import AgentIdentity, Role
from bot.desk.sessions import COOKIE, DeskSessions
from bot.identity.errors import TokenRequired

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


async def current_agent(request: Request, token: BearerToken, runtime: CurrentRuntime) -> AgentIdentity:
    """The agent, if the account is still active.

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
