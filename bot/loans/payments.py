"""Payments: created → processing → settled | failed; settled → returned. A payment counts from the day it was made, whenever the
bank confirms it. The orders to the bank and its answers go through ``servicing/orders.py``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, cast

from bot.core.money import Fen
from bot.loans.allocation import allocate, claims
from bot.loans.errors import AmountExceedsOwed, NothingOwed, PaymentInProgress, PaymentNotFound, PaymentResolved
from bot.loans.models import PaymentRow, PaymentTargetRow
from bot.loans.port import InstalmentRef, PaymentKind
from bot.loans.posting import Posting
from bot.loans.reversal import Reversal
from bot.loans.servicing.models import ChannelOrderRow
from bot.loans.unit import Unit, check_amount, check_text


class PaymentService:
    """Commands on payments."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.posting = Posting(unit)

    def create(self, customer_id: str, amount: Fen, *, key: str, contract_nos: Sequence[str] | None = None) -> PaymentRow:
        """The borrower pays by themselves; errors as in ``LoanBackend.create_payment``."""
        unit, operation = self.unit, "create_payment"
        parameters = {
            "customer_id": customer_id,
            "amount": amount,
            "contract_nos": None if contract_nos is None else sorted(contract_nos),
        }
        unit.lock(customer_id)
        earlier = unit.earlier_result(key, operation, parameters)
        if earlier is not None:
            return self._payment(earlier)
        check_amount(amount)
        owed = claims(unit.open_books(customer_id, contract_nos), unit.clock.today())
        if not owed:
            raise NothingOwed(f"{customer_id} owes nothing")
        lines, left_over = allocate(amount, owed)
        if left_over:
            raise AmountExceedsOwed(f"{amount} is {left_over} more than is owed", owed=amount - left_over)
        refs = list(dict.fromkeys(InstalmentRef(line.contract_no, line.instalment) for line in lines))
        busy = unit.repository.processing_for(refs)
        if busy:
            raise PaymentInProgress("a payment for the same instalments is processing", payment_nos=busy)
        payment = self.record(customer_id, amount, refs, kind="own", status="created")
        self.order(payment)
        unit.remember(key, operation, parameters, payment.payment_no)
        return payment

    def order(self, payment: PaymentRow, ref: InstalmentRef | None = None) -> ChannelOrderRow:
        """The order that will carry ``payment`` to the bank; it is sent by ``servicing/driver.py``."""
        row = ChannelOrderRow(
            order_no=payment.payment_no,
            kind=payment.kind,
            customer_id=payment.customer_id,
            amount=payment.amount,
            contract_no=ref.contract_no if ref else None,
            instalment=ref.instalment if ref else None,
            status="created",
            created_at=payment.created_at,
            sent_times=0,
        )
        self.unit.session.add(row)
        self.unit.session.flush()
        return row

    def record(
        self,
        customer_id: str,
        amount: Fen,
        refs: Sequence[InstalmentRef],
        *,
        kind: PaymentKind,
        number: str | None = None,
        value_on: date | None = None,
        status: Literal["created", "processing"] = "processing",
    ) -> PaymentRow:
        """Notes a payment that is already on its way, as another front end or the bank reports it.

        Nothing is blocked here: the money has left, so it must be on record. ``number`` is given when the reporter has one,
        ``value_on`` when the payment counts from an earlier day than today.
        Raises ``InvalidAmount``, ``CustomerNotFound``, ``ContractNotFound``, ``InstalmentNotFound``.
        """
        check_amount(amount)
        unit = self.unit
        unit.customer(customer_id)
        for ref in refs:
            unit.own_contract(customer_id, ref.contract_no)
            unit.instalment(ref.contract_no, ref.instalment)
        payment = PaymentRow(
            payment_no=number or unit.new_number("P"),
            customer_id=customer_id,
            kind=kind,
            amount=amount,
            status=status,
            created_at=unit.clock.now(),
            value_on=value_on or unit.clock.today(),
            applied=0,
            refunded=0,
        )
        unit.session.add(payment)
        unit.session.flush()
        for ref in refs:
            unit.session.add(
                PaymentTargetRow(payment_no=payment.payment_no, contract_no=ref.contract_no, instalment=ref.instalment)
            )
        unit.session.flush()
        return payment

    def settle(self, payment_no: str) -> PaymentRow:
        """The bank confirms: the money is allocated as of the day it was paid. Repeating it changes nothing.

        What the instalments no longer need is refunded; of an auto-debit it stays in ``unapplied`` as a double debit until
        ``refund_payment``. Raises ``PaymentNotFound``, ``PaymentResolved`` (it failed before).
        """
        payment = self._locked(payment_no)
        if payment.status == "settled":
            return payment
        self._must_be_open(payment)
        self.posting.receive(payment, payment.value_on)
        self.finish(payment, payment.value_on)
        return payment

    def finish(self, payment: PaymentRow, value_on: date) -> None:
        """Uses received money and closes the payment."""
        refs = self.unit.repository.targets([payment.payment_no]).get(payment.payment_no, [])
        left_over = self.posting.apply(payment, refs, value_on)
        payment.status, payment.resolved_at = "settled", self.unit.clock.now()
        self._close_order(payment, "SUCCESS")
        if left_over and payment.kind != "auto_debit":
            self.posting.refund_left_over(payment, left_over, "left_over")
        self.unit.session.flush()

    def fail(self, payment_no: str, result_code: str) -> PaymentRow:
        """The bank refuses: no money moved. Repeating it changes nothing. Raises ``PaymentNotFound``, ``PaymentResolved``."""
        payment = self._locked(payment_no)
        if payment.status == "failed" and payment.result_code == result_code:
            return payment
        self._must_be_open(payment)
        check_text("result_code", result_code, 32)
        payment.status, payment.result_code, payment.resolved_at = "failed", result_code, self.unit.clock.now()
        self._close_order(payment, result_code)
        self.unit.session.flush()
        return payment

    def give_back(self, payment_no: str, result_code: str) -> PaymentRow:
        """The bank sent the money back: the postings are reversed as of today, so the days between cost the borrower nothing.

        Repeating it changes nothing. Raises ``PaymentNotFound``, ``PaymentResolved`` (it failed: there is nothing to give back),
        ``InvalidText``.
        """
        payment = self._locked(payment_no)
        if payment.status == "returned":
            return payment
        if payment.status == "failed":
            raise PaymentResolved(f"{payment_no} is failed", status=payment.status)
        check_text("result_code", result_code, 32)
        if payment.status in {"created", "processing"} and not self.unit.repository.live_postings(payment_no, "receipt"):
            # The report of the settlement was lost or comes later: the books must not depend on the order of the reports.
            self.settle(payment_no)
        Reversal(self.unit).take_back(payment, f"returned: {result_code}")
        now = self.unit.clock.now()
        payment.status, payment.result_code = "returned", result_code
        payment.resolved_at, payment.informed_at = now, None  # the borrower was told "paid": they must hear of this
        self._close_order(payment, result_code)
        self.unit.session.flush()
        return payment

    def money_after_failure(self, payment_no: str) -> PaymentRow:
        """A payment that had failed was executed after all: the money is used as of the day the payment was made.

        It gets a payment of its own (number + ``-L``), for the borrower was told of the failure and may have paid again; what is
        not needed any more is refunded. Repeating it changes nothing. Raises ``PaymentNotFound``, ``PaymentResolved`` (it has not
        failed).
        """
        failed = self._locked(payment_no)
        number = f"{payment_no}-L"
        if self.unit.repository.payment(number) is None:
            if failed.status != "failed":
                raise PaymentResolved(f"{payment_no} is {failed.status}", status=failed.status)
            refs = self.unit.repository.targets([payment_no])[payment_no]
            kind = cast(PaymentKind, failed.kind)
            self.record(failed.customer_id, failed.amount, refs, kind=kind, number=number, value_on=failed.value_on)
        return self.settle(number)

    def _close_order(self, payment: PaymentRow, result_code: str) -> None:
        order = self.unit.session.get(ChannelOrderRow, payment.payment_no.removesuffix("-L"))
        if order is not None:
            order.status, order.result_code = payment.status, result_code

    def mark_informed(self, payment_no: str, *, key: str) -> PaymentRow:
        """The borrower was told how the payment ended (ends a system-caused period, product §3 b). Raises ``PaymentNotFound``.

        One that is not resolved stays as it is, and the key free: there was nothing to tell.
        """
        payment = self._locked(payment_no)
        operation, parameters = "mark_informed", {"payment_no": payment_no}
        if self.unit.earlier_result(key, operation, parameters) is None and payment.resolved_at is not None:
            payment.informed_at = payment.informed_at or self.unit.clock.now()
            self.unit.remember(key, operation, parameters, payment_no)
        return payment

    def _must_be_open(self, payment: PaymentRow) -> None:
        if payment.resolved_at is not None:
            raise PaymentResolved(f"{payment.payment_no} is {payment.status}", status=payment.status)

    def _payment(self, payment_no: str) -> PaymentRow:
        payment = self.unit.repository.payment(payment_no)
        if payment is None:
            raise PaymentNotFound(f"no payment {payment_no}")
        return payment

    def _locked(self, payment_no: str) -> PaymentRow:
        payment = self._payment(payment_no)
        self.unit.lock(payment.customer_id)
        return payment
