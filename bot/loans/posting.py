"""Uses money that arrived: allocates it by the rules, writes the ledger, keeps the stored balances equal to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from bot.core.money import Fen
from bot.loans.allocation import allocate, claims
from bot.loans.ledger import ACCOUNT_OF, Account, Entry
from bot.loans.models import InstalmentRow, PaymentRow, RefundRow
from bot.loans.port import AllocationLine, Component, InstalmentRef
from bot.loans.position import Position, positions
from bot.loans.unit import Unit


class Posting:
    """Shared by payments, auto-debit, scheduled repayments and remedies."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def receive(self, payment: PaymentRow, value_on: date) -> None:
        """The money is in our bank account, not yet used."""
        entry = Entry("bank", "unapplied", payment.amount)
        self.unit.ledger.post("receipt", payment.customer_id, [entry], value_on=value_on, payment_no=payment.payment_no)

    def apply(self, payment: PaymentRow, refs: Collection[InstalmentRef], value_on: date) -> Fen:
        """Allocates the received ``payment`` to ``refs`` as of ``value_on``; returns the part (分) that was not needed."""
        numbers = {ref.contract_no for ref in refs}
        books = self.unit.repository.books([self.unit.any_contract(number) for number in sorted(numbers)])
        # A payment that is applied anew may have given something back before, or have paid a charge that was given back.
        usable = payment.amount - payment.refunded - payment.applied
        lines, left_over = allocate(usable, claims(books, value_on, refs))
        if lines:
            self._post_lines(payment, lines, value_on)
        payment.applied += usable - left_over
        self.refresh(numbers, value_on)
        return left_over

    def _post_lines(self, payment: PaymentRow, lines: Sequence[AllocationLine], value_on: date) -> None:
        entries: list[Entry] = []
        rows = self._instalments({line.contract_no for line in lines})
        for line in lines:
            entries.append(Entry("unapplied", ACCOUNT_OF[line.component], line.amount, line.contract_no, line.instalment))
            add_paid(rows[InstalmentRef(line.contract_no, line.instalment)], line.component, line.amount)
        self.unit.ledger.post("allocation", payment.customer_id, entries, value_on=value_on, payment_no=payment.payment_no)

    def _instalments(self, contract_nos: Collection[str]) -> dict[InstalmentRef, InstalmentRow]:
        rows = self.unit.repository.instalments(contract_nos)
        return {InstalmentRef(row.contract_no, row.number): row for row in rows}

    def refresh(self, contract_nos: Iterable[str], value_on: date) -> None:
        """Marks what is settled now, and gives back what a value date in the past has made too much."""
        today = self.unit.clock.today()
        contracts = [self.unit.any_contract(number) for number in sorted(set(contract_nos))]
        rows = self._instalments([contract.contract_no for contract in contracts])
        for contract, book in zip(contracts, self.unit.repository.books(contracts), strict=True):
            stand = positions(book, today)
            for position in stand:
                row = rows[InstalmentRef(contract.contract_no, position.number)]
                self._return_excess(contract.customer_id, row, position)
                row.settled_on = (row.settled_on or value_on) if position.settled else None
            all_settled = all(position.settled for position in stand)
            contract.settled_on = (contract.settled_on or value_on) if all_settled else None

    def _return_excess(self, customer_id: str, row: InstalmentRow, position: Position) -> None:
        """A payment that settles late counts from the day it was made; interest or penalty paid meanwhile goes back."""
        too_much: dict[Component, Fen] = {
            "penalty": min(position.paid_penalty, position.paid_penalty + position.waived_penalty - position.penalty),
            "interest": position.paid_interest - position.interest_at_due,
            "fee": position.paid_fee - position.fee_at_due,
        }
        for component, excess in too_much.items():
            if excess > 0:
                entry = Entry(ACCOUNT_OF[component], "refund_payable", excess, row.contract_no, row.number)
                add_paid(row, component, -excess)
                self.owe_refund(customer_id, excess, "overcharge", entry, payment_no=None)

    def refund_left_over(self, payment: PaymentRow, amount: Fen, reason: str) -> RefundRow:
        """Money of ``payment`` that was not needed goes back."""
        payment.refunded += amount
        entry = Entry("unapplied", "refund_payable", amount)
        return self.owe_refund(payment.customer_id, amount, reason, entry, payment_no=payment.payment_no)

    def owe_refund(self, customer_id: str, amount: Fen, reason: str, entry: Entry, *, payment_no: str | None) -> RefundRow:
        """Writes the debt to the borrower and the refund that will pay it."""
        unit = self.unit
        refund = RefundRow(
            refund_no=unit.new_number("RF"),
            customer_id=customer_id,
            amount=amount,
            reason=reason,
            payment_no=payment_no,
            status="pending",
            created_at=unit.clock.now(),
        )
        unit.session.add(refund)
        unit.ledger.post("refund_owed", customer_id, [entry], value_on=unit.clock.today(), payment_no=payment_no)
        return refund

    def pay_refund(self, refund: RefundRow) -> None:
        """The bank has sent the money back. Repeating it changes nothing.

        One that was cancelled is owed again first: the money left our account, so the books must show it. It becomes a claim
        in ``unapplied``, as with a payment that is returned after its refund was paid.
        """
        if refund.status == "paid":
            return
        if refund.cancelled_at is not None:
            self._owe_again(refund)
        refund.status, refund.paid_at = "paid", self.unit.clock.now()
        account: Account = "refund_payable"
        entry = Entry(account, "bank", refund.amount)
        self.unit.ledger.post(
            "refund_paid", refund.customer_id, [entry], value_on=self.unit.clock.today(), payment_no=refund.payment_no
        )

    def _owe_again(self, refund: RefundRow) -> None:
        payment = self.unit.repository.payment(refund.payment_no or "")
        if payment is None:
            raise LookupError(f"{refund.refund_no} was cancelled without a payment")
        refund.cancelled_at = None
        payment.refunded += refund.amount
        entry = Entry("unapplied", "refund_payable", refund.amount)
        self.unit.ledger.post(
            "refund_owed", refund.customer_id, [entry], value_on=self.unit.clock.today(), payment_no=refund.payment_no
        )


def add_paid(row: InstalmentRow, component: Component, amount: Fen) -> None:
    """Moves the stored balance of one component by ``amount`` 分."""
    if component == "principal":
        row.paid_principal += amount
    elif component == "interest":
        row.paid_interest += amount
    elif component == "fee":
        row.paid_fee += amount
    else:
        row.paid_penalty += amount
