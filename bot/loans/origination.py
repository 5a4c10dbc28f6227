"""How a customer, a line, an application and a contract come to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import get_args

from bot.core.money import Fen
from bot.loans.catalogue import MAX_ALL_IN, Catalogue
from bot.loans.cost import plan_cost
from bot.loans.errors import (
    ApplicationDecided,
    ApplicationNotFound,
    ContractExists,
    CustomerExists,
    InsufficientLine,
    InvalidDate,
    InvalidTerms,
    InvalidText,
    ProductNotFound,
)
from bot.loans.ledger import Entry
from bot.loans.models import (
    ApplicationRow,
    ContractRow,
    CreditLineChangeRow,
    CreditLineRow,
    CustomerRow,
    DisbursementRow,
    InstalmentRow,
    ProductRow,
)
from bot.loans.port import LineStatus, RefusalReason
from bot.loans.schedule import Method, PlannedInstalment, make_plan
from bot.loans.unit import Unit, check_amount, check_choice, check_text


@dataclass(frozen=True)
class LoanTerms:
    """Terms of one contract. ``rate`` is by the day (KD), by the year (YD, XW) or the fee per period (FQ).

    ``term`` is in days for KD, else in months; ``due_day`` (1–31) defaults to the day of the drawdown; ``payee`` is the card tail
    or the shop that gets the money.
    """

    product: str
    principal: Fen
    rate: Decimal
    term: int
    payee: str
    due_day: int | None = None


class OriginationService:
    """Commands that precede the life of a contract."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def load_catalogue(self, catalogue: Catalogue) -> None:
        """Brings the product table in line with a checked catalogue; contracts keep the rates they were made with."""
        known = self.unit.repository.products()
        for product in catalogue.products.values():
            row = known.get(product.code) or ProductRow(code=product.code)
            row.name, row.category, row.method = product.name, product.category, product.method
            row.min_term, row.max_term = product.min_term, product.max_term
            row.max_rate, row.penalty_daily_rate = product.max_rate, product.penalty_daily_rate
            row.all_in_cost = product.all_in_cost
            self.unit.session.add(row)
        self.unit.session.flush()

    def register(self, customer_id: str, name: str, phone: str, bank_name: str, card_tail: str) -> CustomerRow:
        """A new account holder; ``phone`` and ``card_tail`` are digits. Raises ``InvalidText``, ``CustomerExists``."""
        for field, text, longest in (("customer_id", customer_id, 20), ("name", name, 80), ("bank_name", bank_name, 80)):
            check_text(field, text, longest)
        for field, digits, longest in (("phone", phone, 20), ("card_tail", card_tail, 4)):
            check_text(field, digits, longest)
            if not (digits.isascii() and digits.isdigit()):
                raise InvalidText(f"{field} consists of digits", field=field, longest=longest)
        known = self.unit.repository
        if known.customer(customer_id) is not None or known.customer_by_phone(phone) is not None:
            raise CustomerExists("the customer number or the phone is taken")
        row = CustomerRow(
            customer_id=customer_id,
            name=name,
            phone=phone,
            bank_name=bank_name,
            card_tail=card_tail,
            registered_at=self.unit.clock.now(),
        )
        self.unit.session.add(row)
        self.unit.session.flush()
        return row

    def set_line(self, customer_id: str, limit: Fen, status: LineStatus, reason: str) -> None:
        """Opens or changes the credit line; each change is kept. ``limit`` in 分, 0 or more.

        Raises ``CustomerNotFound``, ``InvalidAmount``, ``InvalidChoice``, ``InvalidText``.
        """
        unit = self.unit
        unit.lock(customer_id)
        check_amount(limit, least=0)
        check_choice("status", status, get_args(LineStatus))
        check_text("reason", reason, 32)
        line = unit.repository.credit_line(customer_id)
        old = 0
        if line is None:
            line = CreditLineRow(customer_id=customer_id, limit_amount=limit, status=status, reason=reason)
            unit.session.add(line)
        else:
            old = line.limit_amount
            line.limit_amount, line.status, line.reason = limit, status, reason
        change = CreditLineChangeRow(
            customer_id=customer_id, at=unit.clock.now(), old_limit=old, new_limit=limit, status=status, reason=reason
        )
        unit.session.add(change)
        unit.session.flush()

    def apply(self, customer_id: str, product: str, amount: Fen) -> ApplicationRow:
        """A new application, pending. Raises ``InvalidAmount``, ``ProductNotFound``, ``CustomerNotFound``."""
        unit = self.unit
        unit.customer(customer_id)
        check_amount(amount)
        row = ApplicationRow(
            application_no=unit.new_number("A"),
            customer_id=customer_id,
            product_code=self._product(product).code,
            amount=amount,
            applied_at=unit.clock.now(),
            status="pending",
        )
        unit.session.add(row)
        unit.session.flush()
        return row

    def refuse(self, application_no: str, reason: RefusalReason, retry_on: date | None) -> None:
        """``retry_on`` is the date that the result page shows, if it shows one.

        Raises ``ApplicationNotFound``, ``ApplicationDecided``, ``InvalidChoice``, ``InvalidDate`` (a day that is past).
        """
        row = self._pending(application_no)
        check_choice("reason", reason, get_args(RefusalReason))
        today = self.unit.clock.today()
        if retry_on is not None and retry_on < today:
            raise InvalidDate(f"{retry_on} is past", first_day=today)
        row.status, row.refusal_reason, row.retry_on, row.decided_at = "refused", reason, retry_on, self.unit.clock.now()
        self.unit.session.flush()

    def approve(self, application_no: str) -> None:
        """Raises ``ApplicationDecided``."""
        row = self._pending(application_no)
        row.status, row.decided_at = "approved", self.unit.clock.now()
        self.unit.session.flush()

    def cancel(self, customer_id: str, application_no: str, *, key: str) -> ApplicationRow:
        """The customer takes a pending application back; errors as in ``LoanBackend.cancel_application``."""
        unit, operation = self.unit, "cancel_application"
        parameters = {"customer_id": customer_id, "application_no": application_no}
        unit.lock(customer_id)
        done = unit.earlier_result(key, operation, parameters)
        row = unit.repository.application(application_no)
        if row is None or row.customer_id != customer_id:
            raise ApplicationNotFound(f"no application {application_no} of {customer_id}")
        if done is None:
            row = self._pending(application_no)
            row.status, row.decided_at = "cancelled", unit.clock.now()
            unit.remember(key, operation, parameters, application_no)
        return row

    def draw_down(self, customer_id: str, terms: LoanTerms, *, key: str, contract_no: str | None = None) -> ContractRow:
        """Makes the contract with its plan, pays the money out and writes the ledger, all valued today. Once per ``key``.

        Raises ``IdempotencyConflict``, ``InvalidAmount``, ``InvalidTerms``, ``ProductNotFound``, ``InsufficientLine``,
        ``CustomerNotFound``, ``ContractExists``, ``InvalidText``.
        """
        unit, operation = self.unit, "draw_down"
        unit.lock(customer_id)
        check_amount(terms.principal)
        parameters = {"customer_id": customer_id, "contract_no": contract_no, "amount": terms.principal, "product": terms.product}
        parameters |= {"rate": str(terms.rate), "term": terms.term, "payee": terms.payee, "due_day": terms.due_day}
        earlier = unit.earlier_result(key, operation, parameters)
        if earlier is not None:
            return unit.own_contract(customer_id, earlier)
        product = self._product(terms.product)
        _check_terms(product, terms)
        if contract_no is not None:
            check_text("contract_no", contract_no, 40)
            if unit.repository.contract(contract_no) is not None:
                raise ContractExists(f"{contract_no} is taken", contract_no=contract_no)
        self._check_line(customer_id, terms.principal)
        today = unit.clock.today()
        method: Method = product.method  # type: ignore[assignment]  # the table's check constraint names the same methods
        plan = make_plan(method, terms.principal, terms.rate, today, terms.term, terms.due_day)
        _check_cost(plan, by_day=method == "by_day")
        contract = ContractRow(
            contract_no=contract_no or unit.new_number(product.code),
            customer_id=customer_id,
            product_code=product.code,
            principal=terms.principal,
            drawn_on=today,
            due_day=terms.due_day or today.day,
            periods=len(plan),
            rate=terms.rate,
            penalty_daily_rate=product.penalty_daily_rate,
        )
        unit.session.add(contract)
        unit.session.flush()
        for item in plan:
            unit.session.add(
                InstalmentRow(
                    contract_no=contract.contract_no,
                    number=item.number,
                    starts_on=item.starts_on,
                    due_on=item.due_on,
                    principal=item.principal,
                    interest=item.interest,
                    fee=item.fee,
                    paid_principal=0,
                    paid_interest=0,
                    paid_fee=0,
                    paid_penalty=0,
                    waived_penalty=0,
                )
            )
        unit.session.flush()
        self._pay_out(contract, [(item.number, item.principal) for item in plan if item.principal], terms.payee)
        unit.remember(key, operation, parameters, contract.contract_no)
        return contract

    def _pay_out(self, contract: ContractRow, parts: list[tuple[int, Fen]], payee: str) -> None:
        unit, now = self.unit, self.unit.clock.now()
        disbursement = DisbursementRow(
            contract_no=contract.contract_no, amount=contract.principal, requested_at=now, paid_at=now, status="paid", payee=payee
        )
        unit.session.add(disbursement)
        entries = [Entry("principal", "bank", amount, contract.contract_no, number) for number, amount in parts]
        unit.ledger.post("drawdown", contract.customer_id, entries, value_on=contract.drawn_on)

    def _check_line(self, customer_id: str, amount: Fen) -> None:
        line = self.unit.repository.credit_line(customer_id)
        available = 0
        if line is not None and line.status != "frozen":
            available = line.limit_amount - self.unit.repository.unpaid_principal(customer_id)
        if amount > available:
            raise InsufficientLine(f"{amount} is more than the {available} available", available=max(0, available))

    def _product(self, code: str) -> ProductRow:
        row = self.unit.repository.products().get(code)
        if row is None:
            raise ProductNotFound(f"no product {code!r}", product=code)
        return row

    def _pending(self, application_no: str) -> ApplicationRow:
        row = self.unit.repository.application(application_no)
        if row is None:
            raise ApplicationNotFound(f"no application {application_no}")
        if row.status != "pending":
            raise ApplicationDecided(f"{application_no} is {row.status}", status=row.status)
        return row


def _check_terms(product: ProductRow, terms: LoanTerms) -> None:
    check_text("payee", terms.payee, 80)
    if type(terms.term) is not int or not product.min_term <= terms.term <= product.max_term:
        raise InvalidTerms(f"{product.code}: term {terms.term} is not {product.min_term}…{product.max_term}")
    if not isinstance(terms.rate, Decimal) or not terms.rate.is_finite() or not 0 <= terms.rate <= product.max_rate:
        raise InvalidTerms(f"{product.code}: rate {terms.rate} is not 0…{product.max_rate}")
    if terms.due_day is not None and not 1 <= terms.due_day <= 31:
        raise InvalidTerms(f"due day {terms.due_day} is not 1…31")


def _check_cost(plan: Sequence[PlannedInstalment], *, by_day: bool) -> None:
    """The ceiling holds for each contract too: an odd first period or the rounding of a small sum can cost more than the rate."""
    cost = plan_cost(plan, by_day=by_day)
    if cost > MAX_ALL_IN:
        raise InvalidTerms(f"annual cost {cost:.4%} is more than {MAX_ALL_IN:.0%}", annual_cost=cost, ceiling=MAX_ALL_IN)
