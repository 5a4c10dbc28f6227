"""Incidents of the repayment channels: declared by people, detected from failures, and what each one touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, select

from bot.loans.codes import side_of
from bot.loans.errors import IncidentNotFound
from bot.loans.models import CustomerRow, DebitAttemptRow, IncidentRow, MandateRow, PaymentRow, PaymentTargetRow
from bot.loans.port import IncidentChannel, InstalmentRef
from bot.loans.records import MAX_AGENT_CHARS, RecordService
from bot.loans.servicing.policy import DetectionPolicy
from bot.loans.unit import Unit, check_text
from bot.loans.views import STUCK_AFTER


@dataclass(frozen=True)
class Touched:
    """What an incident disturbed. ``debits``: ids of the attempts that failed on our side; ``payments``: numbers of the own
    repayments that failed on our side or still hang; ``instalments``: what both were meant for."""

    debits: tuple[int, ...]
    payments: tuple[str, ...]
    instalments: tuple[InstalmentRef, ...]


@dataclass
class _Tries:
    """Results on one channel and bank in the window."""

    total: int = 0
    failed_at: list[datetime] = field(default_factory=list)

    def add(self, at: datetime, code: str | None) -> None:
        self.total += 1
        if side_of(code) == "system":
            self.failed_at.append(at)

    def reaches(self, percent: int) -> bool:
        return len(self.failed_at) * 100 >= percent * self.total


class IncidentService:
    """Over one unit of work. A suspected incident decides nothing about money until somebody confirms it (product §3 c)."""

    def __init__(self, unit: Unit, policy: DetectionPolicy) -> None:
        self.unit = unit
        self.policy = policy

    def confirm(self, incident_no: str, by: str) -> IncidentRow:
        """Somebody (their id) confirms a suspected incident; who did so first stays.

        Raises ``IncidentNotFound``, ``InvalidText``.
        """
        row = self._incident(incident_no)
        check_text("confirmed_by", by, MAX_AGENT_CHARS)
        if row.status == "suspected":
            row.status, row.confirmed_by = "confirmed", by
            self.unit.session.flush()
        return row

    def detect(self) -> list[IncidentRow]:
        """Opens a suspected incident for each channel and bank whose share of system-side failures in the window reaches the
        threshold, and ends the detected ones that recovered. Returns those that it opened. Repeating it changes nothing.
        """
        opened: list[IncidentRow] = []
        for (channel, bank), tries in self._tries().items():
            running = self._running(channel, bank)
            if running is None and tries.total >= self.policy.min_tries and tries.reaches(self.policy.system_share_percent):
                opened.append(self._open(channel, bank, tries))
            elif running is not None and running.detected and self._recovered(tries, running):
                running.ends_at = self.unit.clock.now()
        self.unit.session.flush()
        return opened

    def _open(self, channel: IncidentChannel, bank: str, tries: _Tries) -> IncidentRow:
        share = len(tries.failed_at) * 100 // tries.total
        summary = f"{bank}: {len(tries.failed_at)}/{tries.total} ({share}%)"
        row = RecordService(self.unit).declare_incident(channel, min(tries.failed_at), summary, confirmed_by=None, bank_name=bank)
        row.detected = True
        return row

    def _recovered(self, tries: _Tries, running: IncidentRow) -> bool:
        """Enough tries again, and hardly one of them failed on our side; silence is no proof of health."""
        if running.ends_at is not None or tries.total < self.policy.min_tries:
            return False
        return len(tries.failed_at) * 100 < self.policy.recovered_share_percent * tries.total

    def _tries(self) -> dict[tuple[IncidentChannel, str], _Tries]:
        """Finished tries of the window by channel and bank."""
        since = self.unit.clock.now() - self.policy.window
        found: dict[tuple[IncidentChannel, str], _Tries] = defaultdict(_Tries)
        attempt, payment = DebitAttemptRow, PaymentRow
        debits = select(MandateRow.bank_name, attempt.attempted_at, attempt.result_code).join(
            MandateRow, MandateRow.mandate_no == attempt.mandate_no
        )
        for bank, at, code in self.unit.session.execute(debits.where(attempt.attempted_at > since)):
            found[("auto_debit", bank)].add(at, code)
        own = select(CustomerRow.bank_name, payment.resolved_at, payment.result_code).join(
            CustomerRow, CustomerRow.customer_id == payment.customer_id
        )
        own = own.where(payment.kind == "own", payment.status.in_(("settled", "failed")), payment.resolved_at > since)
        for bank, resolved_at, result in self.unit.session.execute(own):
            if resolved_at is not None:  # the query says so; this tells the type checker
                found[("own_repayment", bank)].add(resolved_at, result)
        return found

    def _running(self, channel: IncidentChannel, bank: str) -> IncidentRow | None:
        row = IncidentRow
        query = select(row).where(row.channel.in_((channel, "all")), row.ends_at.is_(None))
        query = query.where(or_(row.bank_name.is_(None), row.bank_name == bank))
        return self.unit.session.scalar(query.order_by(row.starts_at, row.incident_no).limit(1))

    def touched(self, incident_no: str) -> Touched:
        """Derived from the records, so it is complete also for what was reported late. Raises ``IncidentNotFound``."""
        incident = self._incident(incident_no)
        debits = self._failed_debits(incident) if incident.channel in {"auto_debit", "all"} else []
        payments = self._troubled_payments(incident) if incident.channel in {"own_repayment", "all"} else []
        target = PaymentTargetRow
        targets = self.unit.session.scalars(select(target).where(target.payment_no.in_(payments)))
        instalments = {
            *(InstalmentRef(row.contract_no, row.instalment) for row in debits),
            *(InstalmentRef(row.contract_no, row.instalment) for row in targets),
        }
        return Touched(
            tuple(row.id for row in debits),
            tuple(payments),
            tuple(sorted(instalments, key=lambda ref: (ref.contract_no, ref.instalment))),
        )

    def _failed_debits(self, incident: IncidentRow) -> Sequence[DebitAttemptRow]:
        row = DebitAttemptRow
        query = select(row).join(MandateRow, MandateRow.mandate_no == row.mandate_no)
        query = query.where(row.side == "system", row.attempted_at >= incident.starts_at)
        if incident.ends_at is not None:
            query = query.where(row.attempted_at <= incident.ends_at)
        if incident.bank_name is not None:
            query = query.where(MandateRow.bank_name == incident.bank_name)
        return self.unit.session.scalars(query.order_by(row.attempted_at, row.id)).all()

    def _troubled_payments(self, incident: IncidentRow) -> list[str]:
        """Own repayments under way or made in that time that had not settled, or failed on our side."""
        row = PaymentRow
        query = select(row).join(CustomerRow, CustomerRow.customer_id == row.customer_id).where(row.kind == "own")
        query = query.where(or_(row.resolved_at.is_(None), row.resolved_at >= incident.starts_at))
        if incident.ends_at is not None:
            query = query.where(row.created_at <= incident.ends_at)
        if incident.bank_name is not None:
            query = query.where(CustomerRow.bank_name == incident.bank_name)
        rows = self.unit.session.scalars(query.order_by(row.created_at, row.payment_no))
        return [each.payment_no for each in rows if _in_trouble(each)]

    def _incident(self, incident_no: str) -> IncidentRow:
        row = self.unit.repository.incident(incident_no)
        if row is None:
            raise IncidentNotFound(f"no incident {incident_no}")
        return row


def _in_trouble(payment: PaymentRow) -> bool:
    """Without an answer, answered only after a day, or failed on our side."""
    if payment.resolved_at is None or payment.resolved_at - payment.created_at >= STUCK_AFTER:
        return True
    return side_of(payment.result_code) == "system"
