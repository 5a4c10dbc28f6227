"""The cause rules of product §3, one function for each paragraph. Pure: facts and a day in, a reason or ``None`` out.

The text leaves some edges open; these readings are ours, each with its test in ``tests/data/evidence``:

- (a) A due date with several attempts: the last system-side failure of that day counts, and only a borrower-side failure after
  it ends the rule. A mandate signed on the due date itself, or revoked on it, did not have to be executed that day.
- (a) "A day without incident" means: no *confirmed* incident of the auto-debit. A suspicion alone excuses nobody.
- (a) Only a notice that something is unpaid (``overdue``, ``debit_failed``) starts the grace, not the reminder before the due
  date. The grace is ``notice_grace_days`` days *after* the delivery on which a manual channel worked; the day after them is the
  borrower's.
- (b) "From that day": the day of the payment. "Until told": the day on which the borrower is told still counts, also when
  the payment was settled in the end and left a rest. A payment that was settled on the day it was made never hung. Several
  payments in trouble at once count together. An order that we have not sent to the bank yet hangs like one that the bank has.
- (b) A failed auto-debit belongs to (a); an auto-debit that took the money and then hangs counts here like an own payment.
- (c) The own repayment is everybody's channel; the auto-debit is the channel of those who have a mandate that day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from bot.cases.evidence.facts import AttemptFact, Channel, Facts, IncidentFact, NoticeFact, PaymentFact, day_of
from bot.core.clock import SHANGHAI

RuleName = Literal[
    "3a_debit_of_due_date",
    "3a_ends_by_borrower_failure",
    "3a_ends_by_notice",
    "3b_own_repayment_in_trouble",
    "3c_incident_covers_channel",
    "3_borrower_otherwise",
]
RULE_OF: dict[str, RuleName] = {
    "debit_failed_system": "3a_debit_of_due_date",
    "mandate_not_executed": "3a_debit_of_due_date",
    "own_repayment_hangs": "3b_own_repayment_in_trouble",
    "own_repayment_hung": "3b_own_repayment_in_trouble",
    "own_repayment_untold": "3b_own_repayment_in_trouble",
    "own_repayment_failed_system": "3b_own_repayment_in_trouble",
    "debited_money_hangs": "3b_own_repayment_in_trouble",
    "incident": "3c_incident_covers_channel",
    "later_debit_failed_borrower": "3a_ends_by_borrower_failure",
    "debit_failed_borrower": "3_borrower_otherwise",
    "notice_grace_passed": "3a_ends_by_notice",
    "no_mandate": "3_borrower_otherwise",
    "no_system_cause": "3_borrower_otherwise",
}
"""The rule behind each reason. A rule is called like its function here, after its paragraph of product §3."""


@dataclass(frozen=True)
class Reason:
    """Why a day has its cause. ``code`` selects the text ``evidence_reason_<code>``; the other fields fill it.

    ``records``: numbers of the records that the rule used, in the order of time.
    """

    code: str
    on: date | None = None
    result_code: str | None = None
    channel: str | None = None
    in_confirmed_incident: bool = False
    records: tuple[str, ...] = ()

    @property
    def rule(self) -> RuleName:
        return RULE_OF[self.code]


def confirmed_incidents(facts: Facts, channel: Channel, day: date) -> list[IncidentFact]:
    """The confirmed incidents of ``channel`` that cover ``day``."""
    return [item for item in facts.incidents if item.confirmed and item.disturbs(channel) and item.covers(day)]


def _numbers(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(number for group in groups for number in group if number)


def turning_days(facts: Facts) -> set[date]:
    """The days on which (b), (c) or the borrower's share may look otherwise than on the day before.

    From one to the next a rule gives the same reason; only that of (c) is of each day anew.
    """
    found = {item.on for item in facts.attempts}
    for mandate in facts.mandates:
        found.update(_first_and_after(mandate.signed_on, mandate.revoked_on))
    for incident in facts.incidents:
        found.update(_first_and_after(incident.first_day, incident.last_day))
    for payment in facts.payments:
        found.update(_first_and_after(payment.created_on, payment.resolved_on, payment.informed_on))
    return found


def _first_and_after(first: date, *last: date | None) -> list[date]:
    return [first, *(day + timedelta(days=1) for day in last if day is not None and day < date.max)]


# --- (a) the auto-debit of the due date


@dataclass(frozen=True)
class DebitFault:
    """What went wrong with the auto-debit on the due date. ``since``: later borrower-side failures may end it."""

    since: datetime
    reason: Reason


def rule_3a_debit_of_due_date(facts: Facts) -> DebitFault | None:
    """(a) "on the due date an active auto-debit mandate was not executed or failed with a system-side code"."""
    due_on = facts.due_on
    incidents = confirmed_incidents(facts, "auto_debit", due_on)
    behind = [item.incident_no for item in incidents]
    tried = [item for item in facts.attempts if item.on == due_on]
    if not tried:
        active = [item.mandate_no for item in facts.mandates if item.active_throughout(due_on)]
        if not active:
            return None
        records = _numbers(active, behind)
        reason = Reason("mandate_not_executed", on=due_on, in_confirmed_incident=bool(incidents), records=records)
        return DebitFault(datetime.combine(due_on, time.min, tzinfo=SHANGHAI), reason)
    failed = [item for item in tried if item.side == "system" and any(m.active_at(item.at) for m in facts.mandates)]
    if not failed:
        return None
    last = max(failed, key=lambda item: (item.at, item.code))
    mandates = [item.mandate_no for item in facts.mandates if any(item.active_at(attempt.at) for attempt in failed)]
    records = _numbers(mandates, (item.attempt_no for item in failed), behind)
    return DebitFault(
        last.at,
        Reason(
            "debit_failed_system",
            on=due_on,
            result_code=last.code,
            in_confirmed_incident=bool(incidents),
            records=records,
        ),
    )


def rule_3a_ends_by_borrower_failure(facts: Facts, fault: DebitFault) -> AttemptFact | None:
    """(a) "a later debit attempt on a day without incident fails for a borrower-side reason (from that day on borrower)"."""
    later = [
        item
        for item in facts.attempts
        if item.side == "borrower" and item.at > fault.since and not confirmed_incidents(facts, "auto_debit", item.on)
    ]
    return min(later, key=lambda item: (item.at, item.code), default=None)


@dataclass(frozen=True)
class Grace:
    """A delivered notice and its grace: ``told_on`` is the day of delivery, ``over_on`` the first day that is the borrower's."""

    notice: NoticeFact
    told_on: date
    over_on: date


