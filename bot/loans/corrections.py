"""Corrections of what was posted wrongly: the posting is reversed and, where money was misplaced, posted anew. Nothing is edited.

Who may correct is decided above; each correction says why and is idempotent by key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core.money import Fen
from bot.loans.errors import InstalmentNotFound, NotReversible, PaymentNotFound, PostingNotFound
from bot.loans.ledger import ACCOUNT_OF, Entry
from bot.loans.models import PaymentRow
from bot.loans.port import Component, InstalmentRef
from bot.loans.posting import Posting, add_paid
from bot.loans.reversal import paid_part
from bot.loans.unit import Unit, check_text

MAX_REASON_CHARS = 200
_COMPONENT_OF: dict[str, Component] = {account: component for component, account in ACCOUNT_OF.items()}


class CorrectionService:
    """Commands of the lender on postings; the stored balances follow the ledger."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.posting = Posting(unit)

    def reverse_waiver(self, transaction_id: int, *, reason: str, key: str) -> int:
        """Takes back a waiver that was granted by mistake; returns the number of the reversal.

        Raises ``PostingNotFound``, ``NotReversible`` (no waiver, or reversed already), ``InvalidText``.
        """
        unit, operation = self.unit, "reverse_waiver"
        parameters = {"transaction_id": transaction_id, "reason": reason}
        head = unit.repository.posting(transaction_id)
        if head is None:
            raise PostingNotFound(f"no posting {transaction_id}")
        unit.lock(head.customer_id)
        earlier = unit.earlier_result(key, operation, parameters)
        if earlier is not None:
            return int(earlier)
        check_text("reason", reason, MAX_REASON_CHARS)
        if head.kind != "waiver":
            raise NotReversible(f"posting {transaction_id} is no waiver", kind=head.kind)
        reversal_id = self._reverse(transaction_id, reason)
        if reversal_id is None:
            raise NotReversible(f"posting {transaction_id} moved nothing", kind=head.kind)
        unit.remember(key, operation, parameters, str(reversal_id))
        return reversal_id

    def reapply(self, payment_no: str, refs: Sequence[InstalmentRef], *, reason: str, key: str) -> PaymentRow:
        """Moves a settled payment that was used for the wrong instalments to ``refs`` of the same customer.

        It counts from the day on which it was made, as it should have; what ``refs`` do not need is refunded. A charge that it
        paid and that was given back to the borrower since stays where it was: that money is theirs again and cannot be moved.
        Raises ``PaymentNotFound``, ``NotReversible`` (not settled), ``ContractNotFound``, ``InstalmentNotFound``,
        ``InvalidText``.
        """
        unit, operation = self.unit, "reapply_payment"
        targets = sorted({(ref.contract_no, ref.instalment) for ref in refs})
        parameters = {"payment_no": payment_no, "targets": [list(target) for target in targets], "reason": reason}
        payment = unit.repository.payment(payment_no)
        if payment is None:
            raise PaymentNotFound(f"no payment {payment_no}")
        unit.lock(payment.customer_id)
        if unit.earlier_result(key, operation, parameters) is not None:
            return payment
        check_text("reason", reason, MAX_REASON_CHARS)
        self._check_targets(payment, refs)
        for transaction_id in unit.repository.live_allocations(payment_no):
            self._reverse(transaction_id, reason)
        left_over = self.posting.apply(payment, refs, payment.value_on)
        if left_over:
            self.posting.refund_left_over(payment, left_over, "left_over")
        unit.remember(key, operation, parameters, payment_no)
        return payment

    def _check_targets(self, payment: PaymentRow, refs: Sequence[InstalmentRef]) -> None:
        if payment.status != "settled":
            raise NotReversible(f"{payment.payment_no} is {payment.status}", status=payment.status)
        if not refs:
            raise InstalmentNotFound("a payment needs an instalment to go to")
        for ref in refs:
            self.unit.own_contract(payment.customer_id, ref.contract_no)
            self.unit.instalment(ref.contract_no, ref.instalment)

    def _reverse(self, transaction_id: int, reason: str) -> int | None:
        """The number of the reversal; ``None`` when everything of the posting had been given back to the borrower before."""
        unit, parts = self.unit, self._still_there(transaction_id)
        if not parts:
            return None
        reversal = unit.ledger.reverse(transaction_id, note=reason, parts=parts)
        used: Fen = 0
        for entry in reversal.undone:
            row = unit.instalment(entry.contract_no or "", entry.instalment or 0)
            if entry.debit == "waiver_expense":
                row.waived_penalty -= entry.amount
            else:
                add_paid(row, _COMPONENT_OF[entry.credit], -entry.amount)
                used += entry.amount
        payment = unit.repository.payment(reversal.payment_no) if reversal.payment_no is not None else None
        if payment is not None:
            payment.applied -= used
        unit.session.flush()
        contracts = {entry.contract_no for entry in reversal.undone if entry.contract_no is not None}
        self.posting.refresh(contracts, unit.clock.today())
        return reversal.reversal_id

    def _still_there(self, transaction_id: int) -> list[Entry]:
        """The entries on instalments, less charges that were refunded since; they may have come from this posting."""
        parts: list[Entry] = []
        for entry in self.unit.ledger.entries(transaction_id):
            if entry.contract_no is None or entry.instalment is None:
                continue
            amount = entry.amount
            if entry.debit != "waiver_expense":
                row = self.unit.instalment(entry.contract_no, entry.instalment)
                amount = min(amount, paid_part(row, _COMPONENT_OF[entry.credit]))
            if amount:
                parts.append(replace(entry, amount=amount))
        return parts
