"""The exception tree. Every business error carries an HTTP status and a stable code; one handler renders it.

CareError
├── InvalidInput          400  the caller's data make no sense
├── Unauthenticated       401  no token, or a wrong or expired one
├── Forbidden             403  known caller, not allowed
├── NotFound              404  also for things of somebody else: their existence is not revealed
├── Conflict              409  the state does not allow it; same idempotency key with other parameters
├── PayloadTooLarge       413
├── TooManyRequests       429
└── Unavailable           503  a process or partner we need does not answer

Modules subclass these in their own ``errors.py`` and set ``code``; codes never change once published.
"""

from __future__ import annotations

from typing import ClassVar


class CareError(Exception):
    """Base of every error that a caller may see.

    ``message`` is for developers and logs (English, no personal data); borrowers read texts from ``data/answers``.
    ``details`` holds values safe to show to the caller (dates, limits), never secrets.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str = "", **details: object) -> None:
        super().__init__(message or self.code)
        self.message = message or self.code
        self.details = details


class InvalidInput(CareError):
    status = 400
    code = "invalid_input"


class Unauthenticated(CareError):
    status = 401
    code = "unauthenticated"


class Forbidden(CareError):
    status = 403
    code = "forbidden"


class NotFound(CareError):
    status = 404
    code = "not_found"


class Conflict(CareError):
    status = 409
    code = "conflict"


class PayloadTooLarge(CareError):
    status = 413
    code = "payload_too_large"


class TooManyRequests(CareError):
    status = 429
    code = "too_many_requests"


class Unavailable(CareError):
    status = 503
    code = "unavailable"
