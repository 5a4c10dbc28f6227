"""Passwords of agents: what an admin hands out once, and what an agent may choose."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.desk.errors import PasswordTooWeak

HASHER = PasswordHasher()
LEAST_CHARS = 12
LEAST_DIFFERENT = 5
_LEGIBLE = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without 0, 1, i, l, o: it is read from a screen, or told on the telephone."""


def initial_password() -> str:
    """79 random bits in four groups of four."""
    return "-".join("".join(secrets.choice(_LEGIBLE) for _ in range(4)) for _ in range(4))


def require_good(password: str, *, agent_id: str, present: str) -> None:
    """Raises ``PasswordTooWeak``."""
    short = len(password) < LEAST_CHARS or len(set(password)) < LEAST_DIFFERENT
    if short or agent_id.casefold() in password.casefold() or password == present:
        raise PasswordTooWeak("too short, too simple, with the agent id in it, or the present one", least=LEAST_CHARS)


def matches(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
