"""What crosses HTTP between the desk and us."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from bot.core.http import CleanStr, FilledStr


class AgentLogin(BaseModel):
    agent_id: Annotated[FilledStr, Field(max_length=32)]
    password: CleanStr = Field(max_length=200)


class AgentView(BaseModel):
    agent_id: str
    name: str
    role: Literal["agent", "supervisor", "admin"]


class AgentSession(BaseModel):
    token: str
    expires_in: int = Field(description="seconds")
    agent: AgentView


class QueueItem(BaseModel):
    """One borrower waiting for a human."""

    conversation_id: str
    position: int
    reason: str
    priority: int
    waiting_seconds: int
    offline: bool = Field(description="asked outside office hours: the bot has the conversation until somebody claims it")
    level: Literal["anonymous", "identified", "stepped_up"]
    customer_id: str | None
    last_text: str | None = Field(description="what the borrower wrote last, masked")


class OwnItem(BaseModel):
    """One conversation that this agent owns."""

    conversation_id: str
    reason: str | None
    level: Literal["anonymous", "identified", "stepped_up"]
    customer_id: str | None
    last_text: str | None


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
    kind: Literal["complaint", "dispute", "fraud_report", "credit_correction"]
    status: str
    received_on: date
    decide_by: date
    next_update_by: date | None
    disputed_amount: int | None


class ConversationView(BaseModel):
    conversation_id: str
    channel: str
    owner: Literal["bot", "queue", "agent"]
    agent_id: str | None
    reason: str | None
    case_no: str | None = Field(description="the case that the handoff is about")
    identity: Identity
    loans: LoanSnapshot | None = Field(description="of an identified borrower")
    cases: list[CaseSummary] = Field(description="of an identified borrower: what is not over, newest first")
    messages: list[TranscriptMessage]
    last_seq: int


class ReplyRequest(BaseModel):
    text: FilledStr = Field(max_length=2000)
    message_id: Annotated[FilledStr, Field(max_length=128)] | None = Field(
        None, description="makes a retry safe: the same id is stored once"
    )


class ReplyStored(BaseModel):
    seq: int


class OwnerView(BaseModel):
    owner: Literal["bot", "queue", "agent"]
