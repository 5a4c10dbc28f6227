"""The evidence as an agent reads it: the raw records with their numbers, and beside each the rules that used it (product §3).

Codes and values as they stand in the books, nothing put into words. A record that no rule used is shown all the same: a
missing or delivered reminder, a suspected incident, a hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Literal

from bot.cases.evidence.facts import day_of
from bot.cases.evidence.report import Cause, Evidence
from bot.cases.evidence.rules import RULE_OF, RuleName
from bot.core.money import Fen
from bot.loans.port import AccrualHold, OverdueFlag

RecordKind = Literal["mandate", "debit_attempt", "incident", "payment", "notice", "hold", "flag"]


@dataclass(frozen=True)
class EvidenceRecord:
    """One record. ``values``: its fields as stored (amounts in 分); ``used_by``: the rules that a day's cause rests on."""

    record_no: str
    kind: RecordKind
    at: datetime | date
    values: dict[str, Any]
    used_by: tuple[RuleName, ...]


@dataclass(frozen=True)
class EvidenceRule:
    """A rule that decided at least one day: ``paragraph`` of product §3, the days, the numbers of the records it used."""

    rule: RuleName
    paragraph: str
    days: tuple[date, ...]
    records: tuple[str, ...]


@dataclass(frozen=True)
class EvidenceDay:
    """One overdue day. ``reasons`` are codes; ``charged``: it cost penalty (it was not held)."""

    date: date
    cause: Cause
    reasons: tuple[str, ...]
    rules: tuple[RuleName, ...]
    unpaid_principal: Fen
    charged: bool


@dataclass(frozen=True)
class EvidenceSheet:
    """The examination of one instalment as of today. ``system_caused`` + ``borrower_caused`` = ``penalty`` (分).

    ``to_waive`` and ``to_refund``: what of the system's share is still to be given back. ``notice_grace_days`` is the number
    that rule (a) was applied with, of the configuration ``policy_valid_from``.
    """

    contract_no: str
    instalment: int
    due_on: date
    as_of: date
    owed: Fen
    penalty: Fen
    paid_penalty: Fen
    waived_penalty: Fen
    system_caused: Fen
    borrower_caused: Fen
    to_waive: Fen
    to_refund: Fen
    incident_confirmed: bool
    notice_grace_days: int
    policy_valid_from: date | None
    days: tuple[EvidenceDay, ...]
    rules: tuple[EvidenceRule, ...]
    records: tuple[EvidenceRecord, ...]


def paragraph(rule: RuleName) -> str:
    """``3a_ends_by_notice`` → ``§3(a)``; ``3_borrower_otherwise`` → ``§3``."""
    head = rule.split("_", 1)[0]
    return f"§{head[0]}({head[1]})" if len(head) > 1 else f"§{head}"


def evidence_sheet(evidence: Evidence, holds: Sequence[AccrualHold] = (), flags: Sequence[OverdueFlag] = ()) -> EvidenceSheet:
    """``holds`` and ``flags`` of the same instalment are shown beside; no rule reads them, but the days held cost nothing."""
    facts, share, rules = evidence.facts, evidence.share, _rules(evidence)
    return EvidenceSheet(
        contract_no=facts.contract_no,
        instalment=facts.instalment,
        due_on=facts.due_on,
        as_of=facts.as_of,
        owed=facts.owed,
        penalty=evidence.penalty,
        paid_penalty=facts.paid_penalty,
        waived_penalty=facts.waived_penalty,
        system_caused=evidence.system_caused,
        borrower_caused=evidence.borrower_caused,
        to_waive=share.waive,
        to_refund=share.refund,
        incident_confirmed=evidence.incident_confirmed,
        notice_grace_days=evidence.policy.notice_grace_days,
        policy_valid_from=evidence.policy.valid_from,
        days=tuple(
            EvidenceDay(
                day.date,
                day.cause,
                tuple(reason.code for reason in day.reasons),
                tuple(dict.fromkeys(reason.rule for reason in day.reasons)),
                fact.unpaid_principal,
                day.charged,
            )
            for day, fact in zip(evidence.days, facts.days, strict=True)
        ),
        rules=rules,
        records=_records(evidence, holds, flags, rules),
    )


def _rules(evidence: Evidence) -> tuple[EvidenceRule, ...]:
    """In the order of the paragraphs."""
    found = []
    for rule in dict.fromkeys(RULE_OF.values()):
        used = [(day.date, reason) for day in evidence.days for reason in day.reasons if reason.rule == rule]
        if used:
            days = tuple(dict.fromkeys(day for day, _ in used))
            records = tuple(dict.fromkeys(number for _, reason in used for number in reason.records))
            found.append(EvidenceRule(rule, paragraph(rule), days, records))
    return tuple(sorted(found, key=lambda item: (item.paragraph == "§3", item.paragraph, item.rule)))


def _records(
    evidence: Evidence, holds: Sequence[AccrualHold], flags: Sequence[OverdueFlag], rules: Sequence[EvidenceRule]
) -> tuple[EvidenceRecord, ...]:
    """Oldest first of each kind, known by ``as_of``."""
    facts = evidence.facts
    named: list[tuple[RecordKind, str, datetime | date, Any]] = [
        *(("mandate", item.mandate_no, item.signed_at, item) for item in facts.mandates),
        *(("debit_attempt", item.attempt_no, item.at, item) for item in facts.attempts),
        *(("incident", item.incident_no, item.starts_at, item) for item in facts.incidents),
        *(("payment", item.payment_no, item.created_at, item) for item in facts.payments),
        *(("notice", item.notice_no, item.sent_at, item) for item in facts.notices),
        *(("hold", f"H-{number}", item.held_on, item) for number, item in enumerate(holds, start=1)),
        *(("flag", f"F-{number}", item.at, item) for number, item in enumerate(flags, start=1)),
    ]
    return tuple(
        EvidenceRecord(number, kind, at, asdict(item), tuple(rule.rule for rule in rules if number in rule.records))
        for kind, number, at, item in named
        if (day_of(at) if isinstance(at, datetime) else at) <= facts.as_of
    )