def rule_3a_ends_by_notice(facts: Facts, grace_days: int) -> Grace | None:
    """(a) "the borrower got a *delivered* notice while a manual channel worked and notice_grace_days have passed".

    The earliest such grace that is over by ``facts.as_of``, or ``None``.
    """
    told = [
        (item.delivered_at, item)
        for item in facts.notices
        if item.kind != "due_reminder" and item.delivery == "delivered" and item.delivered_at is not None
    ]
    in_time = [(at, item) for at, item in told if day_of(at) >= facts.due_on]
    if not in_time:
        return None
    at, notice = min(in_time, key=lambda pair: (pair[0], str(pair[1])))
    day, left = day_of(at), grace_days
    while day < facts.as_of:
        day += timedelta(days=1)
        if left == 0:
            return Grace(notice, day_of(at), day)
        left -= manual_channel_worked(facts, day)
    return None


def manual_channel_worked(facts: Facts, day: date) -> bool:
    """Whether the borrower could have repaid by hand on ``day``: no confirmed incident, and no own payment of theirs in trouble.

    While a payment hangs we tell the borrower not to pay again, so the manual channel is closed to them.
    """
    return not confirmed_incidents(facts, "own_repayment", day) and not any(in_trouble(item, day) for item in facts.payments)


# --- (b) the borrower's own repayment


