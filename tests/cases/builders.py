"""Short ways to write down what happened to one instalment. Day 0 is the due date, 10 August 2026; day n is n days after it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from bot.cases.evidence.facts import (
    AttemptFact,
    Channel,
    Facts,
    IncidentFact,
    MandateFact,
    NoticeFact,
    OverdueDay,
    PaymentFact,
)
from bot.core.clock import SHANGHAI

DUE = date(2026, 8, 10)
OWED = 10_000


def day(n: int) -> date:
    return DUE + timedelta(days=n)


def at(n: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime.combine(day(n), time(hour, minute), tzinfo=SHANGHAI)


def mandate(signed: int = -100, revoked: int | None = None, hour: int = 9) -> MandateFact:
    return MandateFact(at(signed, hour), None if revoked is None else at(revoked, hour))


def ours(n: int = 0, hour: int = 9, code: str = "SYS_TIMEOUT") -> AttemptFact:
    """A debit attempt that failed on our side."""
    return AttemptFact(at(n, hour), code, "system", OWED)


def theirs(n: int = 0, hour: int = 9, code: str = "INSUFFICIENT_FUNDS") -> AttemptFact:
    """A debit attempt that failed for a borrower-side reason."""
    return AttemptFact(at(n, hour), code, "borrower", OWED)


def incident(first: int, last: int | None, channel: Channel = "auto_debit", *, confirmed: bool = True) -> IncidentFact:
    """From 08:00 of the first day to 20:00 of the last one."""
    return IncidentFact(channel, at(first, 8), None if last is None else at(last, 20), confirmed)


def notice(n: int, kind: str = "debit_failed", delivery: str = "delivered", hour: int = 10) -> NoticeFact:
    delivered = at(n, hour) if delivery == "delivered" else None
    return NoticeFact(kind, "sms", at(n, hour), delivery, delivered)  # type: ignore[arg-type]


def paying(n: int, amount: int = OWED, **more: Any) -> PaymentFact:
    """An own repayment of day ``n`` that is still processing, or what ``more`` says."""
    return PaymentFact(**{"created_at": at(n, 20), "amount": amount, "status": "processing", "payment_no": f"P-{n}", **more})


def failed(n: int, *, side: str = "system", told: int | None = None, resolved: int | None = None, **more: Any) -> PaymentFact:
    end = at(n if resolved is None else resolved, 21)
    told_at = None if told is None else at(told, 22)
    code = "SYS_ERROR" if side == "system" else "INSUFFICIENT_FUNDS"
    return paying(n, status="failed", side=side, code=code, resolved_at=end, informed_at=told_at, **more)


def settled(n: int, resolved: int, amount: int = OWED, credited: int | None = None) -> PaymentFact:
    given = amount if credited is None else credited
    return paying(n, amount, status="settled", resolved_at=at(resolved, 21), informed_at=at(resolved, 22), credited=given)


def facts(overdue: int = 5, **more: Any) -> Facts:
    """An instalment of 100.00 with ``overdue`` days at 0.05 % a day, and nothing else on record unless ``more`` says so."""
    given: dict[str, Any] = {
        "contract_no": "FQ-1",
        "instalment": 5,
        "due_on": DUE,
        "as_of": day(overdue),
        "owed": OWED,
        "penalty": 5 * overdue,
        "days": tuple(OverdueDay(day(n), OWED) for n in range(1, overdue + 1)),
        **more,
    }
    return Facts(**given)
