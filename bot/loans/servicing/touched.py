"""Whom an incident touched: page by page and set-based, for books of millions of contracts.

The order is (contract, instalment), so each page is read off the indexes from where the last one ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Row, Select, and_, or_, select, tuple_, union
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from bot.core.database import Instant
from bot.core.errors import InvalidInput
from bot.loans.bulk.sql import prefer_indexes
from bot.loans.codes import BORROWER_SIDE, SUCCESS
from bot.loans.models import (
    CustomerRow,
    DebitAttemptRow,
    IncidentRow,
    MandateRow,
    PaymentRow,
    PaymentTargetRow,
    troubled_payment,
)
from bot.loans.port import MAX_TOUCHED_PAGE, DebitAttempt, Incident, InstalmentRef, Touched, TouchedInstalment
from bot.loans.servicing.models import ChannelOrderRow
from bot.loans.views import STUCK_AFTER, debit_attempt

_Query = Select[str, int, str]
"""Contract, instalment, customer."""


class StuckFrom(FunctionElement[datetime]):
    """A moment and ``views.STUCK_AFTER`` later, which is a whole day."""

    type = Instant()
    inherit_cache = True


@compiles(StuckFrom, "postgresql")
def _stuck_from_postgresql(element: StuckFrom, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} + INTERVAL '{STUCK_AFTER.days} days')"


@compiles(StuckFrom, "sqlite")
def _stuck_from_sqlite(element: StuckFrom, compiler: Any, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    # Stored as text in UTC: the day moves on, the time of day keeps its microseconds.
    return f"(date(substr({moment}, 1, 10), '+{STUCK_AFTER.days} days') || substr({moment}, 11))"


class InTrouble(FunctionElement[bool]):
    """The condition of the index ``ix_payments_troubled``; it follows from the others, and names that index."""

    type = Boolean()
    inherit_cache = True


@compiles(InTrouble)
def _in_trouble(element: InTrouble, compiler: Any, **options: Any) -> str:
    return f"({troubled_payment(compiler.dialect.name, 'payments.')})"


def touched(session: Session, incident: IncidentRow, after: str | None, limit: int) -> Touched:
    """The page of at most ``limit`` instalments that follows ``after``. Raises ``InvalidInput``."""
    if type(limit) is not int or not 1 <= limit <= MAX_TOUCHED_PAGE:
        raise InvalidInput(f"limit is 1 to {MAX_TOUCHED_PAGE}", field="limit")
    start = None if after is None else _decoded(after)
    prefer_indexes(session)
    debits, payments, hanging = failed_debits(incident), _troubled_payments(incident), _hanging_debits(incident)
    refs = _refs(session, [query for query in (debits, payments, hanging) if query is not None], start, limit + 1)
    page = refs[:limit]
    if not page:
        return Touched(incident.incident_no, (), None)
    found_debits: dict[InstalmentRef, list[DebitAttempt]] = defaultdict(list)
    found_payments: dict[InstalmentRef, list[str]] = defaultdict(list)
    customers: dict[InstalmentRef, str] = {}
    for row in _within(session, debits, DebitAttemptRow, start, page[-1]):
        ref = InstalmentRef(row.contract_no, row.instalment)
        found_debits[ref].append(debit_attempt(row.DebitAttemptRow))
        customers[ref] = row.customer_id
    for row in _within(session, payments, PaymentRow.payment_no, start, page[-1]):
        ref = InstalmentRef(row.contract_no, row.instalment)
        found_payments[ref].append(row.payment_no)
        customers[ref] = row.customer_id
    for row in _within(session, hanging, ChannelOrderRow.order_no, start, page[-1]):
        ref = InstalmentRef(row.contract_no, row.instalment)
        found_payments[ref].append(row.order_no)
        customers[ref] = row.customer_id
    return Touched(
        incident.incident_no,
        tuple(
            TouchedInstalment(
                customers[ref], ref.contract_no, ref.instalment, tuple(found_debits[ref]), tuple(found_payments[ref])
            )
            for ref in page
        ),
        _encoded(page[-1]) if len(refs) > limit else None,
    )


def failed_debits(incident: IncidentRow | Incident) -> _Query | None:
    """Tries of that time that failed on our side: contract, instalment, customer."""
    if incident.channel not in {"auto_debit", "all"}:
        return None
    row = DebitAttemptRow
    query = select(row.contract_no, row.instalment, row.customer_id)
    query = query.where(row.side == "system", row.attempted_at >= incident.starts_at)
    if incident.ends_at is not None:
        query = query.where(row.attempted_at <= incident.ends_at)
    if incident.bank_name is not None:
        query = query.join(MandateRow, MandateRow.mandate_no == row.mandate_no)
        query = query.where(MandateRow.bank_name == incident.bank_name)
    return query


def _hanging_debits(incident: IncidentRow) -> _Query | None:
    """Debits sent before its end that the bank has not answered: their number becomes the payment's, if it took the money."""
    if incident.channel not in {"auto_debit", "all"}:
        return None
    row = ChannelOrderRow
    query = select(row.contract_no, row.instalment, row.customer_id).where(row.kind == "auto_debit", row.status == "processing")
    if incident.ends_at is not None:
        query = query.where(row.sent_at <= incident.ends_at)
    if incident.bank_name is not None:
        query = query.join(MandateRow, MandateRow.mandate_no == row.mandate_no)
        query = query.where(MandateRow.bank_name == incident.bank_name)
    return query  # type: ignore[return-value]  # the order of a debit names its instalment


