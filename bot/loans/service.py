"""``SqlLoanBackend``: the loan books in our own database. Reads are here; commands go to the service of their topic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from bot.core.clock import SHANGHAI, Clock
from bot.core.money import Fen
from bot.loans import port as p
from bot.loans import views
from bot.loans.allocation import allocate, claims
from bot.loans.errors import CustomerNotFound, InstalmentNotFound, InvalidDate, PaymentNotFound
from bot.loans.models import CustomerRow, PaymentRow
from bot.loans.origination import OriginationService
from bot.loans.payments import PaymentService
from bot.loans.penalty import penalty_by_day
from bot.loans.position import Book, positions
from bot.loans.quote import MAX_DAYS_AHEAD, payoff_quote
from bot.loans.records import RecordService
from bot.loans.remedies import RemedyService
from bot.loans.scheduled import ScheduledRepaymentService
from bot.loans.servicing.incidents import IncidentService
from bot.loans.unit import Unit, check_amount


class SqlLoanBackend:
    """Implements ``port.LoanBackend`` over one session; the methods are described there. Never commits."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self.unit = Unit(session, clock)
        self._repository = self.unit.repository
        self._payments = PaymentService(self.unit)
        self._scheduled = ScheduledRepaymentService(self.unit)
        self._remedies = RemedyService(self.unit)
        self._origination = OriginationService(self.unit)
        self._records = RecordService(self.unit)
        self._incidents = IncidentService(self.unit)

    # --- who, and with what credit -------------------------------------------------------------------------------------

    def customer(self, customer_id: str) -> p.Customer:
        return _customer(self.unit.customer(customer_id))

    def customers(self, customer_ids: Sequence[str]) -> tuple[p.Customer, ...]:
        return tuple(_customer(row) for row in self._repository.customers(customer_ids))

    def customer_by_phone(self, phone: str) -> p.Customer | None:
        row = self._repository.customer_by_phone(phone)
        return None if row is None else self.customer(row.customer_id)

    def credit_line(self, customer_id: str) -> p.CreditLine:
        self.unit.customer(customer_id)
        row = self._repository.credit_line(customer_id)
        if row is None:
            raise CustomerNotFound(f"{customer_id} has no credit line")
        changes = self._repository.credit_line_changes(customer_id)
        return views.credit_line(row, changes, self._repository.unpaid_principal(customer_id))

    def applications(self, customer_id: str) -> tuple[p.Application, ...]:
        self.unit.customer(customer_id)
        products = self._repository.products()
        return tuple(views.application(row, products) for row in self._repository.applications(customer_id))

    def cancel_application(self, customer_id: str, application_no: str, *, key: str) -> p.Application:
        row = self._origination.cancel(customer_id, application_no, key=key)
        return views.application(row, self._repository.products())

    def drawdowns(self, customer_id: str) -> tuple[p.Drawdown, ...]:
        self.unit.customer(customer_id)
        products = self._repository.products()
        return tuple(views.drawdown(row, of, products) for row, of in self._repository.disbursements(customer_id))

    def credit_authorisations(self, customer_id: str) -> tuple[p.CreditAuthorisation, ...]:
        self.unit.customer(customer_id)
        return tuple(
            p.CreditAuthorisation(row.authorisation_no, row.funding_party, row.given_at, row.revoked_at)
            for row in self._repository.authorisations(customer_id)
        )

    def credit_inquiries(self, customer_id: str) -> tuple[p.CreditInquiry, ...]:
        self.unit.customer(customer_id)
        return tuple(
            p.CreditInquiry(row.inquiry_no, row.authorisation_no, under.funding_party, row.purpose, row.made_at)
            for row, under in self._repository.inquiries(customer_id)
        )

    # --- what is owed ----------------------------------------------------------------------------------------------------

    def contracts(self, customer_id: str, as_of: date | None = None, *, include_settled: bool = False) -> tuple[p.Contract, ...]:
        self.unit.customer(customer_id)
        day = as_of or self.unit.clock.today()
        rows = self._repository.contracts(customer_id, include_settled=include_settled)
        products = self._repository.products()
        found = [
            views.contract(row, products[row.product_code], book, positions(book, day), day)
            for row, book in zip(rows, self._repository.books(rows), strict=True)
        ]
        return tuple(sorted(found, key=views.allocation_order))

    def contract(self, customer_id: str, contract_no: str, as_of: date | None = None) -> p.Contract:
        day = as_of or self.unit.clock.today()
        row = self.unit.own_contract(customer_id, contract_no)
        book = self._repository.books([row])[0]
        return views.contract(row, self._repository.products()[row.product_code], book, positions(book, day), day)

    def outstanding(self, customer_id: str, as_of: date | None = None) -> p.Outstanding:
        day = as_of or self.unit.clock.today()
        owed = sum(claim.amount for claim in claims(self.unit.open_books(customer_id), day))
        return views.outstanding(self.contracts(customer_id, day), owed, day)

    def bills(self, customer_id: str, as_of: date | None = None) -> tuple[p.Bill, ...]:
        return views.bills(self.contracts(customer_id, as_of))

    def penalty_days(
        self, customer_id: str, contract_no: str, instalment: int, as_of: date | None = None
    ) -> tuple[p.PenaltyDay, ...]:
        book = self._repository.books([self.unit.own_contract(customer_id, contract_no)])[0]
        item = next((item for item in book.plan if item.number == instalment), None)
        if item is None:
            raise InstalmentNotFound(f"{contract_no} has no instalment {instalment}")
        repaid, holds = book.repaid(instalment, instalment), book.hold_ranges(instalment)
        day = as_of or self.unit.clock.today()
        return penalty_by_day(item.principal, repaid, item.due_on, day, book.penalty_daily_rate, holds)

    def payoff_quote(
        self, customer_id: str, as_of: date | None = None, contract_nos: Sequence[str] | None = None
    ) -> p.PayoffQuote:
        day = self._quote_day(as_of)
        books = sorted(self.unit.open_books(customer_id, contract_nos), key=lambda book: _book_order(book, day))
        return payoff_quote(books, day, {row.code: row.name for row in self._repository.products().values()})

    def repayment_preview(
        self, customer_id: str, amount: Fen, as_of: date | None = None, contract_nos: Sequence[str] | None = None
    ) -> p.RepaymentPreview:
        check_amount(amount)
        day = self._quote_day(as_of)
        lines, left_over = allocate(amount, claims(self.unit.open_books(customer_id, contract_nos), day))
        return p.RepaymentPreview(day, amount, lines, left_over)

    def _quote_day(self, as_of: date | None) -> date:
        """Today, or ``as_of`` when that is today to 30 days ahead. Raises ``InvalidDate``."""
        today = self.unit.clock.today()
        day = as_of or today
        last = today + timedelta(days=MAX_DAYS_AHEAD)
        if not today <= day <= last:
            raise InvalidDate(f"{day} is not between {today} and {last}", first_day=today, last_day=last)
        return day

    # --- paying ----------------------------------------------------------------------------------------------------------

    def schedule_window(self, customer_id: str, contract_no: str) -> p.ScheduleWindow:
        return self._scheduled.window(customer_id, contract_no)

    def schedule_repayment(self, customer_id: str, contract_no: str, execute_on: date, *, key: str) -> p.ScheduledRepayment:
        return views.scheduled(self._scheduled.schedule(customer_id, contract_no, execute_on, key=key))

    def cancel_scheduled_repayment(self, customer_id: str, scheduled_no: str, *, key: str) -> p.ScheduledRepayment:
        return views.scheduled(self._scheduled.cancel(customer_id, scheduled_no, key=key))

    def scheduled_repayments(self, customer_id: str) -> tuple[p.ScheduledRepayment, ...]:
        self.unit.customer(customer_id)
        return tuple(views.scheduled(row) for row in self._repository.scheduled_repayments(customer_id))

    def create_payment(self, customer_id: str, amount: Fen, *, key: str, contract_nos: Sequence[str] | None = None) -> p.Payment:
        row = self._payments.create(customer_id, amount, key=key, contract_nos=contract_nos)
        return self._payment_views(customer_id, [row])[0]

    def payments(self, customer_id: str) -> tuple[p.Payment, ...]:
        self.unit.customer(customer_id)
        return self._payment_views(customer_id, self._repository.payments(customer_id))

    def payment(self, customer_id: str, payment_no: str) -> p.Payment:
        row = self._repository.payment(payment_no)
        if row is None or row.customer_id != customer_id:
            raise PaymentNotFound(f"no payment {payment_no} of {customer_id}")
        return self._payment_views(customer_id, [row])[0]

    def mark_informed(self, payment_no: str, *, key: str) -> p.Payment:
        row = self._payments.mark_informed(payment_no, key=key)
        return self._payment_views(row.customer_id, [row])[0]

    def _payment_views(self, customer_id: str, rows: Sequence[PaymentRow]) -> tuple[p.Payment, ...]:
        numbers = [row.payment_no for row in rows]
        targets, parts = self._repository.targets(numbers), self._repository.payment_parts(numbers)
        surplus = {double.surplus_payment_no for double in self.double_debits(customer_id)}
        now = self.unit.clock.now()
        return tuple(views.payment(row, targets[row.payment_no], parts[row.payment_no], now, surplus) for row in rows)

    def double_debits(self, customer_id: str) -> tuple[p.DoubleDebit, ...]:
        self.unit.customer(customer_id)
        rows = self._repository.payments(customer_id)
        targets = self._repository.targets([row.payment_no for row in rows])
        return views.double_debits(rows, targets, self._repository.refunds(customer_id))

    def refunds(self, customer_id: str) -> tuple[p.Refund, ...]:
        self.unit.customer(customer_id)
        return tuple(views.refund(row) for row in self._repository.refunds(customer_id))

    # --- what happened (evidence) ------------------------------------------------------------------------------------------

    def mandates(self, customer_id: str) -> tuple[p.Mandate, ...]:
        self.unit.customer(customer_id)
        return tuple(views.mandate(row) for row in self._repository.mandates(customer_id))

    def mandate(self, customer_id: str) -> p.Mandate | None:
        return next((mandate for mandate in self.mandates(customer_id) if mandate.status == "active"), None)

    def revoke_mandate(self, customer_id: str, mandate_no: str, *, key: str) -> p.Mandate:
        return views.mandate(self._records.revoke_mandate(customer_id, mandate_no, key=key))

    def debit_attempts(
        self, customer_id: str, contract_no: str | None = None, instalment: int | None = None
    ) -> tuple[p.DebitAttempt, ...]:
        self._check_owner(customer_id, contract_no)
        rows = self._repository.debit_attempts(customer_id, contract_no, instalment)
        return tuple(views.debit_attempt(row) for row in rows)

    def incidents(
        self, first: date, last: date, channel: p.IncidentChannel | None = None, *, customer_id: str | None = None
    ) -> tuple[p.Incident, ...]:
        start, end = _moments(first, last)
        channels = None if channel is None else {channel, "all"}
        banks = None if customer_id is None else self._banks(customer_id)
        return tuple(views.incident(row) for row in self._repository.incidents(start, end, channels, banks))

    def _banks(self, customer_id: str) -> set[str]:
        """Every bank through which this customer's repayments may have gone."""
        return {self.unit.customer(customer_id).bank_name, *(row.bank_name for row in self._repository.mandates(customer_id))}

    def incident(self, incident_no: str) -> p.Incident:
        return views.incident(self._incidents.incident(incident_no))

    def touched(self, incident_no: str, after: str | None = None, limit: int = p.TOUCHED_PAGE) -> p.Touched:
        return self._incidents.touched(incident_no, after, limit)

    def declare_incident(
        self,
        kind: p.IncidentKind,
        channel: p.IncidentChannel,
        starts_at: datetime,
        summary: str,
        *,
        key: str,
        ends_at: datetime | None = None,
        bank_name: str | None = None,
    ) -> p.Incident:
        row = self._incidents.declare(kind, channel, starts_at, summary, key=key, ends_at=ends_at, bank_name=bank_name)
        return views.incident(row)

    def confirm_incident(self, incident_no: str, confirmed_by: str, *, key: str) -> p.Incident:
        return views.incident(self._incidents.confirm(incident_no, confirmed_by, key=key))

    def end_incident(self, incident_no: str, ends_at: datetime | None = None, *, key: str) -> p.Incident:
        return views.incident(self._incidents.end(incident_no, ends_at, key=key))

    def app_errors(self, customer_id: str, first: date, last: date) -> tuple[p.AppError, ...]:
        self.unit.customer(customer_id)
        start, end = _moments(first, last)
        return tuple(views.app_error(row) for row in self._repository.app_errors(customer_id, start, end))

    def report_app_error(
        self, customer_id: str, operation: p.AppOperation, code: str, at: datetime, *, key: str, contract_no: str | None = None
    ) -> p.AppError:
        return views.app_error(self._records.report_app_error(customer_id, operation, code, at, key=key, contract_no=contract_no))

    def notices(self, customer_id: str, contract_no: str | None = None, instalment: int | None = None) -> tuple[p.Notice, ...]:
        self._check_owner(customer_id, contract_no)
        return tuple(views.notice(row) for row in self._repository.notices(customer_id, contract_no, instalment))

    def overdue_flags(self, customer_id: str, contract_no: str, instalment: int) -> tuple[p.OverdueFlag, ...]:
        self.unit.own_contract(customer_id, contract_no)
        self.unit.instalment(contract_no, instalment)
        return tuple(views.overdue_flag(row) for row in self._repository.overdue_flags(contract_no, instalment))

    def _check_owner(self, customer_id: str, contract_no: str | None) -> None:
        self.unit.customer(customer_id)
        if contract_no is not None:
            self.unit.own_contract(customer_id, contract_no)

    # --- remedies (used by cases) ------------------------------------------------------------------------------------------

    def hold_accrual(self, contract_no: str, instalment: int, reason: str, *, key: str) -> p.AccrualHold:
        return views.hold(self._remedies.hold(contract_no, instalment, reason, key=key))

    def release_accrual(self, contract_no: str, instalment: int, *, key: str) -> p.AccrualHold:
        return views.hold(self._remedies.release(contract_no, instalment, key=key))

    def holds(self, contract_no: str, instalment: int) -> tuple[p.AccrualHold, ...]:
        return tuple(views.hold(row) for row in self._repository.holds(contract_no, instalment))

    def waive_penalty(self, contract_no: str, instalment: int, amount: Fen, *, reason: str, key: str) -> p.Receipt:
        return views.receipt(self._remedies.waive_penalty(contract_no, instalment, amount, reason=reason, key=key))

    def refund_penalty(self, contract_no: str, instalment: int, amount: Fen, *, reason: str, key: str) -> p.Receipt:
        return views.receipt(self._remedies.refund_penalty(contract_no, instalment, amount, reason=reason, key=key))

    def refund_payment(self, payment_no: str, amount: Fen, *, reason: str, key: str) -> p.Receipt:
        return views.receipt(self._remedies.refund_payment(payment_no, amount, reason=reason, key=key))

    def correct_bureau_report(self, contract_no: str, instalment: int, *, reason: str, key: str) -> p.OverdueFlag:
        return views.overdue_flag(self._remedies.correct_bureau_report(contract_no, instalment, reason=reason, key=key))

    def receipt(self, receipt_no: str) -> p.Receipt:
        return views.receipt(self._remedies.receipt(receipt_no))

    def receipt_of(self, remedy_key: str) -> p.Receipt | None:
        row = self._remedies.receipt_of(remedy_key)
        return None if row is None else views.receipt(row)


def _moments(first: date, last: date) -> tuple[datetime, datetime]:
    """When ``first`` begins and ``last`` ends."""
    start, end = datetime.combine(first, time(0), SHANGHAI), datetime.combine(last, time(0), SHANGHAI)
    return start, end + timedelta(days=1)


def _book_order(book: Book, as_of: date) -> tuple[bool, date, str]:
    unsettled = (position.due_on for position in positions(book, as_of) if not position.settled)
    return (not book.is_cash_loan, next(unsettled, date.max), book.contract_no)


def _customer(row: CustomerRow) -> p.Customer:
    return p.Customer(row.customer_id, row.name, row.phone, row.bank_name, row.card_tail)
