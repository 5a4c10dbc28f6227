"""Errors of the desk; the codes are stable.

Unauthenticated (401)   LoginFailed, SessionEnded
Forbidden (403)         CsrfFailed, RoleNotAllowed, NotCaseOwner, WrongPassword, PasswordChangeNeeded
NotFound (404)          ColleagueNotFound, AgentNotFound, MessageNotFound, MisunderstandingNotFound, CannedAnswerNotFound,
                        AccountNotFound
Conflict (409)          DeskFull, AlreadyMarked, AlreadyReviewed, SecondPersonNeeded, TitleTaken, CommandKeyReused,
                        AgentIdTaken, AccountClosed, AccountOpen, LastAdmin, AdminThere
InvalidInput (400)      RevealReasonMissing, UnknownIntent, CursorInvalid, UnknownSkill, PasswordTooWeak
TooManyRequests (429)   LoginLocked
"""

from __future__ import annotations

from bot.core.errors import Conflict, Forbidden, InvalidInput, NotFound, TooManyRequests, Unauthenticated


class LoginFailed(Unauthenticated):
    """Unknown agent, wrong password or a closed account: the caller cannot tell which."""

    code = "login_failed"


class LoginLocked(TooManyRequests):
    """Too many wrong passwords for this agent id; ``details.retry_after`` in seconds."""

    code = "login_locked"


class RevealReasonMissing(InvalidInput):
    """Personal data in clear are shown for a reason only, which the audit trail keeps."""

    code = "reveal_reason_missing"


class SessionEnded(Unauthenticated):
    """The cookie is of no session, or of one that has ended."""

    code = "session_ended"


class CsrfFailed(Forbidden):
    """A change asked for with the cookie alone: the page sends the session's token in ``X-CSRF-Token`` too."""

    code = "csrf_failed"


class RoleNotAllowed(Forbidden):
    """The agent's role may not do this; ``details.roles`` may."""

    code = "role_not_allowed"


class ColleagueNotFound(NotFound):
    """No active agent has this id."""

    code = "colleague_not_found"


class DeskFull(Conflict):
    """The agent has as many conversations as they may have at once (``details.most``)."""

    code = "desk_full"


class MessageNotFound(NotFound):
    """No message of the borrower has this number in this conversation."""

    code = "message_not_found"


class UnknownIntent(InvalidInput):
    """data/catalogue/intents.yml does not list it."""

    code = "unknown_intent"


class MisunderstandingNotFound(NotFound):
    code = "misunderstanding_not_found"


class AlreadyMarked(Conflict):
    """The message was marked with another intent; ``details.intent``. A reviewer decides."""

    code = "already_marked"


class AlreadyReviewed(Conflict):
    """Somebody has decided; ``details.state``."""

    code = "already_reviewed"


class SecondPersonNeeded(Conflict):
    """Who marked a message may not review it."""

    code = "second_person_needed"


class CannedAnswerNotFound(NotFound):
    code = "canned_answer_not_found"


class TitleTaken(Conflict):
    """Another canned answer has this title."""

    code = "title_taken"


class NotCaseOwner(Forbidden):
    """Only who has the case hands it on, or sees its number in clear; supervisors hand on any."""

    code = "not_case_owner"


class AgentNotFound(NotFound):
    """Neither an active agent nor a team of data/catalogue/complaint_clock.yml."""

    code = "agent_not_found"


class CursorInvalid(InvalidInput):
    """The cursor is not one that this list gave."""

    code = "cursor_invalid"


class CommandKeyReused(Conflict):
    """The agent used this idempotency key for another command."""

    code = "idempotency_key_reused"


class WrongPassword(Forbidden):
    """The present password, which a change of it asks for, is not right. The session goes on."""

    code = "wrong_password"


class PasswordTooWeak(InvalidInput):
    """Shorter than ``details.least`` characters, of too few different ones, the agent's id in it, or the present one again."""

    code = "password_too_weak"


class PasswordChangeNeeded(Forbidden):
    """An admin handed the password out: the agent chooses one of their own before anything else."""

    code = "password_change_needed"


class AccountNotFound(NotFound):
    code = "account_not_found"


class AgentIdTaken(Conflict):
    """Another account has this id, be it closed: ids are never given again."""

    code = "agent_id_taken"


class AccountClosed(Conflict):
    """The account is closed; it can be opened again."""

    code = "account_closed"


class AccountOpen(Conflict):
    """The account is not closed."""

    code = "account_open"


class LastAdmin(Conflict):
    """Nobody would be left who manages accounts."""

    code = "last_admin"


class AdminThere(Conflict):
    """The command line opens the first admin's account only; ``details.admins`` open the others at the desk."""

    code = "admin_there"


class UnknownSkill(InvalidInput):
    """data/catalogue/handoff.yml has no such skill; ``details.skills`` are those it has."""

    code = "unknown_skill"
