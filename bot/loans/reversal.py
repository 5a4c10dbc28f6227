"""Takes a payment out of the books after the bank sent its money back: reversing postings, never edits.

What the payment had settled is owed again from the day of the return; the days between cost nothing, since the money was with
us. What cannot be taken back, because it has left our account as a refund meanwhile (or the bank was asked to send it, and may
have), stays as a debit balance of the payment in ``unapplied``: a claim that a person settles with the borrower.
"""

from __future__ import annotations

from dataclasses import replace

from bot.core.money import Fen
from bot.loans.ledger import Entry
from bot.loans.models import InstalmentRow, PaymentRow
from bot.loans.port import Component
from bot.loans.posting import Posting, add_paid
from bot.loans.repository import COMPONENT_ACCOUNTS
from bot.loans.unit import Unit

REVERSIBLE = ("receipt", "allocation", "refund_owed")


class Reversal:
    """Undoes one payment; the caller holds the customer's lock."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.posting = Posting(unit)

    def take_back(self, payment: PaymentRow, note: str) -> None:
        """Posts the reversals and brings the stored balances and the settled marks in line. ``note``: why, for the ledger."""
        unit = self.unit
        self._cancel_refunds(payment)
        touched: set[str] = set()
        for head in reversed(unit.repository.live_postings(payment.payment_no, *REVERSIBLE)):
            entries = [replace(each, amount=self._take(payment, head.kind, each)) for each in unit.ledger.entries(head.id)]
            parts = [entry for entry in entries if entry.amount]
            touched |= {entry.contract_no for entry in parts if entry.contract_no is not None}
            if parts:
                unit.ledger.reverse(head.id, note=note, value_on=unit.clock.today(), parts=parts)
        unit.session.flush()
        self.posting.refresh(touched, unit.clock.today())

    def _cancel_refunds(self, payment: PaymentRow) -> None:
        """Refunds of this payment that the bank was not asked to pay yet are no longer owed."""
        self._cancelled: Fen = 0
        for refund in self.unit.repository.pending_refunds(payment.payment_no):
            if refund.tried_at is not None:
                continue
            refund.cancelled_at = self.unit.clock.now()
            self._cancelled += refund.amount

    def _take(self, payment: PaymentRow, kind: str, entry: Entry) -> Fen:
        """How much of the entry can be taken back; the stored balances follow."""
        amount = entry.amount
        if kind == "refund_owed":
            amount = min(amount, self._cancelled)
            self._cancelled -= amount
            payment.refunded -= amount
        elif kind == "allocation":
            amount = self._take_from_instalment(entry)
            payment.applied -= amount
        return amount

    def _take_from_instalment(self, entry: Entry) -> Fen:
        """Lowers the paid part; a charge that was refunded since is not there any more, so it cannot be taken twice."""
        component = COMPONENT_ACCOUNTS[entry.credit]
        row = self.unit.instalment(entry.contract_no or "", entry.instalment or 0)
        amount = min(entry.amount, paid_part(row, component))
        add_paid(row, component, -amount)
        return amount


def paid_part(row: InstalmentRow, component: Component) -> Fen:
    """The stored balance (分) of one component."""
    paid: dict[Component, Fen] = {
        "principal": row.paid_principal,
        "interest": row.paid_interest,
        "fee": row.paid_fee,
        "penalty": row.paid_penalty,
    }
    return paid[component]
