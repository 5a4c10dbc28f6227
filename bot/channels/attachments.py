"""Files of a borrower: into their conversation, and into a case of theirs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from bot.attachments.errors import AttachmentNotFound
from bot.attachments.schemas import Attachment
from bot.attachments.service import AttachmentService, AttachmentView, StoredFile
from bot.attachments.upload import FILE_RESPONSE, RAW_BODY, deliver, receive
from bot.channels.access import count, reader_of, reader_without_sender
from bot.channels.rest import CHANNEL
from bot.channels.schemas import Sender
from bot.conversations.runtime import BearerToken, CurrentRuntime
from bot.conversations.service import ConversationService
from bot.core.http import ERRORS, CleanStr, FilledStr

router = APIRouter(prefix="/chat/attachments", tags=["borrower"], responses=ERRORS)

CaseNo = Annotated[CleanStr | None, Query(max_length=24, description="a case of the borrower that it belongs to")]
MessageId = Annotated[FilledStr | None, Query(max_length=128, description="makes a retry return the first answer")]


@router.post("", status_code=201, summary="Send an image or a PDF", openapi_extra=RAW_BODY)
async def upload(
    request: Request,
    sender: Annotated[Sender, Query()],
    token: BearerToken,
    runtime: CurrentRuntime,
    case_no: CaseNo = None,
    message_id: MessageId = None,
) -> Attachment:
    """The body is the file. Needs a customer's or the visitor's token.

    413 `payload_too_large`, 400 `attachment_empty`, `attachment_type_not_allowed`, `attachment_unreadable`, `attachment_unsafe`,
    `picture_too_large`, 409 `too_many_attachments`, 404 `case_not_found`.
    """
    customer_id = await reader_of(runtime, token, sender)
    await count(runtime, runtime.limits.rules.attachments, customer_id, sender)

    def allowed(session: Session) -> AttachmentView | None:
        service = AttachmentService(session, runtime.clock, runtime.settings)
        conversation = ConversationService(session, runtime.clock).open(CHANNEL, sender, customer_id)
        earlier = service.earlier(conversation, message_id)
        if earlier is None:
            service.room(conversation, service.borrowers_case(conversation, case_no) if case_no is not None else None)
        return earlier

    def add(session: Session, file: StoredFile) -> AttachmentView:
        conversation = ConversationService(session, runtime.clock).open(CHANNEL, sender, customer_id)
        conversations.append(conversation.id)
        return AttachmentService(session, runtime.clock, runtime.settings).add_by_borrower(
            file, conversation, case_no, message_id
        )

    conversations: list[str] = []
    view = await receive(request, runtime, allowed=allowed, add=add)
    for conversation_id in conversations:
        runtime.gateway.wakeups.notify(conversation_id)
    return Attachment.of(view)


@router.get("/{attachment_id}", summary="A file of the borrower", response_class=Response, responses=FILE_RESPONSE)
async def download(attachment_id: str, token: BearerToken, runtime: CurrentRuntime) -> Response:
    """404 `attachment_not_found` also for somebody else's."""
    customer_id, sender = await reader_without_sender(runtime, token)

    def find(session: Session) -> AttachmentView:
        if not attachment_id.isalnum() or len(attachment_id) > 32:
            raise AttachmentNotFound("no such attachment")
        service = AttachmentService(session, runtime.clock, runtime.settings)
        return service.for_borrower(attachment_id, customer_id=customer_id, sender=sender)

    return await deliver(runtime, await runtime.gateway.transaction(find))
