"""What crosses HTTP about an attachment."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from bot.attachments.service import AttachmentView


class Attachment(BaseModel):
    """``size`` in bytes; for an image that of the file as it is kept, which is written anew."""

    attachment_id: str
    media_type: Literal["image/jpeg", "image/png", "image/webp", "application/pdf"]
    size: int
    case_no: str | None
    created_at: datetime
    uploaded_by: Literal["borrower", "agent"] = Field(description="which side it came from")

    @classmethod
    def of(cls, view: AttachmentView) -> Attachment:
        return cls(
            attachment_id=view.attachment_id,
            media_type=view.media_type,
            size=view.size,
            case_no=view.case_no,
            created_at=view.created_at,
            uploaded_by=view.uploaded_kind,
        )
