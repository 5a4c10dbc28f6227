"""The audit view: what was recorded, for supervisors and admins. Looking is recorded too."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from bot.audit.errors import InvalidCursor
from bot.audit.repository import Place
from bot.audit.service import PAGE, AuditEntry, AuditPage, AuditTrail, Subject
from bot.conversations.runtime import CurrentRuntime
from bot.core.http import ERRORS, CleanStr
from bot.core.wire import Moment
from bot.desk.access import Supervisor

router = APIRouter(prefix="/desk/api", tags=["desk"], responses=ERRORS)


class AuditActor(BaseModel):
    kind: str
    id: str


class AuditItem(BaseModel):
    """Who, what, when, from where, why. ``chain`` and ``seq`` are its place in the trail, as `make audit-check` names it."""

    at: datetime
    actor: AuditActor
    action: str
    channel: str
    address: str | None
    request_id: str | None
    conversation_id: str | None
    case_no: str | None
    contract_no: str | None
    customer_id: str | None
    reason: str | None
    details: dict[str, Any]
    chain: int
    seq: int


class AuditItems(BaseModel):
    entries: list[AuditItem] = Field(description="newest first")
    next_cursor: str | None = Field(description="give it as `cursor` for what came before; null at the end")


class AuditQuery(BaseModel):
    """What to look for; everything given must hold."""

    conversation_id: CleanStr | None = Field(None, max_length=64)
    case_no: CleanStr | None = Field(None, max_length=24)
    contract_no: CleanStr | None = Field(None, max_length=40)
    customer_id: CleanStr | None = Field(None, max_length=64)
    actor: CleanStr | None = Field(None, max_length=64, description="id of who acted: A2001, C1001, bot")
    action: CleanStr | None = Field(None, max_length=48, description="a code, or its beginning with a dot: `case.`")
    first: Moment | None = Field(None, description="RFC 3339 with zone, inclusive")
    last: Moment | None = Field(None, description="RFC 3339 with zone, inclusive")
    cursor: CleanStr | None = Field(None, max_length=200)
    limit: int = Field(PAGE, ge=1, le=200)

    @property
    def subject(self) -> Subject:
        return Subject(self.conversation_id, self.case_no, self.contract_no, self.customer_id)


@router.get("/audit", summary="Who saw or did what, when, from where, why")
async def audit(query: Annotated[AuditQuery, Query()], agent: Supervisor, runtime: CurrentRuntime) -> AuditItems:
    """403 `role_not_allowed` for agents; 400 `invalid_cursor`. The search itself becomes an entry."""
    after = None if query.cursor is None else place_of(query.cursor)

    def search(session: Session) -> AuditPage:
        trail = AuditTrail(session, runtime.clock)
        page = trail.search(
            subject=query.subject,
            actor_id=query.actor,
            action=query.action,
            first=query.first,
            last=query.last,
            after=after,
            limit=query.limit,
        )
        asked = query.model_dump(mode="json", exclude_none=True, include={"actor", "action", "first", "last"})
        trail.record("audit.searched", agent.actor, query.subject, details={**asked, "entries": len(page.entries)})
        return page

    page = await runtime.gateway.transaction(search)
    return AuditItems(
        entries=[item_of(entry) for entry in page.entries],
        next_cursor=None if page.after is None else cursor_of(page.after),
    )


def item_of(entry: AuditEntry) -> AuditItem:
    return AuditItem(
        at=entry.at,
        actor=AuditActor(kind=entry.actor.kind, id=entry.actor.identifier),
        action=entry.action,
        channel=entry.channel,
        address=entry.address,
        request_id=entry.request_id,
        conversation_id=entry.subject.conversation_id,
        case_no=entry.subject.case_no,
        contract_no=entry.subject.contract_no,
        customer_id=entry.subject.customer_id,
        reason=entry.reason,
        details=dict(entry.details),
        chain=entry.chain,
        seq=entry.seq,
    )


def cursor_of(place: Place) -> str:
    at, chain, seq = place
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), chain, seq]).encode()).decode()


def place_of(cursor: str) -> Place:
    """Raises ``InvalidCursor``."""
    try:
        at, chain, seq = json.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
        moment = datetime.fromisoformat(at)
    except (ValueError, TypeError, binascii.Error) as error:
        raise InvalidCursor("not a cursor of this list") from error
    if moment.tzinfo is None or type(chain) is not int or type(seq) is not int or not 0 <= chain < 2**31 or not 0 <= seq < 2**63:
        raise InvalidCursor("not a cursor of this list")
    return moment, chain, seq
