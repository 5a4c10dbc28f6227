"""What the rest of the system may ask of the loan books: the ``LoanBackend`` protocol and the values it hands out.

Actions and cases import this file only. The embedded SQL implementation is ``bot.loans.service.SqlLoanBackend``; an
integrator may put their own core behind the same protocol: ``bot.loans.http_backend`` speaks to it (docs/loan-backend.md).

Conventions: every amount is an integer in 分; a ``date`` is a business date in Shanghai; a ``datetime`` carries its zone;
tuples are ordered as each docstring says; ``as_of=None`` means today by the backend's clock. A contract, payment or
application of somebody else raises the same ``NotFound`` as one that does not exist. Every method that moves money or
changes a promise takes ``key``: a repetition with the same key and the same parameters changes nothing and returns the
first result, with other parameters it raises ``IdempotencyConflict``. Texts that are empty, too long or not printable raise
``InvalidText``. Errors: ``bot/loans/errors.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from bot.core.money import Fen
from bot.core.wire import Moment, Rate

ProductCode = Literal["KD", "YD", "XW", "FQ"]
LineStatus = Literal["normal", "frozen", "reduced"]
ApplicationStatus = Literal["pending", "approved", "refused", "cancelled"]
RefusalReason = Literal["overall_assessment", "incomplete_details", "line_not_normal", "overdue", "policy"]
InstalmentStatus = Literal["open", "overdue", "settled"]
ContractStatus = Literal["open", "overdue", "settled"]
Component = Literal["penalty", "interest", "fee", "principal"]
PaymentKind = Literal["own", "auto_debit", "scheduled"]
PaymentStatus = Literal["created", "processing", "settled", "failed", "returned"]
Side = Literal["none", "borrower", "system"]
ScheduledStatus = Literal["scheduled", "taken", "posted", "cancelled", "failed"]
ScheduleReason = Literal["too_early", "overdue", "already_scheduled", "payment_processing", "settled"]
Delivery = Literal["pending", "delivered", "failed"]
Flag = Literal["dunning", "bureau_report"]
FlagState = Literal["on", "held", "off", "corrected"]
IncidentChannel = Literal["auto_debit", "own_repayment", "all"]
IncidentKind = Literal["outage", "delay", "other"]
"""``outage``: debits or repayments fail; ``delay``: their results come late; ``other``: see the summary."""
AppOperation = Literal["login", "repay", "schedule", "view_bill", "bind_card", "other"]
"""What the borrower was doing in the app: ``schedule`` is a scheduled repayment (预约还款)."""
Advice = Literal[
    "wait",
    "stuck_do_not_pay_again",
    "done",
    "done_with_refund",
    "taken_twice",
    "taken_posts_on_due_date",
    "failed_check_card",
    "failed_our_fault",
    "returned_pay_again",
]
"""What to tell the borrower about a payment.

``wait``: processing for less than a day, do not pay again. ``stuck_do_not_pay_again``: processing for a day or longer, a
person must look. ``done``: settled. ``done_with_refund``: settled, the part that was too much goes back. ``taken_twice``: this
debit is the surplus one of a double debit. ``taken_posts_on_due_date``: a scheduled repayment whose money was taken and
which is posted on the due date. ``failed_check_card``: failed for a borrower-side reason, no money left. ``failed_our_fault``:
failed for a system-side reason, no money left. ``returned_pay_again``: the bank sent the money back.
"""

TOUCHED_PAGE = 500
"""Instalments of one page of ``LoanBackend.touched`` unless told otherwise."""
MAX_TOUCHED_PAGE = 1000

RETRY_AFTER_DAYS = 30
"""A refused application may be repeated after this many days when the page names no date (product §1, fact 1)."""


@dataclass(frozen=True)
class Customer:
    """The account holder. ``phone`` is in clear: mask it before it is shown or logged."""

    customer_id: str
    name: str
    phone: str
    bank_name: str
    card_tail: str


@dataclass(frozen=True)
class CreditLineChange:
    """One entry of the line's history. ``reason`` is a code (``assessment``, ``overdue``, ``good_record``, ``opened``, …)."""

    at: Moment
    old_limit: Fen
    new_limit: Fen
    status: LineStatus
    reason: str


