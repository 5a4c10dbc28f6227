"""Remedies: penalty waived or refunded, surplus of a double debit refunded (product §3).

At once and without a person only within the limits of the configuration; otherwise an agent proposes and a *different*
supervisor approves. Posting is idempotent in the loan books; its receipts stand in the remedy and in the thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import cast

from sqlalchemy.orm import Session

from bot.cases.book import CaseBook
from bot.cases.credit import CreditCorrections
from bot.cases.errors import (
    DailyRemedyLimit,
    InvalidRemedyAmount,
    NotProposed,
    NotSupervisor,
    RemedyNotFound,
    RemedyOpen,
    SamePerson,
)
from bot.cases.models import CaseRow, RemedyRow
from bot.cases.policy import CasePolicies
from bot.cases.surplus import gone_back, post_surplus
from bot.cases.thread import BOT, SYSTEM, Actor
from bot.cases.views import RemedyKind, RemedyStatus, RemedyView
from bot.core.clock import SHANGHAI, Clock
from bot.core.money import Fen
from bot.loans.port import Instalment, LoanBackend, Receipt


@dataclass(frozen=True)
class Claim:
    """What could be given back in a case. ``payments``: (payment_no, 分) of a double debit. ``at_once``: the facts allow it."""

    kind: RemedyKind
    amount: Fen
    reason: str
    at_once: bool
    payments: tuple[tuple[str, Fen], ...] = field(default=())


class RemedyService:
    """Proposes, approves, rejects and posts. Actors come from the desk's own login, never from a request body."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        loans: LoanBackend,
        policies: CasePolicies | None = None,
        *,
        book: CaseBook | None = None,
    ) -> None:
        self.book = book or CaseBook(session, clock, policies)
        self.loans = loans
        self._repository = self.book.repository
        self._credit = CreditCorrections(self.book, loans)

    # --- reading

    def of_case(self, case_no: str) -> list[RemedyView]:
        """Newest first. Raises ``CaseNotFound``."""
        case = self.book.row(case_no)
        return [self.view(row, case) for row in self._repository.remedies(case.id)]

    def latest(self, case: CaseRow) -> RemedyView | None:
        rows = self._repository.remedies(case.id)
        return self.view(rows[0], case) if rows else None

    # --- the bot

    def give(self, case: CaseRow, claim: Claim) -> RemedyView:
        """Grants the claim at once when facts and limits allow it, else drafts a proposal for an agent."""
        row = self._new(case, claim, BOT)
        if claim.at_once and self._within_limits(case, claim.amount):
            receipts = self._post(case, row)
            row.status, row.decided_by, row.decided_at = "granted", BOT.identifier, self.book.clock.now()
            self._save(row)
            self.book.record(case, "decided", BOT, data={"automatic": True, "reason": claim.reason})
            self.book.record(
                case, "remedied", BOT, data={"amount": row.amount, "receipts": [item.receipt_no for item in receipts]}
            )
            self._credit.after_dispute(case)
        else:
            self._save(row)
            self.book.record(case, "proposed", BOT, data={"amount": row.amount, "automatic": True})
        return self.view(row, case)

    def settle_gone_back(self, case: CaseRow) -> RemedyView | None:
        """The surplus of an undecided double debit went back by itself: that is the remedy (bot/cases/surplus.py).

        The caller has locked ``case``. ``None``: it is something else, it is decided, or money is still here.
        """
        rows = self._repository.remedies(case.id)
        ours = case.open_subject is not None and case.open_subject.startswith("double_debit:")
        if not ours or self.book.dates(case).stopped or any(row.receipt_no for row in rows):
            return None
        row = next((row for row in rows if row.status == "proposed"), None)
        back = gone_back(self.loans, case, row.payments if row else None)
        if not back:
            return None
        if row is None:
            payments = tuple((payment_no, amount) for payment_no, amount, _ in back)
            claim = Claim(
                "double_debit", sum(amount for _, amount in payments), "refunded_by_itself", at_once=False, payments=payments
            )
            row = self._new(case, claim, BOT)
        row.status, row.decided_by, row.decided_at = "granted", SYSTEM.identifier, self.book.clock.now()
        row.refunded, row.receipts, row.receipt_no = row.amount, [number for _, _, number in back], back[0][2]
        self._save(row)
        self.book.record(case, "decided", SYSTEM, data={"automatic": True, "reason": "refunded_by_itself"})
        self.book.record(case, "remedied", SYSTEM, data={"amount": row.amount, "receipts": row.receipts})
        return self.view(row, case)

    def _within_limits(self, case: CaseRow, amount: Fen) -> bool:
        """The bot's own limit of the day counts whatever the customer was given, by whomever."""
        limits = self.book.policy(case).remedies
        if case.customer_id is None or amount > limits.grant_at_once_limit:
            return False
        given = self._repository.given_between(case.customer_id, *self._today())
        return given + amount <= limits.grant_at_once_daily_limit

    def _check_daily_limit(self, case: CaseRow, amount: Fen, *, as_admin: bool) -> None:
        """Raises ``DailyRemedyLimit``: also people give one customer only so much on one day."""
        limits = self.book.policy(case).remedies
        limit = limits.admin_daily_limit if as_admin else limits.supervisor_daily_limit
        given = self._repository.given_between(cast(str, case.customer_id), *self._today())
        if given + amount > limit:
            needs = "another_day" if as_admin or given + amount > limits.admin_daily_limit else "admin"
            raise DailyRemedyLimit("more than may be given on one day", limit=limit, given=given, needs=needs)

    def _today(self) -> tuple[datetime, datetime]:
        start = datetime.combine(self.book.clock.today(), time.min, tzinfo=SHANGHAI)
        return start, start + timedelta(days=1)

    def _reopened_since_remedy(self, case: CaseRow) -> bool:
        """Whether the case was taken up again after its last remedy: then another one may follow."""
        numbers = {event.type: event.number for event in self.book.thread(case)}
        return numbers.get("reopened", 0) > numbers.get("remedied", 0)

    # --- people

    def propose(self, case_no: str, agent: Actor, *, reason: str, amount: Fen | None = None) -> RemedyView:
        """An agent puts a remedy forward: the bot's draft (``amount`` may change it), or one of their own (penalty only).

        Raises ``CaseNotFound``, ``CaseOver``, ``RemedyOpen``, ``InvalidRemedyAmount`` (``details.most``).
        """
        case = self.book.row(case_no, lock=True)
        rows = self._repository.remedies(case.id)
        draft = next((row for row in rows if row.status == "proposed"), None)
        if draft is None:
            if rows and rows[0].status in ("granted", "approved") and not self._reopened_since_remedy(case):
                raise RemedyOpen("the case has its remedy", status=rows[0].status)
            self.book.require(case, "proposed")
            draft = self._new(case, Claim("penalty", self._checked(case, amount), reason, at_once=False), agent)
        elif draft.proposed_by is not None:
            raise RemedyOpen("a remedy is proposed already", status=draft.status)
        elif amount is not None and amount != draft.amount:
            if draft.kind == "double_debit":
                raise InvalidRemedyAmount("the surplus of a double debit is refunded whole", most=draft.amount)
            draft.amount = self._checked(case, amount)
        draft.proposed_by, draft.reason = agent.identifier, reason
        self._save(draft)
        data = {"remedy_no": draft.id, "amount": draft.amount}
        self.book.record(case, "proposed", agent, audience="internal", text=reason, data=data)
        return self.view(draft, case)

    def approve(self, remedy_no: int, supervisor: Actor, *, as_admin: bool = False) -> RemedyView:
        """A supervisor who did not propose it approves, and it is posted. A repetition by the same person changes nothing.

        ``as_admin``: the person may approve up to the higher daily limit. Raises ``RemedyNotFound``, ``NotSupervisor``,
        ``SamePerson`` (proposed it, or decided what was appealed against), ``NotProposed``, ``DailyRemedyLimit``,
        ``InvalidRemedyAmount`` (paid meanwhile).
        """
        row, case = self._locked(remedy_no, supervisor)
        if row.status == "approved" and row.decided_by == supervisor.identifier:
            return self.view(row, case)
        if row.status != "proposed" or row.proposed_by is None:
            raise NotProposed("no agent has put this remedy forward, or it is decided", status=row.status)
        if row.proposed_by == supervisor.identifier:
            raise SamePerson("who proposed a remedy may not approve it")
        self.book.require_other(case, supervisor.identifier)
        self.book.require(case, "approved")
        self._check_daily_limit(case, row.amount, as_admin=as_admin)
        receipts = self._post(case, row)
        row.status, row.decided_by, row.decided_at = "approved", supervisor.identifier, self.book.clock.now()
        self._save(row)
        self.book.record(case, "approved", supervisor, data={"remedy_no": row.id, "amount": row.amount})
        self.book.record(case, "remedied", BOT, data={"amount": row.amount, "receipts": [item.receipt_no for item in receipts]})
        self._credit.after_dispute(case)
        return self.view(row, case)

    def reject(self, remedy_no: int, supervisor: Actor, *, reason: str, told: str = "") -> RemedyView:
        """The proposal is refused; the case goes on. ``reason`` stays inside, ``told`` is the reason in words for the borrower.

        A borrower who knew of the proposal hears of its end in any case; without ``told`` that the reasons come with the
        decision. A surplus that went back meanwhile is granted instead. Raises as ``approve``, but for limits and amounts.
        """
        row, case = self._locked(remedy_no, supervisor)
        if row.status != "proposed":
            raise NotProposed("the remedy is decided", status=row.status)
        self.book.require_other(case, supervisor.identifier)
        settled = self.settle_gone_back(case)
        if settled is not None:  # nobody is told of a refusal of money that they have
            return settled
        self._refuse(case, row, supervisor, reason)
        knew = any(event.type == "proposed" and event.audience == "borrower" for event in self.book.thread(case))
        if knew or told.strip():
            notice = "rejected" if told.strip() else "rejected_reasons_later"
            self.book.record(case, "note", supervisor, text=told.strip() or None, data={"notice": notice, "amount": row.amount})
        return self.view(row, case)

    def drop_proposals(self, case: CaseRow, actor: Actor, reason: str) -> None:
        """Ends what is still proposed, because the case is withdrawn."""
        for row in self._repository.remedies(case.id):
            if row.status == "proposed":
                self._refuse(case, row, actor, reason)

    def _refuse(self, case: CaseRow, row: RemedyRow, actor: Actor, reason: str) -> None:
        row.status, row.decided_by, row.decided_at = "rejected", actor.identifier, self.book.clock.now()
        self._save(row)
        data = {"remedy_no": row.id, "amount": row.amount}
        self.book.record(case, "rejected", actor, audience="internal", text=reason, data=data)

    # --- posting

    def _post(self, case: CaseRow, row: RemedyRow) -> list[Receipt]:
        """Moves the money. The keys hang on the remedy, so posting again gives the same receipts."""
        key = self._key(case, row.number)
        if row.kind == "penalty":
            receipts = self._post_penalty(case, row, key)
        else:
            receipts = post_surplus(self.loans, row.payments, reason=case.case_no, key=key)
        row.waived = sum(item.amount for item in receipts if item.kind == "waiver")
        row.refunded = sum(item.amount for item in receipts if item.kind == "refund")
        row.receipts = [item.receipt_no for item in receipts]
        row.receipt_no = receipts[0].receipt_no
        return receipts

    def _key(self, case: CaseRow, number: int) -> str:
        return f"remedy:{self.book.books_key(case)}:{number}"

    def given_before(self, case: CaseRow) -> Fen:
        """What an interrupted try of the next remedy of ``case`` already gave, in books that do not roll back with us."""
        key = self._key(case, self._repository.next_remedy_number(case.id))
        found = (self.loans.receipt_of(f"{key}:waive"), self.loans.receipt_of(f"{key}:refund"))
        return sum(receipt.amount for receipt in found if receipt is not None)

    def _post_penalty(self, case: CaseRow, row: RemedyRow, key: str) -> list[Receipt]:
        """What is unpaid is waived first, the rest of the amount was paid and is refunded (product §3)."""
        waive = self._to_waive(case, row, key)
        refund = row.amount - waive
        receipts: list[Receipt] = []
        if waive:
            receipts.append(
                self.loans.waive_penalty(row.contract_no, row.instalment, waive, reason=case.case_no, key=f"{key}:waive")
            )
        if refund:
            receipts.append(
                self.loans.refund_penalty(row.contract_no, row.instalment, refund, reason=case.case_no, key=f"{key}:refund")
            )
        return receipts

    def _to_waive(self, case: CaseRow, row: RemedyRow, key: str) -> Fen:
        """The part of the amount that is unpaid, or what an interrupted try found to be unpaid: the books have changed since."""
        waived, refunded = self.loans.receipt_of(f"{key}:waive"), self.loans.receipt_of(f"{key}:refund")
        item = self._instalment(case, row.contract_no, row.instalment)
        if waived is not None:
            waive = waived.amount
        elif refunded is not None:
            waive = row.amount - refunded.amount
        else:
            waive = min(row.amount, item.penalty_due)
        if refunded is None and row.amount - waive > item.paid_penalty:
            raise InvalidRemedyAmount("more than the penalty that is left", most=item.penalty_due + item.paid_penalty)
        return waive

    # --- shared

    def _new(self, case: CaseRow, claim: Claim, actor: Actor) -> RemedyRow:
        if case.contract_no is None or case.instalment is None:
            raise InvalidRemedyAmount("the case is about no instalment", most=0)
        return RemedyRow(
            case_id=case.id,
            kind=claim.kind,
            contract_no=case.contract_no,
            instalment=case.instalment,
            amount=claim.amount,
            payments=[list(item) for item in claim.payments],
            status="proposed",
            reason=claim.reason,
            created_at=self.book.clock.now(),
            proposed_by=None if actor is BOT else actor.identifier,
            waived=0,
            refunded=0,
            receipts=[],
            number=self._repository.next_remedy_number(case.id),
        )

    def _save(self, row: RemedyRow) -> None:
        self._repository.save(row)

    def _locked(self, remedy_no: int, supervisor: Actor) -> tuple[RemedyRow, CaseRow]:
        if supervisor.kind != "supervisor":
            raise NotSupervisor("only a supervisor decides on a remedy")
        found = self._repository.remedy(remedy_no)
        if found is None:
            raise RemedyNotFound("no such remedy")
        customer_id = self._repository.by_id(found.case_id).customer_id
        if customer_id is not None:
            self._repository.lock_of_customer(customer_id)  # the daily limit counts all of the customer's cases
        case = self._repository.by_id(found.case_id, lock=True)  # always the case first: two orders of locks could deadlock
        return self._repository.remedy(remedy_no, lock=True) or found, case

    def _checked(self, case: CaseRow, amount: Fen | None) -> Fen:
        """Raises ``InvalidRemedyAmount`` unless 0 < ``amount`` ≤ the penalty that is unpaid or was paid."""
        if case.contract_no is None or case.instalment is None:
            raise InvalidRemedyAmount("the case is about no instalment", most=0)
        item = self._instalment(case, case.contract_no, case.instalment)
        most = item.penalty_due + item.paid_penalty
        if amount is None or not 0 < amount <= most:
            raise InvalidRemedyAmount("not between 1 and the penalty that is left", most=most)
        return amount

    def _instalment(self, case: CaseRow, contract_no: str, number: int) -> Instalment:
        contract = self.loans.contract(cast(str, case.customer_id), contract_no)
        return next(item for item in contract.instalments if item.number == number)

    @staticmethod
    def view(row: RemedyRow, case: CaseRow) -> RemedyView:
        return RemedyView(
            remedy_no=row.id,
            case_no=case.case_no,
            kind=cast(RemedyKind, row.kind),
            status=cast(RemedyStatus, row.status),
            amount=row.amount,
            waived=row.waived,
            refunded=row.refunded,
            receipt_no=row.receipt_no,
            receipts=tuple(row.receipts),
            reason=row.reason,
            proposed_by=row.proposed_by,
            decided_by=row.decided_by,
            drafted=row.status == "proposed" and row.proposed_by is None,
        )
