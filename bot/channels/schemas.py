"""What crosses HTTP between a borrower's client and us."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from bot.conversations.resuming import Resumable
from bot.conversations.service import LogEntry, LogPage
from bot.core.http import CleanStr, FilledStr

Sender = Annotated[FilledStr, Field(max_length=128)]
MessageId = Annotated[FilledStr, Field(max_length=128)] | StrictInt


class Metadata(BaseModel):
    """Only these two are read; nothing of it reaches Rasa."""

    message_id: MessageId | None = Field(None, description="makes a retry return the first answer")
    visitor_token: CleanStr | None = Field(
        None, description="after login: the visitor's token, so that the visitor's conversation is continued"
    )


class WebhookRequest(BaseModel):
    """Rasa's REST channel shape."""

    model_config = ConfigDict(json_schema_extra={"example": {"sender": "u-1", "message": "怎么提前还款", "metadata": {}}})

    sender: Sender = Field(description="at most 128 characters")
    message: CleanStr = Field(description="the text, or a button's payload (`/intent` or `/intent{json}`)")
    metadata: Metadata | None = None


class Button(BaseModel):
    title: str
    payload: str


class WebhookReply(BaseModel):
    """One message of the answer; absent fields are left out."""

    recipient_id: str
    text: str | None = None
    buttons: list[Button] | None = None
    custom: dict[str, Any] | None = Field(None, description="a card, see the field `type`")

    @classmethod
    def of(cls, entry: LogEntry, sender: str) -> WebhookReply:
        buttons = [Button(**button) for button in entry.buttons] if entry.buttons else None
        return cls(recipient_id=sender, text=entry.text, buttons=buttons, custom=entry.custom)


class Visitor(BaseModel):
    """An anonymous visitor; the token works for this sender only."""

    sender: str
    token: str


class LogMessage(BaseModel):
    seq: int
    author: Literal["borrower", "bot", "agent", "system"]
    at: datetime
    text: str | None = None
    buttons: list[Button] | None = None
    custom: dict[str, Any] | None = None
    client_id: str | None = None

    @classmethod
    def of(cls, entry: LogEntry) -> LogMessage:
        return cls(
            seq=entry.seq,
            author=entry.author,
            at=entry.at,
            text=entry.text,
            buttons=[Button(**button) for button in entry.buttons] if entry.buttons else None,
            custom=entry.custom,
            client_id=entry.client_id if entry.author == "borrower" else None,
        )


class MessagesPage(BaseModel):
    """``last_seq`` is the next ``after``; up to ``agent_read_seq`` the human who owns the conversation has read.

    ``queue_position``: 1 for the next to be served; only while a human is waited for. It changes without a message.
    """

    messages: list[LogMessage]
    last_seq: int
    owner: Literal["bot", "queue", "agent"]
    agent_read_seq: int = 0
    queue_position: int | None = None

    @classmethod
    def of(cls, page: LogPage) -> MessagesPage:
        return cls(
            messages=[LogMessage.of(entry) for entry in page.entries],
            last_seq=page.last_seq,
            owner=page.owner,
            agent_read_seq=page.agent_read_seq,
            queue_position=page.queue_position,
        )


class Acknowledgement(BaseModel):
    """Up to which ``seq`` the client holds the log, and the borrower has seen it."""

    delivered: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    read: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class RatingRequest(BaseModel):
    """``handoff_id`` as the card of the question names it."""

    sender: Sender
    handoff_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    score: Annotated[int, Field(ge=1, le=5)]
    comment: Annotated[CleanStr, Field(max_length=500)] | None = None


class AcknowledgeRequest(Acknowledgement):
    sender: Sender


class ResumeRequest(BaseModel):
    sender: Sender | None = Field(None, description="under which this device talks already; a new device has none")
    visitor_token: CleanStr | None = Field(None, description="of the dialogue that was held here before login")


class ResumedConversation(MessagesPage):
    """The newest part of the log, as `GET /chat/messages` gives it, and where the conversation stands."""

    sender: str = Field(description="to read and write it from now on, with the customer's token")
    read_seq: int = Field(description="up to there the borrower has read, on whatever device")

    @classmethod
    def of_resumable(cls, found: Resumable) -> ResumedConversation:
        page = MessagesPage.of(found.page)
        return cls(**dict(page), sender=found.sender, read_seq=found.read_seq)


class Resumed(BaseModel):
    """Without `conversation`, the device goes on with what it has, or begins with its first message."""

    conversation: ResumedConversation | None = None


class LeaveQueueRequest(BaseModel):
    sender: Sender


class LoginRequest(BaseModel):
    customer_id: CleanStr = Field(max_length=64)


class TokenResponse(BaseModel):
    token: str


class OtpResponse(BaseModel):
    code: str


class DemoCustomer(BaseModel):
    customer_id: str
    name: str
    story: str


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    status: Literal["ready", "not_ready"]
    parts: dict[str, bool] = Field(description="database, rasa, actions: whether each answers")
