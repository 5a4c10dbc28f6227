"""Builds the facts of one instalment from the loan port."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from bot.cases.evidence.facts import AttemptFact, Facts, IncidentFact, MandateFact, NoticeFact, OverdueDay, PaymentFact
from bot.core.money import Fen
from bot.loans.errors import InstalmentNotFound
from bot.loans.port import Contract, Incident, Instalment, LoanBackend, Payment

LOOK_BACK_DAYS = 30
"""A repayment made before the due date may hang across it; incidents are loaded from this long before."""


def load_facts(loans: LoanBackend, customer_id: str, contract_no: str, instalment: int, as_of: date) -> Facts:
    """Everything on record about the instalment.

    Raises ``ContractNotFound`` (also for somebody else's contract) and ``InstalmentNotFound``.
    """
    contract = loans.contract(customer_id, contract_no, as_of)
    item = _instalment(contract, instalment)
    attempts = loans.debit_attempts(customer_id, contract_no, instalment)
    days = loans.penalty_days(customer_id, contract_no, instalment, as_of)
    incidents = loans.incidents(item.due_on - timedelta(days=LOOK_BACK_DAYS), as_of, customer_id=customer_id)
    return Facts(
        contract_no=contract_no,
        instalment=instalment,
        due_on=item.due_on,
        as_of=as_of,
        owed=item.principal + item.interest + item.fee,
        penalty=item.penalty,
        days=tuple(OverdueDay(day.day, day.unpaid_principal, day.held) for day in days),
        settled=item.status == "settled",
        mandates=tuple(MandateFact(mandate.signed_at, mandate.revoked_at) for mandate in loans.mandates(customer_id)),
        attempts=tuple(AttemptFact(try_.attempted_at, try_.result_code, try_.side, try_.amount) for try_ in attempts),
        incidents=tuple(_incident(incident) for incident in incidents),
        payments=_payments(loans.payments(customer_id), contract_no, instalment),
        notices=tuple(
            NoticeFact(notice.kind, notice.channel, notice.sent_at, notice.delivery, notice.delivered_at)
            for notice in loans.notices(customer_id, contract_no, instalment)
        ),
    )


def _instalment(contract: Contract, number: int) -> Instalment:
    for item in contract.instalments:
        if item.number == number:
            return item
    raise InstalmentNotFound(f"{contract.contract_no} has no instalment {number}")


def _incident(incident: Incident) -> IncidentFact:
    confirmed = incident.status == "confirmed"
    return IncidentFact(incident.channel, incident.starts_at, incident.ends_at, confirmed, incident.incident_no)


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
