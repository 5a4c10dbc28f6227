"""Desk sessions. A browser has an opaque cookie, and a token against forged requests (CSRF) that only our page can read.

The cookie is ``HttpOnly`` and ``SameSite=Strict``. Each login begins a new session under a new cookie and ends the one that the
browser had, so a cookie planted before the login is worth nothing after it. The bearer token of another program belongs to a
session too, and is worth something only as long as that lasts.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from bot.core.clock import Clock
from bot.core.settings import Settings
from bot.desk.errors import CsrfFailed, SessionEnded
from bot.desk.login import AgentIdentity, find_agent
from bot.desk.models import DeskSession
from bot.desk.repository import DeskRepository
from bot.identity.errors import TokenInvalid
from bot.identity.tokens import Principal

COOKIE = "suixing_desk"
SEEN_EVERY = timedelta(minutes=1)
"""How exactly the last use of a session is known; each request would otherwise write."""


@dataclass(frozen=True)
class Opened:
    """``cookie`` for the browser, ``csrf_token`` for the page's requests, ``session_id`` for the claims of a bearer token."""

    cookie: str
    csrf_token: str

    @property
    def session_id(self) -> str:
        return hash_of(self.cookie)


class DeskSessions:
    """Never commits."""

    def __init__(self, session: Session, clock: Clock, settings: Settings) -> None:
        self._session = session
        self._repository = DeskRepository(session)
        self._clock = clock
        self._settings = settings

    def open(self, agent: AgentIdentity, *, instead_of: str | None = None) -> Opened:
        """A new session; the one of the cookie ``instead_of`` ends."""
        if instead_of is not None:
            self.end(instead_of)
        now = self._clock.now()
        self._repository.forget_sessions_before(now)
        opened = Opened(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        self._repository.add(
            DeskSession(
                token_hash=hash_of(opened.cookie),
                agent_id=agent.agent_id,
                csrf_token=opened.csrf_token,
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(minutes=self._settings.agent_token_minutes),
            )
        )
        return opened

    def read(self, cookie: str) -> tuple[AgentIdentity, str]:
        """Whose session it is, and its CSRF token. Raises ``SessionEnded``, also when the account was closed."""
        agent, row = self._read(hash_of(cookie))
        return agent, row.csrf_token

    def read_token(self, principal: Principal) -> AgentIdentity:
        """Whose token it is. Raises ``SessionEnded`` when its session has, ``TokenInvalid`` without one or after the account."""
        if find_agent(self._session, principal.subject) is None:
            raise TokenInvalid("the account is closed")
        if principal.session_id is None:
            raise TokenInvalid("the token belongs to no session")
        agent, _ = self._read(principal.session_id)
        if agent.agent_id != principal.subject:
            raise TokenInvalid("the token is of another agent than its session")
        return agent

    def _read(self, session_id: str) -> tuple[AgentIdentity, DeskSession]:
        row, now = self._repository.session_of(session_id), self._clock.now()
        idle = timedelta(minutes=self._settings.desk_idle_minutes)
        if row is None or row.expires_at <= now or row.seen_at + idle <= now:
            raise SessionEnded("log in again")
        agent = find_agent(self._session, row.agent_id)
        if agent is None:
            raise SessionEnded("log in again")
        if row.seen_at + SEEN_EVERY <= now:
            row.seen_at = now
        return agent, row

    def read_for_change(self, cookie: str, csrf_token: str | None) -> AgentIdentity:
        """As ``read``, for a request that changes something. Raises ``CsrfFailed``."""
        agent, expected = self.read(cookie)
        if csrf_token is None or not hmac.compare_digest(csrf_token.encode(), expected.encode()):
            raise CsrfFailed("X-CSRF-Token is missing or wrong")
        return agent

    def end(self, cookie: str) -> None:
        """Nothing happens when there is no such session."""
        self._repository.forget_session(hash_of(cookie))

    def end_token(self, principal: Principal) -> None:
        """Ends the session that the token belongs to, and with it a cookie of the same login."""
        if principal.session_id is not None:
            self._repository.forget_session(principal.session_id)


def hash_of(cookie: str) -> str:
    """The cookie has 256 random bits: a plain hash cannot be turned back."""
    return hashlib.sha256(cookie.encode()).hexdigest()
