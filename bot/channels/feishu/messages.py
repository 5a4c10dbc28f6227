"""Feishu's events as messages of a borrower. Fields: open.feishu.cn, 接收消息 (im.message.receive_v1), 卡片回传交互
(card.action.trigger), 消息已读, 用户进入与机器人的会话; the older schema 1 for what still sends it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.channels.connector import Received, Reply
from bot.conversations.inbox.port import InboundMessage, Medium, Receipt, words_and_media
from bot.core.clock import SHANGHAI
from bot.core.errors import InvalidInput

WELCOME = "platform_welcome"
TOAST = "platform_button_heard"
PRIVATE = "p2p"
"""A conversation of two. In a group others would read what a borrower owes, so the bot says nothing there."""
_MEDIA = {"image": "[图片]", "file": "[文件]", "audio": "[语音]", "media": "[视频]", "sticker": "[表情]"}
_PAYLOAD_CHARS = 500
_KEY = re.compile(r"[\w.@=+-]{1,256}", re.ASCII)
MOST_PICTURES = 9
"""Of one post."""
Identifier = Annotated[str, StringConstraints(pattern=r"^[\w:.@=+-]{1,120}$")]


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class _Ids(_Event):
    open_id: Identifier


class _Sender(_Event):
    sender_id: _Ids
    sender_type: str = "user"


class _Message(_Event):
    message_id: str = ""
    chat_type: str
    message_type: str
    content: str = ""
    create_time: Annotated[str, StringConstraints(pattern=r"^\d{1,15}$")]


class _Said(_Event):
    sender: _Sender
    message: _Message


class _Action(_Event):
    value: dict[str, Any] = {}


class _Pressed(_Event):
    operator: _Ids
    action: _Action


class _Reader(_Event):
    reader_id: _Ids


class _Read(_Event):
    reader: _Reader
    message_id_list: Annotated[list[Identifier], Field(max_length=1000)]


class _Entered(_Event):
    operator_id: _Ids
    last_message_id: str = ""


class _OldMessage(_Event):
    """Schema 1."""

    open_id: Identifier
    chat_type: str
    msg_type: str
    text_without_at_bot: str = ""


def received(event_id: str, kind: str, event: Mapping[str, Any], toast: str) -> Received:
    """What an event holds; nothing for those that no borrower caused. Raises ``InvalidInput`` without saying what was wrong."""
    try:
        if kind == "im.message.receive_v1":
            return Received(messages=_said(event_id, _Said.model_validate(event)))
        if kind == "card.action.trigger":
            return _pressed(event_id, _Pressed.model_validate(event), toast)
        if kind == "im.message.message_read_v1":
            read = _Read.model_validate(event)
            return Received(receipts=[Receipt(each, "read") for each in read.message_id_list])
        if kind == "im.chat.access_event.bot_p2p_chat_entered_v1":
            return _some(_entered(event_id, _Entered.model_validate(event)))
        if kind == "message":
            return _some(_old(event_id, _OldMessage.model_validate(event)))
    except ValidationError:
        raise InvalidInput("not an event of this kind") from None
    return Received()


def _some(message: InboundMessage | None) -> Received:
    return Received() if message is None else Received(messages=(message,))


def _said(event_id: str, said: _Said) -> list[InboundMessage]:
    """Words, and one more message for each picture among them."""
    message = said.message
    if message.chat_type != PRIVATE or said.sender.sender_type != "user":
        return []
    try:
        at = datetime.fromtimestamp(int(message.create_time) / 1000, SHANGHAI)
    except (OverflowError, ValueError):
        raise InvalidInput("create_time is out of range") from None
    sender, told = said.sender.sender_id.open_id, _told(message.content)
    words, media = _words(message.message_type, told), _media(message.message_type, message.message_id, told)
    word = _MEDIA.get(message.message_type, _MEDIA["image"] if media else "[消息]")
    return words_and_media(InboundMessage(event_id, sender, "media", word, at), words, media, _MEDIA["image"])


def _media(kind: str, message_id: str, told: Mapping[str, Any]) -> list[Medium]:
    """What can be fetched: the picture or file itself, or the pictures within a post."""
    named: list[tuple[Literal["image", "file"], object]] = []
    if kind == "image":
        named.append(("image", told.get("image_key")))
    elif kind == "file":
        named.append(("file", told.get("file_key")))
    elif kind == "post":
        named += [("image", part.get("image_key")) for part in _parts(told.get("content")) if part.get("tag") == "img"]
    return [
        Medium(what, {"message_id": message_id, "file_key": key})
        for what, key in named[:MOST_PICTURES]
        if isinstance(key, str) and _KEY.fullmatch(key) and _KEY.fullmatch(message_id)
    ]


def _parts(paragraphs: object) -> list[dict[str, Any]]:
    lines = paragraphs if isinstance(paragraphs, list) else []
    return [part for line in lines if isinstance(line, list) for part in line if isinstance(part, dict)]


def _old(event_id: str, message: _OldMessage) -> InboundMessage | None:
    if message.chat_type != "private":
        return None
    words = message.text_without_at_bot.strip()
    if words:
        return InboundMessage(event_id, message.open_id, "text", words)
    return InboundMessage(event_id, message.open_id, "media", _MEDIA.get(message.msg_type, "[消息]"))


def _pressed(event_id: str, pressed: _Pressed, toast: str) -> Received:
    payload = pressed.action.value.get("payload")
    if not isinstance(payload, str) or not payload:
        return Received()
    message = InboundMessage(event_id, pressed.operator.open_id, "choice", payload[:_PAYLOAD_CHARS], opens="click")
    heard = {"toast": {"type": "info", "content": toast}}
    return Received(messages=(message,), reply=Reply(json.dumps(heard, ensure_ascii=False).encode()))


def _entered(event_id: str, entered: _Entered) -> InboundMessage | None:
    """Greeted the first time only: later they know us."""
    if entered.last_message_id:
        return None
    return InboundMessage(event_id, entered.operator_id.open_id, "event", "[打开会话]", None, "click", WELCOME)


def _told(content: str) -> dict[str, Any]:
    try:
        read = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        raise InvalidInput("content is not JSON") from None
    return read if isinstance(read, dict) else {}


def _words(kind: str, read: Mapping[str, Any]) -> str:
    """Of a text, or of a post (富文本): its paragraphs of elements."""
    if kind == "text":
        return _text(read.get("text"))
    if kind == "post":
        paragraphs = read.get("content")
        lines = [_line(each) for each in paragraphs] if isinstance(paragraphs, list) else []
        return "\n".join(filter(None, [_text(read.get("title")), *lines]))
    return ""


def _line(elements: object) -> str:
    if not isinstance(elements, list):
        return ""
    parts = [element for element in elements if isinstance(element, dict)]
    return "".join(" ".join(filter(None, (_text(part.get("text")), _text(part.get("href"))))) for part in parts)


def _text(given: object) -> str:
    return given.strip() if isinstance(given, str) else ""