def in_trouble(payment: PaymentFact, day: date) -> bool:
    """(b) whether ``payment`` hangs in processing, or failed on our side, and its end has not reached the borrower by ``day``."""
    if day < payment.created_on:
        return False
    resolved_on = payment.resolved_on
    if resolved_on is None:
        return True
    hung = resolved_on > payment.created_on
    failed_on_our_side = payment.side == "system" and payment.kind != "auto_debit"
    if not (hung or failed_on_our_side):
        return False
    return payment.informed_on is None or day <= max(resolved_on, payment.informed_on)


def rule_3b_own_repayment_in_trouble(facts: Facts, day: date) -> Reason | None:
    """(b) "the borrower's own repayment that would have covered it hangs in processing or failed with a system-side code".

    "Would have covered it": those in trouble together reach what the instalment costs less what other payments had paid of it.
    """
    troubled = [item for item in facts.payments if in_trouble(item, day)]
    if not troubled:
        return None
    others = [item for item in facts.payments if item.status == "settled" and item not in troubled]
    paid_before = sum(item.credited for item in others if item.resolved_on and item.resolved_on < day)
    if sum(item.amount for item in troubled) < facts.owed - paid_before:
        return None
    first = min(troubled, key=lambda item: (item.created_at, item.payment_no))
    failed = first.status == "failed" and first.side == "system"
    incidents = {item.incident_no: item for payment in troubled for item in _incidents_when_made(facts, payment)}
    return Reason(
        "own_repayment_failed_system" if failed else _hanging(first, day),
        on=first.created_on,
        result_code=first.code if failed else None,
        in_confirmed_incident=bool(incidents),
        records=_numbers((item.payment_no for item in troubled), incidents),
    )


def _hanging(payment: PaymentFact, day: date) -> str:
    """How the trouble of ``payment`` looked on ``day``, as the code of a reason."""
    if payment.resolved_on is not None and payment.resolved_on < day:
        return "own_repayment_untold"
    if payment.kind == "auto_debit":
        return "debited_money_hangs"
    return "own_repayment_hangs" if payment.resolved_at is None else "own_repayment_hung"


def _incidents_when_made(facts: Facts, payment: PaymentFact) -> list[IncidentFact]:
    channel: Channel = "auto_debit" if payment.kind == "auto_debit" else "own_repayment"
    return confirmed_incidents(facts, channel, payment.created_on)


# --- (c) an incident on that day


def rule_3c_incident_covers_channel(facts: Facts, day: date) -> Reason | None:
    """(c) "a confirmed incident covers the borrower's repayment channel that day"."""
    channels: tuple[Channel, ...] = ("auto_debit", "own_repayment")
    for channel in channels:
        incidents = confirmed_incidents(facts, channel, day)
        if not incidents:
            continue
        mandates = [item.mandate_no for item in facts.mandates if item.touches(day)] if channel == "auto_debit" else []
        if mandates or channel == "own_repayment":
            records = _numbers(mandates, (item.incident_no for item in incidents))
            return Reason("incident", on=day, channel=channel, in_confirmed_incident=True, records=records)
    return None


# --- otherwise: the borrower


def rule_3_borrower_otherwise(facts: Facts, day: date, failure: AttemptFact | None, grace: Grace | None) -> tuple[Reason, ...]:
    """ "borrower otherwise (insufficient funds, card closed, no mandate and no attempt)": what the records show of it.

    ``failure`` and ``grace``: the debit and the notice that ended (a), if they did.
    """
    reasons: list[Reason] = []
    failures = [item for item in facts.attempts if item.side == "borrower" and item.on <= day]
    if failure and failure in failures:
        records = _numbers([failure.attempt_no])
        reasons.append(Reason("later_debit_failed_borrower", on=failure.on, result_code=failure.code, records=records))
    elif failures:
        last = max(failures, key=lambda item: (item.at, item.code))
        records = _numbers(item.attempt_no for item in failures)
        reasons.append(Reason("debit_failed_borrower", on=last.on, result_code=last.code, records=records))
    if grace:
        reasons.append(Reason("notice_grace_passed", on=grace.told_on, records=_numbers([grace.notice.notice_no])))
    if not facts.attempts and not any(item.touches(facts.due_on) for item in facts.mandates):
        reasons.append(Reason("no_mandate"))
    return tuple(reasons) or (Reason("no_system_cause"),)
