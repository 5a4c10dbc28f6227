"""The examination of one instalment: the cause of each overdue day, and what that means in 分."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from bot.cases.evidence import rules
from bot.cases.evidence.facts import Facts, OverdueDay, day_of
from bot.cases.evidence.rules import DebitFault, Reason
from bot.cases.evidence.split import split_penalty
from bot.cases.evidence.timeline import Entry, timeline
from bot.cases.evidence.wording import reason_text
from bot.core.money import Fen
from bot.core.texts import Texts

Cause = Literal["system", "borrower"]


@dataclass(frozen=True)
class EvidencePolicy:
    """The numbers that product §3 makes configurable. ``notice_grace_days``: days after a delivered notice, rule (a)."""

    notice_grace_days: int = 3


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
class Evidence:
    """The result. ``penalty`` = ``system_caused`` + ``borrower_caused``, all in 分, accrued up to ``facts.as_of``."""

    facts: Facts
    days: tuple[DayCause, ...]
    penalty: Fen
    system_caused: Fen
    borrower_caused: Fen

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


def examine(facts: Facts, policy: EvidencePolicy | None = None) -> Evidence:
    """Decides the cause of each overdue day by the rules of product §3."""
    facts = facts.ordered()
    grace = (policy or EvidencePolicy()).notice_grace_days
    fault = rules.rule_3a_debit_of_due_date(facts)
    notice = rules.rule_3a_ends_by_notice(facts, grace)
    ends_on = _end_of_3a(facts, fault, notice)
    days = tuple(_cause_of(facts, day, fault, ends_on, notice) for day in facts.days)
    weights = zip((day.weight for day in facts.days), (day.cause == "system" for day in days), strict=True)
    system, borrower = split_penalty(facts.penalty, weights)
    return Evidence(facts, days, facts.penalty, system, borrower)


def _end_of_3a(facts: Facts, fault: DebitFault | None, notice: tuple[date, date] | None) -> date | None:
    """The first day that rule (a) no longer covers, or ``None`` while it goes on."""
    if fault is None:
        return None
    failure = rules.rule_3a_ends_by_borrower_failure(facts, fault)
    ends = [day_of(failure.at)] if failure else []
    if notice:
        ends.append(notice[1])
    return min(ends, default=None)


def _cause_of(
    facts: Facts, day: OverdueDay, fault: DebitFault | None, ends_on: date | None, notice: tuple[date, date] | None
) -> DayCause:
    found: list[Reason] = []
    if fault and (ends_on is None or day.date < ends_on):
        found.append(fault.reason)
    for rule in (rules.rule_3b_own_repayment_in_trouble, rules.rule_3c_incident_covers_channel):
        reason = rule(facts, day.date)
        if reason:
            found.append(reason)
    if found:
        return DayCause(day.date, "system", tuple(found), not day.held)
    return DayCause(day.date, "borrower", rules.rule_3_borrower_otherwise(facts, day.date, notice), not day.held)
