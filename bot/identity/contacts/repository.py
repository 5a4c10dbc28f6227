"""All SQL of reported contacts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.core.once import add_once, take_turns
from bot.identity.contacts.models import ContactAlertRow, ContactReportRow


class ContactRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def add_once(self, row: ContactReportRow | ContactAlertRow) -> bool:
        """Stores ``row`` unless one with the same unique key exists; says whether it was stored."""
        if isinstance(row, ContactReportRow):
            return add_once(self.session, row, lambda: self.report(row.kind, row.value, row.reporter))
        return add_once(self.session, row, lambda: self.alert(row.kind, row.value))

    def count_alone(self, kind: str, value: str) -> None:
        """Until this transaction ends, nobody else reports this contact, so that what is counted is all there is."""
        take_turns(self.session, f"contact:{kind}:{value}")

    def report(self, kind: str, value: str, reporter: str) -> ContactReportRow | None:
        row = ContactReportRow
        return self.session.scalar(select(row).where(row.kind == kind, row.value == value, row.reporter == reporter))

    def reporters(self, kind: str, value: str) -> int:
        """How many different people reported it."""
        row = ContactReportRow
        return self.session.scalar(select(func.count()).select_from(row).where(row.kind == kind, row.value == value)) or 0

    def reports(self, kind: str, value: str) -> Sequence[ContactReportRow]:
        """Oldest first."""
        row = ContactReportRow
        return self.session.scalars(select(row).where(row.kind == kind, row.value == value).order_by(row.id)).all()

    def alert(self, kind: str, value: str) -> ContactAlertRow | None:
        row = ContactAlertRow
        return self.session.scalar(select(row).where(row.kind == kind, row.value == value))

    def alert_by_id(self, alert_id: int) -> ContactAlertRow | None:
        return self.session.scalar(select(ContactAlertRow).where(ContactAlertRow.id == alert_id).with_for_update())

    def open_alerts(self) -> Sequence[ContactAlertRow]:
        """Not handled yet, oldest first."""
        row = ContactAlertRow
        return self.session.scalars(select(row).where(row.handled_at.is_(None)).order_by(row.id)).all()
