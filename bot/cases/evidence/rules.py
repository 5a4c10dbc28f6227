"""The cause rules of product §3, one function for each paragraph. Pure: facts and a day in, a reason or ``None`` out.

The text leaves some edges open; these readings are ours, each with its test in ``tests/cases/test_rules.py``:

- (a) A due date with several attempts: the last system-side failure of that day counts, and only a borrower-side failure after
  it ends the rule. A mandate signed on the due date itself, or revoked on it, did not have to be executed that day.
- (a) "A day without incident" means: no *confirmed* incident of the auto-debit. A suspicion alone excuses nobody.
- (a) Only a notice that something is unpaid (``overdue``, ``debit_failed``) starts the grace, not the reminder before the due
  date. The grace is ``notice_grace_days`` days *after* the delivery on which a manual channel worked; the day after them is the
  borrower's.
- (b) "From that day": the day of the payment. "Until told": the day on which the borrower is told still counts. A payment that
  was settled on the day it was made never hung. Several payments that hang at once count together.
- (b) A failed auto-debit belongs to (a); an auto-debit that took the money and then hangs counts here like an own payment.
- (c) The own repayment is everybody's channel; the auto-debit is the channel of those who have a mandate that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from bot.cases.evidence.facts import AttemptFact, Channel, Facts, PaymentFact, day_of
from bot.core.clock import SHANGHAI


@dataclass(frozen=True)
class Reason:
    """Why a day has its cause. ``code`` selects the text ``evidence_reason_<code>``; the other fields fill it."""

    code: str
    on: date | None = None
    result_code: str | None = None
    channel: str | None = None
    in_confirmed_incident: bool = False


def confirmed_incident(facts: Facts, channel: Channel, day: date) -> bool:
    """Whether a confirmed incident of ``channel`` covers ``day``."""
    return any(item.confirmed and item.disturbs(channel) and item.covers(day) for item in facts.incidents)


# --- (a) the auto-debit of the due date


@dataclass(frozen=True)
class DebitFault:
    """What went wrong with the auto-debit on the due date. ``since``: later borrower-side failures may end it."""

    since: datetime
    reason: Reason


def rule_3a_debit_of_due_date(facts: Facts) -> DebitFault | None:
    """(a) "on the due date an active auto-debit mandate was not executed or failed with a system-side code"."""
    incident = confirmed_incident(facts, "auto_debit", facts.due_on)
    tried = [item for item in facts.attempts if day_of(item.at) == facts.due_on]
    if not tried:
        if not any(item.active_throughout(facts.due_on) for item in facts.mandates):
            return None
        morning = datetime.combine(facts.due_on, time.min, tzinfo=SHANGHAI)
        return DebitFault(morning, Reason("mandate_not_executed", on=facts.due_on, in_confirmed_incident=incident))
    failed = [item for item in tried if item.side == "system" and any(m.active_at(item.at) for m in facts.mandates)]
    if not failed:
        return None
    last = max(failed, key=lambda item: item.at)
    reason = Reason("debit_failed_system", on=facts.due_on, result_code=last.code, in_confirmed_incident=incident)
    return DebitFault(last.at, reason)


def rule_3a_ends_by_borrower_failure(facts: Facts, fault: DebitFault) -> AttemptFact | None:
    """(a) "a later debit attempt on a day without incident fails for a borrower-side reason (from that day on borrower)"."""
    later = [
        item
        for item in facts.attempts
        if item.side == "borrower" and item.at > fault.since and not confirmed_incident(facts, "auto_debit", day_of(item.at))
    ]
    return min(later, key=lambda item: (item.at, item.code), default=None)


def rule_3a_ends_by_notice(facts: Facts, grace_days: int) -> tuple[date, date] | None:
    """(a) "the borrower got a *delivered* notice while a manual channel worked and notice_grace_days have passed".

    Returns (delivered on, first day that is the borrower's), the earliest such pair, or ``None``.
    """
    told = [item for item in facts.notices if item.kind != "due_reminder" and item.delivery == "delivered"]
    delivered = [day_of(item.delivered_at) for item in told if item.delivered_at]
    told_on = min((day for day in delivered if day >= facts.due_on), default=None)
    if told_on is None:
        return None
    day, left = told_on, grace_days
    while day < facts.as_of:
        day += timedelta(days=1)
        if left == 0:
            return told_on, day
        left -= manual_channel_worked(facts, day)
    return None


def manual_channel_worked(facts: Facts, day: date) -> bool:
    """Whether the borrower could have repaid by hand on ``day``: no confirmed incident, and no own payment of theirs in trouble.

    While a payment hangs we tell the borrower not to pay again, so the manual channel is closed to them.
    """
    return not confirmed_incident(facts, "own_repayment", day) and not any(in_trouble(item, day) for item in facts.payments)


# --- (b) the borrower's own repayment


def in_trouble(payment: PaymentFact, day: date) -> bool:
    """(b) whether ``payment`` hangs in processing, or failed on our side, and its end has not reached the borrower by ``day``."""
    if payment.status == "created" or day < day_of(payment.created_at):
        return False
    if payment.status == "processing" or payment.resolved_at is None:
        return True
    resolved_on = day_of(payment.resolved_at)
    hung = resolved_on > day_of(payment.created_at)
    if payment.status == "settled":
        return hung and day <= resolved_on
    failed_on_our_side = payment.side == "system" and payment.kind != "auto_debit"
    if not (hung or failed_on_our_side):
        return False
    return payment.informed_at is None or day <= max(resolved_on, day_of(payment.informed_at))


def rule_3b_own_repayment_in_trouble(facts: Facts, day: date) -> Reason | None:
    """(b) "the borrower's own repayment that would have covered it hangs in processing or failed with a system-side code"."""
    troubled = [item for item in facts.payments if in_trouble(item, day)]
    settled = [item for item in facts.payments if item.status == "settled" and item.resolved_at]
    settled_before = sum(item.credited for item in settled if item.resolved_at and day_of(item.resolved_at) < day)
    if not troubled or sum(item.amount for item in troubled) < facts.owed - settled_before:
        return None
    first = min(troubled, key=lambda item: (item.created_at, item.payment_no))
    failed = first.status == "failed" and first.side == "system"
    return Reason(
        "own_repayment_failed_system" if failed else "own_repayment_hangs",
        on=day_of(first.created_at),
        result_code=first.code if failed else None,
        in_confirmed_incident=any(_made_in_incident(facts, item) for item in troubled),
    )


def _made_in_incident(facts: Facts, payment: PaymentFact) -> bool:
    channel: Channel = "auto_debit" if payment.kind == "auto_debit" else "own_repayment"
    return confirmed_incident(facts, channel, day_of(payment.created_at))


# --- (c) an incident on that day


def rule_3c_incident_covers_channel(facts: Facts, day: date) -> Reason | None:
    """(c) "a confirmed incident covers the borrower's repayment channel that day"."""
    if any(item.touches(day) for item in facts.mandates) and confirmed_incident(facts, "auto_debit", day):
        return Reason("incident", on=day, channel="auto_debit", in_confirmed_incident=True)
    if confirmed_incident(facts, "own_repayment", day):
        return Reason("incident", on=day, channel="own_repayment", in_confirmed_incident=True)
    return None


# --- otherwise: the borrower


def rule_3_borrower_otherwise(facts: Facts, day: date, notice: tuple[date, date] | None) -> tuple[Reason, ...]:
    """ "borrower otherwise (insufficient funds, card closed, no mandate and no attempt)": what the records show of it."""
    reasons: list[Reason] = []
    failures = [item for item in facts.attempts if item.side == "borrower" and day_of(item.at) <= day]
    if failures:
        last = max(failures, key=lambda item: (item.at, item.code))
        reasons.append(Reason("debit_failed_borrower", on=day_of(last.at), result_code=last.code))
    if notice and notice[1] <= day:
        reasons.append(Reason("notice_grace_passed", on=notice[0]))
    if not facts.attempts and not any(item.touches(facts.due_on) for item in facts.mandates):
        reasons.append(Reason("no_mandate"))
    return tuple(reasons) or (Reason("no_system_cause"),)
