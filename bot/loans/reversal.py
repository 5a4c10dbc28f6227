"""Takes a payment out of the books after the bank sent its money back: reversing postings, never edits.

What the payment had settled is owed again from the day of the return; the days between cost nothing, since the money was with
us. What cannot be taken back, because it has left our account as a refund meanwhile, stays as a debit balance of the payment in
``unapplied``: a claim that a person settles with the borrower.
"""

from __future__ import annotations

from bot.core.money import Fen
from bot.loans.ledger import ACCOUNT_OF, Account, Entry
from bot.loans.models import InstalmentRow, LedgerEntryRow, PaymentRow
from bot.loans.port import Component, InstalmentRef
from bot.loans.posting import Posting, add_paid
from bot.loans.repository import COMPONENT_ACCOUNTS
from bot.loans.unit import Unit

REVERSIBLE = ("receipt", "allocation", "refund_owed")


class Reversal:
    """Undoes one payment; the caller holds the customer's lock."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.posting = Posting(unit)

    def take_back(self, payment: PaymentRow) -> None:
        """Posts the reversals and brings the stored balances and the settled marks in line."""
        unit = self.unit
        self._cancel_refunds(payment)
        touched: set[str] = set()
        for head, entries in reversed(unit.repository.postings_of(payment.payment_no)):
            if head.kind not in REVERSIBLE:
                continue
            reversing = [entry for each in entries if (entry := self._reverse(payment, head.kind, each)) is not None]
            touched |= {entry.contract_no for entry in reversing if entry.contract_no is not None}
            if reversing:
                unit.ledger.post(
                    "reversal", payment.customer_id, reversing,
                    value_on=unit.clock.today(), payment_no=payment.payment_no, reverses=head.id,
                )  # fmt: skip
        unit.session.flush()
        self.posting.refresh(touched, unit.clock.today())

    def _cancel_refunds(self, payment: PaymentRow) -> None:
        """Refunds of this payment that have not been paid out are no longer owed."""
        self._cancelled: Fen = 0
        for refund in self.unit.repository.pending_refunds(payment.payment_no):
            refund.cancelled_at = self.unit.clock.now()
            self._cancelled += refund.amount

    def _reverse(self, payment: PaymentRow, kind: str, entry: LedgerEntryRow) -> Entry | None:
        """The entry turned round, as far as it can be taken back; ``None`` when nothing of it can."""
        amount = entry.amount
        if kind == "refund_owed":
            amount = min(amount, self._cancelled)
            self._cancelled -= amount
            payment.refunded -= amount
        elif kind == "allocation":
            amount = self._take_from_instalment(entry)
            payment.applied -= amount
        debit: Account = _account(entry.credit)
        credit: Account = _account(entry.debit)
        return Entry(debit, credit, amount, entry.contract_no, entry.instalment) if amount else None

    def _take_from_instalment(self, entry: LedgerEntryRow) -> Fen:
        """Lowers the paid part; penalty that was refunded since is not there any more, so it cannot be taken twice."""
        component: Component = COMPONENT_ACCOUNTS[entry.credit]
        ref = InstalmentRef(entry.contract_no or "", entry.instalment or 0)
        row = self.unit.repository.instalment(ref.contract_no, ref.instalment)
        if row is None:
            raise LookupError(f"ledger entry {entry.id} points at no instalment")
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


def _account(name: str) -> Account:
    """Narrows a stored account name; the table's check constraint admits no other."""
    if name == "bank":
        return "bank"
    if name in {"unapplied", "refund_payable"}:
        return "unapplied" if name == "unapplied" else "refund_payable"
    return ACCOUNT_OF[COMPONENT_ACCOUNTS[name]]
