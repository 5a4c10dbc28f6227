"""The loan worker, one job of ``bot/worker.py``.

Each piece of work is one small transaction that first looks whether it was done already, and the bank and the SMS sender are
called between transactions under a number that they honour. So the worker may be killed at any point, run twice at once, or come
back after days, without doing anything twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import select

from bot.audit.service import Subject
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.texts import Text
from bot.loans.bulk.accrual import accrue_all
from bot.loans.bulk.debits import order_all
from bot.loans.bulk.sql import fits
from bot.loans.debits import AutoDebitService
from bot.loans.models import ContractRow, PaymentRow
from bot.loans.port import surplus_key
from bot.loans.remedies import RemedyService
from bot.loans.scheduled import ScheduledRepaymentService
from bot.loans.servicing.callbacks import CallbackService
from bot.loans.servicing.channel import ChannelTimeout, PaymentChannel
from bot.loans.servicing.detection import IncidentDetector
from bot.loans.servicing.driver import ChannelDriver
from bot.loans.servicing.notices import NoticeSender, NoticeService
from bot.loans.servicing.overdue import OverdueService
from bot.loans.servicing.policy import Policy
from bot.loans.unit import Unit

CHUNK = 500
"""Contracts of one accrual transaction."""
log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Ports:
    """The worker's ways to the world outside."""

    channel: PaymentChannel
    sender: NoticeSender
    texts: dict[str, Text]


