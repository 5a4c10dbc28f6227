"""What crosses HTTP between the desk and us about its own work: the board, search, notes, canned answers, corrections."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from bot.core.http import FilledStr


class WaitingNow(BaseModel):
    count: int
    longest_seconds: int
    median_seconds: int


class LoadOfAgent(BaseModel):
    agent_id: str
    name: str
    presence: Literal["online", "busy", "away"]
    load: int
    most: int
    served_today: int
    wait_median_seconds: int | None = Field(description="how long today's borrowers waited for this agent")
    ratings: int = Field(description="of the last 14 days")
    score_tenths: int | None = Field(description="mean of the ratings times ten: 47 is 4.7 of 5 stars")


class Hour(BaseModel):
    hour: int
    messages: int
    handoffs: int


class Understanding(BaseModel):
    days: int
    answered_by_bot: int
    answered_by_people: int
    bot_share_percent: int
    misunderstood: int = Field(description="marked by agents and not rejected")
    to_review: int


class Deadlines(BaseModel):
    """Undecided cases."""

    open: int
    soon: int = Field(description="to be decided within three days")
    overdue: int


class RatedComment(BaseModel):
    conversation_id: str
    agent_id: str
    name: str
    score: int = Field(description="1 (bad) to 5 (good)")
    comment: str = Field(description="masked")
    at: datetime


class Board(BaseModel):
    as_of: datetime
    waiting: WaitingNow
    agents: list[LoadOfAgent]
    today: list[Hour]
    understanding: Understanding
    deadlines: Deadlines
    comments: list[RatedComment] = Field(description="of the last 14 days, newest first, at most 20")


class Note(BaseModel):
    agent_id: str
    text: str
    written_at: datetime


class Notes(BaseModel):
    notes: list[Note]


class NoteRequest(BaseModel):
    text: FilledStr = Field(max_length=2000)


class CannedView(BaseModel):
    number: int | None = Field(description="empty: comes with the product")
    title: str
    text: str
    missing: list[str] = Field(description="placeholders without a value; they stand in the text as they are")


class CannedList(BaseModel):
    answers: list[CannedView]


class CannedRequest(BaseModel):
    title: Annotated[FilledStr, Field(max_length=60)]
    text: Annotated[FilledStr, Field(max_length=1000)]


class IntentView(BaseModel):
    name: str
    title: str
    group: str
    boundary: str


class Intents(BaseModel):
    intents: list[IntentView]


class CorrectionView(BaseModel):
    number: int
    conversation_id: str
    seq: int
    text: str = Field(description="masked")
    understood_as: str | None
    intent: str
    state: Literal["marked", "accepted", "rejected"]
    marked_by: str
    marked_at: datetime
    reviewed_by: str | None


class Corrections(BaseModel):
    corrections: list[CorrectionView]


class MarkRequest(BaseModel):
    intent: Annotated[FilledStr, Field(max_length=64)] = Field(description="what the message meant")


class ReviewRequest(BaseModel):
    accept: bool
    intent: Annotated[FilledStr, Field(max_length=64)] | None = Field(None, description="if the reviewer knows better")


class FoundMessage(BaseModel):
    conversation_id: str
    seq: int
    author: Literal["borrower", "agent"]
    at: datetime
    text: str = Field(description="masked")


class FoundCase(BaseModel):
    case_no: str
    kind: str
    status: str
    decide_by: date
    customer_id: str | None


class FoundConversation(BaseModel):
    conversation_id: str
    channel: str
    owner: Literal["bot", "queue", "agent"]
    customer_id: str | None
    last_at: datetime | None


class SearchResult(BaseModel):
    """What this agent may see of it: agents what waits or is theirs, supervisors everything."""

    conversations: list[FoundConversation]
    messages: list[FoundMessage]
    cases: list[FoundCase]


class DeadLetter(BaseModel):
    """Something that a borrower should have been told, and could not be."""

    number: int
    key: str
    customer_id: str | None
    case_no: str | None
    text_key: str
    created_at: datetime
    attempts: int
    failure: str


class LostMessage(BaseModel):
    """A message that a messaging platform did not take. ``number`` is retried under ``/dead-letters/messages``."""

    number: int
    conversation_id: str
    channel: str
    customer_id: str | None
    created_at: datetime
    attempts: int
    failure: str


class LostIncoming(BaseModel):
    """A borrower's message that could not be worked on. ``number`` is retried under ``/dead-letters/incoming``."""

    number: int
    channel: str
    received_at: datetime
    attempts: int
    failure: str


class DeadLetters(BaseModel):
    letters: list[DeadLetter]
    messages: list[LostMessage]
    incoming: list[LostIncoming]
