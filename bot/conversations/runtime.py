"""What routes need, put together once by the composition root (bot/app.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from bot.conversations.gateway import Gateway
from bot.conversations.metrics import Metrics
from bot.conversations.rasa import RasaClient
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.limits.service import Limits
from bot.core.settings import Settings
from bot.core.texts import Texts
from bot.identity.errors import TokenInvalid
from bot.identity.tokens import Tokens
from bot.loans.backends import LoanBackends

DECODERS = 2
"""How many pictures of others are decoded at once: each may take some hundred megabytes."""


@dataclass(frozen=True)
class Runtime:
    """The application's parts, kept in ``app.state.runtime``."""

    settings: Settings
    clock: Clock
    database: Database
    texts: Texts
    tokens: Tokens
    rasa: RasaClient
    gateway: Gateway
    metrics: Metrics
    loans: LoanBackends
    limits: Limits
    decoders: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(DECODERS))
    hashers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(4))
    """How many passwords are checked at once: each takes 64 MiB on purpose."""
    known_customers: set[str] = field(default_factory=set)
    """Customers of a valid token who are in the loan books, as far as this process has looked."""


async def get_runtime(request: Request) -> Runtime:
    runtime: Runtime = request.app.state.runtime
    return runtime


async def get_bearer(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> str | None:
    """The bearer token, ``None`` when no ``Authorization`` header came. Raises ``TokenInvalid`` for any other scheme."""
    if credentials is not None and credentials.credentials.strip():
        return credentials.credentials.strip()
    if "authorization" in request.headers:
        raise TokenInvalid("the Authorization header is not a bearer token")
    return None


CurrentRuntime = Annotated[Runtime, Depends(get_runtime)]
BearerToken = Annotated[str | None, Depends(get_bearer)]
