"""The append-only double-entry ledger: posting, reversing, and balances of any past day.

Accounts: ``bank`` (our money at the bank), ``principal`` (what borrowers owe, per instalment), ``unapplied`` (received, not
yet used), ``refund_payable`` (to go back to a borrower), ``interest_income``, ``fee_income``, ``penalty_income`` (recognised
when paid or waived), ``waiver_expense``. Each entry moves an amount from its ``credit`` to its ``debit`` account, so it
balances by construction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, cast, get_args

from sqlalchemy import ColumnElement, case, func, insert, or_, select
from sqlalchemy.orm import Session

from bot.core.clock import Clock
from bot.core.money import Fen
from bot.loans.audit import audit
from bot.loans.errors import LedgerMismatch, NotReversible, PostingNotFound
from bot.loans.models import LedgerEntryRow, LedgerTransactionRow
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


@dataclass(frozen=True)
class Reversed:
    """What a reversal undid: ``undone`` are the entries of the original, as they were, or the parts that could be undone."""

    reversal_id: int
    transaction_id: int
    kind: str
    payment_no: str | None
    undone: tuple[Entry, ...]


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
        note: str | None = None,
    ) -> int:
        """Appends one transaction and returns its number.

        An amount below 1 分 violates a check constraint and rolls the unit of work back. ``reverses`` and ``note`` belong to
        reversals: see ``reverse``.
        """
        head = LedgerTransactionRow(
            kind=kind,
            customer_id=customer_id,
            value_on=value_on,
            posted_at=self.clock.now(),
            payment_no=payment_no,
            reverses=reverses,
            note=note,
        )
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
        return head.id

    def reverse(
        self, transaction_id: int, *, note: str, value_on: date | None = None, parts: Sequence[Entry] | None = None
    ) -> Reversed:
        """Undoes a posting by another one that stands the other way round and names it; nothing that was written changes.

        The reversal counts from ``value_on``, by default from the day of what it undoes: a balance of any day since then is the
        corrected one, and ``known_at`` still shows what the books said before. The caller keeps the stored balances equal.
        ``parts``: the entries with smaller amounts, where not all can be undone (``reversal.py`` says when); by default all.
        Raises ``PostingNotFound``, ``NotReversible`` (it was reversed already, or is a reversal itself).
        """
        head = self.session.get(LedgerTransactionRow, transaction_id) if 0 < transaction_id < 2**63 else None
        if head is None:
            raise PostingNotFound(f"no posting {transaction_id}")
        if head.kind == "reversal" or self._reversal_of(transaction_id) is not None:
            raise NotReversible(f"posting {transaction_id} is a reversal or was reversed already", kind=head.kind)
        undone = self.entries(transaction_id) if parts is None else tuple(parts)
        reversal_id = self.post(
            "reversal",
            head.customer_id,
            [replace(entry, debit=entry.credit, credit=entry.debit) for entry in undone],
            value_on=value_on or head.value_on,
            payment_no=head.payment_no,
            reverses=transaction_id,
            note=note,
        )
        return Reversed(reversal_id, transaction_id, head.kind, head.payment_no, undone)

    def entries(self, transaction_id: int) -> tuple[Entry, ...]:
        """What a posting moved, in the order in which it was written."""
        row = LedgerEntryRow
        rows = self.session.scalars(select(row).where(row.transaction_id == transaction_id).order_by(row.id))
        return tuple(Entry(_account(r.debit), _account(r.credit), r.amount, r.contract_no, r.instalment) for r in rows)

    def _reversal_of(self, transaction_id: int) -> int | None:
        head = LedgerTransactionRow
        return self.session.scalar(select(head.id).where(head.reverses == transaction_id))

    def balance(
        self,
        account: Account,
        *,
        customer_id: str | None = None,
        contract_no: str | None = None,
        instalment: int | None = None,
        as_of: date | None = None,
        known_at: datetime | None = None,
    ) -> Fen:
        """Debits minus credits of an account in 分: of all, or of one customer, contract or instalment.

        ``as_of`` counts postings valued up to the end of that day, ``known_at`` those that had been written by that moment:
        together they tell what the books said then, without later corrections and late confirmations.
        """
        entry, head = LedgerEntryRow, LedgerTransactionRow
        signed = func.sum(case((entry.debit == account, entry.amount), else_=-entry.amount))
        query = select(signed).join(head).where(or_(entry.debit == account, entry.credit == account))
        if customer_id is not None:
            query = query.where(head.customer_id == customer_id)
        if contract_no is not None:
            query = query.where(entry.contract_no == contract_no)
        if instalment is not None:
            query = query.where(entry.instalment == instalment)
        return int(self.session.scalar(query.where(*_until(as_of, known_at))) or 0)

    def trial_balance(
        self, *, customer_id: str | None = None, as_of: date | None = None, known_at: datetime | None = None
    ) -> dict[Account, Fen]:
        """Every account as ``balance`` has it; the sum over all accounts is 0."""
        entry, head = LedgerEntryRow, LedgerTransactionRow
        query = select(entry.debit, entry.credit, func.sum(entry.amount)).join(head).group_by(entry.debit, entry.credit)
        if customer_id is not None:
            query = query.where(head.customer_id == customer_id)
        found = dict.fromkeys(ACCOUNTS, 0)
        for debit, credit, amount in self.session.execute(query.where(*_until(as_of, known_at))):
            found[_account(debit)] += int(amount)
            found[_account(credit)] -= int(amount)
        return found

    def check(self) -> None:
        """Proves that every stored balance equals its sum in the ledger. Raises ``LedgerMismatch`` naming all that do not."""
        self.session.flush()
        wrong = [each for checked in audit(self.session) for each in checked.wrong]
        if wrong:
            contracts = sorted({each.contract_no for each in wrong if each.contract_no})
            raise LedgerMismatch("; ".join(map(str, wrong)), contracts=contracts)


def _until(as_of: date | None, known_at: datetime | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if as_of is not None:
        found.append(LedgerTransactionRow.value_on <= as_of)
    if known_at is not None:
        found.append(LedgerTransactionRow.posted_at <= known_at)
    return found


def _account(name: str) -> Account:
    """The schema's check constraint admits only these names."""
    return cast(Account, name)
