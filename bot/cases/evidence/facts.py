"""The facts that the cause rules read: plain frozen values, no database and no port. ``loader`` builds them.

Amounts are 分; a ``date`` is a business date in Shanghai; a ``datetime`` carries its zone. The order of
the tuples has no meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from bot.core.clock import SHANGHAI
from bot.core.money import Fen

Side = Literal["none", "borrower", "system"]
Channel = Literal["auto_debit", "own_repayment", "all"]


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

    def active_at(self, moment: datetime) -> bool:
        return self.signed_at <= moment and (self.revoked_at is None or moment < self.revoked_at)

    def active_throughout(self, day: date) -> bool:
        """Signed before ``day`` began and not revoked before it ended: a debit was owed on that day."""
        return day_of(self.signed_at) < day and (self.revoked_at is None or day < day_of(self.revoked_at))

    def touches(self, day: date) -> bool:
        """Active at any moment of ``day``."""
        return day_of(self.signed_at) <= day and (self.revoked_at is None or day <= day_of(self.revoked_at))


@dataclass(frozen=True)
class AttemptFact:
    """One try of the auto-debit for this instalment; ``side`` says whose fault a failure was."""

    at: datetime
    code: str
    side: Side
    amount: Fen = 0


@dataclass(frozen=True)
class IncidentFact:
    """A disturbance that concerns this borrower's channel; ``ends_at`` is ``None`` while it lasts."""

    channel: Channel
    starts_at: datetime
    ends_at: datetime | None = None
    confirmed: bool = True
    incident_no: str = ""

    def covers(self, day: date) -> bool:
        """Whether it touched any moment of ``day``."""
        return day_of(self.starts_at) <= day and (self.ends_at is None or day <= day_of(self.ends_at))

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


@dataclass(frozen=True)
class NoticeFact:
    """A message to the borrower about this instalment."""

    kind: Literal["due_reminder", "overdue", "debit_failed"]
    channel: Literal["sms", "push", "call"]
    sent_at: datetime
    delivery: Literal["pending", "delivered", "failed"]
    delivered_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """Everything on record about one instalment as of a date.

    ``owed`` is principal + interest + fee of the period, without penalty. ``days`` are all overdue days so far, oldest first;
    ``penalty`` is the penalty accrued over them (分).
    """

    contract_no: str
    instalment: int
    due_on: date
    as_of: date
    owed: Fen
    penalty: Fen
    days: tuple[OverdueDay, ...]
    settled: bool = False
    mandates: tuple[MandateFact, ...] = ()
    attempts: tuple[AttemptFact, ...] = ()
    incidents: tuple[IncidentFact, ...] = ()
    payments: tuple[PaymentFact, ...] = ()
    notices: tuple[NoticeFact, ...] = ()

    def ordered(self) -> Facts:
        """The same facts, each kind in the order in which it happened: the records may arrive in any order."""
        return replace(
            self,
            days=tuple(sorted(self.days, key=lambda day: day.date)),
            mandates=tuple(sorted(self.mandates, key=lambda item: (item.signed_at, str(item)))),
            attempts=tuple(sorted(self.attempts, key=lambda item: (item.at, str(item)))),
            incidents=tuple(sorted(self.incidents, key=lambda item: (item.starts_at, str(item)))),
            payments=tuple(sorted(self.payments, key=lambda item: (item.created_at, str(item)))),
            notices=tuple(sorted(self.notices, key=lambda item: (item.sent_at, str(item)))),
        )
