"""Signed, expiring tokens. One kind each for customers, visitors and agents; none is accepted in place of another."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey

from bot.core.clock import Clock
from bot.identity.errors import TokenExpired, TokenInvalid

Kind = Literal["customer", "visitor", "agent"]

AUDIENCE = "suixing-care"
INVALID = "the token is not one of ours, is of the wrong kind, or was changed; ask for a new one"
EXPIRED = "the token has expired; log in again, or become a visitor again, for a new one"
_ALGORITHMS = ["HS256"]
_MAX_TOKEN_CHARS = 4096
_MAX_SUBJECT_CHARS = 64


@dataclass(frozen=True)
class Principal:
    """Who a token speaks for: a customer id, a visitor's sender, or an agent id.

    ``session_id``: the session that an agent's token belongs to and ends with; the others have none.
    """

    kind: Kind
    subject: str
    session_id: str | None = None


class Tokens:
    """Issues and reads JWTs (HS256). The host app of an integrator signs customer tokens with the same key and claims."""

    def __init__(self, key: str, clock: Clock) -> None:
        self._key = OctKey.import_key(key)
        self._clock = clock

    def issue(self, kind: Kind, subject: str, *, lifetime: timedelta, session_id: str | None = None) -> str:
        """A token for ``subject`` that ends after ``lifetime``, and with the session that it belongs to."""
        now = self._clock.now()
        claims = {
            "aud": AUDIENCE,
            "kind": kind,
            "sub": subject,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": secrets.token_hex(8),
        }
        if session_id is not None:
            claims["sid"] = session_id
        return jwt.encode({"alg": "HS256"}, claims, self._key, algorithms=_ALGORITHMS)

    def read(self, token: str, *, kinds: tuple[Kind, ...] = get_args(Kind)) -> Principal:
        """Raises ``TokenExpired`` for a genuine one that has ended, else ``TokenInvalid``."""
        if len(token) > _MAX_TOKEN_CHARS:
            raise TokenInvalid(INVALID)
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock.now().timestamp()),
            aud={"essential": True, "value": AUDIENCE},
            kind={"essential": True, "values": [str(kind) for kind in kinds]},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            claims = jwt.decode(token, self._key, algorithms=_ALGORITHMS).claims
            registry.validate(claims)
        except ExpiredTokenError as error:
            raise TokenExpired(EXPIRED) from error
        except (JoseError, ValueError) as error:
            raise TokenInvalid(INVALID) from error
        subject: str = claims["sub"]
        if len(subject) > _MAX_SUBJECT_CHARS:
            raise TokenInvalid(INVALID)
        session_id = claims.get("sid")
        return Principal(claims["kind"], subject, session_id if isinstance(session_id, str) else None)
