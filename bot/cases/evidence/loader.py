"""Builds the facts of one instalment from the loan port."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Protocol

from bot.cases.evidence.facts import (
    AppErrorFact,
    AttemptFact,
    Facts,
    IncidentFact,
    MandateFact,
    NoticeFact,
    OverdueDay,
    PaymentFact,
    day_of,
)
from bot.core.money import Fen
from bot.loans.bulk.histories import History
from bot.loans.errors import InstalmentNotFound
from bot.loans.port import (
    AppError,
    DebitAttempt,
    Incident,
    IncidentChannel,
    Instalment,
    LoanBackend,
    Mandate,
    Notice,
    Payment,
)
from bot.loans.service import SqlLoanBackend

LOOK_BACK_DAYS = 30
"""Errors of the app are loaded from this long before the due date."""


class DayOnRecord(Protocol):
    """As ``port.PenaltyDay``."""

    @property
    def day(self) -> date: ...
    @property
    def unpaid_principal(self) -> Fen: ...
    @property
    def held(self) -> bool: ...


class ContractOnRecord(Protocol):
    """As ``port.Contract``; at least the instalment that is asked for is among ``instalments``."""

    @property
    def contract_no(self) -> str: ...
    @property
    def instalments(self) -> tuple[Instalment, ...]: ...


class EvidenceSource(Protocol):
    """What of ``LoanBackend`` the facts come from; also served from many instalments that were read at once."""

    def contract(self, customer_id: str, contract_no: str, as_of: date | None = None) -> ContractOnRecord: ...
    def penalty_days(
        self, customer_id: str, contract_no: str, instalment: int, as_of: date | None = None
    ) -> Sequence[DayOnRecord]: ...
    def debit_attempts(
        self, customer_id: str, contract_no: str | None = None, instalment: int | None = None
    ) -> tuple[DebitAttempt, ...]: ...
    def incidents(
        self, first: date, last: date, channel: IncidentChannel | None = None, *, customer_id: str | None = None
    ) -> tuple[Incident, ...]: ...
    def mandates(self, customer_id: str) -> tuple[Mandate, ...]: ...
    def payments(self, customer_id: str) -> tuple[Payment, ...]: ...
    def notices(self, customer_id: str, contract_no: str | None = None, instalment: int | None = None) -> tuple[Notice, ...]: ...
    def app_errors(self, customer_id: str, first: date, last: date) -> tuple[AppError, ...]: ...


def facts_of(loans: LoanBackend, customer_id: str, contract_no: str, instalment: int, as_of: date) -> Facts:
    """As ``load_facts``, read with a few queries where the books are our own."""
    source: EvidenceSource = loans
    if isinstance(loans, SqlLoanBackend):
        source = History(loans.unit, customer_id, contract_no, instalment, as_of)
    return load_facts(source, customer_id, contract_no, instalment, as_of)


def load_facts(loans: EvidenceSource, customer_id: str, contract_no: str, instalment: int, as_of: date) -> Facts:
    """Everything on record about the instalment.

    Raises ``ContractNotFound`` (also for somebody else's contract) and ``InstalmentNotFound``.
    """
    contract = loans.contract(customer_id, contract_no, as_of)
    item = _instalment(contract, instalment)
    payments = _payments(loans.payments(customer_id), contract_no, instalment)
    # A repayment may have begun to hang before the due date: the incident of its own day stands behind it.
    first = min([item.due_on, as_of, *(day_of(payment.created_at) for payment in payments)])
    return Facts(
        contract_no=contract_no,
        instalment=instalment,
        due_on=item.due_on,
        as_of=as_of,
        owed=item.principal + item.interest + item.fee,
        penalty=item.penalty,
        paid_penalty=item.paid_penalty,
        waived_penalty=item.waived_penalty,
        days=tuple(
            OverdueDay(day.day, day.unpaid_principal, day.held)
            for day in loans.penalty_days(customer_id, contract_no, instalment, as_of)
        ),
        settled=item.status == "settled",
        mandates=tuple(MandateFact(found.signed_at, found.revoked_at, found.mandate_no) for found in loans.mandates(customer_id)),
        attempts=tuple(
            AttemptFact(found.attempted_at, found.result_code, found.side, found.amount, f"D-{number}")
            for number, found in enumerate(loans.debit_attempts(customer_id, contract_no, instalment), start=1)
        ),
        incidents=tuple(_incident(found) for found in loans.incidents(first, as_of, customer_id=customer_id)),
        payments=payments,
        notices=tuple(
            NoticeFact(found.kind, found.channel, found.sent_at, found.delivery, found.delivered_at, f"N-{number}")
            for number, found in enumerate(loans.notices(customer_id, contract_no, instalment), start=1)
        ),
        app_errors=tuple(
            AppErrorFact(error.at, error.operation, error.code)
            for error in loans.app_errors(customer_id, item.due_on - timedelta(days=LOOK_BACK_DAYS), as_of)
            if error.contract_no in (None, contract_no)
        ),
    )


def _instalment(contract: ContractOnRecord, number: int) -> Instalment:
    for item in contract.instalments:
        if item.number == number:
            return item
    raise InstalmentNotFound(f"{contract.contract_no} has no instalment {number}")


def _incident(incident: Incident) -> IncidentFact:
    return IncidentFact(
        channel=incident.channel,
        starts_at=incident.starts_at,
        ends_at=incident.ends_at,
        confirmed=incident.status == "confirmed",
        incident_no=incident.incident_no,
        confirmed_by=incident.confirmed_by,
        bank_name=incident.bank_name,
        summary=incident.summary,
    )


def _payments(payments: Iterable[Payment], contract_no: str, number: int) -> tuple[PaymentFact, ...]:
    """The payments meant for the instalment, and what each has paid of it besides penalty."""
    facts = []
    for payment in payments:
        if any((target.contract_no, target.instalment) == (contract_no, number) for target in payment.targets):
            mine = (part for part in payment.parts if (part.contract_no, part.instalment) == (contract_no, number))
            facts.append(_payment(payment, sum(part.amount for part in mine if part.component != "penalty")))
    return tuple(facts)


def _payment(payment: Payment, credited: Fen) -> PaymentFact:
    return PaymentFact(
        created_at=payment.created_at,
        amount=payment.amount,
        status=payment.status,
        kind=payment.kind,
        resolved_at=payment.resolved_at,
        informed_at=payment.informed_at,
        side=payment.side,
        code=payment.result_code,
        credited=credited,
        payment_no=payment.payment_no,
    )
