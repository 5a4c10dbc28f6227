"""Whom an incident may have harmed, page by page: every instalment that was touched, and every one that was overdue meanwhile.

The second part finds those of whom there is no other trace: whose debit was not even tried, and who could not repay because the
channel was down (product §3 a, c). It finds too many rather than too few; the cause rules decide about each.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Select, exists, or_, select, tuple_, union
from sqlalchemy.orm import Session

from bot.loans.bulk.histories import Place
from bot.loans.bulk.sql import prefer_indexes
from bot.loans.models import ContractRow, CustomerRow, InstalmentRow, MandateRow, PaymentRow, PaymentTargetRow
from bot.loans.port import Incident
from bot.loans.servicing.touched import failed_debits

_Places = Select[str, int]


def affected(session: Session, incident: Incident, as_of: date, after: Place | None, limit: int) -> list[tuple[str, str, int]]:
    """Customer, contract and instalment of the next ``limit`` instalments after ``after``, by contract and instalment."""
    prefer_indexes(session)
    parts = []
    for query in (_failed_debits(incident), _own_payments(incident), _overdue(incident, as_of)):
        if query is None:
            continue
        contract_no, instalment = list(query.selected_columns)
        if after is not None:
            query = query.where(tuple_(contract_no, instalment) > after)  # noqa: PLW2901
        # Each part ends after ``limit`` rows, so that nothing sorts all that an incident touched.
        page = query.distinct().order_by(contract_no, instalment).limit(limit).subquery()
        parts.append(select(page.c[0].label("contract_no"), page.c[1].label("instalment")))
    both = union(*parts).order_by("contract_no", "instalment").limit(limit).subquery()
    owner = ContractRow
    found = select(owner.customer_id, both.c.contract_no, both.c.instalment).join(owner, owner.contract_no == both.c.contract_no)
    return [(row[0], row[1], row[2]) for row in session.execute(found.order_by(both.c.contract_no, both.c.instalment))]


def _failed_debits(incident: Incident) -> _Places | None:
    found = failed_debits(incident)
    return None if found is None else found.with_only_columns(*list(found.selected_columns)[:2])


def _own_payments(incident: Incident) -> _Places | None:
    """Own repayments made or under way in that time."""
    if incident.channel == "auto_debit":
        return None
    row, target = PaymentRow, PaymentTargetRow
    query = select(target.contract_no, target.instalment).join(row, row.payment_no == target.payment_no)
    query = query.where(row.kind == "own", or_(row.resolved_at.is_(None), row.resolved_at >= incident.starts_at))
    if incident.ends_at is not None:
        query = query.where(row.created_at <= incident.ends_at)
    if incident.bank_name is not None:
        query = query.join(CustomerRow, CustomerRow.customer_id == row.customer_id)
        query = query.where(CustomerRow.bank_name == incident.bank_name)
    return query


def _overdue(incident: Incident, as_of: date) -> _Places:
    """Due by the incident's last day and not settled before its first; late by ``as_of``."""
    row, contract = InstalmentRow, ContractRow
    query = select(row.contract_no, row.number).where(row.due_on < as_of)
    query = query.where(or_(row.settled_on.is_(None), row.settled_on > row.due_on))
    query = query.where(or_(row.settled_on.is_(None), row.settled_on >= incident.starts_at.date()))
    if incident.ends_at is not None:
        query = query.where(row.due_on <= incident.ends_at.date())
    if incident.bank_name is not None:
        card = exists().where(CustomerRow.customer_id == contract.customer_id, CustomerRow.bank_name == incident.bank_name)
        mandate = exists().where(MandateRow.customer_id == contract.customer_id, MandateRow.bank_name == incident.bank_name)
        query = query.join(contract, contract.contract_no == row.contract_no).where(or_(card, mandate))
    return query