class Worker:
    """One round of all runs, in the order in which money should move."""

    def __init__(self, database: Database, clock: Clock, ports: Ports, policy: Policy) -> None:
        self.database = database
        self.clock = clock
        self.ports = ports
        self.policy = policy
        self.driver = ChannelDriver(database, clock, ports.channel, policy)
        self.guard = self.driver.guard

    def round(self) -> dict[str, int]:
        """How many things each step did; what broke is logged and counted under ``errors``, and does not stop the rest."""
        steps: tuple[tuple[str, Callable[[], int]], ...] = (
            ("polled", self.driver.poll),
            ("schedules_ordered", self.order_schedules),
            ("debits_ordered", self.order_debits),
            ("sent", self.driver.send_created),
            ("schedules_posted", self.post_schedules),
            ("doubles_refunded", self.refund_doubles),
            ("refunds_paid", self.driver.pay_refunds),
            ("incidents", self.detect_incidents),
            ("flags", self.refresh_flags),
            ("accrued", self.accrue),
            ("notices_planned", self.plan_notices),
            ("notices_sent", self.send_notices),
            ("nonces_forgotten", self.forget_nonces),
        )
        self.guard.reset()
        done: dict[str, int] = {}
        for name, step in steps:
            with self.guard.item(name):
                done[name] = step()
        done["errors"] = self.guard.errors
        return done

    # --- money -----------------------------------------------------------------------------------------------------------

    def order_schedules(self) -> int:
        """Scheduled repayments whose day has come."""
        if self.clock.now().time() < self.policy.take_time:
            return 0
        return self._each(
            self._read(lambda unit: ScheduledRepaymentService(unit).to_take()),
            lambda unit, number: ScheduledRepaymentService(unit).order(number) is not None,
        )

    def post_schedules(self) -> int:
        return self._each(
            self._read(lambda unit: ScheduledRepaymentService(unit).to_post()),
            lambda unit, number: ScheduledRepaymentService(unit).post(number).status == "posted",
        )

    def order_debits(self) -> int:
        """The due-day run and its retries: one statement, or one by one where that cannot be (or broke: the rest must go on)."""
        policy, channel = self.policy.debit, self.ports.channel
        ordered = self._in_bulk("debit_run", lambda unit: order_all(unit, policy))
        if ordered is not None:
            return ordered
        return self._each(
            self._read(lambda unit: AutoDebitService(unit, channel).due(policy)),
            lambda unit, ref: AutoDebitService(unit, channel).plan_one(ref, policy) is not None,
        )

    def refund_doubles(self) -> int:
        """Surplus money of double debits goes back by itself after some days, also while a case about it waits for people.

        The case then shows it as its remedy (bot/cases/surplus.py).
        """
        before = self.clock.now() - timedelta(days=self.policy.refund_double_after_days)
        row = PaymentRow
        query = select(row.payment_no).where(
            row.kind == "auto_debit", row.status == "settled", row.applied + row.refunded < row.amount, row.resolved_at <= before
        )
        numbers = self._read(lambda unit: list(unit.session.scalars(query.order_by(row.payment_no))))
        return self._each(numbers, _refund_surplus)

    # --- incidents and overdue instalments -------------------------------------------------------------------------------

    def detect_incidents(self) -> int:
        with self.database.transaction() as session:
            opened = IncidentDetector(Unit(session, self.clock), self.policy.detection).detect()
            for incident in opened:
                log.warning("incident_suspected", incident_no=incident.incident_no, summary=incident.summary)
            return len(opened)

    def refresh_flags(self) -> int:
        days = self.policy.bureau_after_days
        return self._each(
            self._read(lambda unit: OverdueService(unit, days).candidates()),
            lambda unit, ref: OverdueService(unit, days).refresh(ref),
        )

    def accrue(self) -> int:
        """Today's penalty of all overdue instalments: one statement, or in chunks of contracts."""
        today, days = self.clock.today(), self.policy.bureau_after_days
        recorded = self._in_bulk("accrual_run", lambda unit: accrue_all(unit.session, today))
        if recorded is not None:
            return recorded
        refs = self._read(lambda unit: unit.repository.unsettled_due_by(today - timedelta(days=1)))
        numbers = sorted({row.contract_no for row in refs})
        return sum(self._accrue(numbers[first : first + CHUNK], days) for first in range(0, len(numbers), CHUNK))

    def _accrue(self, contract_nos: list[str], days: int) -> int:
        with self.database.transaction() as session:
            # The lock keeps two workers from recording the same day at the same moment.
            session.execute(select(ContractRow.contract_no).where(ContractRow.contract_no.in_(contract_nos)).with_for_update())
            return OverdueService(Unit(session, self.clock), days).accrue(contract_nos)

    # --- notices ---------------------------------------------------------------------------------------------------------

    def plan_notices(self) -> int:
        policy = self.policy
        return self._each(
            self._read(lambda unit: NoticeService(unit, policy).candidates()),
            lambda unit, ref: NoticeService(unit, policy).plan(ref) is not None,
        )

    def send_notices(self) -> int:
        keys = self._read(lambda unit: NoticeService(unit, self.policy).to_send())
        sent = 0
        for key in keys:
            with self.guard.item("notice", key):
                sent += self._send_notice(key)
        return sent

    def _send_notice(self, key: str) -> bool:
        message = self._read(lambda unit: NoticeService(unit, self.policy).compose(key, self.ports.texts))
        try:
            delivery = "failed" if message is None else self.ports.sender.send(key, *message)
        except ChannelTimeout:
            log.info("sender_timeout", notice_key=key)
            return False
        with self.database.transaction() as session:
            NoticeService(Unit(session, self.clock), self.policy).note_delivery(key, delivery)
        return delivery == "delivered"

    def forget_nonces(self) -> int:
        """Marks of callbacks whose signatures nobody accepts any more."""
        with self.database.transaction() as session:
            return CallbackService(Unit(session, self.clock)).forget()

    def _read(self, question: Callable[[Unit], T]) -> T:
        with self.database.transaction() as session:
            return question(Unit(session, self.clock))

    def _in_bulk(self, name: str, run: Callable[[Unit], int]) -> int | None:
        """A set-based run in a transaction of its own; ``None`` when the database cannot do it exactly, or it broke."""
        with self.guard.item(name), self.database.transaction() as session:
            if fits(session):
                unit = Unit(session, self.clock)
                count = run(unit)
                if count:  # one entry for the whole run; each row has its own record in the books
                    unit.trail.record(f"loan.{name}", None, Subject(), details={"count": count})
                return count
        return None

    def _each(self, items: Iterable[T], do: Callable[[Unit, T], Any]) -> int:
        """Each item in a transaction of its own; counts those for which ``do`` said that it did something."""
        done = 0
        for item in items:
            with self.guard.item("item", item), self.database.transaction() as session:
                done += do(Unit(session, self.clock), item) is True
        return done


def _refund_surplus(unit: Unit, payment_no: str) -> bool:
    payment = unit.repository.payment(payment_no)
    if payment is None:
        raise LookupError(f"payment {payment_no} is gone")
    unit.lock(payment.customer_id)
    payment = unit.repository.payment(payment_no)
    surplus = payment.amount - payment.applied - payment.refunded if payment and payment.status == "settled" else 0
    if surplus > 0:
        RemedyService(unit).refund_payment(payment_no, surplus, reason="double_debit", key=surplus_key(payment_no))
    return surplus > 0
