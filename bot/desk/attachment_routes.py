"""Files at the desk: added to cases, and read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from bot.attachments.errors import AttachmentNotFound
from bot.attachments.service import AttachmentService, AttachmentView, StoredFile
from bot.attachments.upload import FILE_RESPONSE, RAW_BODY, deliver, receive
from bot.audit.service import Subject
from bot.cases.audited import subject_of
from bot.cases.thread import Audience
from bot.conversations.errors import ConversationNotFound
from bot.conversations.runtime import CurrentRuntime, Runtime
from bot.conversations.service import ConversationService
from bot.core.http import ERRORS
from bot.desk.access import CurrentAgent
from bot.desk.case_routes import CaseNo
from bot.desk.case_schemas import CaseAttachment
from bot.desk.cases import DeskCases
from bot.desk.login import AgentIdentity
from bot.desk.looks import record_look
from bot.desk.permissions import actor_of, require
from bot.desk.routes import ConversationId
from bot.desk.service import DeskService

router = APIRouter(prefix="/desk/api", tags=["desk cases"], responses=ERRORS)


@router.post("/cases/{case_no}/attachments", status_code=201, summary="Add a file to a case", openapi_extra=RAW_BODY)
async def upload(
    request: Request,
    case_no: CaseNo,
    agent: CurrentAgent,
    runtime: CurrentRuntime,
    audience: Annotated[Audience, Query(description="whether the borrower may read it; there is no default")],
) -> CaseAttachment:
    """The body is the file; errors as for borrowers. It becomes a note in the thread."""

    def allowed(session: Session) -> AttachmentView | None:
        require(agent, "attach")
        desk = DeskCases(session, runtime, agent)
        desk.attachments.room(None, desk.handling.book.row(case_no))
        return None

    def add(session: Session, file: StoredFile) -> AttachmentView:
        service = AttachmentService(session, runtime.clock, runtime.settings)
        return service.add_by_agent(file, case_no, actor_of(agent), audience)

    return CaseAttachment.of(await receive(request, runtime, allowed=allowed, add=add))


@router.get("/conversations/{conversation_id}/attachments", summary="The files of a conversation")
async def of_conversation(conversation_id: ConversationId, agent: CurrentAgent, runtime: CurrentRuntime) -> list[CaseAttachment]:
    """404 `conversation_not_found` also for what this agent may not see."""

    def read(session: Session) -> list[CaseAttachment]:
        _desk(session, runtime).visible(agent, conversation_id)
        found = AttachmentService(session, runtime.clock, runtime.settings).of_conversation(conversation_id)
        return [CaseAttachment.of(view) for view in found]

    return await runtime.gateway.transaction(read)


@router.get("/attachments/{attachment_id}", summary="A file", response_class=Response, responses=FILE_RESPONSE)
async def download(attachment_id: str, agent: CurrentAgent, runtime: CurrentRuntime) -> Response:
    """Of a case, or of a conversation that this agent may see; anything else is 404 `attachment_not_found`. It is recorded."""

    def find(session: Session) -> AttachmentView:
        if not attachment_id.isalnum() or len(attachment_id) > 32:
            raise AttachmentNotFound("no such attachment")
        found = AttachmentService(session, runtime.clock, runtime.settings).for_agents(attachment_id)
        view, conversation_id = found or (None, None)
        if view is None or view.case_no is None:  # looked for in any case: what one may not see takes as long as nothing
            _require_visible(session, runtime, agent, conversation_id)
        if view is None:
            raise AttachmentNotFound("no such attachment")
        subject, details = _subject(session, runtime, agent, view.case_no, conversation_id), {"attachment": attachment_id}
        record_look(session, runtime.clock, "attachment.viewed", agent, subject, details)
        return view

    return await deliver(runtime, await runtime.gateway.transaction(find))


def _subject(
    session: Session, runtime: Runtime, agent: AgentIdentity, case_no: str | None, conversation_id: str | None
) -> Subject:
    """The case that the file belongs to, else the conversation that it came in."""
    if case_no is not None:
        return subject_of(DeskCases(session, runtime, agent).handling.book.row(case_no))
    if conversation_id is None:
        return Subject()
    context = ConversationService(session, runtime.clock).context(conversation_id)
    return Subject(conversation_id, customer_id=context.customer_id)


def _desk(session: Session, runtime: Runtime) -> DeskService:
    return DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session))


def _require_visible(session: Session, runtime: Runtime, agent: AgentIdentity, conversation_id: str | None) -> None:
    """Raises ``AttachmentNotFound`` for the files of conversations that the agent may not see."""
    try:
        _desk(session, runtime).visible(agent, conversation_id or "")
    except ConversationNotFound as error:
        raise AttachmentNotFound("no such attachment") from error
