"""Errors of reported contacts; the codes are stable.

InvalidInput (400)   NotSuspicious
NotFound (404)       AlertNotFound
"""

from __future__ import annotations

from bot.core.errors import InvalidInput, NotFound


class NotSuspicious(InvalidInput):
    """An official contact or a public hotline was to be reported as a suspected fraud."""

    code = "contact_not_suspicious"


class AlertNotFound(NotFound):
    code = "contact_alert_not_found"
