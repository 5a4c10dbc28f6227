"""Facts noted as they happen, evidence later: mandates, incidents, notices, credit authorisations and inquiries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

from bot.loans.errors import AuthorisationRevoked, InvalidDate, MandateNotFound
from bot.loans.models import AppErrorRow, CreditAuthorisationRow, CreditInquiryRow, IncidentRow, MandateRow, NoticeRow
from bot.loans.port import AppOperation, Delivery, IncidentChannel, IncidentKind, InstalmentRef
from bot.loans.unit import Unit, check_choice, check_moment, check_text

NOTICE_KINDS = ("due_reminder", "overdue", "debit_failed")
NOTICE_CHANNELS = ("sms", "push", "call")
MAX_SUMMARY_CHARS = 2000
MAX_AGENT_CHARS = 32


class RecordService:
    """Notes facts; nothing here moves money."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def sign_mandate(self, customer_id: str) -> MandateRow:
        """The borrower allows auto-debit from the card on file; an earlier mandate ends."""
        unit, now = self.unit, self.unit.clock.now()
        customer = unit.lock(customer_id)
        for row in unit.repository.mandates(customer_id):
            row.revoked_at = row.revoked_at or now
        unit.session.flush()
        mandate = MandateRow(
            mandate_no=unit.new_number("M"),
            customer_id=customer_id,
            bank_name=customer.bank_name,
            card_tail=customer.card_tail,
            signed_at=now,
        )
        unit.session.add(mandate)
        unit.session.flush()
        return mandate

    def revoke_mandate(self, customer_id: str, mandate_no: str, *, key: str) -> MandateRow:
        """The borrower ends it; errors as in ``LoanBackend.revoke_mandate``."""
        unit, operation = self.unit, "revoke_mandate"
        parameters = {"customer_id": customer_id, "mandate_no": mandate_no}
        unit.lock(customer_id)
        earlier = unit.earlier_result(key, operation, parameters)
        row = next((each for each in unit.repository.mandates(customer_id) if each.mandate_no == mandate_no), None)
        if row is None:
            raise MandateNotFound(f"no mandate {mandate_no} of {customer_id}")
        if earlier is None:
            row.revoked_at = row.revoked_at or unit.clock.now()
            unit.remember(key, operation, parameters, mandate_no)
        return row

    def declare_incident(
        self,
        channel: IncidentChannel,
        starts_at: datetime,
        summary: str,
        *,
        confirmed_by: str | None,
        bank_name: str | None = None,
        kind: IncidentKind = "outage",
    ) -> IncidentRow:
        """A disturbance that lasts until ``end_incident``: ``confirmed`` by somebody (their id), else ``suspected``.

        ``bank_name`` limits it to the cards of one bank.
        """
        check_choice("kind", kind, get_args(IncidentKind))
        check_choice("channel", channel, get_args(IncidentChannel))
        check_text("summary", summary, MAX_SUMMARY_CHARS)
        if confirmed_by:
            check_text("confirmed_by", confirmed_by, MAX_AGENT_CHARS)
        if bank_name is not None:
            check_text("bank_name", bank_name, 80)
        if starts_at.tzinfo is None:
            raise InvalidDate("an incident starts at a moment with a zone")
        row = IncidentRow(
            incident_no=self.unit.new_number("I"),
            channel=channel,
            status="confirmed" if confirmed_by else "suspected",
            starts_at=starts_at,
            confirmed_by=confirmed_by,
            bank_name=bank_name,
            summary=summary,
            kind=kind,
        )
        self.unit.session.add(row)
        self.unit.session.flush()
        return row

    def end_incident(self, incident: IncidentRow) -> None:
        """The channel works again from now on."""
        incident.ends_at = incident.ends_at or self.unit.clock.now()
        self.unit.session.flush()

    def report_app_error(
        self, customer_id: str, operation: AppOperation, code: str, at: datetime, *, key: str, contract_no: str | None = None
    ) -> AppErrorRow:
        """The app showed this error to the borrower; errors as in ``LoanBackend.report_app_error``."""
        unit = self.unit
        unit.lock(customer_id)
        check_moment("at", at, unit.clock.now())
        parameters = {"customer_id": customer_id, "operation": operation, "code": code, "contract_no": contract_no}
        parameters["at"] = at.astimezone(UTC).isoformat()
        earlier = unit.earlier_result(key, "report_app_error", parameters)
        if earlier is not None:
            known = unit.repository.app_error(int(earlier))
            if known is None:
                raise LookupError(f"the app error {earlier} is gone")
            return known
        check_choice("operation", operation, get_args(AppOperation))
        check_text("code", code, 32)
        if contract_no is not None:
            unit.own_contract(customer_id, contract_no)
        row = AppErrorRow(
            customer_id=customer_id, at=at, operation=operation, code=code, contract_no=contract_no, reported_at=unit.clock.now()
        )
        unit.session.add(row)
        unit.session.flush()
        unit.remember(key, "report_app_error", parameters, str(row.id))
        return row

    def note_notice(self, ref: InstalmentRef, kind: str, channel: str, delivery: Delivery) -> NoticeRow:
        """A message sent now about an instalment, and what became of it. Raises ``ContractNotFound``, ``InstalmentNotFound``,
        ``InvalidChoice``.
        """
        unit, now = self.unit, self.unit.clock.now()
        contract = unit.any_contract(ref.contract_no)
        unit.instalment(ref.contract_no, ref.instalment)
        for field, value, allowed in (
            ("kind", kind, NOTICE_KINDS), ("channel", channel, NOTICE_CHANNELS), ("delivery", delivery, get_args(Delivery)),
        ):  # fmt: skip
            check_choice(field, value, allowed)
        row = NoticeRow(
            customer_id=contract.customer_id,
            contract_no=ref.contract_no,
            instalment=ref.instalment,
            kind=kind,
            channel=channel,
            sent_at=now,
            delivery=delivery,
            delivered_at=now if delivery == "delivered" else None,
        )
        unit.session.add(row)
        unit.session.flush()
        return row

    def give_authorisation(self, customer_id: str, funding_party: str) -> CreditAuthorisationRow:
        """The customer allows queries of the credit bureau for ``funding_party``."""
        unit = self.unit
        unit.customer(customer_id)
        check_text("funding_party", funding_party, 80)
        row = CreditAuthorisationRow(
            authorisation_no=unit.new_number("CA"),
            customer_id=customer_id,
            funding_party=funding_party,
            given_at=unit.clock.now(),
        )
        unit.session.add(row)
        unit.session.flush()
        return row

    def revoke_authorisation(self, authorisation: CreditAuthorisationRow) -> None:
        """No query may be made under it from now on."""
        authorisation.revoked_at = authorisation.revoked_at or self.unit.clock.now()
        self.unit.session.flush()

    def note_inquiry(self, authorisation: CreditAuthorisationRow, purpose: str) -> CreditInquiryRow:
        """A query made now. Raises ``AuthorisationRevoked``: without an authorisation nothing is queried (product §1)."""
        if authorisation.revoked_at is not None:
            raise AuthorisationRevoked(f"{authorisation.authorisation_no} is revoked")
        check_text("purpose", purpose, 32)
        row = CreditInquiryRow(
            inquiry_no=self.unit.new_number("CI"),
            customer_id=authorisation.customer_id,
            authorisation_no=authorisation.authorisation_no,
            purpose=purpose,
            made_at=self.unit.clock.now(),
        )
        self.unit.session.add(row)
        self.unit.session.flush()
        return row