@dataclass(frozen=True)
class CreditLine:
    """``used`` is the unpaid principal of all contracts; ``available`` is 0 unless the status allows drawing.

    ``changes`` are newest first; ``reason`` is the reason code of the latest one.
    """

    customer_id: str
    limit: Fen
    used: Fen
    available: Fen
    status: LineStatus
    reason: str
    changes: tuple[CreditLineChange, ...]


@dataclass(frozen=True)
class Application:
    """A loan application. ``retry_on`` is the date that the result page gave, or ``None`` when it gave none."""

    application_no: str
    product: ProductCode
    product_name: str
    amount: Fen
    applied_at: Moment
    status: ApplicationStatus
    decided_at: Moment | None
    refusal_reason: RefusalReason | None
    retry_on: date | None


def may_retry_on(application: Application) -> date | None:
    """When a refused application may be repeated: the page's date, else 30 days after the refusal (product §1, fact 1).

    ``None`` when the application was not refused: nothing has to be waited for.
    """
    if application.status != "refused":
        return None
    if application.retry_on is not None:
        return application.retry_on
    return (application.decided_at or application.applied_at).date() + timedelta(days=RETRY_AFTER_DAYS)


@dataclass(frozen=True)
class Instalment:
    """One period of a contract, as of a date.

    ``principal``, ``interest`` and ``fee`` are what the period costs when it is paid on its due date (less than first planned
    when principal was repaid ahead); the ``paid_…`` parts are what has been paid of them. ``penalty`` is accrued up to the date,
    ``penalty_due`` is what is still owed of it after ``paid_penalty`` and ``waived_penalty``. ``accrual_held``: a dispute stops
    the penalty at the moment.
    """

    number: int
    starts_on: date
    due_on: date
    principal: Fen
    interest: Fen
    fee: Fen
    penalty: Fen
    paid_principal: Fen
    paid_interest: Fen
    paid_fee: Fen
    paid_penalty: Fen
    waived_penalty: Fen
    penalty_due: Fen
    overdue_days: int
    accrual_held: bool
    status: InstalmentStatus

    @property
    def amount_due(self) -> Fen:
        """What closes this instalment on its due date, or now if that date is past: all unpaid parts, penalty included."""
        unpaid = self.principal + self.interest + self.fee - self.paid_principal - self.paid_interest - self.paid_fee
        return unpaid + self.penalty_due


@dataclass(frozen=True)
class Contract:
    """A loan contract as of a date, with its instalments in order. ``rate`` texts are exact decimals (``"0.144"`` = 14.4 %).

    ``daily_rate`` is set for KD, ``annual_rate`` for YD and XW, ``period_fee_rate`` for FQ (``"0"`` = interest-free).
    ``annual_cost`` is the internal rate of return of the plan's cash flows, fees included, compounded over a year
    (``bot/loans/cost.py``), to at most 12 decimal places; ``"0"`` when the loan costs nothing.
    """

    contract_no: str
    customer_id: str
    product: ProductCode
    product_name: str
    principal: Fen
    outstanding_principal: Fen
    drawn_on: date
    periods: int
    daily_rate: Rate | None
    annual_rate: Rate | None
    period_fee_rate: Rate | None
    penalty_daily_rate: Rate
    annual_cost: Rate
    status: ContractStatus
    settled_on: date | None
    instalments: tuple[Instalment, ...]

    @property
    def paid_periods(self) -> int:
        """How many instalments are settled."""
        return sum(1 for item in self.instalments if item.status == "settled")

    @property
    def current(self) -> Instalment | None:
        """The oldest instalment that is not settled, or ``None``."""
        return next((item for item in self.instalments if item.status != "settled"), None)


@dataclass(frozen=True)
class Outstanding:
    """What the borrower owes across all contracts.

    ``payoff_total``: settles everything today. ``due_now``: overdue instalments and those due today, penalty included.
    ``overdue_amount`` (penalty included), ``overdue_days`` (of the oldest), ``penalty`` (part of the former). ``next_due_on`` and
    ``next_due_amount``: the next due date after today and the sum of all instalments that fall on it.
    """

    as_of: date
    payoff_total: Fen
    due_now: Fen
    overdue_amount: Fen
    overdue_days: int
    penalty: Fen
    next_due_on: date | None
    next_due_amount: Fen


