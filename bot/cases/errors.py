"""Errors of cases; the codes are stable.

NotFound (404)       CaseNotFound, RemedyNotFound, AlertNotFound
InvalidInput (400)   StoryMissing, CallbackMissing, InvalidPhone, DecisionIncomplete, ExtensionNotOffered, InvalidRemedyAmount
Forbidden (403)      SamePerson, NotSupervisor, DailyRemedyLimit
Conflict (409)       CaseOver, StepNotAllowed, NothingOverdue, NoDoubleDebit, NotProposed, RemedyOpen, DeadlinePassed, KeyReused,
                     NothingDecided, AppealTooLate, WrongKind, CustomerKnown, NoInstalment
CareError (500)      PolicyMissing
"""

from __future__ import annotations

from bot.core.errors import CareError, Conflict, Forbidden, InvalidInput, NotFound


class CaseNotFound(NotFound):
    """Also for a case of somebody else: its existence is not revealed."""

    code = "case_not_found"


class RemedyNotFound(NotFound):
    code = "remedy_not_found"


class AlertNotFound(NotFound):
    code = "alert_not_found"


class StoryMissing(InvalidInput):
    code = "story_missing"


class CallbackMissing(InvalidInput):
    """An anonymous case needs a number to call back."""

    code = "callback_missing"


class InvalidPhone(InvalidInput):
    code = "invalid_phone"


class DecisionIncomplete(InvalidInput):
    """A decision states facts and reasons (product §4); ``details.missing`` names what is not there."""

    code = "decision_incomplete"


class ExtensionNotOffered(InvalidInput):
    """``details.days``: the extensions that the clock knows."""

    code = "extension_not_offered"


class InvalidRemedyAmount(InvalidInput):
    """``details.most``: the most that can be given back, in 分."""

    code = "invalid_remedy_amount"


class SamePerson(Forbidden):
    """Who proposed or asked may not approve (product §3, §4)."""

    code = "same_person"


class NotSupervisor(Forbidden):
    code = "not_supervisor"


class DailyRemedyLimit(Forbidden):
    """The customer's remedies of today would exceed what this person may approve.

    ``details``: ``limit`` and ``given`` in 分; ``needs``: ``admin`` when an admin may approve it,
    ``another_day`` when nobody may today.
    """

    code = "daily_remedy_limit"


class CaseOver(Conflict):
    """The case is closed or withdrawn."""

    code = "case_over"


class StepNotAllowed(Conflict):
    """The status does not admit this step; ``details.status``."""

    code = "step_not_allowed"


class NothingOverdue(Conflict):
    """The instalment has no overdue day: there is nothing to dispute."""

    code = "nothing_overdue"


class NoDoubleDebit(Conflict):
    code = "no_double_debit"


class NotProposed(Conflict):
    """No agent has put this remedy forward, or it was decided differently; ``details.status``."""

    code = "remedy_not_proposed"


class RemedyOpen(Conflict):
    """Another remedy of the case is proposed or was given already."""

    code = "remedy_open"


class DeadlinePassed(Conflict):
    """Too late to extend; ``details.decide_by``."""

    code = "deadline_passed"


class KeyReused(Conflict):
    """The idempotency key was used before with other parameters."""

    code = "idempotency_key_reused"


class NothingDecided(Conflict):
    """There is no decision that one could appeal against; ``details.status``."""

    code = "nothing_decided"


class AppealTooLate(Conflict):
    """The review period is over; ``details.until`` was its last day."""

    code = "appeal_too_late"


class WrongKind(Conflict):
    """The step belongs to another kind of case; ``details.kind``."""

    code = "wrong_case_kind"


class CustomerKnown(Conflict):
    """The case has its customer already."""

    code = "case_has_customer"


class NoInstalment(Conflict):
    """Nobody has said yet which instalment was reported wrongly."""

    code = "instalment_missing"


class PolicyMissing(CareError):
    """No version of data/catalogue/complaint_clock.yml is valid on that day."""

    code = "policy_missing"
