"""What crosses the generic webhook, in both directions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from bot.conversations.inbox.port import InboundMessage, Receipt
from bot.conversations.outbox.port import OutgoingMessage
from bot.core.http import CleanStr

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:@-]{1,128}$")]
MOST = 50
MEDIA_WORDS = {"image": "[图片]", "pdf": "[文件]", "voice": "[语音]"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class IncomingMessage(_Strict):
    """One message or event of a borrower.

    `text`: as typed. `choice`: a button of ours was pressed, `payload` as we sent it. `image`, `pdf`, `voice`: named, not sent.
    `event`: `opened` when the borrower opened the conversation; nothing is answered.
    """

    message_id: Identifier = Field(description="yours; the same when you deliver it again")
    sender: Identifier = Field(description="the borrower's account with you; answers name it as `address`")
    type: Literal["text", "choice", "image", "pdf", "voice", "event"] = "text"
    text: Annotated[CleanStr, Field(max_length=8000)] = ""
    payload: Annotated[CleanStr, Field(max_length=500)] | None = None
    at: AwareDatetime | None = Field(default=None, description="when it was written")

    def message(self) -> InboundMessage:
        if self.type == "choice":
            return InboundMessage(self.message_id, self.sender, "choice", self.payload or self.text, self.at, "click")
        if self.type == "event":
            return InboundMessage(self.message_id, self.sender, "event", "", self.at, "click")
        if self.type == "text":
            return InboundMessage(self.message_id, self.sender, "text", self.text, self.at)
        return InboundMessage(self.message_id, self.sender, "media", MEDIA_WORDS[self.type], self.at)


class IncomingReceipt(_Strict):
    """The borrower's device has a message of ours, or they saw it."""

    message_id: Identifier
    state: Literal["delivered", "read"]

    def receipt(self) -> Receipt:
        return Receipt(self.message_id, self.state)


class IncomingBatch(_Strict):
    """Up to fifty messages and receipts, oldest first."""

    messages: Annotated[list[IncomingMessage], Field(max_length=MOST)] = []
    receipts: Annotated[list[IncomingReceipt], Field(max_length=MOST)] = []

    @classmethod
    def inlined_schema(cls) -> dict[str, Any]:
        """Without references: they would point into the whole document of OpenAPI."""
        schema = cls.model_json_schema()
        parts = schema.pop("$defs")
        for name, part in (("messages", "IncomingMessage"), ("receipts", "IncomingReceipt")):
            schema["properties"][name]["items"] = parts[part]
        return schema


class OutgoingBody(BaseModel):
    """What you get for each message to a borrower. `card` and `buttons` are those of the REST channel."""

    message_id: str = Field(description="the same when it is sent again: show it once")
    address: str = Field(description="`sender` of the borrower's messages")
    author: Literal["bot", "agent", "system"]
    at: datetime
    text: str | None = None
    buttons: list[dict[str, str]] | None = None
    card: dict[str, Any] | None = None

    @classmethod
    def of(cls, address: str, message: OutgoingMessage) -> OutgoingBody:
        return cls(
            message_id=message.id,
            address=address,
            author=message.author,
            at=message.at,
            text=message.text,
            buttons=[dict(button) for button in message.buttons] or None,
            card=None if message.card is None else dict(message.card),
        )
