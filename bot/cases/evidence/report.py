"""The examination of one instalment: the cause of each overdue day, and what that means in 分."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from bot.cases.evidence import rules
from bot.cases.evidence.facts import AttemptFact, Facts
from bot.cases.evidence.rules import DebitFault, Grace, Reason
from bot.cases.evidence.split import Share, split_penalty, waive_or_refund
from bot.cases.evidence.timeline import Entry, timeline
from bot.cases.evidence.wording import reason_text, render
from bot.core.clock import chinese_date
from bot.core.money import Fen
from bot.core.texts import Texts

Cause = Literal["system", "borrower"]


@dataclass(frozen=True)
class EvidencePolicy:
    """The numbers that product §3 makes configurable. ``notice_grace_days``: days after a delivered notice, rule (a).

    ``valid_from`` names the version of data/catalogue/complaint_clock.yml that they come from.
    """

    notice_grace_days: int = 3
    valid_from: date | None = None


@dataclass(frozen=True)
class DayCause:
    """One overdue day, who caused it, and why. ``charged``: the day costs penalty (it is not held)."""

    date: date
    cause: Cause
    reasons: tuple[Reason, ...]
    charged: bool = True

    @property
    def in_confirmed_incident(self) -> bool:
        """Whether a confirmed incident stands behind at least one reason of this day."""
        return any(reason.in_confirmed_incident for reason in self.reasons)


@dataclass(frozen=True)
class Stretch:
    """Overdue days in a row with the same cause for the same reasons; ``reasons`` are those of the first day."""

    first: date
    last: date
    cause: Cause
    reasons: tuple[Reason, ...]
    charged: bool

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Evidence:
    """The result. ``penalty`` = ``system_caused`` + ``borrower_caused``, all in 分, accrued up to ``facts.as_of``."""

    facts: Facts
    days: tuple[DayCause, ...]
    penalty: Fen
    system_caused: Fen
    borrower_caused: Fen
    policy: EvidencePolicy = EvidencePolicy()

    @property
    def contract_no(self) -> str:
        return self.facts.contract_no

    @property
    def instalment(self) -> int:
        return self.facts.instalment

    @property
    def due_on(self) -> date:
        return self.facts.due_on

    @property
    def kind(self) -> Literal["system", "borrower", "mixed"]:
        """Who caused the overdue days as a whole; ``borrower`` when there are none."""
        causes = {day.cause for day in self.days}
        if causes == {"system"}:
            return "system"
        return "mixed" if "system" in causes else "borrower"

    @property
    def incident_confirmed(self) -> bool:
        """Whether every system-caused day is backed by a confirmed incident: the condition for granting at once (product §3)."""
        system = [day for day in self.days if day.cause == "system"]
        return bool(system) and all(day.in_confirmed_incident for day in system)

    def stretches(self) -> tuple[Stretch, ...]:
        """The days as a person would tell them, oldest first. Together they are all the days."""
        found: list[Stretch] = []
        for day in self.days:
            new = Stretch(day.date, day.date, day.cause, day.reasons, day.charged)
            if found and _continues(found[-1], new):
                found[-1] = replace(found[-1], last=day.date)
            else:
                found.append(new)
        return tuple(found)

    def explanation(self, texts: Texts) -> tuple[str, ...]:
        """Day by day in short lines, days alike on one: ``8月11日–8月12日（2天）：我们的原因，…``."""
        return tuple(_line(stretch, texts) for stretch in self.stretches())

    @property
    def share(self) -> Share:
        """How the system's share goes back: what is unpaid is waived, what was paid is refunded (product §3)."""
        facts = self.facts
        return waive_or_refund(self.system_caused, self.penalty, facts.paid_penalty, facts.waived_penalty)

    def timeline(self) -> tuple[Entry, ...]:
        return timeline(self.facts)

    def card(self, texts: Texts) -> dict[str, Any]:
        """The ``evidence`` card of the stable contract; reasons and timeline in the words of data/answers/evidence.yml."""
        return {
            "type": "evidence",
            "contract_no": self.contract_no,
            "instalment": self.instalment,
            "days": [
                {
                    "date": day.date.isoformat(),
                    "cause": day.cause,
                    "reasons": [reason_text(reason, texts) for reason in day.reasons],
                }
                for day in self.days
            ],
            "timeline": [
                {"at": entry.at.isoformat(), "kind": entry.kind, "text": entry.text(texts)} for entry in self.timeline()
            ],
            "penalty": self.penalty,
            "system_caused": self.system_caused,
            "borrower_caused": self.borrower_caused,
        }

    def record(self) -> dict[str, Any]:
        """The same as codes and numbers, to keep with the case: what was known when it was decided."""
        return {
            "contract_no": self.contract_no,
            "instalment": self.instalment,
            "as_of": self.facts.as_of.isoformat(),
            "notice_grace_days": self.policy.notice_grace_days,
            "policy_valid_from": self.policy.valid_from.isoformat() if self.policy.valid_from else None,
            "days": [
                {
                    "date": day.date.isoformat(),
                    "cause": day.cause,
                    "charged": day.charged,
                    "reasons": [r.code for r in day.reasons],
                }
                for day in self.days
            ],
            "penalty": self.penalty,
            "system_caused": self.system_caused,
            "borrower_caused": self.borrower_caused,
            "incident_confirmed": self.incident_confirmed,
        }


