"""Errors of identity; the codes are stable.

Unauthenticated (401)   TokenInvalid, TokenExpired, TokenRequired
TooManyRequests (429)   StepUpLocked, TooManyCodes
Unavailable (503)       SmsNotConfigured
NotFound (404)          NoCodeSent, BindingNotFound
"""

from __future__ import annotations

from bot.core.errors import NotFound, TooManyRequests, Unauthenticated, Unavailable


class TokenInvalid(Unauthenticated):
    """Not a token of ours, of another kind than asked for, or changed."""

    code = "token_invalid"


class TokenExpired(Unauthenticated):
    code = "token_expired"


class TokenRequired(Unauthenticated):
    code = "token_required"


class StepUpLocked(TooManyRequests):
    """Too many wrong codes; ``details.retry_after`` seconds until the next one may be sent."""

    code = "step_up_locked"


class TooManyCodes(TooManyRequests):
    """The hourly number of codes for one customer is used up."""

    code = "otp_too_many"


class SmsNotConfigured(Unavailable):
    """No carrier is configured, and outside the demo none is simulated."""

    code = "sms_not_configured"


class NoCodeSent(NotFound):
    code = "no_code_sent"


class BindingNotFound(NotFound):
    """The messaging account is not bound to anybody."""

    code = "binding_not_found"
