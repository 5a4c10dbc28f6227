"""The facts that the cause rules read: plain frozen values, no database and no port. ``loader`` builds them.

Amounts are 分; a ``date`` is a business date in Shanghai; a ``datetime`` carries its zone. The order of
the tuples has no meaning. The numbers of debit attempts (``D-1`` …) and notices (``N-1`` …) count them in the order of time,
for the loan books give them none; mandates, incidents and payments keep theirs.

The rules ask for days, often and again, so each fact turns its moments into Shanghai's dates once and keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from itertools import islice
from operator import lt
from typing import Any, Literal, TypeVar

from bot.core.clock import SHANGHAI
from bot.core.money import Fen

Side = Literal["none", "borrower", "system"]
Channel = Literal["auto_debit", "own_repayment", "all"]
Fact = TypeVar("Fact")


def day_of(moment: datetime) -> date:
    """The business date of ``moment``."""
    return moment.astimezone(SHANGHAI).date()


@dataclass(frozen=True)
class OverdueDay:
    """A day after the due date on which principal was still unpaid. ``held``: the day costs no penalty (open dispute)."""

    date: date
    unpaid_principal: Fen
    held: bool = False

    @property
    def weight(self) -> Fen:
        """The day's part in the penalty: the principal that it is charged on."""
        return 0 if self.held else self.unpaid_principal


@dataclass(frozen=True)
class MandateFact:
    """An auto-debit mandate of the borrower."""

    signed_at: datetime
    revoked_at: datetime | None = None
    mandate_no: str = ""

    @cached_property
    def signed_on(self) -> date:
        return day_of(self.signed_at)

    @cached_property
    def revoked_on(self) -> date | None:
        return None if self.revoked_at is None else day_of(self.revoked_at)

    def active_at(self, moment: datetime) -> bool:
        return self.signed_at <= moment and (self.revoked_at is None or moment < self.revoked_at)

    def active_throughout(self, day: date) -> bool:
        """Signed before ``day`` began and not revoked before it ended: a debit was owed on that day."""
        return self.signed_on < day and (self.revoked_on is None or day < self.revoked_on)

    def touches(self, day: date) -> bool:
        """Active at any moment of ``day``."""
        return self.signed_on <= day and (self.revoked_on is None or day <= self.revoked_on)


@dataclass(frozen=True)
class AttemptFact:
    """One try of the auto-debit for this instalment; ``side`` says whose fault a failure was."""

    at: datetime
    code: str
    side: Side
    amount: Fen = 0
    attempt_no: str = ""

    @cached_property
    def on(self) -> date:
        return day_of(self.at)


@dataclass(frozen=True)
class IncidentFact:
    """A disturbance that concerns this borrower's channel; ``ends_at`` is ``None`` while it lasts."""

    channel: Channel
    starts_at: datetime
    ends_at: datetime | None = None
    confirmed: bool = True
    incident_no: str = ""
    confirmed_by: str | None = None
    bank_name: str | None = None
    summary: str = ""

    @cached_property
    def first_day(self) -> date:
        return day_of(self.starts_at)

    @cached_property
    def last_day(self) -> date | None:
        return None if self.ends_at is None else day_of(self.ends_at)

    def covers(self, day: date) -> bool:
        """Whether it touched any moment of ``day``."""
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)

    def disturbs(self, channel: Channel) -> bool:
        return self.channel in (channel, "all")


@dataclass(frozen=True)
class PaymentFact:
    """A payment meant for this instalment. ``credited`` is what a settled one paid of it besides penalty."""

    created_at: datetime
    amount: Fen
    status: Literal["created", "processing", "settled", "failed", "returned"]
    kind: Literal["own", "auto_debit", "scheduled"] = "own"
    resolved_at: datetime | None = None
    informed_at: datetime | None = None
    side: Side = "none"
    code: str | None = None
    credited: Fen = 0
    payment_no: str = ""

    @cached_property
    def created_on(self) -> date:
        return day_of(self.created_at)

    @cached_property
    def resolved_on(self) -> date | None:
        return None if self.resolved_at is None else day_of(self.resolved_at)

    @cached_property
    def informed_on(self) -> date | None:
        return None if self.informed_at is None else day_of(self.informed_at)


@dataclass(frozen=True)
class NoticeFact:
    """A message to the borrower about this instalment."""

    kind: Literal["due_reminder", "overdue", "debit_failed"]
    channel: Literal["sms", "push", "call"]
    sent_at: datetime
    delivery: Literal["pending", "delivered", "failed"]
    delivered_at: datetime | None = None
    notice_no: str = ""


@dataclass(frozen=True)
class AppErrorFact:
    """An error that the borrower's app showed. It stands in the timeline and decides nothing (docs/rules.md)."""

    at: datetime
    operation: str
    code: str


@dataclass(frozen=True)
class Facts:
    """Everything on record about one instalment as of a date.

    ``owed`` is principal + interest + fee of the period, without penalty. ``days`` are all overdue days so far, oldest first;
    ``penalty`` is the penalty accrued over them (分), of which ``paid_penalty`` was paid and ``waived_penalty`` forgiven.
    """

    contract_no: str
    instalment: int
    due_on: date
    as_of: date
    owed: Fen
    penalty: Fen
    days: tuple[OverdueDay, ...]
    paid_penalty: Fen = 0
    waived_penalty: Fen = 0
    settled: bool = False
    mandates: tuple[MandateFact, ...] = ()
    attempts: tuple[AttemptFact, ...] = ()
    incidents: tuple[IncidentFact, ...] = ()
    payments: tuple[PaymentFact, ...] = ()
    notices: tuple[NoticeFact, ...] = ()
    app_errors: tuple[AppErrorFact, ...] = ()

    def ordered(self) -> Facts:
        """The same facts, each kind in the order in which it happened: the records may arrive in any order."""
        return replace(
            self,
            days=_in_order(self.days, lambda item: item.date),
            mandates=_in_order(self.mandates, lambda item: item.signed_at),
            attempts=_in_order(self.attempts, lambda item: item.at),
            incidents=_in_order(self.incidents, lambda item: item.starts_at),
            payments=_in_order(self.payments, lambda item: item.created_at),
            notices=_in_order(self.notices, lambda item: item.sent_at),
            app_errors=_in_order(self.app_errors, lambda item: item.at),
        )


def _in_order(facts: tuple[Fact, ...], when: Callable[[Fact], Any]) -> tuple[Fact, ...]:
    """By time, those of the same time by all that they say. Mostly they come so: then nothing is written out to be compared."""
    if len(facts) < 2:
        return facts
    moments = list(map(when, facts))
    if all(map(lt, moments, islice(moments, 1, None))):
        return facts
    return tuple(sorted(facts, key=lambda item: (when(item), str(item))))
