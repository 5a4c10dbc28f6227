"""Table of attachments. The file lies under var/attachments, named by ``attachment_id`` alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bot.core.database import Base, Serial


class AttachmentRow(Base):
    """A file that is safely stored. ``sha256`` and ``size`` (bytes) are of the stored file, which for an image is written anew.

    ``audience``: whether the borrower may read it. ``customer_id``: whose it is, as far as known when it came.
    """

    __tablename__ = "attachments"
    __table_args__ = (
        CheckConstraint("conversation_id IS NOT NULL OR case_id IS NOT NULL", name="belongs"),
        CheckConstraint("uploaded_kind IN ('borrower', 'agent')", name="uploaded_kind"),
        CheckConstraint("audience IN ('borrower', 'internal')", name="audience"),
        CheckConstraint("media_type IN ('image/jpeg', 'image/png', 'image/webp', 'application/pdf')", name="media_type"),
        CheckConstraint("size > 0", name="size"),
        Index(None, "conversation_id"),
        Index(None, "case_id"),
    )
    id: Mapped[Serial]
    attachment_id: Mapped[str] = mapped_column(String(32), unique=True)
    conversation_id: Mapped[str | None] = mapped_column(String(32))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    customer_id: Mapped[str | None] = mapped_column(String(64))
    uploaded_kind: Mapped[str] = mapped_column(String(8))
    uploaded_by: Mapped[str] = mapped_column(String(64))
    audience: Mapped[str] = mapped_column(String(8))
    media_type: Mapped[str] = mapped_column(String(16))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
