"""DingTalk's robot messages as messages of a borrower. Fields: open.dingtalk.com, 机器人接收消息, and the SDK's chatbot.py."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from bot.conversations.inbox.port import InboundMessage, Medium, words_and_media
from bot.core.clock import SHANGHAI
from bot.core.errors import InvalidInput

PRIVATE = "1"
"""A conversation of two. In a group others would read what a borrower owes, so the robot says nothing there."""
OUTSIDER = "o:"
_MEDIA = {"picture": "[图片]", "audio": "[语音]", "video": "[视频]", "file": "[文件]"}
Identifier = Annotated[str, StringConstraints(pattern=r"^[\w$:+/=.@-]{1,120}$")]
_MOST_SECONDS = 10**10
_CODE = re.compile(r"[!-~]{1,1024}", re.ASCII)
MOST_PARTS = 20
"""Of rich text are looked at for pictures."""


class Incoming(BaseModel):
    """What a robot is told, in both modes. Unknown fields are DingTalk's to add."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, alias_generator=to_camel)

    msgtype: str
    msg_id: Identifier
    create_at: Annotated[int, Field(ge=0, lt=_MOST_SECONDS * 1000)]
    conversation_type: str
    sender_id: Identifier
    sender_staff_id: Identifier | None = None
    chatbot_corp_id: str = ""
    robot_code: str = ""
    session_webhook: str | None = None
    session_webhook_expired_time: Annotated[int, Field(ge=0, lt=_MOST_SECONDS * 1000)] = 0
    text: dict[str, Any] = {}
    content: dict[str, Any] = {}

    @field_validator("sender_staff_id", "session_webhook", mode="before")
    @classmethod
    def _empty_is_none(cls, given: object) -> object:
        return given or None

    @field_validator("text", "content", mode="before")
    @classmethod
    def _objects(cls, given: object) -> object:
        """Kinds that we do not know may have anything here."""
        return given if isinstance(given, dict) else {}

    @field_validator("chatbot_corp_id", "robot_code", mode="before")
    @classmethod
    def _null_is_nobody(cls, given: object) -> object:
        return "" if given is None else given

    @classmethod
    def read(cls, raw: bytes | str) -> Incoming:
        """Raises ``InvalidInput``, which does not say what was wrong: it may be personal."""
        try:
            return cls.model_validate_json(raw)
        except ValidationError:
            raise InvalidInput("not a message of a robot") from None

    @property
    def address(self) -> str:
        """The staff id, under which the robot may also speak first. Outsiders have none: ``o:`` and the other id."""
        return self.sender_staff_id or f"{OUTSIDER}{self.sender_id}"

    @property
    def session_ends_at(self) -> datetime:
        return datetime.fromtimestamp(self.session_webhook_expired_time / 1000, SHANGHAI)

    def messages(self) -> list[InboundMessage]:
        """None for what was said in a group. Words, and one more message for each picture among them."""
        if self.conversation_type != PRIVATE:
            return []
        at = datetime.fromtimestamp(self.create_at / 1000, SHANGHAI)
        words, media = self._words(), self._media()
        word = _MEDIA.get(self.msgtype, _MEDIA["picture"] if media else "[消息]")
        return words_and_media(InboundMessage(self.msg_id, self.address, "media", word, at), words, media, _MEDIA["picture"])

    def _media(self) -> list[Medium]:
        """What can be fetched: the picture or file itself, or the pictures within rich text."""
        if self.msgtype in ("picture", "file"):
            named = [self.content]
        elif self.msgtype == "richText":
            named = [part for part in self._parts() if part.get("type", "picture") == "picture"][:MOST_PARTS]
        else:
            return []
        codes = [each.get("downloadCode") for each in named]
        kind: Literal["image", "file"] = "file" if self.msgtype == "file" else "image"
        return [Medium(kind, {"download_code": code}) for code in codes if isinstance(code, str) and _CODE.fullmatch(code)]

    def _parts(self) -> list[dict[str, Any]]:
        parts = self.content.get("richText")
        return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []

    def _words(self) -> str:
        if self.msgtype == "text":
            return _text(self.text.get("content"))
        if self.msgtype == "audio":
            return _text(self.content.get("recognition"))
        if self.msgtype == "richText":
            return "".join(_text(part.get("text")) for part in self._parts())
        return ""


def _text(given: object) -> str:
    return given.strip() if isinstance(given, str) else ""
