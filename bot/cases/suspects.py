"""Which contacts of a telling may be somebody else's: not the borrower's own phone."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from bot.identity.contacts.normal import comparable
from bot.identity.contacts.service import ContactCheck
from bot.loans.errors import LoanBackendMisbehaved, LoanBackendUnavailable
from bot.loans.port import LoanBackend

log = structlog.get_logger(__name__)


def without_own(
    found: Iterable[ContactCheck], loans: LoanBackend, customer_id: str | None, *given: str | None
) -> list[ContactCheck]:
    """``found`` without the phone that the customer has on file and those they have ``given`` to be called back on.

    Whatever it is called in the telling: 微信13900001002 is theirs, too.
    """
    found = list(found)
    phones = [phone for phone in given if phone]
    if customer_id and any(item.suspicious for item in found):
        phones += _on_file(loans, customer_id)
    return [item for item in found if item.value not in {comparable(item.kind, phone) for phone in phones}]


def _on_file(loans: LoanBackend, customer_id: str) -> list[str]:
    """None when the loan books do not answer: a fraud is told all the same."""
    try:
        return [customer.phone for customer in loans.customers([customer_id])]
    except (LoanBackendUnavailable, LoanBackendMisbehaved) as error:
        log.warning("phone_unavailable", code=error.code)
        return []