def _line(stretch: Stretch, texts: Texts) -> str:
    values = {"first_on": chinese_date(stretch.first), "last_on": chinese_date(stretch.last), "count": str(stretch.count)}
    named = {
        "cause_text": (f"evidence_cause_{stretch.cause}",),
        "held_text": ("evidence_line_charged" if stretch.charged else "evidence_line_held",),
    }
    values["period"] = render(texts, f"evidence_period_{'one' if stretch.count == 1 else 'many'}", values, {})
    values["reasons"] = "，".join(reason_text(reason, texts, brief=True) for reason in stretch.reasons)
    return render(texts, "evidence_line", values, named)


def _continues(earlier: Stretch, later: Stretch) -> bool:
    """Whether ``later`` only goes on with ``earlier``. An incident is of each day anew, and so is a card without funds."""
    alike = [[replace(reason, on=None, records=()) for reason in stretch.reasons] for stretch in (earlier, later)]
    first_payment = [[reason.on for reason in stretch.reasons if reason.rule.startswith("3b")] for stretch in (earlier, later)]
    return (
        alike[0] == alike[1]
        and first_payment[0] == first_payment[1]
        and (earlier.cause, earlier.charged) == (later.cause, later.charged)
        and later.first == earlier.last + timedelta(days=1)
    )


def examine(facts: Facts, policy: EvidencePolicy | None = None) -> Evidence:
    """Decides the cause of each overdue day by the rules of product §3."""
    facts, policy = facts.ordered(), policy or EvidencePolicy()
    course = _course_of_3a(facts, policy.notice_grace_days)
    days = _causes(facts, course)
    weights = zip((day.weight for day in facts.days), (day.cause == "system" for day in days), strict=True)
    system, borrower = split_penalty(facts.penalty, weights)
    return Evidence(facts, days, facts.penalty, system, borrower, policy)


@dataclass(frozen=True)
class _Course:
    """How (a) began, if it did, and what ended it: on ``ends_on``, the first day that it no longer covers.

    ``failure`` and ``grace`` are set only if they ended it, whichever came first; both when they fell on the same day.
    """

    fault: DebitFault | None
    failure: AttemptFact | None
    grace: Grace | None
    ends_on: date | None

    def covers(self, day: date) -> bool:
        return self.fault is not None and (self.ends_on is None or day < self.ends_on)


def _course_of_3a(facts: Facts, grace_days: int) -> _Course:
    fault = rules.rule_3a_debit_of_due_date(facts)
    if fault is None:
        return _Course(None, None, None, None)
    failure = rules.rule_3a_ends_by_borrower_failure(facts, fault)
    grace = rules.rule_3a_ends_by_notice(facts, grace_days)
    failed_on = failure.on if failure else date.max
    over_on = grace.over_on if grace else date.max
    ends_on = min(failed_on, over_on)
    return _Course(
        fault,
        failure if failed_on == ends_on else None,
        grace if over_on == ends_on else None,
        None if ends_on == date.max else ends_on,
    )


def _causes(facts: Facts, course: _Course) -> tuple[DayCause, ...]:
    """The rules are asked once for all days up to the next on which they may answer otherwise, not once a day."""
    turns = sorted({*rules.turning_days(facts), *([course.ends_on] if course.ends_on else [])})
    found: list[DayCause] = []
    stretch = -1
    for day in facts.days:
        if stretch != (stretch := bisect_right(turns, day.date)):
            cause, reasons = _cause_of(facts, day.date, course)
            daily = any(reason.rule == "3c_incident_covers_channel" for reason in reasons)
        elif daily:
            reasons = tuple(
                replace(reason, on=day.date) if reason.rule == "3c_incident_covers_channel" else reason for reason in reasons
            )
        found.append(DayCause(day.date, cause, reasons, not day.held))
    return tuple(found)


def _cause_of(facts: Facts, day: date, course: _Course) -> tuple[Cause, tuple[Reason, ...]]:
    found: list[Reason] = []
    if course.fault and course.covers(day):
        found.append(course.fault.reason)
    for rule in (rules.rule_3b_own_repayment_in_trouble, rules.rule_3c_incident_covers_channel):
        reason = rule(facts, day)
        if reason:
            found.append(reason)
    if found:
        return "system", tuple(found)
    return "borrower", rules.rule_3_borrower_otherwise(facts, day, course.failure, course.grace)
