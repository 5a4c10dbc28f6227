"""Payments that hang: "we look at it again on …" is a record, kept by the worker (product §3 b, issue 5 item 3).

Said in a conversation (``promise``), checked by the worker (``follow_up``): a result is told as soon as there is one, and once
it has reached the borrower the loan books know it (``mark_informed``). Past the promise without a result it becomes a case by
itself: the overdue instalment is disputed and held, the owner alerted, the borrower told its number and dates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy.orm import Session

from bot.cases.alerts import STUCK, CaseAlerts
from bot.cases.book import CaseBook, Intake, Subject
from bot.cases.disputes import Disputes
from bot.cases.models import CaseRow, PaymentPromiseRow
from bot.cases.notices import CaseNotices
from bot.cases.policy import CasePolicies, StuckPolicy
from bot.cases.remedies import RemedyService
from bot.cases.thread import SYSTEM
from bot.cases.views import CaseView, payment_status_card
from bot.core.clock import Clock, chinese_date
from bot.core.money import format_yuan
from bot.core.texts import Text
from bot.loans.port import InstalmentRef, LoanBackend, Payment
from bot.notifications.service import Notifications

HANGING = frozenset({"created", "processing"})
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PaymentPromise:
    """When hanging payments are looked at again. ``case``: the promise passed, this case took over and has the dates."""

    look_again_at: datetime
    case: CaseView | None


class StuckPayments:
    """Never commits."""

    def __init__(self, session: Session, clock: Clock, loans: LoanBackend, policies: CasePolicies | None = None) -> None:
        # Of these two events the word about the payment itself tells, with the case's number and dates.
        self.book = CaseBook(session, clock, policies, untold=("acknowledged", "reopened"))
        self.loans = loans
        self._repository = self.book.repository
        self._notifications = Notifications(session, clock)

    # --- said to the borrower

    def promise(
        self, *, customer_id: str, conversation_id: str, channel: str, payments: Sequence[Payment]
    ) -> PaymentPromise | None:
        """Records what the bot is about to say of these hanging payments; ``None`` when none hangs.

        A promise is kept, never put off: asking again gives the date that was said first, and a payment that joins others is
        looked at with them. Where the case that took over has ended without a result, there is a new promise.
        """
        now, policy = self.book.clock.now(), self._policy()
        hanging = [payment.payment_no for payment in payments if payment.status in HANGING]
        if not hanging:
            return None
        known = {row.payment_no: row for row in self._repository.promises(hanging)}
        waiting = [row.look_again_at for row in known.values() if row.state == "open" and row.look_again_at > now]
        look_again_at = min(waiting, default=_next_look(policy, now))
        running = {number: self._running_case(row) for number, row in known.items()}
        for payment_no in hanging:
            if payment_no not in known:
                self._add(payment_no, customer_id, conversation_id, channel, look_again_at)
        ended = {row.id for row in known.values() if row.state == "escalated" and running[row.payment_no] is None}
        for row in self._repository.lock_promises(customer_id) if ended else ():
            if row.id in ended:
                row.state, row.promised_at, row.look_again_at, row.next_check_at = "open", now, look_again_at, now
        return PaymentPromise(look_again_at, next((case for case in running.values() if case is not None), None))

    def _running_case(self, row: PaymentPromiseRow) -> CaseView | None:
        if row.case_no is None or row.state != "escalated":
            return None
        case = self.book.view(self.book.row(row.case_no))
        return case if case.next_update_by is not None else None

    def _add(self, payment_no: str, customer_id: str, conversation_id: str, channel: str, look_again_at: datetime) -> None:
        now = self.book.clock.now()
        self._repository.add_promise(
            PaymentPromiseRow(
                payment_no=payment_no,
                customer_id=customer_id,
                conversation_id=conversation_id,
                channel=channel,
                promised_at=now,
                look_again_at=look_again_at,
                next_check_at=now,
                state="open",
            )
        )

    # --- kept by the worker

    def to_check(self) -> Sequence[str]:
        """Customers of whose payments one is to be checked now."""
        return self._repository.promised_to(self.book.clock.now())

    def follow_up(self, customer_id: str, texts: Mapping[str, Text]) -> dict[str, int]:
        """One look at everything promised to the customer: how many results were told, noted as heard, and escalated."""
        now, done = self.book.clock.now(), {"told": 0, "informed": 0, "escalated": 0}
        passed: list[tuple[PaymentPromiseRow, Payment]] = []
        for row in self._repository.lock_promises(customer_id):
            payment = self.loans.payment(customer_id, row.payment_no)
            if row.state == "telling":
                done["informed"] += self._heard(row, payment)
            if payment.status in HANGING:
                if row.state == "open" and now >= row.look_again_at:
                    passed.append((row, payment))
            elif row.state in ("open", "escalated") or (row.state in ("telling", "watching") and row.result != payment.status):
                done["told"] += self._tell_result(row, payment)
            self._next_check(row, payment)
        done["escalated"] = self._escalate(passed, texts)
        return done

    def _next_check(self, row: PaymentPromiseRow, payment: Payment) -> None:
        """Soon while something is awaited; daily for a settled payment, which may still come back for some weeks."""
        policy, now = self._policy(), self.book.clock.now()
        if row.state != "watching":
            row.next_check_at = now + timedelta(minutes=policy.check_every_minutes)
            if row.state == "open":
                row.next_check_at = min(row.next_check_at, max(now, row.look_again_at))
            return
        row.next_check_at = now + timedelta(days=1)
        returns_until = (payment.resolved_at or now) + timedelta(days=policy.watch_returns_days)
        if row.result != "settled" or now >= returns_until:
            row.state = "done"

    def _tell_result(self, row: PaymentPromiseRow, payment: Payment) -> bool:
        """By the word for its advice; not when the borrower has read it in a conversation meanwhile."""
        row.result = payment.status
        self._note_in_case(row, payment)
        if payment.informed_at is not None:
            row.state = "watching"
            return False
        row.state = "telling"
        return self._notifications.tell(
            f"stuck_payment_{payment.advice}",
            {
                "paid_on": chinese_date(payment.created_at.date()),
                "amount": format_yuan(payment.amount),
                "payment_no": payment.payment_no,
                "left_over": format_yuan(payment.left_over),
            },
            key=_word_key(row),
            customer_id=row.customer_id,
            cards=(payment_status_card([payment]),),
            case_no=row.case_no,
            not_before=self.book.policies.on(self.book.clock.today()).daytime.next(self.book.clock.now()),
        )

    def _note_in_case(self, row: PaymentPromiseRow, payment: Payment) -> None:
        if row.case_no is not None:
            case = self.book.row(row.case_no, lock=True)
            data = {"payment_no": payment.payment_no, "payment_status": payment.status}
            self.book.record(case, "note", SYSTEM, audience="internal", data=data)

    def _heard(self, row: PaymentPromiseRow, payment: Payment) -> bool:
        """Once the word has arrived the loan books know it: a system-caused period ends (§3 b). A dead letter ends nothing."""
        state = self._notifications.state(_word_key(row))
        if state == "delivered" and row.result == payment.status:
            self.loans.mark_informed(row.payment_no, key=f"informed:{_word_key(row)}")
        if state != "pending":
            row.state = "watching"
        return state == "delivered"

    # --- past the promise

    def _escalate(self, passed: Sequence[tuple[PaymentPromiseRow, Payment]], texts: Mapping[str, Text]) -> int:
        """Each becomes part of a case; the borrower is told once for each case."""
        by_case: dict[str, tuple[CaseRow, list[tuple[PaymentPromiseRow, Payment]]]] = {}
        held: set[str] = set()
        for row, payment in passed:
            overdue = self._overdue(row.customer_id, payment.targets)
            case = self._case_for(row, payment, overdue, texts)
            row.state, row.case_no = "escalated", case.case_no
            by_case.setdefault(case.case_no, (case, []))[1].append((row, payment))
            held |= {case.case_no} if overdue else set()
        for case, items in by_case.values():
            CaseAlerts(self.book).raise_once(case, STUCK)
            self._tell_escalated(case, items, held=case.case_no in held)
            log.warning("stuck_payment_escalated", case_no=case.case_no, payments=[row.payment_no for row, _ in items])
        return len(passed)

    def _tell_escalated(self, case: CaseRow, items: Sequence[tuple[PaymentPromiseRow, Payment]], *, held: bool) -> None:
        payments = [payment for _, payment in items]
        first = items[0][0]
        named = "、".join(f"{chinese_date(item.created_at.date())}{format_yuan(item.amount)}" for item in payments)
        CaseNotices(self.book.session, self.book.clock).tell(
            self.book.policy(case),
            self.book.view(case),
            "stuck_payment_escalated_held" if held else "stuck_payment_escalated",
            {"payments": named, "looked_on": chinese_date(first.look_again_at.date())},
            key=f"stuck:{first.payment_no}:{first.look_again_at:%Y%m%d%H%M}",
            more_cards=(payment_status_card(payments),),
            by_itself=True,
        )

    def _case_for(
        self, row: PaymentPromiseRow, payment: Payment, overdue: Sequence[InstalmentRef], texts: Mapping[str, Text]
    ) -> CaseRow:
        """The open dispute of the overdue instalment that it was meant for, else a complaint about the payment itself.

        A dispute that is decided already (the penalty was given back at once) finds no money: then there is a complaint besides.
        """
        story = texts["stuck_payment_story"].render(
            paid_on=chinese_date(payment.created_at.date()),
            amount=format_yuan(payment.amount),
            payment_no=payment.payment_no,
            looked_on=chinese_date(row.look_again_at.date()),
        )
        key = f"stuck:{payment.payment_no}:{row.look_again_at:%Y%m%d%H%M}"
        disputes = [self._dispute(row, story, ref, key=f"{key}:{ref.contract_no}:{ref.instalment}") for ref in overdue]
        running = (case for case in disputes if not self.book.dates(case).stopped)
        return next(running, None) or self._complaint(row, payment, story, key)

    def _overdue(self, customer_id: str, targets: Collection[InstalmentRef]) -> list[InstalmentRef]:
        """Those with days that a dispute can be about."""
        found = []
        for ref in targets:
            if any(day.unpaid_principal for day in self.loans.penalty_days(customer_id, ref.contract_no, ref.instalment)):
                found.append(ref)
        return found

    def _dispute(self, row: PaymentPromiseRow, story: str, ref: InstalmentRef, *, key: str) -> CaseRow:
        """Evidence, hold and remedy as if the borrower had asked for them (product §3)."""
        remedies = RemedyService(self.book.session, self.book.clock, self.loans, book=self.book)
        who = (row.customer_id, row.conversation_id, row.channel)
        intake = Intake("dispute", *who, story, None, key, by=SYSTEM, own_words=False)  # nothing that the borrower told us
        disputes = Disputes(self.book, self.loans, remedies)
        outcome = disputes.open_dispute(intake, row.customer_id, ref.contract_no, ref.instalment)
        return self.book.row(outcome.case.case_no, lock=True)

    def _complaint(self, row: PaymentPromiseRow, payment: Payment, story: str, key: str) -> CaseRow:
        """One for all payments that hang for the same instalment."""
        ref = payment.targets[0] if payment.targets else None
        name = f"payments:{ref.contract_no}:{ref.instalment}" if ref else f"payment:{payment.payment_no}"
        subject = Subject(name, ref.contract_no if ref else None, ref.instalment if ref else None, payment.amount)
        intake = Intake("complaint", row.customer_id, row.conversation_id, row.channel, story, None, key, by=SYSTEM)
        fingerprint = intake.fingerprint(subject=subject.name)
        case = self.book.open_about(intake, subject, fingerprint=fingerprint, data={"subject": subject.name})
        if case is None:
            case = self.book.about(subject.name)
            self.book.join(case, intake, fingerprint, "merged")
            if self.book.dates(case).stopped:
                self.book.record(case, "reopened", SYSTEM, data={"payment_no": payment.payment_no})
        return case

    def _policy(self) -> StuckPolicy:
        return self.book.policies.on(self.book.clock.today()).stuck_payments


def _word_key(row: PaymentPromiseRow) -> str:
    """One word for each payment and result."""
    return f"payment:{row.payment_no}:{cast(str, row.result)}"


def _next_look(policy: StuckPolicy, now: datetime) -> datetime:
    day = now.date() + timedelta(days=policy.look_again_after_days)
    return datetime.combine(day, policy.look_again_at, tzinfo=now.tzinfo)
