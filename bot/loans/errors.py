"""Errors of the loan books; the codes are stable.

NotFound (404)       CustomerNotFound, ContractNotFound, InstalmentNotFound, ApplicationNotFound, PaymentNotFound,
                     ScheduledNotFound, ReceiptNotFound, ProductNotFound, PostingNotFound, IncidentNotFound,
                     NoticeNotFound, MandateNotFound
InvalidInput (400)   InvalidAmount, InvalidDate, AmountExceedsOwed, InvalidTerms, InvalidText, InvalidChoice
Conflict (409)       ContractSettled, NothingOwed, PaymentInProgress, PaymentResolved, NotSchedulable, NotCancellable,
                     ApplicationDecided, NoHold, InsufficientLine, IdempotencyConflict, NotReversible, CustomerExists,
                     ContractExists, AuthorisationRevoked, ContactRefused, NotReported
CareError (500)      CatalogueRefused, LedgerMismatch
Unavailable (503)    LoanBackendUnavailable
CareError (502)      LoanBackendMisbehaved
"""

from __future__ import annotations

from bot.core.errors import CareError, Conflict, InvalidInput, NotFound, Unavailable


class CustomerNotFound(NotFound):
    code = "customer_not_found"


class ContractNotFound(NotFound):
    code = "contract_not_found"


class InstalmentNotFound(NotFound):
    code = "instalment_not_found"


class ApplicationNotFound(NotFound):
    code = "application_not_found"


class PaymentNotFound(NotFound):
    code = "payment_not_found"


class ScheduledNotFound(NotFound):
    code = "scheduled_repayment_not_found"


class ReceiptNotFound(NotFound):
    code = "receipt_not_found"


class ProductNotFound(NotFound):
    code = "product_not_found"


class IncidentNotFound(NotFound):
    code = "incident_not_found"


class NoticeNotFound(NotFound):
    code = "notice_not_found"


class MandateNotFound(NotFound):
    code = "mandate_not_found"


class InvalidAmount(InvalidInput):
    code = "invalid_amount"


class InvalidDate(InvalidInput):
    code = "invalid_date"


class InvalidTerms(InvalidInput):
    """Terms of a new contract that the product does not allow."""

    code = "invalid_terms"


class InvalidText(InvalidInput):
    """``details.field`` is empty, longer than ``details.longest`` characters, or holds control characters."""

    code = "invalid_text"


class InvalidChoice(InvalidInput):
    """``details.field`` is none of ``details.allowed``."""

    code = "invalid_choice"


class AmountExceedsOwed(InvalidInput):
    """``details.owed`` is the most that would be accepted, in 分."""

    code = "amount_exceeds_owed"


class ContractSettled(Conflict):
    code = "contract_settled"


class NothingOwed(Conflict):
    code = "nothing_owed"


class PaymentInProgress(Conflict):
    """``details.payment_nos``: the payments that are still processing for the same instalments."""

    code = "payment_in_progress"


class PaymentResolved(Conflict):
    """The payment already ended differently."""

    code = "payment_resolved"


class NotSchedulable(Conflict):
    """``details.reason`` is one of ``port.ScheduleReason`` or ``outside_window``; the dates of the window come with it."""

    code = "not_schedulable"


class NotCancellable(Conflict):
    code = "not_cancellable"


class ApplicationDecided(Conflict):
    code = "application_decided"


class NoHold(Conflict):
    code = "no_hold"


class CustomerExists(Conflict):
    """The customer number or the phone is taken."""

    code = "customer_exists"


class ContractExists(Conflict):
    code = "contract_exists"


class AuthorisationRevoked(Conflict):
    """Without an authorisation nothing is queried (product §1, fact 5)."""

    code = "authorisation_revoked"


class InsufficientLine(Conflict):
    """The credit line does not cover the drawdown."""

    code = "insufficient_line"


class ContactRefused(Conflict):
    """A dunning contact that the contact rules or a hold forbid; ``details.reason`` says which."""

    code = "contact_refused"


class NotReported(Conflict):
    """The credit bureau was never told of this instalment."""

    code = "not_reported"


class IdempotencyConflict(Conflict):
    """The key was used before with other parameters or for another operation."""

    code = "idempotency_key_reused"


class CatalogueRefused(CareError):
    """The catalogue breaks a rule; ``message`` lists every problem with product and figure."""

    code = "catalogue_refused"


class PostingNotFound(NotFound):
    code = "posting_not_found"


class NotReversible(Conflict):
    """A posting that was reversed already, is a reversal, or is of a kind that has its own command."""

    code = "not_reversible"


class LedgerMismatch(CareError):
    """Stored and derived balances disagree; ``details.contracts`` names the contracts."""

    code = "ledger_mismatch"


class LoanBackendUnavailable(Unavailable):
    """The core system behind the HTTP backend did not answer. Of a command the outcome is unknown: repeat it with its key.

    ``details.retry_after``: seconds, when something is known about it.
    """

    code = "loan_backend_unavailable"


class LoanBackendMisbehaved(CareError):
    """The core system answered with something that the contract does not allow, or refused our secret."""

    status = 502
    code = "loan_backend_misbehaved"
