"""WeChat's callbacks as messages of a borrower: text, picture, voice, place, menu, following.

Fields: developers.weixin.qq.com, 接收普通消息 and 接收事件推送.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime

from bot.conversations.inbox.port import InboundMessage, Medium
from bot.core.clock import SHANGHAI
from bot.core.errors import InvalidInput
from bot.core.http import storable

WELCOME = "platform_welcome"
PLACE = "location_not_needed"
_MEDIA = {"image": "[图片]", "voice": "[语音]", "video": "[视频]", "shortvideo": "[视频]", "file": "[文件]"}
_IDENTIFIER = re.compile(r"[\w.@-]{1,64}", re.ASCII)
_MEDIA_ID = re.compile(r"[\w-]{1,256}", re.ASCII)
_NUMBER = re.compile(r"\d{1,20}", re.ASCII)
_PAYLOAD_CHARS = 500
_OPENS_BY_CLICK = frozenset({"CLICK", "SCAN", "subscribe", "scancode_push", "scancode_waitmsg"})
"""What allows three messages within a minute. ``VIEW`` opens a page and allows none."""


def message_of(told: Mapping[str, str]) -> InboundMessage | None:
    """``None`` for what no borrower did. Raises ``InvalidInput`` for what lacks its sender, time or number."""
    sender, at = told.get("FromUserName", ""), told.get("CreateTime", "")
    if not _IDENTIFIER.fullmatch(sender) or not _NUMBER.fullmatch(at) or len(at) > 10:
        raise InvalidInput("FromUserName or CreateTime is missing or malformed")
    moment = datetime.fromtimestamp(int(at), SHANGHAI)
    if told.get("MsgType") == "event":
        return _event(told, sender, moment)
    number = told.get("MsgId", "")
    if not _NUMBER.fullmatch(number):
        raise InvalidInput("MsgId is missing or malformed")
    return _said(told, number, sender, moment)


def _said(told: Mapping[str, str], number: str, sender: str, at: datetime) -> InboundMessage:
    kind = told.get("MsgType", "")
    if kind == "text":
        return InboundMessage(number, sender, "text", told.get("Content", ""), at)
    if kind == "voice" and told.get("Recognition", "").strip():
        return InboundMessage(number, sender, "text", told["Recognition"], at)
    if kind == "link":  # as words: whoever got a link asks whether it is ours
        words = "\n".join(filter(None, (told.get("Title", ""), told.get("Description", ""), told.get("Url", ""))))
        return InboundMessage(number, sender, "text", words, at)
    if kind == "location":
        return InboundMessage(number, sender, "media", "[位置]", at, reply_key=PLACE)
    return InboundMessage(number, sender, "media", _MEDIA.get(kind, "[消息]"), at, medium=_medium(kind, told.get("MediaId", "")))


def _medium(kind: str, media_id: str) -> Medium | None:
    if kind not in ("image", "file") or not _MEDIA_ID.fullmatch(media_id):
        return None
    return Medium("image" if kind == "image" else "file", {"media_id": media_id})


def _event(told: Mapping[str, str], sender: str, at: datetime) -> InboundMessage | None:
    """Events have no number of their own: sender, time and what happened are one (the platform's own advice)."""
    event, key = told.get("Event", ""), storable(told.get("EventKey", ""))[:_PAYLOAD_CHARS]
    number = "e-" + hashlib.sha256(f"{sender}\n{told['CreateTime']}\n{event}\n{key}".encode()).hexdigest()[:40]
    if event == "CLICK" and key:
        return InboundMessage(number, sender, "choice", key, at, "click")
    if event == "subscribe":
        return InboundMessage(number, sender, "event", "[关注]", at, "click", WELCOME)
    if event in _OPENS_BY_CLICK:
        return InboundMessage(number, sender, "event", event, at, "click")
    return None
