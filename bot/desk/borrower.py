"""What an agent must know about an identified borrower before the first word: who, what they owe, what is open."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import structlog
from sqlalchemy.orm import Session

from bot.cases.evidence.sheet import EvidenceSheet
from bot.cases.service import CaseService, CaseView
from bot.cases.thread import CLOCK_STOPS, OVER, CaseKind
from bot.conversations.service import ConversationContext
from bot.core.clock import Clock
from bot.core.masking import mask_phone
from bot.desk.schemas import CaseSummary, ContractSummary, DueCase, Identity, LoanSnapshot
from bot.loans.errors import (
    ContractNotFound,
    CustomerNotFound,
    InstalmentNotFound,
    LoanBackendMisbehaved,
    LoanBackendUnavailable,
)
from bot.loans.port import Contract, LoanBackend

log = structlog.get_logger(__name__)


class BorrowerFile:
    """Read from the loan books and the cases. Nothing is shown of a borrower whom the conversation does not identify."""

    def __init__(self, session: Session, clock: Clock, loans: LoanBackend) -> None:
        self._loans = loans
        self._cases = CaseService(session, clock, self._loans)

    def identity(self, context: ConversationContext) -> Identity:
        name = phone = None
        if context.customer_id is not None:
            try:
                customer = self._loans.customer(context.customer_id)
                name, phone = customer.name, mask_phone(customer.phone)
            except CustomerNotFound:
                pass  # an old conversation, from before the loan books were changed for others
        return Identity(level=context.level, customer_id=context.customer_id, name=name, phone=phone)

    def names(self, customer_ids: Collection[str]) -> dict[str, str]:
        """By customer; one question for all of them. Nobody's when the loan books cannot be asked: lists do without."""
        try:
            return {each.customer_id: each.name for each in self._loans.customers(sorted(customer_ids))} if customer_ids else {}
        except (LoanBackendUnavailable, LoanBackendMisbehaved) as error:
            log.warning("names_unavailable", code=error.code)
            return {}

    def loan_snapshot(self, customer_id: str | None) -> LoanSnapshot | None:
        """As of today; ``None`` for the anonymous and for customers whom the loan books do not have."""
        if customer_id is None:
            return None
        try:
            owed = self._loans.outstanding(customer_id)
            contracts = self._loans.contracts(customer_id)
        except CustomerNotFound:
            return None
        return LoanSnapshot(
            as_of=owed.as_of,
            payoff_total=owed.payoff_total,
            overdue_amount=owed.overdue_amount,
            overdue_days=owed.overdue_days,
            penalty=owed.penalty,
            next_due_on=owed.next_due_on,
            next_due_amount=owed.next_due_amount,
            contracts=[_contract(contract) for contract in contracts],
        )

    def open_cases(self, customer_id: str | None) -> list[CaseSummary]:
        """Decided cases included, until they are closed."""
        if customer_id is None:
            return []
        shown = [case for case in self._cases.cases_of(customer_id) if case.status not in OVER]
        return [_case(case, self._evidence(customer_id, case)) for case in shown]

    def due_cases(self, case_nos: Collection[str]) -> dict[str, DueCase]:
        """Those still to be decided, with the dates that hold now, by number. One query, however many."""
        rows = self._cases.book.repository.by_numbers(case_nos)
        return {
            row.case_no: DueCase(case_no=row.case_no, kind=cast(CaseKind, row.kind), due_on=row.decide_by)
            for row in rows
            if row.status not in CLOCK_STOPS
        }

    def _evidence(self, customer_id: str, case: CaseView) -> EvidenceSheet | None:
        """``None`` where no overdue day is disputed, and when the loan books do not have the contract any more."""
        if case.kind != "dispute" or case.contract_no is None or case.instalment is None:
            return None
        try:
            sheet = self._cases.evidence_sheet(customer_id, case.contract_no, case.instalment)
        except (ContractNotFound, InstalmentNotFound):
            return None  # an old case, from before the loan books were changed for others
        return sheet if sheet.days else None


def _contract(contract: Contract) -> ContractSummary:
    current = contract.current
    return ContractSummary(
        contract_no=contract.contract_no,
        product=contract.product,
        product_name=contract.product_name,
        status=contract.status,
        principal=contract.principal,
        outstanding_principal=contract.outstanding_principal,
        periods=contract.periods,
        paid_periods=contract.paid_periods,
        next_due_on=current.due_on if current else None,
        next_due_amount=current.amount_due if current else 0,
        overdue_days=current.overdue_days if current else 0,
    )


def _case(case: CaseView, evidence: EvidenceSheet | None) -> CaseSummary:
    return CaseSummary(
        case_no=case.case_no,
        kind=case.kind,
        status=case.status,
        received_on=case.received_on,
        decide_by=case.decide_by,
        next_update_by=case.next_update_by,
        disputed_amount=case.disputed_amount,
        evidence=evidence,
    )
