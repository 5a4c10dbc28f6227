"""Incidents of the repayment channels as people handle them: declare, confirm, end, and see whom each one touched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.loans.errors import IncidentNotFound, InvalidDate
from bot.loans.models import IncidentRow
from bot.loans.port import TOUCHED_PAGE, IncidentChannel, IncidentKind, Touched
from bot.loans.records import MAX_AGENT_CHARS, RecordService
from bot.loans.servicing.touched import touched
from bot.loans.unit import Unit, check_moment, check_text


class IncidentService:
    """Over one unit of work. A suspected incident decides nothing about money until somebody confirms it (product §3 c).

    Errors as in ``LoanBackend``.
    """

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def incident(self, incident_no: str) -> IncidentRow:
        """Raises ``IncidentNotFound``."""
        row = self.unit.repository.incident(incident_no)
        if row is None:
            raise IncidentNotFound(f"no incident {incident_no}")
        return row

    def declare(
        self,
        kind: IncidentKind,
        channel: IncidentChannel,
        starts_at: datetime,
        summary: str,
        *,
        key: str,
        ends_at: datetime | None = None,
        bank_name: str | None = None,
    ) -> IncidentRow:
        """A suspected incident, which ``confirm`` makes count."""
        self._check_dates(starts_at, ends_at)
        parameters = {"kind": kind, "channel": channel, "starts_at": _utc(starts_at), "summary": summary}
        parameters |= {"ends_at": _utc(ends_at), "bank_name": bank_name}
        earlier = self._earlier(key, "declare_incident", parameters)
        if earlier is not None:
            return earlier
        row = RecordService(self.unit).declare_incident(
            channel, starts_at, summary, confirmed_by=None, bank_name=bank_name, kind=kind
        )
        row.ends_at = ends_at
        return self._remember(key, "declare_incident", parameters, row)

    def confirm(self, incident_no: str, by: str, *, key: str) -> IncidentRow:
        """Somebody (their id) confirms a suspected incident; who did so first stays."""
        row, parameters = self._locked(incident_no), {"incident_no": incident_no, "confirmed_by": by}
        earlier = self._earlier(key, "confirm_incident", parameters)
        if earlier is not None:
            return earlier
        check_text("confirmed_by", by, MAX_AGENT_CHARS)
        if row.status == "suspected":
            row.status, row.confirmed_by = "confirmed", by
        return self._remember(key, "confirm_incident", parameters, row)

    def end(self, incident_no: str, ends_at: datetime | None = None, *, key: str) -> IncidentRow:
        """The channel works again, now or since ``ends_at``; the first end stays."""
        row, parameters = self._locked(incident_no), {"incident_no": incident_no, "ends_at": ends_at and _utc(ends_at)}
        earlier = self._earlier(key, "end_incident", parameters)
        if earlier is not None:
            return earlier
        self._check_dates(row.starts_at, ends_at)
        row.ends_at = row.ends_at or ends_at or self.unit.clock.now()
        return self._remember(key, "end_incident", parameters, row)

    def touched(self, incident_no: str, after: str | None = None, limit: int = TOUCHED_PAGE) -> Touched:
        """A page of what it touched."""
        return touched(self.unit.session, self.incident(incident_no), after, limit)

    def _check_dates(self, starts_at: datetime, ends_at: datetime | None) -> None:
        now = self.unit.clock.now()
        check_moment("starts_at", starts_at, now)
        if ends_at is not None:
            check_moment("ends_at", ends_at, now)
            if ends_at < starts_at:
                raise InvalidDate("an incident ends after it starts", field="ends_at")

    def _locked(self, incident_no: str) -> IncidentRow:
        """Two people who confirm or end it at once do so one after the other."""
        row = self.incident(incident_no)
        self.unit.session.refresh(row, with_for_update=True)
        return row

    def _earlier(self, key: str, operation: str, parameters: dict[str, Any]) -> IncidentRow | None:
        number = self.unit.earlier_result(key, operation, parameters)
        return None if number is None else self.incident(number)

    def _remember(self, key: str, operation: str, parameters: dict[str, Any], row: IncidentRow) -> IncidentRow:
        self.unit.session.flush()
        self.unit.remember(key, operation, parameters, row.incident_no)
        return row


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
