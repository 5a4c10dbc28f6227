"""Errors of the desk; the codes are stable.

Unauthenticated (401)   LoginFailed
TooManyRequests (429)   LoginLocked
"""

from __future__ import annotations

from bot.core.errors import TooManyRequests, Unauthenticated


class LoginFailed(Unauthenticated):
    """Unknown agent, wrong password or a closed account: the caller cannot tell which."""

    code = "login_failed"


class LoginLocked(TooManyRequests):
    """Too many wrong passwords for this agent id; ``details.retry_after`` in seconds."""

    code = "login_locked"
