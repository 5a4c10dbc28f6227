"""The append-only double-entry ledger: posting, and the proof that stored balances are its sums.

Accounts: ``bank`` (our money at the bank), ``principal`` (what borrowers owe, per instalment), ``unapplied`` (received, not
yet used), ``refund_payable`` (to go back to a borrower), ``interest_income``, ``fee_income``, ``penalty_income`` (recognised
when paid or waived), ``waiver_expense``. Each entry moves an amount from its ``credit`` to its ``debit`` account, so it
balances by construction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from sqlalchemy import case, func, insert, or_, select
from sqlalchemy.orm import Session

from bot.core.clock import Clock
from bot.core.money import Fen
from bot.loans.errors import LedgerMismatch
from bot.loans.models import InstalmentRow, LedgerEntryRow, LedgerTransactionRow, PaymentRow, RefundRow
from bot.loans.port import Component

Account = Literal[
    "bank", "principal", "interest_income", "fee_income", "penalty_income", "waiver_expense", "unapplied", "refund_payable"
]
Kind = Literal["drawdown", "receipt", "allocation", "waiver", "refund_owed", "refund_paid", "reversal"]
ACCOUNTS: tuple[Account, ...] = get_args(Account)
ACCOUNT_OF: dict[Component, Account] = {
    "principal": "principal",
    "interest": "interest_income",
    "fee": "fee_income",
    "penalty": "penalty_income",
}


@dataclass(frozen=True)
class Entry:
    """One movement; ``contract_no`` and ``instalment`` are given for everything that touches an instalment."""

    debit: Account
    credit: Account
    amount: Fen
    contract_no: str | None = None
    instalment: int | None = None


class Ledger:
    """Writes postings and derives balances."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session = session
        self.clock = clock

    def post(
        self,
        kind: Kind,
        customer_id: str,
        entries: Iterable[Entry],
        *,
        value_on: date,
        payment_no: str | None = None,
        reverses: int | None = None,
    ) -> None:
        """Appends one transaction; ``reverses`` names the one it takes back, at most once each.

        An amount below 1 分 violates a check constraint and rolls the unit of work back.
        """
        head = LedgerTransactionRow(
            kind=kind, customer_id=customer_id, value_on=value_on, posted_at=self.clock.now(), payment_no=payment_no,
            reverses=reverses,
        )  # fmt: skip
        self.session.add(head)
        self.session.flush()
        values = [
            {
                "transaction_id": head.id,
                "debit": entry.debit,
                "credit": entry.credit,
                "amount": entry.amount,
                "contract_no": entry.contract_no,
                "instalment": entry.instalment,
            }
            for entry in entries
        ]
        self.session.execute(insert(LedgerEntryRow), values)

    def balance(self, account: Account, *, customer_id: str | None = None, on: date | None = None) -> Fen:
        """Debits minus credits of an account, of all customers or of one, counting postings valued up to ``on``."""
        entry, head = LedgerEntryRow, LedgerTransactionRow
        signed = func.sum(case((entry.debit == account, entry.amount), else_=-entry.amount))
        query = select(signed).join(head).where(or_(entry.debit == account, entry.credit == account))
        if customer_id is not None:
            query = query.where(head.customer_id == customer_id)
        if on is not None:
            query = query.where(head.value_on <= on)
        return int(self.session.scalar(query) or 0)

    def check(self) -> None:
        """Proves that every stored balance equals its sum in the ledger. Raises ``LedgerMismatch`` naming all that do not."""
        wrong = [*self._wrong_instalments(), *self._wrong_payments()]
        total = sum(self.balance(account) for account in ACCOUNTS)
        if total:
            wrong.append(f"accounts sum to {total}")
        pending = select(RefundRow.amount).where(RefundRow.status == "pending", RefundRow.cancelled_at.is_(None))
        owed_back = sum(self.session.scalars(pending))
        if owed_back != -self.balance("refund_payable"):
            wrong.append(f"refunds pending {owed_back}, refund_payable {-self.balance('refund_payable')}")
        if wrong:
            raise LedgerMismatch("; ".join(wrong), contracts=wrong)

    def _wrong_instalments(self) -> list[str]:
        derived = self._instalment_sums()
        wrong: list[str] = []
        for row in self.session.scalars(select(InstalmentRow)):
            sums = derived[(row.contract_no, row.number)]
            stored = {
                "principal": row.principal - row.paid_principal,
                "interest": row.paid_interest,
                "fee": row.paid_fee,
                "penalty": row.paid_penalty,
                "waived": row.waived_penalty,
            }
            for name, amount in stored.items():
                if sums[name] != amount:
                    wrong.append(f"{row.contract_no} #{row.number} {name}: stored {amount}, ledger {sums[name]}")
        return wrong

    def _instalment_sums(self) -> dict[tuple[str | None, int | None], dict[str, Fen]]:
        """Per instalment: principal still owed, and what was paid of interest, fee and penalty, and waived."""
        entry = LedgerEntryRow
        query = (
            select(entry.contract_no, entry.instalment, entry.debit, entry.credit, func.sum(entry.amount))
            .where(entry.contract_no.is_not(None), entry.instalment.is_not(None))
            .group_by(entry.contract_no, entry.instalment, entry.debit, entry.credit)
        )
        names = {"interest_income": "interest", "fee_income": "fee", "penalty_income": "penalty"}
        sums: dict[tuple[str | None, int | None], dict[str, Fen]] = defaultdict(lambda: defaultdict(int))
        for contract_no, number, debit, credit, amount in self.session.execute(query):
            own = sums[(contract_no, number)]
            if debit == "principal":
                own["principal"] += amount
            if credit == "principal":
                own["principal"] -= amount
            if debit == "waiver_expense":
                own["waived"] += amount
            elif credit in names:
                own[names[credit]] += amount
            if debit in names:
                own[names[debit]] -= amount
        return sums

    def _wrong_payments(self) -> list[str]:
        entry, head = LedgerEntryRow, LedgerTransactionRow
        signed = func.sum(case((entry.credit == "unapplied", entry.amount), else_=-entry.amount))
        query = (
            select(head.payment_no, signed)
            .join(entry)
            .where(or_(entry.debit == "unapplied", entry.credit == "unapplied"))
            .group_by(head.payment_no)
        )
        derived = {number: int(amount) for number, amount in self.session.execute(query)}
        wrong: list[str] = []
        for row in self.session.scalars(select(PaymentRow)):
            # What a returned payment could not take back (a refund already paid) stays a claim: a debit balance in `unapplied`.
            received = 0 if row.status == "returned" else row.amount
            held = received - row.applied - row.refunded
            in_ledger = derived.get(row.payment_no)
            if in_ledger is None and row.status != "settled":
                continue
            if (in_ledger or 0) != held:
                wrong.append(f"{row.payment_no} unapplied: stored {held}, ledger {in_ledger}")
        return wrong
