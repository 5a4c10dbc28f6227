"""Errors of notifications; the codes are stable.

NotFound (404)          DeadLetterNotFound
"""

from __future__ import annotations

from bot.core.errors import NotFound


class DeadLetterNotFound(NotFound):
    """No notification that was given up has this number."""

    code = "dead_letter_not_found"