@dataclass(frozen=True)
class Bill:
    """An unpaid instalment as the repayment page lists it. ``amount`` = unpaid principal + interest + fee + penalty."""

    contract_no: str
    product: ProductCode
    product_name: str
    instalment: int
    periods: int
    due_on: date
    principal: Fen
    interest: Fen
    fee: Fen
    penalty: Fen
    amount: Fen
    overdue_days: int
    status: InstalmentStatus


@dataclass(frozen=True)
class QuoteLine:
    """One contract of a payoff quote; fields as in the ``payoff_quote`` card, plus the product's name."""

    contract_no: str
    product: ProductCode
    product_name: str
    principal: Fen
    interest: Fen
    fee: Fen
    penalty: Fen
    total: Fen


@dataclass(frozen=True)
class PayoffQuote:
    """What settles the contracts on ``as_of``; valid until the end of that day. Lines in allocation order (cash loans first)."""

    as_of: date
    valid_until: Moment
    contracts: tuple[QuoteLine, ...]
    total: Fen


@dataclass(frozen=True)
class AllocationLine:
    """A part of a payment; fields as in the ``repayment_preview`` card."""

    contract_no: str
    instalment: int
    component: Component
    amount: Fen


@dataclass(frozen=True)
class RepaymentPreview:
    """How ``amount`` would be used on ``as_of``, in order; ``left_over`` would be refunded."""

    as_of: date
    amount: Fen
    allocation: tuple[AllocationLine, ...]
    left_over: Fen


@dataclass(frozen=True)
class ScheduleWindow:
    """When the current instalment of a contract may be scheduled (product §1, fact 4).

    ``opens_on`` is 10 days before the due date. ``eligible``: a day between ``first_day`` and ``last_day`` may be chosen today;
    else ``reason`` says why not. ``instalment`` is 0 and the dates are ``None`` when the contract is settled.
    """

    contract_no: str
    instalment: int
    amount: Fen
    due_on: date | None
    opens_on: date | None
    first_day: date | None
    last_day: date | None
    eligible: bool
    reason: ScheduleReason | None


@dataclass(frozen=True)
class ScheduledRepayment:
    """Taken on ``execute_on``, posted to the contract on ``posts_on`` (the due date); cancellable while ``scheduled``."""

    scheduled_no: str
    contract_no: str
    instalment: int
    amount: Fen
    execute_on: date
    posts_on: date
    status: ScheduledStatus
    created_at: Moment


@dataclass(frozen=True)
class InstalmentRef:
    """Points at one instalment."""

    contract_no: str
    instalment: int


@dataclass(frozen=True)
class Payment:
    """A movement of money from the borrower. ``targets`` are the instalments it was meant for.

    ``result_code`` and ``side`` are set when it failed. ``resolved_at``: settled, failed or returned. ``informed_at``: the
    borrower was told the result. ``left_over``: the part that was not used and is due back. ``parts``: what it paid, in order.
    """

    payment_no: str
    kind: PaymentKind
    amount: Fen
    status: PaymentStatus
    created_at: Moment
    resolved_at: Moment | None
    informed_at: Moment | None
    result_code: str | None
    side: Side
    targets: tuple[InstalmentRef, ...]
    left_over: Fen
    advice: Advice
    parts: tuple[AllocationLine, ...] = ()


@dataclass(frozen=True)
class DoubleDebit:
    """One instalment that settled debits paid more than once. ``surplus`` is what was taken too much, by ``surplus_payment_no``.

    ``payment_nos`` in the order they were taken; ``refund_no`` is set once the surplus is on its way back (``refund_payment``).
    """

    contract_no: str
    instalment: int
    payment_nos: tuple[str, ...]
    amount_each: Fen
    taken_at: tuple[Moment, ...]
    surplus: Fen
    surplus_payment_no: str
    refund_no: str | None


@dataclass(frozen=True)
class Mandate:
    """The borrower's auto-debit authorisation on one card."""

    mandate_no: str
    bank_name: str
    card_tail: str
    status: Literal["active", "revoked"]
    signed_at: Moment
    revoked_at: Moment | None

    def active_at(self, moment: datetime) -> bool:
        """Whether the mandate could be used at ``moment``."""
        return self.signed_at <= moment and (self.revoked_at is None or moment < self.revoked_at)


