"""``ContactService``: checks contacts, files those that are not ours, and alerts when several people report the same one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import structlog
from sqlalchemy.orm import Session

from bot.core.clock import Clock
from bot.identity.contacts import check as checks
from bot.identity.contacts.check import ContactCheck
from bot.identity.contacts.errors import AlertNotFound, NotSuspicious
from bot.identity.contacts.models import ContactAlertRow, ContactReportRow
from bot.identity.contacts.registry import ContactKind, Registry, default_registry
from bot.identity.contacts.repository import ContactRepository

__all__ = ["ContactAlert", "ContactCheck", "ContactReport", "ContactService"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ContactReport:
    """A suspected fraud on file. ``reporters``: how many different people have reported it by now."""

    kind: ContactKind
    value: str
    pasted: str
    reported_at: datetime
    reporters: int
    case_no: str | None


@dataclass(frozen=True)
class ContactAlert:
    """For the desk: the same contact from several people."""

    alert_no: int
    kind: ContactKind
    value: str
    raised_at: datetime
    reporters: int
    handled_by: str | None


class ContactService:
    """Never commits. Needs no identity: everybody may ask whether something is ours (product §2)."""

    def __init__(self, session: Session, clock: Clock, registry: Registry | None = None) -> None:
        self._repository = ContactRepository(session)
        self._clock = clock
        self._registry = registry or default_registry()

    def check(self, text: str) -> ContactCheck | None:
        """The contact in ``text`` that needs the strongest warning, judged today; ``None`` when there is none."""
        return checks.check(text, self._clock.today(), self._registry)

    def check_each(self, text: str) -> list[ContactCheck]:
        """Every contact in a text that asks about contacts, in the order in which they stand, judged today."""
        return checks.check_each(text, self._clock.today(), self._registry)

    def check_all(self, text: str) -> list[ContactCheck]:
        """Every contact in ``text``, judged today."""
        return checks.check_all(text, self._clock.today(), self._registry)

    def report_each(
        self, found: Iterable[ContactCheck], *, conversation_id: str, customer_id: str | None, case_no: str | None = None
    ) -> list[ContactReport]:
        """As ``report`` for those of ``found`` that are suspicious.

        Always in the same order, whatever that of the text: each waits for others who report the same contact at this moment.
        """
        suspects = sorted((item for item in found if item.suspicious), key=lambda item: (item.kind, item.value))
        return [self.report(item, conversation_id=conversation_id, customer_id=customer_id, case_no=case_no) for item in suspects]

    def report(
        self, found: ContactCheck, *, conversation_id: str, customer_id: str | None, case_no: str | None = None
    ) -> ContactReport:
        """Files a suspected fraud. The same person and contact again gives the first report.

        A person is a customer, or the conversation of somebody anonymous. Raises ``NotSuspicious`` for an official contact and
        for a public hotline.
        """
        if not found.suspicious:
            raise NotSuspicious("the contact is official or a public hotline")
        row = ContactReportRow(
            kind=found.kind,
            value=found.value[:300],
            result=found.result,
            pasted=found.pasted,
            reporter=f"customer:{customer_id}" if customer_id else f"conversation:{conversation_id}",
            customer_id=customer_id,
            conversation_id=conversation_id,
            case_no=case_no,
            reported_at=self._clock.now(),
        )
        self._repository.count_alone(row.kind, row.value)
        if self._repository.add_once(row):
            log.info("suspected fraud contact reported", kind=found.kind, value=found.masked, result=found.result)
            self._alert_if_many(row)
        kept = self._repository.report(row.kind, row.value, row.reporter) or row
        return ContactReport(found.kind, kept.value, kept.pasted, kept.reported_at, self._count(kept), kept.case_no)

    def _alert_if_many(self, row: ContactReportRow) -> None:
        reporters = self._count(row)
        if reporters >= self._registry.alert_after_reporters:
            alert = ContactAlertRow(kind=row.kind, value=row.value, raised_at=self._clock.now(), handled_by=None, handled_at=None)
            if self._repository.add_once(alert):
                log.warning("contact reported by several people", kind=row.kind, reporters=reporters, alert=alert.id)

    def alerts(self) -> list[ContactAlert]:
        """What nobody has handled yet, oldest first."""
        return [self._alert(row) for row in self._repository.open_alerts()]

    def handle(self, alert_no: int, agent_id: str) -> ContactAlert:
        """An agent has dealt with it; the first one stays on record. Raises ``AlertNotFound``."""
        row = self._repository.alert_by_id(alert_no)
        if row is None:
            raise AlertNotFound("no such alert")
        if row.handled_by is None:
            row.handled_by, row.handled_at = agent_id, self._clock.now()
        return self._alert(row)

    def _count(self, row: ContactReportRow | ContactAlertRow) -> int:
        return self._repository.reporters(row.kind, row.value)

    def _alert(self, row: ContactAlertRow) -> ContactAlert:
        return ContactAlert(row.id, cast(ContactKind, row.kind), row.value, row.raised_at, self._count(row), row.handled_by)
