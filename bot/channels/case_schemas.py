"""What a borrower reads of a case. Agents are not named, and of an event's codes only what is meant for the borrower crosses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from bot.attachments.schemas import Attachment
from bot.attachments.service import AttachmentView
from bot.cases.service import CaseView, EventView, RemedyView
from bot.cases.thread import CaseKind, CaseStatus, EventType
from bot.core.http import FilledStr

SHOWN = ("facts", "reasons", "remedy", "ways_on", "outcome", "amount", "receipts", "days", "attachment", "appeal", "corrected")
"""Of an event's data."""


class CaseCard(BaseModel):
    """The `case` card of the chat. ``disputed_amount`` is in 分."""

    type: Literal["case"] = "case"
    case_no: str
    kind: CaseKind
    status: CaseStatus
    received_on: date
    decide_by: date
    next_update_by: date | None
    disputed_amount: int | None

    @classmethod
    def of(cls, view: CaseView) -> CaseCard:
        return cls.model_validate(view.card())


class RemedyCard(BaseModel):
    """The `remedy` card of the chat. ``amount`` is in 分."""

    type: Literal["remedy"] = "remedy"
    case_no: str
    status: Literal["granted", "proposed", "approved", "rejected"]
    amount: int
    receipt_no: str | None

    @classmethod
    def of(cls, view: RemedyView) -> RemedyCard:
        return cls.model_validate(view.card())


class BorrowerEvent(BaseModel):
    type: EventType
    at: datetime
    by: Literal["borrower", "bot", "staff"]
    text: str | None
    data: dict[str, Any]

    @classmethod
    def of(cls, event: EventView) -> BorrowerEvent:
        sides: dict[str, Literal["borrower", "bot", "staff"]] = {"borrower": "borrower", "agent": "staff", "supervisor": "staff"}
        shown = {name: event.data[name] for name in SHOWN if name in event.data}
        return cls(type=event.type, at=event.at, by=sides.get(event.actor_kind, "bot"), text=event.text, data=shown)


class BorrowerCases(BaseModel):
    cases: list[CaseCard] = Field(description="newest first")
    as_of: date = Field(description="the business date, to compare the dates of the cases with")


class BorrowerCase(BaseModel):
    case: CaseCard
    contract_no: str | None
    instalment: int | None
    events: list[BorrowerEvent] = Field(description="oldest first")
    remedies: list[RemedyCard] = Field(description="newest first")
    attachments: list[Attachment]
    appeal_until: date | None = Field(description="the last day on which the decision can be appealed against")
    as_of: date = Field(description="the business date, to compare the others with")

    @classmethod
    def of(
        cls,
        view: CaseView,
        thread: Sequence[EventView],
        remedies: Sequence[RemedyView],
        files: Sequence[AttachmentView],
        appeal_until: date | None,
        as_of: date,
    ) -> BorrowerCase:
        return cls(
            case=CaseCard.of(view),
            contract_no=view.contract_no,
            instalment=view.instalment,
            events=[BorrowerEvent.of(event) for event in thread],
            remedies=[RemedyCard.of(item) for item in remedies if not item.drafted and item.status != "rejected"],
            attachments=[Attachment.of(file) for file in files],
            appeal_until=appeal_until,
            as_of=as_of,
        )


class FactsRequest(BaseModel):
    text: Annotated[FilledStr, Field(max_length=4000)]
