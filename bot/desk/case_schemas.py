"""What crosses HTTP about cases between the desk and us. Amounts are 分, days calendar days."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictInt

from bot.attachments.schemas import Attachment
from bot.attachments.service import AttachmentView
from bot.cases.handling import Outcome
from bot.cases.remediation.views import RunView
from bot.cases.thread import ActorKind, Audience, CaseKind, CaseStatus, EventType
from bot.cases.views import CaseView, EventView, RemedyView, WayOnView
from bot.core.http import CleanStr, FilledStr
from bot.desk.permissions import Command

Note = Annotated[FilledStr, Field(max_length=4000)]
Word = Annotated[FilledStr, Field(max_length=64)]
Reason = Annotated[FilledStr, Field(max_length=1000)]


class CaseItem(BaseModel):
    """A case as a list shows it."""

    case_no: str
    kind: CaseKind
    status: CaseStatus
    owner: str = Field(description="an agent id, or a team until somebody takes the case")
    received_on: date
    decide_by: date
    next_update_by: date | None = Field(description="empty once nothing is pending")
    extended_to_days: int | None
    alert: Literal["T-3", "T-1", "overdue"] | None
    customer_id: str | None
    contract_no: str | None
    instalment: int | None
    disputed_amount: int | None
    issues: list[str] = Field(description="intents that the borrower's words hold")

    @classmethod
    def of(cls, view: CaseView, alert: str | None) -> CaseItem:
        return cls.model_validate({**{name: getattr(view, name) for name in cls.model_fields if name != "alert"}, "alert": alert})


class CaseQuery(BaseModel):
    """What a list shows; what is left out is no condition, but for ``status``: then it is whatever is not over."""

    kind: CaseKind | None = None
    status: list[CaseStatus] = Field([], description="several may be named")
    owner: Word | None = Field(None, description="an agent id, a team, or `me`")
    due: Literal["overdue", "near", "urgent"] | None = Field(
        None, description="undecided and late; due within the first alert (3 days); either"
    )
    customer_id: Word | None = None
    contract_no: Word | None = None
    text: Word | None = Field(None, description="in the number or the words of a case")
    cursor: Word | None = Field(None, description="`next_cursor` of the page before")
    limit: int = Field(50, ge=1, le=100)


class CasePage(BaseModel):
    cases: list[CaseItem] = Field(description="the nearest deadline first")
    next_cursor: str | None = Field(description="for the next page; empty on the last one")


class CaseEvent(BaseModel):
    """``audience``: `internal` events are never shown to the borrower."""

    number: int
    type: EventType
    at: datetime
    actor_kind: ActorKind
    actor_id: str
    audience: Audience
    text: str | None
    data: dict[str, Any]

    @classmethod
    def of(cls, event: EventView) -> CaseEvent:
        hidden = ("fingerprint",)
        data = {name: value for name, value in event.data.items() if name not in hidden}
        return cls(**{name: getattr(event, name) for name in cls.model_fields if name != "data"}, data=data)


class Remedy(BaseModel):
    """``drafted``: the bot's proposal that no agent has put forward yet."""

    remedy_no: int
    case_no: str
    kind: Literal["penalty", "double_debit"]
    status: Literal["granted", "proposed", "approved", "rejected"]
    amount: int
    waived: int
    refunded: int
    receipts: list[str]
    reason: str
    proposed_by: str | None
    decided_by: str | None
    drafted: bool

    @classmethod
    def of(cls, view: RemedyView) -> Remedy:
        return cls.model_validate({name: getattr(view, name) for name in cls.model_fields})


class CaseAttachment(Attachment):
    uploader: str
    audience: Audience
    sha256: str

    @classmethod
    def of(cls, view: AttachmentView) -> CaseAttachment:
        plain = Attachment.of(view).model_dump()
        return cls(**plain, uploader=view.uploaded_by, audience=view.audience, sha256=view.sha256)


class WayOn(BaseModel):
    """Where the complainant can go on; ``until``: the last day, if there is one."""

    way: Literal["review", "mediation", "hotline"]
    until: date | None
    number: str | None

    @classmethod
    def of(cls, view: WayOnView) -> WayOn:
        return cls(way=view.way, until=view.until, number=view.number)


