"""What crosses HTTP between the desk and us."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from bot.cases.evidence.sheet import EvidenceSheet
from bot.cases.thread import CaseKind
from bot.core.http import CleanStr, FilledStr


class AgentLogin(BaseModel):
    agent_id: Annotated[FilledStr, Field(max_length=32)]
    password: CleanStr = Field(max_length=200)


class AgentView(BaseModel):
    agent_id: str
    name: str
    role: Literal["agent", "supervisor", "admin"]


class SessionView(BaseModel):
    csrf_token: str = Field(description="a browser sends it as `X-CSRF-Token` with each change")
    agent: AgentView
    must_change_password: bool = Field(description="nothing but `password` and `logout` is open to them before")
    now: datetime = Field(description="our clock: deadlines are counted by it, not by the computer's")


class AgentSession(SessionView):
    token: str | None = Field(description="for programs without cookies; ends with the session. Null for a browser's page")
    expires_in: int = Field(description="seconds")


class PresenceRequest(BaseModel):
    presence: Literal["online", "busy", "away"] = Field(description="`online`: conversations may be assigned to me")


class Colleague(BaseModel):
    agent: AgentView
    presence: Literal["online", "busy", "away"]
    skills: list[str] = Field(description="empty: everything")
    load: int = Field(description="conversations now")
    most: int = Field(description="conversations at once")


class Colleagues(BaseModel):
    colleagues: list[Colleague]


class TransferRequest(BaseModel):
    to_agent: Annotated[FilledStr, Field(max_length=32)] | None = Field(None, description="empty: whoever is next")


class ReadRequest(BaseModel):
    seq: Annotated[int, Field(ge=0, le=2**31 - 1)]


class DueCase(BaseModel):
    """The undecided case of a borrower who goes before others because it is near its deadline, or late."""

    case_no: str
    kind: CaseKind
    due_on: date


class QueueItem(BaseModel):
    """One borrower waiting for a human."""

    conversation_id: str
    position: int
    reason: str
    skill: str | None = Field(description="what the reason asks for (data/catalogue/handoff.yml)")
    priority: int
    name: str | None = Field(description="of the customer, masked; empty also when the loan books cannot be asked")
    due_case: DueCase | None = Field(description="why they go before others, besides what they came for")
    waiting_seconds: int
    for_agent: str | None = Field(description="passed on to this colleague")
    offline: bool = Field(description="asked outside office hours: the bot has the conversation until somebody claims it")
    level: Literal["anonymous", "identified", "stepped_up"]
    customer_id: str | None
    last_text: str | None = Field(description="what the borrower wrote last, masked")


class OwnItem(BaseModel):
    """One conversation that this agent owns."""

    name: str | None = Field(description="of the customer; empty also when the loan books cannot be asked")
    conversation_id: str
    reason: str | None
    level: Literal["anonymous", "identified", "stepped_up"]
    customer_id: str | None
    last_text: str | None
    unread: int = Field(description="messages of the borrower that the agent has not read")


class Queue(BaseModel):
    waiting: list[QueueItem] = Field(description="the next one first")
    mine: list[OwnItem]


class HandoffCard(BaseModel):
    state: Literal["queued", "assigned", "offline"]
    position: int | None
    reason: str
    case_no: str | None


class Identity(BaseModel):
    """``level`` says how far we know the borrower; a name is there from ``identified`` on."""

    level: Literal["anonymous", "identified", "stepped_up"]
    customer_id: str | None
    name: str | None
    phone: str | None = Field(description="masked")


class TranscriptMessage(BaseModel):
    seq: int
    author: Literal["borrower", "bot", "agent", "system"]
    at: datetime
    text: str | None
    buttons: list[dict[str, str]] | None
    custom: dict[str, Any] | None
    message_id: str | None = Field(description="of an agent's reply: the id that it was sent with")


class ContractSummary(BaseModel):
    """A contract that is not paid off. Amounts are 分."""

    contract_no: str
    product: Literal["KD", "YD", "XW", "FQ"]
    product_name: str
    status: Literal["open", "overdue", "settled"]
    principal: int
    outstanding_principal: int
    periods: int
    paid_periods: int
    next_due_on: date | None = Field(description="of the oldest unpaid instalment; in the past when that is overdue")
    next_due_amount: int = Field(description="what closes that instalment, penalty included")
    overdue_days: int


class LoanSnapshot(BaseModel):
    """What the borrower owes today. Amounts are 分."""

    as_of: date
    payoff_total: int = Field(description="settles everything today")
    overdue_amount: int = Field(description="penalty included")
    overdue_days: int = Field(description="of the oldest overdue instalment")
    penalty: int
    next_due_on: date | None
    next_due_amount: int
    contracts: list[ContractSummary]


class CaseSummary(BaseModel):
    """A case that is not over. ``disputed_amount`` is in 分."""

    case_no: str
    kind: CaseKind
    status: str
    received_on: date
    decide_by: date
    next_update_by: date | None
    disputed_amount: int | None
    evidence: EvidenceSheet | None = Field(
        description="of a dispute about overdue penalty: the raw records as of today, each with the rules that used it"
    )


class UnsentMessage(BaseModel):
    """A message of the log that the borrower has not got. ``quota``: the platform lets us write again when they do."""

    seq: int
    state: Literal["queued", "failed"]
    waits_for: Literal["quota", "retry", "authorisation"] | None
    attempts: int
    next_try_at: datetime | None
    failure: str | None


class ConversationView(BaseModel):
    conversation_id: str
    channel: str
    owner: Literal["bot", "queue", "agent"]
    agent_id: str | None
    reason: str | None
    case_no: str | None = Field(description="the case that the handoff is about")
    due_case: DueCase | None = Field(description="the case near its deadline that let the borrower go before others")
    identity: Identity
    loans: LoanSnapshot | None = Field(description="of an identified borrower")
    cases: list[CaseSummary] = Field(description="of an identified borrower: what is not over, newest first")
    messages: list[TranscriptMessage]
    last_seq: int
    delivered_seq: int = Field(description="up to there the borrower's client has our messages")
    read_seq: int = Field(description="up to there the borrower has read them")
    unsent: list[UnsentMessage] = Field(
        description="of a messaging platform: what the borrower has not got, all of it, oldest first"
    )


class ReplyRequest(BaseModel):
    text: FilledStr = Field(max_length=2000)
    message_id: Annotated[FilledStr, Field(max_length=128)] | None = Field(
        None, description="makes a retry safe: the same id is stored once"
    )


class ReplyStored(BaseModel):
    seq: int


class OwnerView(BaseModel):
    owner: Literal["bot", "queue", "agent"]