@dataclass(frozen=True)
class DebitAttempt:
    """One try of the auto-debit. ``side`` says whose fault a failure was; ``payment_no`` is set when money was taken."""

    contract_no: str
    instalment: int
    amount: Fen
    attempted_at: Moment
    result_code: str
    side: Side
    payment_no: str | None


@dataclass(frozen=True)
class Incident:
    """A disturbance of a repayment channel. ``ends_at`` is ``None`` while it lasts.

    ``bank_name``: only cards of this bank were hit; ``None``: all. ``detected``: found from the share of failures, not declared
    by a person. ``suspected`` decides nothing about money until a person (``confirmed_by``, their id) confirms it.
    """

    incident_no: str
    channel: IncidentChannel
    status: Literal["suspected", "confirmed"]
    starts_at: Moment
    ends_at: Moment | None
    confirmed_by: str | None
    summary: str
    bank_name: str | None = None
    kind: IncidentKind = "outage"
    detected: bool = False

    def covers(self, day: date) -> bool:
        """Whether the incident touched any moment of ``day``."""
        return self.starts_at.date() <= day and (self.ends_at is None or day <= self.ends_at.date())


@dataclass(frozen=True)
class TouchedInstalment:
    """An instalment that an incident disturbed, and whose it is.

    ``debits``: tries in that time that failed on our side, oldest first; ``payment_nos``: own repayments of that time that failed
    on our side or hung for a day or longer, oldest first, then auto-debits that still hang (under the number that the payment
    gets if they took the money). At least one of both is not empty.
    """

    customer_id: str
    contract_no: str
    instalment: int
    debits: tuple[DebitAttempt, ...]
    payment_nos: tuple[str, ...]


@dataclass(frozen=True)
class Touched:
    """A page of what an incident touched, by contract number and instalment.

    ``next_after``: pass it as ``after`` for the following page; ``None``: nothing follows.
    """

    incident_no: str
    instalments: tuple[TouchedInstalment, ...]
    next_after: str | None


@dataclass(frozen=True)
class AppError:
    """An error that the borrower's app showed. ``code`` is the app's own; ``contract_no`` when it was about one contract.

    Evidence for people and for the timeline only; it never decides alone (docs/rules.md).
    """

    at: Moment
    operation: AppOperation
    code: str
    contract_no: str | None


@dataclass(frozen=True)
class Notice:
    """A message that was sent to the borrower about an instalment. ``kind``: ``due_reminder``, ``overdue``, ``debit_failed``."""

    contract_no: str
    instalment: int
    kind: Literal["due_reminder", "overdue", "debit_failed"]
    channel: Literal["sms", "push", "call"]
    sent_at: Moment
    delivery: Delivery
    delivered_at: Moment | None


@dataclass(frozen=True)
class OverdueFlag:
    """One change of a flag of an overdue instalment; the latest of each ``flag`` is how it stands.

    ``dunning``: reminded to pay; ``bureau_report``: reported as overdue. ``state``: ``held`` while a dispute is open, ``off``
    once settled, ``corrected`` when the report was wrong and was taken back. ``reason`` is a code.
    """

    contract_no: str
    instalment: int
    flag: Flag
    state: FlagState
    reason: str
    at: Moment


@dataclass(frozen=True)
class Drawdown:
    """Money paid out for a contract: to the borrower's card (``payee`` = card tail) or to a shop (``payee`` = its name)."""

    contract_no: str
    product: ProductCode
    product_name: str
    amount: Fen
    requested_at: Moment
    paid_at: Moment | None
    status: Literal["processing", "paid", "failed"]
    payee: str


@dataclass(frozen=True)
class CreditAuthorisation:
    """The borrower's permission to query the credit bureau for a funding party."""

    authorisation_no: str
    funding_party: str
    given_at: Moment
    revoked_at: Moment | None


@dataclass(frozen=True)
class CreditInquiry:
    """A query of the credit bureau that was made under an authorisation."""

    inquiry_no: str
    authorisation_no: str
    funding_party: str
    purpose: str
    made_at: Moment


@dataclass(frozen=True)
class PenaltyDay:
    """One day of a penalty explanation: ``accrued`` is the rounded total of the instalment up to and including ``day``."""

    day: date
    overdue_day: int
    unpaid_principal: Fen
    held: bool
    accrued: Fen


