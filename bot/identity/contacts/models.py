"""Tables of suspected-fraud contacts. Values are kept in clear: agents and the police need them. Logs show them masked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial

KINDS = "kind IN ('phone', 'sms_sender', 'bank_account', 'url', 'person')"


class ContactReportRow(Base):
    """One person's report of one contact; the same person reporting it again adds nothing."""

    __tablename__ = "contact_reports"
    __table_args__ = (
        UniqueConstraint("kind", "value", "reporter"),
        CheckConstraint(KINDS, name="kind"),
        CheckConstraint("result IN ('retired', 'unknown')", name="result"),
    )
    id: Mapped[Serial]
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(300))
    result: Mapped[str] = mapped_column(String(8))
    pasted: Mapped[str] = mapped_column(Text)
    reporter: Mapped[str] = mapped_column(String(80))
    customer_id: Mapped[str | None] = mapped_column(String(64))
    conversation_id: Mapped[str] = mapped_column(String(64))
    case_no: Mapped[str | None] = mapped_column(String(24))
    reported_at: Mapped[datetime]


class ContactAlertRow(Base):
    """The same contact was reported by several people: the desk must look."""

    __tablename__ = "contact_alerts"
    __table_args__ = (
        UniqueConstraint("kind", "value"),
        CheckConstraint(KINDS, name="kind"),
        CheckConstraint("(handled_by IS NULL) = (handled_at IS NULL)", name="handled"),
    )
    id: Mapped[Serial]
    kind: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(300))
    raised_at: Mapped[datetime]
    handled_by: Mapped[str | None] = mapped_column(String(64))
    handled_at: Mapped[datetime | None]
