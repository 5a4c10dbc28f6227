"""The desk's own work: notes, canned answers, what the bot misunderstood, search, the board, what could not be delivered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

import structlog
from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from bot.audit.service import AuditTrail, Subject
from bot.conversations.inbox.service import Inbox
from bot.conversations.models import InternalNote
from bot.conversations.outbox.service import DeliveryService
from bot.conversations.repository import ConversationRepository
from bot.conversations.runtime import CurrentRuntime, Runtime
from bot.core.http import ERRORS, FilledStr, Number
from bot.desk.access import CurrentAgent, Supervisor
from bot.desk.approvals import ApprovalDesk
from bot.desk.board import BoardService
from bot.desk.board_schemas import (
    Board,
    CannedList,
    CannedRequest,
    CannedView,
    Corrections,
    CorrectionView,
    DeadLetter,
    DeadLetters,
    Intents,
    IntentView,
    LostIncoming,
    LostMessage,
    MarkRequest,
    Note,
    NoteRequest,
    Notes,
    ReviewRequest,
    SearchResult,
)
from bot.desk.canned import CannedAnswers, values_for
from bot.desk.case_schemas import Approvals
from bot.desk.corrections import CorrectionService, State, intents
from bot.desk.login import AgentIdentity
from bot.desk.routes import ConversationId
from bot.desk.search import SearchService
from bot.desk.service import DeskService
from bot.notifications.service import DeadLetterService

log = structlog.get_logger(__name__)

T = TypeVar("T")

router = APIRouter(prefix="/desk/api", tags=["desk"], responses=ERRORS)


def _desk(session: Session, runtime: Runtime) -> DeskService:
    return DeskService(session, runtime.clock, runtime.texts, runtime.loans.open(session))


async def _of_visible(runtime: Runtime, agent: AgentIdentity, conversation_id: str, work: Callable[[Session], T]) -> T:
    """Runs ``work`` when the agent may see the conversation. Raises ``ConversationNotFound``."""

    def guarded(session: Session) -> T:
        _desk(session, runtime).visible(agent, conversation_id)
        return work(session)

    return await runtime.gateway.transaction(guarded)


# ── notes
@router.get("/conversations/{conversation_id}/notes", summary="What colleagues noted")
async def notes(conversation_id: ConversationId, agent: CurrentAgent, runtime: CurrentRuntime) -> Notes:
    def read(session: Session) -> Notes:
        rows = ConversationRepository(session).notes(conversation_id)
        return Notes(notes=[Note(agent_id=row.agent_id, text=row.text, written_at=row.written_at) for row in rows])

    return await _of_visible(runtime, agent, conversation_id, read)


@router.post("/conversations/{conversation_id}/notes", status_code=201, summary="A note that only colleagues see")
async def write_note(conversation_id: ConversationId, body: NoteRequest, agent: CurrentAgent, runtime: CurrentRuntime) -> Note:
    def write(session: Session) -> Note:
        row = InternalNote(
            conversation_id=conversation_id, agent_id=agent.agent_id, text=body.text, written_at=runtime.clock.now()
        )
        ConversationRepository(session).add_note(row)
        AuditTrail(session, runtime.clock).record("conversation.noted", agent.actor, Subject(conversation_id))
        return Note(agent_id=row.agent_id, text=row.text, written_at=row.written_at)

    return await _of_visible(runtime, agent, conversation_id, write)


# ── canned answers
@router.get("/canned-answers", summary="Frequent replies, filled for a conversation")
async def canned_answers(
    agent: CurrentAgent,
    runtime: CurrentRuntime,
    conversation_id: Annotated[str | None, Query(pattern=r"^[0-9a-f]{32}$")] = None,
) -> CannedList:
    def read(session: Session) -> CannedList:
        values: dict[str, str] = {"agent_name": agent.name}
        if conversation_id is not None:
            values = values_for(_desk(session, runtime).conversation(agent, conversation_id), agent.name)
        found = CannedAnswers(session, runtime.clock).all(values)
        return CannedList(answers=[CannedView(**{**asdict(item), "missing": list(item.missing)}) for item in found])

    return await runtime.gateway.transaction(read)


@router.post("/canned-answers", status_code=201, summary="Add a frequent reply")
async def add_canned(body: CannedRequest, agent: Supervisor, runtime: CurrentRuntime) -> CannedView:
    """409 `title_taken`."""
    added = await runtime.gateway.transaction(
        lambda session: CannedAnswers(session, runtime.clock).add(body.title, body.text, agent.agent_id)
    )
    return CannedView(number=added.number, title=added.title, text=added.text, missing=[])


@router.delete("/canned-answers/{number}", status_code=204, summary="Remove a frequent reply that was added")
async def remove_canned(number: Number, agent: Supervisor, runtime: CurrentRuntime) -> None:
    await runtime.gateway.transaction(lambda session: CannedAnswers(session, runtime.clock).remove(number))
    log.info("canned answer removed", number=number)


# ── 机器人理解错了
@router.get("/intents", summary="What a message can mean")
async def catalogue(agent: CurrentAgent) -> Intents:
    return Intents(intents=[IntentView(**asdict(each)) for each in intents()])


@router.post(
    "/conversations/{conversation_id}/messages/{seq}/misunderstood", status_code=201, summary="The bot misunderstood this"
)
async def mark(
    conversation_id: ConversationId, seq: Number, body: MarkRequest, agent: CurrentAgent, runtime: CurrentRuntime
) -> CorrectionView:
    """400 `unknown_intent`, 404 `message_not_found`, 409 `already_marked`. A second person looks before it teaches the bot."""
    marked = await _of_visible(
        runtime,
        agent,
        conversation_id,
        lambda session: CorrectionService(session, runtime.clock).mark(conversation_id, seq, body.intent, agent.agent_id),
    )
    return CorrectionView(**asdict(marked))


@router.get("/misunderstandings", summary="What agents have marked")
async def misunderstandings(agent: Supervisor, runtime: CurrentRuntime, state: State = "marked") -> Corrections:
    found = await runtime.gateway.transaction(lambda session: CorrectionService(session, runtime.clock).all_in(state))
    return Corrections(corrections=[CorrectionView(**asdict(each)) for each in found])


@router.post("/misunderstandings/{number}/review", summary="The second look")
async def review(number: Number, body: ReviewRequest, agent: Supervisor, runtime: CurrentRuntime) -> CorrectionView:
    """409 `second_person_needed` for who marked it, `already_reviewed`."""
    reviewed = await runtime.gateway.transaction(
        lambda session: CorrectionService(session, runtime.clock).review(
            number, agent.agent_id, accept=body.accept, intent=body.intent
        )
    )
    return CorrectionView(**asdict(reviewed))


# ── looking around
@router.get("/search", summary="Conversations, messages and cases")
async def search(agent: CurrentAgent, runtime: CurrentRuntime, q: Annotated[FilledStr, Query(max_length=100)]) -> SearchResult:
    log.info("searched", chars=len(q))

    def find(session: Session) -> SearchResult:
        """What was typed may be a name, so the trail keeps only that it was asked, and how much was shown."""
        found = SearchService(session, runtime.clock, runtime.texts, runtime.loans.open(session)).find(agent, q)
        shown = {"conversations": len(found.conversations), "messages": len(found.messages), "cases": len(found.cases)}
        AuditTrail(session, runtime.clock).record("desk.searched", agent.actor, Subject(), details=shown)
        return found

    return await runtime.gateway.transaction(find)


@router.get("/board", summary="How the desk and the bot are doing")
async def board(agent: Supervisor, runtime: CurrentRuntime) -> Board:
    return await runtime.gateway.transaction(lambda session: BoardService(session, runtime.clock, runtime.texts).board())


@router.get("/approvals", summary="What waits for a second person")
async def approvals(agent: Supervisor, runtime: CurrentRuntime) -> Approvals:
    """Proposed remedies, extensions and mass remediation, each with who asked, since when, and what it comes to."""
    return await runtime.gateway.transaction(lambda session: ApprovalDesk(session, runtime, agent).waiting())


# ── what could not be delivered
@router.get("/dead-letters", summary="What borrowers should have been told and could not be")
async def dead_letters(agent: Supervisor, runtime: CurrentRuntime) -> DeadLetters:
    def read(session: Session) -> DeadLetters:
        return DeadLetters(
            letters=[DeadLetter(**asdict(each)) for each in DeadLetterService(session, runtime.clock).all()],
            messages=[LostMessage(**asdict(each)) for each in DeliveryService(session, runtime.clock).lost()],
            incoming=[LostIncoming(**asdict(each)) for each in Inbox(session, runtime.clock).lost()],
        )

    return await runtime.gateway.transaction(read)


@router.post("/dead-letters/{number}/retry", status_code=204, summary="Try again")
async def retry(number: Number, agent: Supervisor, runtime: CurrentRuntime) -> None:
    """404 `dead_letter_not_found`."""
    await runtime.gateway.transaction(lambda session: DeadLetterService(session, runtime.clock).retry(number))
    log.info("dead letter retried", number=number)
