"""The proof that stored balances are sums of the ledger: what differs, found by the database, a range of numbers at a time.

Each range is one statement and therefore one consistent picture, so the check can run while payments are posted. Amounts in 分.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Integer, SQLColumnExpression, Subquery, and_, case, cast, exists, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from bot.core.money import Fen
from bot.loans import models as m

BATCH = 2000
"""Contracts or payments in one statement."""


@dataclass(frozen=True)
class Disagreement:
    """One stored balance that the ledger does not confirm. ``contract_no`` is ``None`` where no contract is involved."""

    contract_no: str | None
    subject: str
    balance: str
    stored: Fen
    derived: Fen

    def __str__(self) -> str:
        return f"{self.subject} {self.balance}: stored {self.stored}, ledger {self.derived}"


@dataclass(frozen=True)
class Checked:
    """One range: how many contracts or payments it held, and what is wrong with them."""

    count: int
    wrong: tuple[Disagreement, ...]


def how_many(session: Session) -> int:
    """Contracts and payments that ``audit`` will go through, for a progress bar."""
    counts = (session.scalar(select(func.count()).select_from(table)) for table in (m.ContractRow, m.PaymentRow))
    return sum(count or 0 for count in counts)


def audit(session: Session, batch: int = BATCH) -> Iterator[Checked]:
    """Everything, within one session; see ``ranges`` for a unit of work per range."""
    for check in checks(batch):
        after = ""
        while True:
            checked, last = check(session, after)
            yield checked
            if last is None:
                break
            after = last


Check = Callable[[Session, str], tuple[Checked, str | None]]
"""Checks the range after a number; returns the last number of the range, or ``None`` when nothing follows."""


def checks(batch: int = BATCH) -> tuple[Check, ...]:
    """The checks one after the other, each to be repeated until it returns ``None``."""

    def contracts(session: Session, after: str) -> tuple[Checked, str | None]:
        count, last = _range(session, m.ContractRow.contract_no, after, batch)
        found = (_wrong_contracts, _wrong_ends, _wrong_instalments) if last else ()
        return Checked(count, tuple(wrong for each in found for wrong in each(session, after, last or ""))), last

    def payments(session: Session, after: str) -> tuple[Checked, str | None]:
        count, last = _range(session, m.PaymentRow.payment_no, after, batch)
        return Checked(count, tuple(_wrong_payments(session, after, last)) if last else ()), last

    def the_rest(session: Session, _after: str) -> tuple[Checked, str | None]:
        return Checked(0, (*_wrong_refunds(session), *_wrong_reversals(session))), None

    return contracts, payments, the_rest


def _range(session: Session, number: InstrumentedAttribute[str], after: str, batch: int) -> tuple[int, str | None]:
    """How many numbers follow ``after``, up to ``batch``, and the last of them."""
    following = select(number).where(number > after).order_by(number).limit(batch).subquery()
    count, last = session.execute(select(func.count(), func.max(following.c[0]))).one()
    return count, last


def _signed(plus: ColumnElement[bool], minus: ColumnElement[bool]) -> ColumnElement[int]:
    """The sum of amounts that meet ``plus`` less those that meet ``minus``."""
    amount = m.LedgerEntryRow.amount
    return func.sum(case((plus, amount), (minus, -amount), else_=0))


def _wrong_contracts(session: Session, after: str, last: str) -> Iterator[Disagreement]:
    """Contracts whose sum lent is not what was posted as drawn down, less what drawdowns were reversed."""
    contract, entry, head, undone = m.ContractRow, m.LedgerEntryRow, m.LedgerTransactionRow, aliased(m.LedgerTransactionRow)
    drawn = (
        select(entry.contract_no, _signed(entry.debit == "principal", entry.credit == "principal").label("amount"))
        .join(head)
        .outerjoin(undone, head.reverses == undone.id)
        .where(entry.contract_no > after, entry.contract_no <= last)
        .where(or_(head.kind == "drawdown", undone.kind == "drawdown"))
        .group_by(entry.contract_no)
        .subquery()
    )
    posted = func.coalesce(drawn.c.amount, 0)
    query = (
        select(contract.contract_no, contract.principal, posted)
        .outerjoin(drawn, drawn.c.contract_no == contract.contract_no)
        .where(contract.contract_no > after, contract.contract_no <= last, contract.principal != posted)
        .order_by(contract.contract_no)
    )
    for number, stored, derived in session.execute(query):
        yield Disagreement(number, number, "lent", stored, int(derived))


def _wrong_ends(session: Session, after: str, last: str) -> Iterator[Disagreement]:
    """Contracts that are closed though an instalment is not, or open though all are: they decide what a borrower is asked for."""
    contract, item = m.ContractRow, m.InstalmentRow
    unsettled = (
        select(func.count())
        .select_from(item)
        .where(item.contract_no == contract.contract_no, item.settled_on.is_(None))
        .correlate(contract)
        .scalar_subquery()
    )
    closed = contract.settled_on.is_not(None)
    query = (
        select(contract.contract_no, closed, unsettled)
        .where(contract.contract_no > after, contract.contract_no <= last, closed == (unsettled > 0))
        .order_by(contract.contract_no)
    )
    for number, is_closed, count in session.execute(query):
        yield Disagreement(number, number, "instalments open", 0 if is_closed else 1, int(count))


def _wrong_instalments(session: Session, after: str, last: str) -> Iterator[Disagreement]:
    row, sums = m.InstalmentRow, _instalment_sums(after, last)
    pairs: dict[str, tuple[SQLColumnExpression[int], SQLColumnExpression[int]]] = {
        name: (stored, func.coalesce(sums.c[name], 0))
        for name, stored in {
            "principal": row.principal - row.paid_principal,
            "interest": row.paid_interest,
            "fee": row.paid_fee,
            "penalty": row.paid_penalty,
            "waived": row.waived_penalty,
        }.items()
    }
    open_though_settled = and_(row.settled_on.is_not(None), pairs["principal"][1] != 0)
    query = (
        select(row.contract_no, row.number, open_though_settled, *(column for pair in pairs.values() for column in pair))
        .outerjoin(sums, and_(sums.c.contract_no == row.contract_no, sums.c.instalment == row.number))
        .where(row.contract_no > after, row.contract_no <= last)
        .where(or_(open_though_settled, *(stored != derived for stored, derived in pairs.values())))
        .order_by(row.contract_no, row.number)
    )
    for contract_no, number, settled, *amounts in session.execute(query):
        subject = f"{contract_no} #{number}"
        for name, stored, derived in zip(pairs, amounts[::2], amounts[1::2], strict=True):
            if stored != derived:
                yield Disagreement(contract_no, subject, name, int(stored), int(derived))
        if settled:
            yield Disagreement(contract_no, subject, "principal although settled", 0, int(amounts[1]))


def _instalment_sums(after: str, last: str) -> Subquery:
    """Per instalment: principal still owed, and what was paid of interest, fee and penalty, and waived."""
    entry = m.LedgerEntryRow
    debit, credit = entry.debit, entry.credit
    return (
        select(
            entry.contract_no,
            entry.instalment,
            _signed(debit == "principal", credit == "principal").label("principal"),
            _signed(credit == "interest_income", debit == "interest_income").label("interest"),
            _signed(credit == "fee_income", debit == "fee_income").label("fee"),
            _signed(
                and_(credit == "penalty_income", debit != "waiver_expense"),
                and_(debit == "penalty_income", credit != "waiver_expense"),
            ).label("penalty"),
            _signed(debit == "waiver_expense", credit == "waiver_expense").label("waived"),
        )
        .where(entry.contract_no > after, entry.contract_no <= last)
        .group_by(entry.contract_no, entry.instalment)
        .subquery()
    )


def _wrong_payments(session: Session, after: str, last: str) -> Iterator[Disagreement]:
    """Payments whose use is not what was posted; each names the contract it was meant for, if it was meant for one.

    Received is the whole amount of a settled payment and of a scheduled one that was taken; of any other, a returned one too, it
    is nothing: what a return could not take back (a refund already paid) stands as a debit balance in ``unapplied``.
    """
    row, sums = m.PaymentRow, _payment_sums(after, last)
    applied, refunded, held = (func.coalesce(sums.c[name], 0) for name in ("applied", "refunded", "held"))
    received = applied + refunded + held
    taken = exists().where(m.ScheduledRepaymentRow.payment_no == row.payment_no, m.ScheduledRepaymentRow.status == "taken")
    expected = case((or_(row.status == "settled", and_(row.status == "processing", taken)), row.amount), else_=0)
    promised = (
        select(func.coalesce(func.sum(m.RefundRow.amount), 0))
        .where(m.RefundRow.payment_no == row.payment_no, m.RefundRow.cancelled_at.is_(None))
        .correlate(row)
        .scalar_subquery()
    )
    contract_no = (
        select(func.min(m.PaymentTargetRow.contract_no))
        .where(m.PaymentTargetRow.payment_no == row.payment_no)
        .correlate(row)
        .scalar_subquery()
    )
    query = (
        select(row.payment_no, contract_no, row.applied, applied, row.refunded, refunded, expected, received, promised, refunded)
        .outerjoin(sums, sums.c.payment_no == row.payment_no)
        .where(row.payment_no > after, row.payment_no <= last)
        .where(or_(row.applied != applied, row.refunded != refunded, expected != received, promised != refunded))
        .order_by(row.payment_no)
    )
    for payment_no, contract, *amounts in session.execute(query):
        names = ("applied", "refunded", "received", "refunds")
        for name, stored, derived in zip(names, amounts[::2], amounts[1::2], strict=True):
            if stored != derived:
                subject = f"{contract} {payment_no}" if contract else payment_no
                yield Disagreement(contract, subject, name, int(stored), int(derived))


def _payment_sums(after: str, last: str) -> Subquery:
    """Per payment: what was applied to instalments, what goes back to the borrower, and what is left in ``unapplied``."""
    entry, head = m.LedgerEntryRow, m.LedgerTransactionRow
    debit, credit = entry.debit, entry.credit
    of_instalment = entry.instalment.is_not(None)
    return (
        select(
            head.payment_no,
            _signed(and_(debit == "unapplied", of_instalment), and_(credit == "unapplied", of_instalment)).label("applied"),
            _signed(
                and_(debit == "unapplied", credit == "refund_payable"), and_(debit == "refund_payable", credit == "unapplied")
            ).label("refunded"),
            _signed(credit == "unapplied", debit == "unapplied").label("held"),
        )
        .join(head)
        .where(head.payment_no > after, head.payment_no <= last)
        .group_by(head.payment_no)
        .subquery()
    )


def _wrong_refunds(session: Session) -> Iterator[Disagreement]:
    """Customers to whom another sum is promised than the ledger owes them."""
    entry, head, refund = m.LedgerEntryRow, m.LedgerTransactionRow, m.RefundRow
    promised = (
        select(refund.customer_id, refund.amount.label("stored"), literal(0).label("derived"))
        .where(refund.status == "pending", refund.cancelled_at.is_(None))
        .union_all(
            select(
                head.customer_id,
                literal(0),
                case((entry.credit == "refund_payable", entry.amount), else_=-entry.amount),
            )
            .join(head)
            .where(or_(entry.credit == "refund_payable", entry.debit == "refund_payable"))
        )
        .subquery()
    )
    stored, derived = func.sum(promised.c.stored), func.sum(promised.c.derived)
    query = select(promised.c.customer_id, stored, derived).group_by(promised.c.customer_id).having(stored != derived)
    for customer_id, pending, owed in session.execute(query.order_by(promised.c.customer_id)):
        yield Disagreement(None, customer_id, "refunds pending", int(pending), int(owed))


_Place = tuple[str, str, str | None, int | None]
"""Debit account, credit account, contract, instalment."""


def _wrong_reversals(session: Session) -> Iterator[Disagreement]:
    """Reversals that do not undo their original exactly: what is left of the original is the difference.

    Only a payment that was returned or moved may leave something: charges, up to what was given back to the borrower of the same
    charge, and a returned one also refunds that were paid out before (``_wrong_payments`` compares them).
    """
    given_back = _charges_given_back(session)
    for original, left in sorted(_left_of_reversed(session).items()):
        of_return = any(left.values()) and _is_of_returned_payment(session, original)
        for (debit, credit, contract_no, instalment), amount in left.items():
            may_be_left = 0
            if (debit, credit) == ("unapplied", "refund_payable"):
                may_be_left = amount if of_return else 0
            elif debit == "unapplied":
                may_be_left = given_back.get((credit, contract_no, instalment), 0)
            if not 0 <= amount <= may_be_left:
                subject = f"{contract_no} #{instalment}" if contract_no else f"posting {original}"
                yield Disagreement(contract_no, subject, f"reversal of posting {original}", may_be_left, amount)


def _left_of_reversed(session: Session) -> dict[int, dict[_Place, Fen]]:
    """Of each posting that was reversed: what its reversal did not undo (negative: undone too much)."""
    head, entry = m.LedgerTransactionRow, m.LedgerEntryRow
    of = func.coalesce(head.reverses, head.id)
    reversed_ones = select(head.reverses).where(head.reverses.is_not(None))
    side = cast(case((head.reverses.is_(None), 1), else_=-1), Integer)
    forth = select(
        of.label("of"), entry.debit, entry.credit, entry.contract_no, entry.instalment, (side * entry.amount).label("n")
    )
    forth = forth.join(head).where(or_(head.reverses.is_not(None), head.id.in_(reversed_ones)))
    parts: dict[int, dict[_Place, Fen]] = {}
    for original, debit, credit, contract_no, instalment, amount in session.execute(forth):
        own = parts.setdefault(original, {})
        # A reversal's entry stands the other way round.
        key = (debit, credit, contract_no, instalment) if amount > 0 else (credit, debit, contract_no, instalment)
        own[key] = own.get(key, 0) + amount
    return parts


def _is_of_returned_payment(session: Session, transaction_id: int) -> bool:
    head, payment = m.LedgerTransactionRow, m.PaymentRow
    query = select(payment.status).join(head, head.payment_no == payment.payment_no).where(head.id == transaction_id)
    return session.scalar(query) == "returned"


def _charges_given_back(session: Session) -> dict[tuple[str, str | None, int | None], Fen]:
    """Per charge account and instalment: what was refunded to the borrower after it had been paid."""
    entry = m.LedgerEntryRow
    query = (
        select(entry.debit, entry.contract_no, entry.instalment, func.sum(entry.amount))
        .where(entry.credit == "refund_payable", entry.debit.in_(("interest_income", "fee_income", "penalty_income")))
        .group_by(entry.debit, entry.contract_no, entry.instalment)
    )
    return {(account, contract_no, number): int(amount) for account, contract_no, number, amount in session.execute(query)}
