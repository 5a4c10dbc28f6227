"""All SQL of the loan books. Methods return rows or pure values; deciding is the services' work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from bot.loans import models as m
from bot.loans.port import AllocationLine, Component, InstalmentRef, ProductCode
from bot.loans.position import MAX_PERIODS, Book, Hold, Posted
from bot.loans.schedule import PlannedInstalment
from bot.loans.servicing.models import ChannelOrderRow, OverdueFlagRow

COMPONENT_ACCOUNTS: dict[str, Component] = {
    "principal": "principal",
    "interest_income": "interest",
    "fee_income": "fee",
    "penalty_income": "penalty",
}
"""The account that is credited when a part of an instalment is paid."""


def _is_number(text: str) -> bool:
    """Whether ``text`` can be the number of anything: PostgreSQL takes no NUL, and says so with an error that is not ours."""
    return isinstance(text, str) and 0 < len(text) <= 200 and text.isprintable()


def _is_instalment(number: int) -> bool:
    """Beyond this the database's integer would overflow; a truth value is no number."""
    return type(number) is int and 1 <= number <= MAX_PERIODS


def posted_part(instalment: int, debit: str, credit: str, amount: int, value_on: date) -> Posted:
    """An entry of the ledger as the rules see it: a payment or waiver, or (negative) what was taken back of one."""
    if credit in COMPONENT_ACCOUNTS:
        return Posted(value_on, instalment, COMPONENT_ACCOUNTS[credit], amount, waived=debit == "waiver_expense")
    return Posted(value_on, instalment, COMPONENT_ACCOUNTS[debit], -amount, waived=credit == "waiver_expense")


