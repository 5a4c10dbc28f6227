"""What a dispute may change: hold and release of accrual, waiver of unpaid penalty, refund of paid penalty or surplus money."""

from __future__ import annotations

from typing import Any

from bot.core.money import Fen
from bot.loans.errors import AmountExceedsOwed, ContractSettled, NoHold, PaymentNotFound, ReceiptNotFound
from bot.loans.ledger import Entry
from bot.loans.models import AccrualHoldRow, ContractRow, InstalmentRow, ReceiptRow
from bot.loans.port import InstalmentRef
from bot.loans.position import Position, positions
from bot.loans.posting import Posting
from bot.loans.servicing.models import OverdueFlagRow
from bot.loans.servicing.overdue import OverdueService
from bot.loans.unit import Unit, check_amount, check_text

MAX_REASON_CHARS = 80

REMEDIES = frozenset({"waive_penalty", "refund_penalty", "refund_payment"})
"""Commands that end in a receipt."""


class RemedyService:
    """Commands of the lender on one instalment or payment; who may give them is decided in ``bot.cases``."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.posting = Posting(unit)

    def hold(self, contract_no: str, instalment: int, reason: str, *, key: str) -> AccrualHoldRow:
        """From tomorrow on no penalty accrues. Raises ``ContractNotFound``, ``InstalmentNotFound``."""
        unit, operation = self.unit, "hold_accrual"
        parameters = {"contract_no": contract_no, "instalment": instalment, "reason": reason}
        self._locked(contract_no, instalment)
        earlier = unit.earlier_result(key, operation, parameters)
        if earlier is not None:
            return next(row for row in unit.repository.holds(contract_no, instalment) if str(row.id) == earlier)
        check_text("reason", reason, MAX_REASON_CHARS)
        row = self._open_hold(contract_no, instalment)
        if row is None:
            row = AccrualHoldRow(contract_no=contract_no, instalment=instalment, reason=reason, held_on=unit.clock.today())
            unit.session.add(row)
            unit.session.flush()
        unit.remember(key, operation, parameters, str(row.id))
        return row

    def release(self, contract_no: str, instalment: int, *, key: str) -> AccrualHoldRow:
        """Accrual goes on from tomorrow. Raises ``NoHold``, ``ContractNotFound``, ``InstalmentNotFound``."""
        unit, operation = self.unit, "release_accrual"
        parameters = {"contract_no": contract_no, "instalment": instalment}
        self._locked(contract_no, instalment)
        earlier = unit.earlier_result(key, operation, parameters)
        if earlier is not None:
            return next(row for row in unit.repository.holds(contract_no, instalment) if str(row.id) == earlier)
        row = self._open_hold(contract_no, instalment)
        if row is None:
            raise NoHold(f"{contract_no} #{instalment} is not on hold")
        row.released_on = unit.clock.today()
        unit.remember(key, operation, parameters, str(row.id))
        return row

    def waive_penalty(self, contract_no: str, instalment: int, amount: Fen, *, reason: str, key: str) -> ReceiptRow:
        """Forgives unpaid penalty as of today; errors as in ``LoanBackend.waive_penalty``."""
        parameters = {"contract_no": contract_no, "instalment": instalment, "amount": amount, "reason": reason}
        contract, row = self._locked(contract_no, instalment)
        earlier = self.unit.earlier_result(key, "waive_penalty", parameters)
        if earlier is not None:
            return self.receipt(earlier)
        check_amount(amount)
        check_text("reason", reason, MAX_REASON_CHARS)
        if contract.settled_on is not None:
            raise ContractSettled(f"{contract_no} is settled", contract_no=contract_no, settled_on=contract.settled_on)
        _at_most(amount, self._position(contract, instalment).penalty_due)
        self._waive(contract, row, amount)
        receipt = self._receipt("waiver", contract.customer_id, amount, reason, contract_no=contract_no, instalment=instalment)
        self.posting.refresh([contract_no], self.unit.clock.today())
        return self._remember(key, "waive_penalty", parameters, receipt)

    def refund_penalty(self, contract_no: str, instalment: int, amount: Fen, *, reason: str, key: str) -> ReceiptRow:
        """Gives back paid penalty, which then counts as waived; errors as in ``LoanBackend.refund_penalty``."""
        parameters = {"contract_no": contract_no, "instalment": instalment, "amount": amount, "reason": reason}
        contract, row = self._locked(contract_no, instalment)
        earlier = self.unit.earlier_result(key, "refund_penalty", parameters)
        if earlier is not None:
            return self.receipt(earlier)
        check_amount(amount)
        check_text("reason", reason, MAX_REASON_CHARS)
        _at_most(amount, row.paid_penalty)
        row.paid_penalty -= amount
        entry = Entry("penalty_income", "refund_payable", amount, contract_no, instalment)
        refund = self.posting.owe_refund(contract.customer_id, amount, "penalty", entry, payment_no=None)
        self._waive(contract, row, amount)
        receipt = self._receipt(
            "refund", contract.customer_id, amount, reason,
            contract_no=contract_no, instalment=instalment, refund_no=refund.refund_no,
        )  # fmt: skip
        return self._remember(key, "refund_penalty", parameters, receipt)

    def refund_payment(self, payment_no: str, amount: Fen, *, reason: str, key: str) -> ReceiptRow:
        """Gives back what a settled payment did not need; errors as in ``LoanBackend.refund_payment``."""
        parameters = {"payment_no": payment_no, "amount": amount, "reason": reason}
        payment = self.unit.repository.payment(payment_no)
        if payment is None:
            raise PaymentNotFound(f"no payment {payment_no}")
        self.unit.lock(payment.customer_id)
        earlier = self.unit.earlier_result(key, "refund_payment", parameters)
        if earlier is not None:
            return self.receipt(earlier)
        check_amount(amount)
        check_text("reason", reason, MAX_REASON_CHARS)
        _at_most(amount, payment.amount - payment.applied - payment.refunded if payment.status == "settled" else 0)
        refund = self.posting.refund_left_over(payment, amount, "double_debit")
        receipt = self._receipt("refund", payment.customer_id, amount, reason, refund_no=refund.refund_no)
        return self._remember(key, "refund_payment", parameters, receipt)

    def correct_bureau_report(self, contract_no: str, instalment: int, *, reason: str, key: str) -> OverdueFlagRow:
        """The flag ``corrected``; errors as in ``LoanBackend.correct_bureau_report``."""
        parameters = {"contract_no": contract_no, "instalment": instalment, "reason": reason}
        self._locked(contract_no, instalment)
        earlier = self.unit.earlier_result(key, "correct_bureau_report", parameters)
        if earlier is not None:
            history = self.unit.repository.overdue_flags(contract_no, instalment)
            return next(row for row in history if str(row.id) == earlier)
        # When the bureau is told is no question for a correction, so the number of days does not matter.
        row = OverdueService(self.unit, bureau_after_days=1).correct(InstalmentRef(contract_no, instalment), reason)
        self.unit.remember(key, "correct_bureau_report", parameters, str(row.id))
        return row

    def receipt(self, receipt_no: str) -> ReceiptRow:
        """Raises ``ReceiptNotFound``."""
        row = self.unit.repository.receipt(receipt_no)
        if row is None:
            raise ReceiptNotFound(f"no receipt {receipt_no}")
        return row

    def receipt_of(self, key: str) -> ReceiptRow | None:
        """The receipt of the remedy with this key, if one was given; keys of other commands have none."""
        used = self.unit.repository.idempotency_key(key)
        return self.receipt(used.result) if used is not None and used.operation in REMEDIES else None

    def _locked(self, contract_no: str, instalment: int) -> tuple[ContractRow, InstalmentRow]:
        contract = self.unit.any_contract(contract_no)
        self.unit.lock(contract.customer_id)
        return contract, self.unit.instalment(contract_no, instalment)

    def _open_hold(self, contract_no: str, instalment: int) -> AccrualHoldRow | None:
        return next((row for row in self.unit.repository.holds(contract_no, instalment) if row.released_on is None), None)

    def _position(self, contract: ContractRow, instalment: int) -> Position:
        return positions(self.unit.repository.books([contract])[0], self.unit.clock.today())[instalment - 1]

    def _waive(self, contract: ContractRow, row: InstalmentRow, amount: Fen) -> None:
        row.waived_penalty += amount
        entry = Entry("waiver_expense", "penalty_income", amount, row.contract_no, row.number)
        self.unit.ledger.post("waiver", contract.customer_id, [entry], value_on=self.unit.clock.today())

    def _receipt(
        self, kind: str, customer_id: str, amount: Fen, reason: str, *,
        contract_no: str | None = None, instalment: int | None = None, refund_no: str | None = None,
    ) -> ReceiptRow:  # fmt: skip
        unit = self.unit
        unit.session.flush()  # the refund that the receipt points at comes first
        row = ReceiptRow(
            receipt_no=unit.new_number("R"),
            kind=kind,
            customer_id=customer_id,
            contract_no=contract_no,
            instalment=instalment,
            amount=amount,
            reason=reason,
            at=unit.clock.now(),
            refund_no=refund_no,
        )
        unit.session.add(row)
        unit.session.flush()
        return row

    def _remember(self, key: str, operation: str, parameters: dict[str, Any], receipt: ReceiptRow) -> ReceiptRow:
        self.unit.remember(key, operation, parameters, receipt.receipt_no)
        return receipt


def _at_most(amount: Fen, owed: Fen) -> None:
    if amount > owed:
        raise AmountExceedsOwed(f"{amount} is more than {owed}", owed=owed)