@dataclass(frozen=True)
class AccrualHold:
    """Penalty, dunning and bureau reporting of an instalment stand still from the day after ``held_on`` to ``released_on``."""

    contract_no: str
    instalment: int
    reason: str
    held_on: date
    released_on: date | None


@dataclass(frozen=True)
class Receipt:
    """Proof of a remedy: a penalty waived (nothing moves) or money refunded (``refund_no`` is set)."""

    receipt_no: str
    kind: Literal["waiver", "refund"]
    customer_id: str
    contract_no: str | None
    instalment: int | None
    amount: Fen
    reason: str
    at: Moment
    refund_no: str | None


def bureau_knows(states: Sequence[str]) -> bool:
    """Whether the bureau was told and that still stands, by the states of ``bureau_report``, oldest first.

    A report on hold was made before the hold.
    """
    return "on" in states and states[-1] != "corrected"


def surplus_key(payment_no: str) -> str:
    """Under this key the surplus of a double debit goes back by itself; ``receipt_of`` finds its receipt."""
    return f"double-debit:{payment_no}"


@dataclass(frozen=True)
class Refund:
    """Money that goes back to the borrower's card."""

    refund_no: str
    amount: Fen
    reason: Literal["left_over", "double_debit", "penalty", "overcharge"]
    payment_no: str | None
    status: Literal["pending", "paid"]
    created_at: Moment
    paid_at: Moment | None


