"""What can be wrong with the trail itself. None of these is the caller's doing, so none is a ``CareError`` but the cursor."""

from __future__ import annotations

from bot.core.errors import InvalidInput


class AuditKeyMissing(RuntimeError):
    """The database was opened without ``audited``: nothing may be done that nobody could prove later."""


class AuditHeadBroken(RuntimeError):
    """The head of a chain was changed by somebody without the key. ``make audit-check`` says more."""


class NoAudit(RuntimeError):
    """The database has no audit tables: it was never migrated that far."""


class NotAnAnchor(ValueError):
    """The text is no anchor, was cut or changed, or belongs to another key."""


class InvalidCursor(InvalidInput):
    """``cursor`` is not one of ours."""

    code = "invalid_cursor"