def _troubled_payments(incident: IncidentRow) -> _Query | None:
    """Own repayments under way or made in that time without an answer, answered only after a day, or failed on our side."""
    if incident.channel not in {"own_repayment", "all"}:
        return None
    row, target = PaymentRow, PaymentTargetRow
    failed_on_our_side = and_(row.result_code.is_not(None), row.result_code.not_in((SUCCESS, *sorted(BORROWER_SIDE))))
    query = select(target.contract_no, target.instalment, row.customer_id).join(row, row.payment_no == target.payment_no)
    query = query.where(InTrouble(), or_(row.resolved_at.is_(None), row.resolved_at >= incident.starts_at))
    query = query.where(or_(row.resolved_at.is_(None), row.resolved_at >= StuckFrom(row.created_at), failed_on_our_side))
    if incident.ends_at is not None:
        query = query.where(row.created_at <= incident.ends_at)
    if incident.bank_name is not None:
        query = query.join(CustomerRow, CustomerRow.customer_id == row.customer_id)
        query = query.where(CustomerRow.bank_name == incident.bank_name)
    return query


def _after(query: _Query, start: InstalmentRef | None) -> _Query:
    if start is None:
        return query
    contract_no, instalment = list(query.selected_columns)[:2]
    # The first condition follows from the second; from it PostgreSQL can estimate how few rows are meant.
    return query.where(contract_no >= start.contract_no, tuple_(contract_no, instalment) > (start.contract_no, start.instalment))


def _up_to(query: _Query, last: InstalmentRef | None) -> _Query:
    if last is None:
        return query
    contract_no, instalment = list(query.selected_columns)[:2]
    return query.where(contract_no <= last.contract_no, tuple_(contract_no, instalment) <= (last.contract_no, last.instalment))


def _refs(session: Session, queries: list[_Query], start: InstalmentRef | None, limit: int) -> list[InstalmentRef]:
    """The first ``limit`` instalments after ``start`` of all queries together, each once."""
    parts = []
    last: InstalmentRef | None = None
    for query in queries:
        contract_no, instalment = list(query.selected_columns)[:2]
        # Each part ends after ``limit`` rows, so that no database sorts all that an incident touched.
        part = _up_to(_after(query, start), last).with_only_columns(contract_no, instalment).distinct()
        part = part.order_by(contract_no, instalment).limit(limit)
        parts.append(select(part.subquery()))
        if last is None and len(queries) > 1:
            # Where the first query fills the page, the second need not look beyond it.
            found = session.execute(part).all()
            last = InstalmentRef(*found[-1]) if len(found) == limit else None
    both = union(*parts).subquery()
    order = both.c.contract_no, both.c.instalment
    return [InstalmentRef(number, item) for number, item in session.execute(select(*order).order_by(*order).limit(limit))]


def _within(
    session: Session, query: _Query | None, what: Any, start: InstalmentRef | None, last: InstalmentRef
) -> Sequence[Row[Any]]:
    """The rows of ``query`` after ``start`` up to ``last``, with ``what`` as one more column, oldest first."""
    if query is None:
        return []
    order = {
        DebitAttemptRow: (DebitAttemptRow.attempted_at, DebitAttemptRow.id),
        PaymentRow.payment_no: (PaymentRow.created_at, what),
        ChannelOrderRow.order_no: (ChannelOrderRow.sent_at, what),
    }[what]
    query = _up_to(_after(query, start), last)
    rows: Sequence[Row[Any]] = session.execute(query.add_columns(what).order_by(*order)).all()
    return rows


def _encoded(ref: InstalmentRef) -> str:
    return f"{ref.instalment}:{ref.contract_no}"


def _decoded(after: str) -> InstalmentRef:
    """Raises ``InvalidInput``."""
    number, _, contract_no = after.partition(":") if isinstance(after, str) else ("", "", "")
    if not (
        number.isascii() and number.isdecimal() and len(number) <= 4 and 0 < len(contract_no) <= 40 and contract_no.isprintable()
    ):
        raise InvalidInput("after is not a place that this incident's pages gave", field="after")
    return InstalmentRef(contract_no, int(number))