class CaseEvidence(BaseModel):
    """What the loan books say now about the instalment; ``unavailable`` is the error code when they cannot be asked."""

    card: dict[str, Any] | None = Field(description="the `evidence` card of the chat")
    records: dict[str, Any] | None = Field(description="the facts behind it: mandates, attempts, incidents, payments, notices")
    bureau_flags: list[dict[str, Any]] = Field(description="what the credit bureau was told, oldest first")
    unavailable: str | None


class CaseDetail(BaseModel):
    case: CaseItem
    conversation_id: str = Field(
        description="where it was opened; the transcript is at /desk/api/conversations/{id}; empty: in none"
    )
    callback_phone: str | None = Field(description="masked, unless revealed to the owner")
    runs_from: date
    thread: list[CaseEvent] = Field(description="all of it, oldest first")
    evidence: CaseEvidence | None = Field(description="of a case about an instalment")
    remedies: list[Remedy] = Field(description="newest first")
    attachments: list[CaseAttachment]
    ways_on: list[WayOn] = Field(description="what a decision made today would name")
    appeal_until: date | None
    barred: list[str] = Field(description="who may not decide, because an appeal is against their decision")
    commands: list[Command] = Field(description="what this agent may be offered; the server asks again")


Hindrance = Literal["same_person", "appeal", "not_put_forward"]


class AskedExtension(BaseModel):
    days: int = Field(description="calendar days from the start of the clock")
    decide_by: date = Field(description="the new date, if it is approved today")


class Approval(BaseModel):
    """One decision that waits for another person: `case` with `remedy` or `extension`, or `run`."""

    kind: Literal["remedy", "extension", "mass_remediation"]
    case: CaseItem | None = None
    remedy: Remedy | None = None
    extension: AskedExtension | None = None
    run: RunView | None = None
    asked_by: str | None = Field(description="an agent id; empty: drafted by the bot, and no agent has put it forward")
    asked_by_name: str | None
    since: datetime
    reason: str | None
    hindered: Hindrance | None = Field(description="why the reader cannot approve it; the server asks again in any case")


class Approvals(BaseModel):
    waiting: list[Approval] = Field(description="all of them, who has waited longest first")
    drafts: list[Approval] = Field(description="of the bot: an agent puts them forward first. The oldest")
    drafts_in_all: int


class CommandResult(BaseModel):
    """What every command answers."""

    case: CaseItem
    remedy: Remedy | None = None
    ways_on: list[WayOn] | None = None


class AssignRequest(BaseModel):
    owner: Annotated[FilledStr, Field(max_length=64)] = Field(description="an agent id or a team")


class NoteRequest(BaseModel):
    text: Note
    audience: Audience = Field(description="`borrower`: they read it; there is no default")


class QuestionRequest(BaseModel):
    question: Note


class ExtensionRequest(BaseModel):
    days: Annotated[StrictInt, Field(ge=1, le=365)] = Field(description="calendar days from the start of the clock")
    reason: Reason


class RemedyRequest(BaseModel):
    amount: Annotated[StrictInt, Field(ge=1, le=10**12)] | None = Field(None, description="分; empty takes the bot's draft")
    reason: Reason


class ReasonRequest(BaseModel):
    reason: Reason


class DecisionRequest(BaseModel):
    """Facts, reasons and remedy are all for the borrower (product §4)."""

    facts: CleanStr = Field(max_length=4000)
    reasons: CleanStr = Field(max_length=4000)
    remedy: CleanStr = Field(max_length=4000)
    outcome: Outcome


class ReopenRequest(BaseModel):
    reason: Reason
    appeal: bool = Field(False, description="the borrower does not accept the decision: somebody else decides")


class InstalmentRequest(BaseModel):
    contract_no: Annotated[FilledStr, Field(max_length=40)]
    instalment: Annotated[StrictInt, Field(ge=1, le=1000)]


class CorrectionRequest(BaseModel):
    about: InstalmentRequest | None = Field(None, description="needed when the case does not say which instalment it is about")


class CustomerRequest(BaseModel):
    customer_id: Annotated[FilledStr, Field(max_length=64)]
