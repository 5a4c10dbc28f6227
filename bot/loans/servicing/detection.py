"""Incidents found from the share of failures: a suspicion that people confirm (``incidents.py``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, or_, select

from bot.loans.codes import side_of
from bot.loans.models import CustomerRow, DebitAttemptRow, IncidentRow, MandateRow, PaymentRow
from bot.loans.port import IncidentChannel
from bot.loans.records import RecordService
from bot.loans.servicing.models import ChannelOrderRow
from bot.loans.servicing.policy import DetectionPolicy
from bot.loans.unit import Unit

DETECTION = "incident detection"
"""What two workers that detect at once lock."""
HANGS_FOR = timedelta(days=1)
"""What hangs longer is stuck and no sign of how the channel does now; a person looks at it (``views.STUCK_AFTER``)."""


@dataclass
class _Tries:
    """Results on one channel and bank in the window, and what hangs there."""

    total: int = 0
    failed_at: list[datetime] = field(default_factory=list)

    def add(self, at: datetime, code: str | None) -> None:
        self.total += 1
        if side_of(code) == "system":
            self.failed_at.append(at)

    def hang(self, since: datetime) -> None:
        """One more that got no answer: our side's, until the bank says otherwise."""
        self.total += 1
        self.failed_at.append(since)

    def reaches(self, percent: int) -> bool:
        return len(self.failed_at) * 100 >= percent * self.total


class IncidentDetector:
    """Over one unit of work."""

    def __init__(self, unit: Unit, policy: DetectionPolicy) -> None:
        self.unit = unit
        self.policy = policy

    def detect(self) -> list[IncidentRow]:
        """Opens a suspected incident for each channel and bank whose share of system-side failures in the window reaches the
        threshold, and ends the detected ones that recovered. Returns those that it opened. Repeating it changes nothing; whoever
        detects at the same moment waits and sees what this unit of work opened.
        """
        self.unit.repository.lock_key(DETECTION)
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
        """Finished tries of the window, and those that hang, by channel and bank."""
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
        for channel, bank, sent_at in self._hanging():
            found[(channel, bank)].hang(sent_at)
        return found

    def _hanging(self) -> Iterator[tuple[IncidentChannel, str, datetime]]:
        """Orders that the bank has not answered for some minutes: channel, bank, and when they were sent."""
        order, now = ChannelOrderRow, self.unit.clock.now()
        hangs = and_(
            order.status == "processing", order.sent_at <= now - self.policy.hanging_after, order.sent_at > now - HANGS_FOR
        )
        debits = select(MandateRow.bank_name, order.sent_at).join(MandateRow, MandateRow.mandate_no == order.mandate_no)
        own = select(CustomerRow.bank_name, order.sent_at).join(CustomerRow, CustomerRow.customer_id == order.customer_id)
        queries: tuple[tuple[IncidentChannel, Select[str, datetime | None]], ...] = (
            ("auto_debit", debits.where(order.kind == "auto_debit", hangs)),
            ("own_repayment", own.where(order.kind == "own", hangs)),
        )
        for channel, query in queries:
            for bank, sent_at in self.unit.session.execute(query):
                if sent_at is not None:  # the query says so; this tells the type checker
                    yield channel, bank, sent_at

    def _running(self, channel: IncidentChannel, bank: str) -> IncidentRow | None:
        row = IncidentRow
        query = select(row).where(row.channel.in_((channel, "all")), row.ends_at.is_(None))
        query = query.where(or_(row.bank_name.is_(None), row.bank_name == bank))
        return self.unit.session.scalar(query.order_by(row.starts_at, row.incident_no).limit(1))