class LoanRepository:
    """Reads and locks; rows are added through the session by the services."""

    def __init__(self, session: Session) -> None:
        self.session = session

    # --- customers -----------------------------------------------------------------------------------------------------

    def customer(self, customer_id: str) -> m.CustomerRow | None:
        return self.session.get(m.CustomerRow, customer_id) if _is_number(customer_id) else None

    def customers(self, customer_ids: Sequence[str]) -> Sequence[m.CustomerRow]:
        """By id; one query, and none for nobody."""
        known = [number for number in customer_ids if _is_number(number)]
        query = select(m.CustomerRow).where(m.CustomerRow.customer_id.in_(known)).order_by(m.CustomerRow.customer_id)
        return self.session.scalars(query).all() if known else []

    def lock_customer(self, customer_id: str) -> m.CustomerRow | None:
        """Takes the row lock that makes one customer's money commands run one after the other (SQLite locks the database)."""
        if not _is_number(customer_id):
            return None
        return self.session.scalar(select(m.CustomerRow).where(m.CustomerRow.customer_id == customer_id).with_for_update())

    def customer_by_phone(self, phone: str) -> m.CustomerRow | None:
        return self.session.scalar(select(m.CustomerRow).where(m.CustomerRow.phone == phone)) if _is_number(phone) else None

    def any_customer(self) -> bool:
        return self.session.scalar(select(m.CustomerRow.customer_id).limit(1)) is not None

    def credit_line(self, customer_id: str) -> m.CreditLineRow | None:
        return self.session.get(m.CreditLineRow, customer_id)

    def credit_line_changes(self, customer_id: str) -> Sequence[m.CreditLineChangeRow]:
        row = m.CreditLineChangeRow
        return self.session.scalars(
            select(row).where(row.customer_id == customer_id).order_by(row.at.desc(), row.id.desc())
        ).all()

    def unpaid_principal(self, customer_id: str) -> int:
        """分 of principal that all contracts of the customer still owe."""
        unpaid = func.coalesce(func.sum(m.InstalmentRow.principal - m.InstalmentRow.paid_principal), 0)
        query = select(unpaid).join(m.ContractRow).where(m.ContractRow.customer_id == customer_id)
        return int(self.session.scalar(query) or 0)

    def applications(self, customer_id: str) -> Sequence[m.ApplicationRow]:
        row = m.ApplicationRow
        return self.session.scalars(select(row).where(row.customer_id == customer_id).order_by(row.applied_at.desc())).all()

    def application(self, application_no: str) -> m.ApplicationRow | None:
        return self.session.get(m.ApplicationRow, application_no) if _is_number(application_no) else None

    def authorisations(self, customer_id: str) -> Sequence[m.CreditAuthorisationRow]:
        row = m.CreditAuthorisationRow
        return self.session.scalars(select(row).where(row.customer_id == customer_id).order_by(row.given_at.desc())).all()

    def inquiries(self, customer_id: str) -> Sequence[tuple[m.CreditInquiryRow, m.CreditAuthorisationRow]]:
        row, under = m.CreditInquiryRow, m.CreditAuthorisationRow
        query = select(row, under).join(under).where(row.customer_id == customer_id).order_by(row.made_at.desc())
        return [(inquiry, authorisation) for inquiry, authorisation in self.session.execute(query)]

    # --- products and contracts --------------------------------------------------------------------------------------------

    def products(self) -> dict[str, m.ProductRow]:
        return {row.code: row for row in self.session.scalars(select(m.ProductRow))}

    def contract(self, contract_no: str) -> m.ContractRow | None:
        return self.session.get(m.ContractRow, contract_no) if _is_number(contract_no) else None

    def contracts(self, customer_id: str, *, include_settled: bool) -> Sequence[m.ContractRow]:
        row = m.ContractRow
        query = select(row).where(row.customer_id == customer_id).order_by(row.contract_no)
        if not include_settled:
            query = query.where(row.settled_on.is_(None))
        return self.session.scalars(query).all()

    def instalments(self, contract_nos: Collection[str]) -> Sequence[m.InstalmentRow]:
        row = m.InstalmentRow
        query = select(row).where(row.contract_no.in_(contract_nos)).order_by(row.contract_no, row.number)
        return self.session.scalars(query).all()

    def instalment(self, contract_no: str, number: int) -> m.InstalmentRow | None:
        known = _is_number(contract_no) and _is_instalment(number)
        return self.session.get(m.InstalmentRow, (contract_no, number)) if known else None

    def unsettled_due_by(self, day: date, *, since: date | None = None) -> Sequence[m.InstalmentRow]:
        """Unsettled instalments due on or before ``day``, and not before ``since``; oldest first."""
        row = m.InstalmentRow
        query = select(row).where(row.settled_on.is_(None), row.due_on <= day)
        if since is not None:
            query = query.where(row.due_on >= since)
        return self.session.scalars(query.order_by(row.due_on, row.contract_no, row.number)).all()

    def disbursements(self, customer_id: str) -> Sequence[tuple[m.DisbursementRow, m.ContractRow]]:
        row, contract = m.DisbursementRow, m.ContractRow
        query = select(row, contract).join(contract).where(contract.customer_id == customer_id)
        return [(paid, of) for paid, of in self.session.execute(query.order_by(row.requested_at.desc(), row.id.desc()))]

    def books(self, contracts: Iterable[m.ContractRow]) -> list[Book]:
        """The contracts with their plans, postings and holds: three queries, whatever their number."""
        rows = list(contracts)
        numbers = [row.contract_no for row in rows]
        plans: dict[str, list[PlannedInstalment]] = defaultdict(list)
        for item in self.instalments(numbers):
            plan = PlannedInstalment(item.number, item.starts_on, item.due_on, item.principal, item.interest, item.fee)
            plans[item.contract_no].append(plan)
        posted = self._posted(numbers)
        holds: dict[str, list[Hold]] = defaultdict(list)
        for hold in self.session.scalars(select(m.AccrualHoldRow).where(m.AccrualHoldRow.contract_no.in_(numbers))):
            holds[hold.contract_no].append(Hold(hold.instalment, hold.held_on, hold.released_on))
        return [
            Book(
                contract_no=row.contract_no,
                customer_id=row.customer_id,
                product=cast(ProductCode, row.product_code),
                penalty_daily_rate=row.penalty_daily_rate,
                daily_rate=row.rate if row.product_code == "KD" else None,
                plan=tuple(plans[row.contract_no]),
                posted=tuple(posted[row.contract_no]),
                holds=tuple(holds[row.contract_no]),
            )
            for row in rows
        ]

    def _posted(self, contract_nos: Collection[str]) -> dict[str, list[Posted]]:
        """What the ledger says was paid, waived, refunded or reversed on the instalments of these contracts."""
        entry, head = m.LedgerEntryRow, m.LedgerTransactionRow
        query = (
            select(entry.contract_no, entry.instalment, entry.debit, entry.credit, entry.amount, head.value_on)
            .join(head)
            .where(entry.contract_no.in_(contract_nos), head.kind != "drawdown")
            .order_by(entry.id)
        )
        found: dict[str, list[Posted]] = defaultdict(list)
        for contract_no, instalment, debit, credit, amount, value_on in self.session.execute(query):
            if contract_no is not None and instalment is not None:  # the query says so; this tells the type checker
                found[contract_no].append(posted_part(instalment, debit, credit, amount, value_on))
        return found

    # --- payments ------------------------------------------------------------------------------------------------------------

    def payment(self, payment_no: str) -> m.PaymentRow | None:
        return self.session.get(m.PaymentRow, payment_no) if _is_number(payment_no) else None

    def payments(self, customer_id: str) -> Sequence[m.PaymentRow]:
        row = m.PaymentRow
        query = select(row).where(row.customer_id == customer_id).order_by(row.created_at.desc(), row.payment_no.desc())
        return self.session.scalars(query).all()

    def targets(self, payment_nos: Collection[str]) -> dict[str, list[InstalmentRef]]:
        row = m.PaymentTargetRow
        query = select(row).where(row.payment_no.in_(payment_nos)).order_by(row.contract_no, row.instalment)
        found: dict[str, list[InstalmentRef]] = defaultdict(list)
        for target in self.session.scalars(query):
            found[target.payment_no].append(InstalmentRef(target.contract_no, target.instalment))
        return found

    def payment_parts(self, payment_nos: Collection[str]) -> dict[str, list[AllocationLine]]:
        """What each payment paid, in the order of allocation."""
        entry, head = m.LedgerEntryRow, m.LedgerTransactionRow
        query = (
            select(head.payment_no, entry.contract_no, entry.instalment, entry.credit, entry.amount)
            .join(head)
            .where(head.payment_no.in_(payment_nos), head.kind == "allocation", head.id.not_in(self._reversed()))
            .order_by(entry.id)
        )
        found: dict[str, list[AllocationLine]] = defaultdict(list)
        for payment_no, contract_no, instalment, account, amount in self.session.execute(query):
            if payment_no is not None and contract_no is not None and instalment is not None:
                found[payment_no].append(AllocationLine(contract_no, instalment, COMPONENT_ACCOUNTS[account], amount))
        return found

    def _reversed(self) -> Select[Any]:
        head = m.LedgerTransactionRow
        return select(head.reverses).where(head.reverses.is_not(None))

    def live_postings(self, payment_no: str, *kinds: str) -> Sequence[m.LedgerTransactionRow]:
        """The postings of a payment that were not reversed, of these kinds, oldest first."""
        head = m.LedgerTransactionRow
        query = select(head).where(head.payment_no == payment_no, head.kind.in_(kinds))
        return self.session.scalars(query.where(head.id.not_in(self._reversed())).order_by(head.id)).all()

    def live_allocations(self, payment_no: str) -> Sequence[int]:
        """Numbers of the postings that used this payment and were not reversed."""
        return [row.id for row in self.live_postings(payment_no, "allocation")]

    def posting(self, transaction_id: int) -> m.LedgerTransactionRow | None:
        known = type(transaction_id) is int and 0 < transaction_id < 2**63
        return self.session.get(m.LedgerTransactionRow, transaction_id) if known else None

    def processing_for(self, refs: Collection[InstalmentRef]) -> list[str]:
        """Numbers of the payments and debits under way that are meant for one of ``refs``."""
        if not refs:
            return []
        row, target = m.PaymentRow, m.PaymentTargetRow
        wanted: list[ColumnElement[bool]] = [
            and_(target.contract_no == ref.contract_no, target.instalment == ref.instalment) for ref in refs
        ]
        query = select(row.payment_no).join(target).where(row.status.in_(("created", "processing")), or_(*wanted))
        order = ChannelOrderRow  # a debit that the bank has not answered yet has no payment so far
        debits = select(order.order_no).where(
            order.kind == "auto_debit",
            order.status.in_(("created", "processing")),
            or_(*(and_(order.contract_no == ref.contract_no, order.instalment == ref.instalment) for ref in refs)),
        )
        return sorted({*self.session.scalars(query), *self.session.scalars(debits)})

    def pending_refunds(self, payment_no: str | None = None) -> Sequence[m.RefundRow]:
        """Refunds not yet paid out, oldest first: all of them, or those of one payment."""
        row = m.RefundRow
        query = select(row).where(row.status == "pending", row.cancelled_at.is_(None))
        if payment_no is not None:
            query = query.where(row.payment_no == payment_no)
        return self.session.scalars(query.order_by(row.created_at, row.refund_no)).all()

    def refunds_to_pay(self, limit: int) -> Sequence[m.RefundRow]:
        """Refunds not yet paid out: those never tried first, then the one tried longest ago, so that none waits for another."""
        row = m.RefundRow
        query = select(row).where(row.status == "pending", row.cancelled_at.is_(None))
        return self.session.scalars(query.order_by(row.tried_at.nulls_first(), row.created_at, row.refund_no).limit(limit)).all()

    def refunds(self, customer_id: str) -> Sequence[m.RefundRow]:
        row = m.RefundRow
        query = select(row).where(row.customer_id == customer_id, row.cancelled_at.is_(None))
        query = query.order_by(row.created_at.desc(), row.refund_no.desc())
        return self.session.scalars(query).all()

    def refund(self, refund_no: str) -> m.RefundRow | None:
        return self.session.get(m.RefundRow, refund_no) if _is_number(refund_no) else None

    def receipt(self, receipt_no: str) -> m.ReceiptRow | None:
        return self.session.get(m.ReceiptRow, receipt_no) if _is_number(receipt_no) else None

    def scheduled(self, scheduled_no: str) -> m.ScheduledRepaymentRow | None:
        return self.session.get(m.ScheduledRepaymentRow, scheduled_no) if _is_number(scheduled_no) else None

    def scheduled_repayments(self, customer_id: str) -> Sequence[m.ScheduledRepaymentRow]:
        row = m.ScheduledRepaymentRow
        query = select(row).where(row.customer_id == customer_id).order_by(row.created_at.desc(), row.scheduled_no.desc())
        return self.session.scalars(query).all()

    def live_schedule(self, contract_no: str, instalment: int) -> m.ScheduledRepaymentRow | None:
        """The scheduled repayment of this instalment that is waiting or taken."""
        row = m.ScheduledRepaymentRow
        query = select(row).where(row.contract_no == contract_no, row.instalment == instalment)
        return self.session.scalar(query.where(row.status.in_(("scheduled", "taken"))))

    def schedule_of(self, payment_no: str) -> m.ScheduledRepaymentRow | None:
        row = m.ScheduledRepaymentRow
        return self.session.scalar(select(row).where(row.payment_no == payment_no))

    def debit_ordered(self, ref: InstalmentRef, run_on: date, slot: int) -> bool:
        """Whether this try of the day's debit run was ordered before."""
        row = ChannelOrderRow
        query = select(row.order_no).where(
            row.contract_no == ref.contract_no, row.instalment == ref.instalment, row.run_on == run_on, row.slot == slot
        )
        return self.session.scalar(query.limit(1)) is not None

    def order(self, order_no: str) -> ChannelOrderRow | None:
        return self.session.get(ChannelOrderRow, order_no) if _is_number(order_no) else None

    def incident(self, incident_no: str) -> m.IncidentRow | None:
        return self.session.get(m.IncidentRow, incident_no) if _is_number(incident_no) else None

    def notice(self, notice_key: str) -> m.NoticeRow | None:
        """A planned notice by its key."""
        query = select(m.NoticeRow).where(m.NoticeRow.notice_key == notice_key)
        return self.session.scalar(query) if _is_number(notice_key) else None

    def overdue_flags(self, contract_no: str, instalment: int) -> Sequence[OverdueFlagRow]:
        """Every change of both flags, oldest first."""
        row = OverdueFlagRow
        query = select(row).where(row.contract_no == contract_no, row.instalment == instalment)
        return self.session.scalars(query.order_by(row.id)).all()

    def schedules_to_take(self, day: date) -> Sequence[m.ScheduledRepaymentRow]:
        row = m.ScheduledRepaymentRow
        query = select(row).where(row.status == "scheduled", row.execute_on <= day, row.payment_no.is_(None))
        query = query.order_by(row.execute_on, row.scheduled_no)
        return self.session.scalars(query).all()

    def schedules_to_post(self, day: date) -> Sequence[m.ScheduledRepaymentRow]:
        row = m.ScheduledRepaymentRow
        query = select(row).where(row.status == "taken", row.posts_on <= day).order_by(row.posts_on, row.scheduled_no)
        return self.session.scalars(query).all()

    # --- evidence ------------------------------------------------------------------------------------------------------------

    def mandates(self, customer_id: str) -> Sequence[m.MandateRow]:
        row = m.MandateRow
        return self.session.scalars(select(row).where(row.customer_id == customer_id).order_by(row.signed_at.desc())).all()

    def debit_attempts(self, customer_id: str, contract_no: str | None, instalment: int | None) -> Sequence[m.DebitAttemptRow]:
        row = m.DebitAttemptRow
        query = select(row).where(row.customer_id == customer_id).order_by(row.attempted_at, row.id)
        if contract_no is not None:
            query = query.where(row.contract_no == contract_no)
        if instalment is not None:
            query = query.where(row.instalment == instalment)
        return self.session.scalars(query).all()

    def incidents(
        self, first: datetime, end: datetime, channels: Collection[str] | None, banks: Collection[str] | None
    ) -> Sequence[m.IncidentRow]:
        """Those that touch the time from ``first`` up to ``end``; those of no particular bank are always among them."""
        row = m.IncidentRow
        query = select(row).where(row.starts_at < end, or_(row.ends_at.is_(None), row.ends_at >= first))
        if channels is not None:
            query = query.where(row.channel.in_(channels))
        if banks is not None:
            query = query.where(or_(row.bank_name.is_(None), row.bank_name.in_(banks)))
        return self.session.scalars(query.order_by(row.starts_at)).all()

    def app_errors(self, customer_id: str, first: datetime, end: datetime) -> Sequence[m.AppErrorRow]:
        """From ``first`` up to ``end``, oldest first."""
        row = m.AppErrorRow
        query = select(row).where(row.customer_id == customer_id, row.at >= first, row.at < end)
        return self.session.scalars(query.order_by(row.at, row.id)).all()

    def app_error(self, row_id: int) -> m.AppErrorRow | None:
        return self.session.get(m.AppErrorRow, row_id)

    def notices(self, customer_id: str, contract_no: str | None, instalment: int | None) -> Sequence[m.NoticeRow]:
        row = m.NoticeRow
        query = select(row).where(row.customer_id == customer_id).order_by(row.sent_at, row.id)
        if contract_no is not None:
            query = query.where(row.contract_no == contract_no)
        if instalment is not None:
            query = query.where(row.instalment == instalment)
        return self.session.scalars(query).all()

    def holds(self, contract_no: str, instalment: int) -> Sequence[m.AccrualHoldRow]:
        row = m.AccrualHoldRow
        if not (_is_number(contract_no) and _is_instalment(instalment)):
            return []
        query = select(row).where(row.contract_no == contract_no, row.instalment == instalment)
        return self.session.scalars(query.order_by(row.held_on, row.id)).all()

    def lock_key(self, key: str) -> None:
        """Makes the commands under one idempotency key run one after the other (SQLite locks the database)."""
        if self.session.get_bind().dialect.name == "postgresql":
            self.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))

    def idempotency_key(self, key: str) -> m.IdempotencyKeyRow | None:
        return self.session.get(m.IdempotencyKeyRow, key) if _is_number(key) else None