class LoanBackend(Protocol):
    """Loan servicing for one business date and one unit of work. Errors of every method: ``bot/loans/errors.py``."""

    # --- who, and with what credit -------------------------------------------------------------------------------------

    def customer(self, customer_id: str) -> Customer:
        """Raises ``CustomerNotFound``."""
        ...

    def customers(self, customer_ids: Sequence[str]) -> tuple[Customer, ...]:
        """Those of ``customer_ids`` that there are, by id: for lists that show names."""
        ...

    def customer_by_phone(self, phone: str) -> Customer | None:
        """The account holder with this phone number (11 digits), for binding a messaging channel."""
        ...

    def credit_line(self, customer_id: str) -> CreditLine: ...

    def applications(self, customer_id: str) -> tuple[Application, ...]:
        """Newest first. See ``may_retry_on``."""
        ...

    def cancel_application(self, customer_id: str, application_no: str, *, key: str) -> Application:
        """Raises ``ApplicationNotFound``, ``ApplicationDecided`` (only a pending one can be cancelled)."""
        ...

    def drawdowns(self, customer_id: str) -> tuple[Drawdown, ...]:
        """Newest first."""
        ...

    def credit_authorisations(self, customer_id: str) -> tuple[CreditAuthorisation, ...]:
        """Newest first, revoked ones included."""
        ...

    def credit_inquiries(self, customer_id: str) -> tuple[CreditInquiry, ...]:
        """Newest first."""
        ...

    # --- what is owed ----------------------------------------------------------------------------------------------------

    def contracts(self, customer_id: str, as_of: date | None = None, *, include_settled: bool = False) -> tuple[Contract, ...]:
        """In allocation order: cash loans (KD, YD, XW) before FQ, then oldest unpaid due date, then number."""
        ...

    def contract(self, customer_id: str, contract_no: str, as_of: date | None = None) -> Contract:
        """Raises ``ContractNotFound``, also for a contract of somebody else."""
        ...

    def outstanding(self, customer_id: str, as_of: date | None = None) -> Outstanding: ...

    def bills(self, customer_id: str, as_of: date | None = None) -> tuple[Bill, ...]:
        """The overdue instalments and, of each contract, the next one to pay; oldest due date first."""
        ...

    def penalty_days(
        self, customer_id: str, contract_no: str, instalment: int, as_of: date | None = None
    ) -> tuple[PenaltyDay, ...]:
        """The penalty day by day, from the day after the due date; empty when never overdue. Raises ``InstalmentNotFound``."""
        ...

    def payoff_quote(self, customer_id: str, as_of: date | None = None, contract_nos: Sequence[str] | None = None) -> PayoffQuote:
        """What settles all open contracts, or those named, on ``as_of`` (today to 30 days ahead).

        Raises ``ContractNotFound``, ``ContractSettled``, ``InvalidDate``.
        """
        ...

    def repayment_preview(
        self, customer_id: str, amount: Fen, as_of: date | None = None, contract_nos: Sequence[str] | None = None
    ) -> RepaymentPreview:
        """How ``amount`` (分, > 0) would be allocated (product §1).

        Raises ``InvalidAmount``, ``ContractNotFound``, ``ContractSettled``, ``InvalidDate``.
        """
        ...

    # --- paying ----------------------------------------------------------------------------------------------------------

    def schedule_window(self, customer_id: str, contract_no: str) -> ScheduleWindow: ...

    def schedule_repayment(self, customer_id: str, contract_no: str, execute_on: date, *, key: str) -> ScheduledRepayment:
        """Schedules the current instalment.

        Raises ``NotSchedulable`` with ``details`` ``reason``, ``opens_on``, ``first_day``, ``last_day``.
        """
        ...

    def cancel_scheduled_repayment(self, customer_id: str, scheduled_no: str, *, key: str) -> ScheduledRepayment:
        """Raises ``ScheduledNotFound``, ``NotCancellable`` (already taken, posted or cancelled)."""
        ...

    def scheduled_repayments(self, customer_id: str) -> tuple[ScheduledRepayment, ...]:
        """Newest first, finished ones included."""
        ...

    def create_payment(self, customer_id: str, amount: Fen, *, key: str, contract_nos: Sequence[str] | None = None) -> Payment:
        """The borrower's own repayment; returns it ``processing``.

        Raises ``InvalidAmount``, ``AmountExceedsOwed`` (``details.owed``), ``PaymentInProgress`` (another payment for one of
        the same instalments is processing: ``details.payment_nos``), ``NothingOwed``, ``ContractNotFound``, ``ContractSettled``.
        """
        ...

    def payments(self, customer_id: str) -> tuple[Payment, ...]:
        """Newest first."""
        ...

    def payment(self, customer_id: str, payment_no: str) -> Payment:
        """Raises ``PaymentNotFound``."""
        ...

    def mark_informed(self, payment_no: str, *, key: str) -> Payment:
        """The borrower was told how the payment ended (product §3 b); the first time counts.

        Nothing changes while the payment is not resolved. Raises ``PaymentNotFound``.
        """
        ...

    def double_debits(self, customer_id: str) -> tuple[DoubleDebit, ...]:
        """Instalments for which more than one debit settled, newest first."""
        ...

    def refunds(self, customer_id: str) -> tuple[Refund, ...]:
        """Newest first."""
        ...

    # --- what happened (evidence) ------------------------------------------------------------------------------------------

    def mandates(self, customer_id: str) -> tuple[Mandate, ...]:
        """All auto-debit mandates, newest first, revoked ones included."""
        ...

    def mandate(self, customer_id: str) -> Mandate | None:
        """The active auto-debit mandate, or ``None``."""
        ...

    def revoke_mandate(self, customer_id: str, mandate_no: str, *, key: str) -> Mandate:
        """The borrower ends an auto-debit mandate: nothing is sent under it any more. One that has ended stays as it is.

        Raises ``CustomerNotFound``, ``MandateNotFound``.
        """
        ...

    def debit_attempts(
        self, customer_id: str, contract_no: str | None = None, instalment: int | None = None
    ) -> tuple[DebitAttempt, ...]:
        """Oldest first."""
        ...

    def incidents(
        self, first: date, last: date, channel: IncidentChannel | None = None, *, customer_id: str | None = None
    ) -> tuple[Incident, ...]:
        """Incidents that touch a day of ``first``…``last`` (inclusive), oldest first.

        A ``channel`` also finds those of ``all``. With ``customer_id`` only those that reach the customer: of all banks, or of a
        bank whose card they have on file or in a mandate.
        """
        ...

    def incident(self, incident_no: str) -> Incident:
        """Raises ``IncidentNotFound``."""
        ...

    def touched(self, incident_no: str, after: str | None = None, limit: int = TOUCHED_PAGE) -> Touched:
        """Everybody whom the incident touched, also those who never complained, in pages of 1 to 1,000 instalments.

        Derived from the records, so complete also for what was reported late: what was reported while somebody went through the
        pages is met by going through them again. Raises ``IncidentNotFound``, ``InvalidInput`` (``after``, ``limit``).
        """
        ...

    def declare_incident(
        self,
        kind: IncidentKind,
        channel: IncidentChannel,
        starts_at: Moment,
        summary: str,
        *,
        key: str,
        ends_at: Moment | None = None,
        bank_name: str | None = None,
    ) -> Incident:
        """A person declares a disturbance: ``suspected`` until it is confirmed; with ``ends_at`` it is over already.

        Raises ``InvalidDate`` (a moment ahead, or an end before the start), ``InvalidText``, ``InvalidChoice``.
        """
        ...

    def confirm_incident(self, incident_no: str, confirmed_by: str, *, key: str) -> Incident:
        """A named person (their id) confirms it; who did so first stays. Raises ``IncidentNotFound``, ``InvalidText``."""
        ...

    def end_incident(self, incident_no: str, ends_at: Moment | None = None, *, key: str) -> Incident:
        """The channel works again, now or since ``ends_at``; the first end stays.

        Raises ``IncidentNotFound``, ``InvalidDate`` (a moment ahead, or before the start).
        """
        ...

    def app_errors(self, customer_id: str, first: date, last: date) -> tuple[AppError, ...]:
        """Errors that the borrower's app showed on ``first``…``last`` (inclusive), oldest first."""
        ...

    def report_app_error(
        self, customer_id: str, operation: AppOperation, code: str, at: Moment, *, key: str, contract_no: str | None = None
    ) -> AppError:
        """The app reports an error that it showed; ``key`` is its own number of the report.

        Raises ``ContractNotFound``, ``InvalidDate`` (a moment ahead), ``InvalidText``, ``InvalidChoice``.
        """
        ...

    def notices(self, customer_id: str, contract_no: str | None = None, instalment: int | None = None) -> tuple[Notice, ...]:
        """Oldest first, failed deliveries included."""
        ...

    def overdue_flags(self, customer_id: str, contract_no: str, instalment: int) -> tuple[OverdueFlag, ...]:
        """What was done about the instalment being overdue, oldest first. Raises ``ContractNotFound``, ``InstalmentNotFound``."""
        ...

    # --- remedies (used by cases) ------------------------------------------------------------------------------------------

    def hold_accrual(self, contract_no: str, instalment: int, reason: str, *, key: str) -> AccrualHold:
        """Stops penalty, dunning and bureau reporting from tomorrow on. An open hold is returned as it is."""
        ...

    def release_accrual(self, contract_no: str, instalment: int, *, key: str) -> AccrualHold:
        """Ends the hold: accrual goes on from tomorrow; the held days stay free. Raises ``NoHold``."""
        ...

    def holds(self, contract_no: str, instalment: int) -> tuple[AccrualHold, ...]:
        """Oldest first."""
        ...

    def waive_penalty(self, contract_no: str, instalment: int, amount: Fen, *, reason: str, key: str) -> Receipt:
        """Forgives unpaid penalty. Raises ``InvalidAmount``, ``AmountExceedsOwed`` (more than is unpaid), ``ContractSettled``."""
        ...

    def refund_penalty(self, contract_no: str, instalment: int, amount: Fen, *, reason: str, key: str) -> Receipt:
        """Gives back paid penalty. Raises ``InvalidAmount``, ``AmountExceedsOwed`` (more than was paid)."""
        ...

    def refund_payment(self, payment_no: str, amount: Fen, *, reason: str, key: str) -> Receipt:
        """Gives back the unused part of a payment (double debit).

        Raises ``InvalidAmount``, ``AmountExceedsOwed``, ``PaymentNotFound``.
        """
        ...

    def correct_bureau_report(self, contract_no: str, instalment: int, *, reason: str, key: str) -> OverdueFlag:
        """Takes back what the credit bureau was told of an instalment; returns the flag ``corrected``, at once the last one.

        ``reason``: at most 32 characters. One that is corrected already is returned as it is. Raises ``ContractNotFound``,
        ``InstalmentNotFound``, ``NotReported`` (the bureau was never told).
        """
        ...

    def receipt(self, receipt_no: str) -> Receipt:
        """Raises ``ReceiptNotFound``."""
        ...

    def receipt_of(self, remedy_key: str) -> Receipt | None:
        """What the waiver or refund with this idempotency key came to; ``None`` when it was never done.

        With a backend that does not share our transaction this is how a remedy finds what an interrupted try already gave.
        """
        ...
