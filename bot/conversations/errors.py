"""Errors of conversations; the codes are stable.

NotFound (404)          ConversationNotFound, NothingToRate, DeliveryNotFound, IncomingNotFound
Forbidden (403)         SenderMismatch, NotTheOwner
Conflict (409)          MessageIdReused, AlreadyClaimed, NotInQueue, NotWithAgent, AlreadyRated
TooManyRequests (429)   TooManyMessages
Unavailable (503)       ConversationBusy
"""

from __future__ import annotations

from bot.core.errors import Conflict, Forbidden, NotFound, TooManyRequests, Unavailable


class ConversationNotFound(NotFound):
    """No such conversation, or one of somebody else: the caller cannot tell which."""

    code = "conversation_not_found"


class SenderMismatch(Forbidden):
    """A visitor token is bound to one sender; the request names another."""

    code = "sender_mismatch"


class NotTheOwner(Forbidden):
    """Only the agent who owns the conversation may do this."""

    code = "not_the_owner"


class MessageIdReused(Conflict):
    """The same ``message_id`` came before with another text."""

    code = "message_id_reused"


class AlreadyClaimed(Conflict):
    """Another agent was faster. At the desk, ``details.by`` and ``details.name`` say who: every agent sees their colleagues."""

    code = "already_claimed"


class NotInQueue(Conflict):
    """The conversation does not wait for a human."""

    code = "not_in_queue"


class NotWithAgent(Conflict):
    """No agent of ours has the conversation: nothing to take over."""

    code = "not_with_agent"


class TooManyMessages(TooManyRequests):
    """``details.retry_after``: seconds until the next message is taken."""

    code = "too_many_requests"


class ConversationBusy(Unavailable):
    """Another message of the conversation is still being worked on; nothing was stored, send again."""

    code = "conversation_busy"


class NothingToRate(NotFound):
    """No help of a human that has ended has this number in this conversation."""

    code = "nothing_to_rate"


class AlreadyRated(Conflict):
    """Rated before, with another score or comment."""

    code = "already_rated"


class DeliveryNotFound(NotFound):
    """No message to a platform that was given up has this number."""

    code = "dead_letter_not_found"


class IncomingNotFound(NotFound):
    """No message from a platform that was given up has this number."""

    code = "dead_letter_not_found"
