"""Penalty waived or refunded on many instalments at once: the rows that ``RemedyService`` would write one by one.

What may close an instalment or its contract goes through ``RemedyService`` itself. The numbers of receipts and refunds have
sixteen random digits instead of eight: of a million a day, eight would clash.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from bot.core.bulk import Row, among, insert_many, reserve_ids, update_many
from bot.core.money import Fen
from bot.loans import models as m
from bot.loans.errors import AmountExceedsOwed
from bot.loans.position import Position
from bot.loans.remedies import RemedyService
from bot.loans.unit import Unit

_HEAD = ("id", "kind", "customer_id", "value_on", "posted_at")
_ENTRY = ("transaction_id", "debit", "credit", "amount", "contract_no", "instalment")
_REFUND = ("refund_no", "customer_id", "amount", "reason", "status", "created_at")
_RECEIPT = ("receipt_no", "kind", "customer_id", "contract_no", "instalment", "amount", "reason", "at", "refund_no")
_KEY = ("key", "operation", "parameters", "result", "created_at")


@dataclass(frozen=True)
class Gift:
    """What one instalment gets, in 分: ``waive`` of the unpaid penalty, ``refund`` of the paid one.

    ``key`` begins the keys of both. ``position``: where the instalment stands today.
    """

    key: str
    customer_id: str
    contract_no: str
    instalment: int
    waive: Fen
    refund: Fen
    reason: str
    position: Position

    @property
    def may_settle(self) -> bool:
        """No principal is left, so that a waiver may be the last thing that was missing."""
        return self.waive > 0 and self.position.principal_due == 0


def _check_within(gift: Gift) -> None:
    for amount, most in ((gift.waive, gift.position.penalty_due), (gift.refund, gift.position.paid_penalty)):
        if amount > most:
            raise AmountExceedsOwed(f"{gift.contract_no} #{gift.instalment}: {amount} is more than {most}", owed=most)


@dataclass(frozen=True)
class Given:
    """Numbers of the receipts; ``None`` where nothing was waived or refunded."""

    waiver_receipt_no: str | None
    refund_receipt_no: str | None


def lock_customers(unit: Unit, customer_ids: Collection[str]) -> None:
    """As ``Unit.lock`` for many, always in the same order, so that two such runs wait for each other instead of blocking."""
    row = m.CustomerRow
    query = select(row.customer_id).where(among(unit.session, row.customer_id, customer_ids)).order_by(row.customer_id)
    unit.session.execute(query.with_for_update()).all()
    unit.session.flush()
    unit.session.expire_all()


def give_back(unit: Unit, gifts: Sequence[Gift]) -> list[Given]:
    """Gives everything, in the order of ``gifts``. The caller has locked the customers and keeps amounts within the books.

    Raises ``AmountExceedsOwed`` when a gift is more penalty than is unpaid or was paid: nothing is given then.
    """
    for gift in gifts:
        _check_within(gift)
    found: dict[str, Given] = {}
    written = _Written(unit)
    for gift in gifts:
        if not gift.may_settle:
            found[gift.key] = written.add(gift)
    written.write()
    remedies = RemedyService(unit)
    for gift in gifts:
        if gift.may_settle:
            found[gift.key] = _one_by_one(remedies, gift)
    return [found[gift.key] for gift in gifts]


def _one_by_one(remedies: RemedyService, gift: Gift) -> Given:
    place = (gift.contract_no, gift.instalment)
    waiver = refund = None
    if gift.waive:
        waiver = remedies.waive_penalty(*place, gift.waive, reason=gift.reason, key=f"{gift.key}:waive").receipt_no
    if gift.refund:
        refund = remedies.refund_penalty(*place, gift.refund, reason=gift.reason, key=f"{gift.key}:refund").receipt_no
    return Given(waiver, refund)


class _Written:
    """Rows to be written at the end, each table at once."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.now, self.today = unit.clock.now(), unit.clock.today()
        self.heads: list[tuple[str, str, Row]] = []
        """Kind, customer, and the entry without its head."""
        self.receipts: list[Row] = []
        self.refunds: list[Row] = []
        self.keys: list[Row] = []
        self.balances: list[Row] = []

    def add(self, gift: Gift) -> Given:
        waiver = refund = None
        if gift.waive:
            self._post("waiver", gift, "waiver_expense", "penalty_income", gift.waive)
            waiver = self._receipt("waiver", gift, gift.waive, None)
            self._remember("waive", gift, gift.waive, waiver)
        if gift.refund:
            refund_no = self._number("RF")
            self._post("refund_owed", gift, "penalty_income", "refund_payable", gift.refund)
            self.refunds.append((refund_no, gift.customer_id, gift.refund, "penalty", "pending", self.now))
            self._post("waiver", gift, "waiver_expense", "penalty_income", gift.refund)
            refund = self._receipt("refund", gift, gift.refund, refund_no)
            self._remember("refund", gift, gift.refund, refund)
        self.balances.append((gift.contract_no, gift.instalment, -gift.refund, gift.waive + gift.refund))
        return Given(waiver, refund)

    def write(self) -> None:
        session = self.unit.session
        ids = reserve_ids(session, m.LedgerTransactionRow, len(self.heads))
        heads = [(number, kind, whose, self.today, self.now) for number, (kind, whose, _) in zip(ids, self.heads, strict=True)]
        entries = [(number, *entry) for number, (_, _, entry) in zip(ids, self.heads, strict=True)]
        insert_many(session, m.LedgerTransactionRow, _HEAD, heads)
        insert_many(session, m.LedgerEntryRow, _ENTRY, entries)
        insert_many(session, m.RefundRow, _REFUND, self.refunds)
        insert_many(session, m.ReceiptRow, _RECEIPT, self.receipts)
        insert_many(session, m.IdempotencyKeyRow, _KEY, self.keys)
        changed = ("paid_penalty", "waived_penalty")
        update_many(session, m.InstalmentRow, ("contract_no", "number"), changed, self.balances, add=True)
        session.expire_all()

    def _post(self, kind: str, gift: Gift, debit: str, credit: str, amount: Fen) -> None:
        self.heads.append((kind, gift.customer_id, (debit, credit, amount, gift.contract_no, gift.instalment)))

    def _receipt(self, kind: str, gift: Gift, amount: Fen, refund_no: str | None) -> str:
        number, place = self._number("R"), (gift.contract_no, gift.instalment)
        self.receipts.append((number, kind, gift.customer_id, *place, amount, gift.reason, self.now, refund_no))
        return number

    def _remember(self, verb: str, gift: Gift, amount: Fen, receipt_no: str) -> None:
        parameters: dict[str, Any] = {
            "contract_no": gift.contract_no, "instalment": gift.instalment, "amount": amount, "reason": gift.reason,
        }  # fmt: skip
        self.keys.append((f"{gift.key}:{verb}", f"{verb}_penalty", parameters, receipt_no, self.now))

    def _number(self, prefix: str) -> str:
        return f"{prefix}-{self.today:%Y%m%d}-{secrets.randbelow(10**16):016d}"
