"""A page of ``kf/sync_msg`` in our words (developer.work.weixin.qq.com/document/path/94670)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from bot.channels.wecom.api import Account
from bot.conversations.commands import payload_intent
from bot.conversations.inbox.port import InboundMessage, Kind, Medium, Receipt
from bot.core.clock import SHANGHAI

FROM_BORROWER, FROM_SYSTEM, FROM_COLLEAGUE = 3, 4, 5
"""``origin``. What we send ourselves does not come back."""
MEDIA_WORDS = {
    "image": "[图片]",
    "voice": "[语音]",
    "video": "[视频]",
    "file": "[文件]",
    "location": "[位置]",
    "link": "[链接]",
    "business_card": "[名片]",
    "miniprogram": "[小程序]",
    "msgmenu": "[菜单]",
    "channels": "[视频号]",
    "channels_shop_product": "[商品]",
    "channels_shop_order": "[订单]",
    "merged_msg": "[聊天记录]",
    "meeting": "[会议]",
    "schedule": "[日程]",
    "note": "[笔记]",
}
OTHER_MEDIA = "[消息]"

_IDENTIFIER = re.compile(r"[A-Za-z0-9_@.-]{1,60}", re.ASCII)
Identifier = Annotated[str, StringConstraints(pattern=rf"^{_IDENTIFIER.pattern}$")]
"""Of accounts and borrowers; two of them and a word for the key are 128 characters at most."""
_MEDIA_ID = re.compile(r"[\w-]{1,256}", re.ASCII)
MessageId = Annotated[str, StringConstraints(min_length=1, max_length=128)]

log = structlog.get_logger(__name__)


class Words(BaseModel):
    content: str = ""
    menu_id: str | None = None


class KfEvent(BaseModel):
    """``change_type``: 1 taken from the pool, 2 passed on, 3 ended, 4 taken up again; all by a colleague in WeCom's client."""

    event_type: str
    open_kfid: Identifier | None = None
    external_userid: Identifier | None = None
    change_type: int | None = None
    msg_code: str | None = None
    welcome_code: str | None = None
    fail_msgid: str | None = None
    fail_type: int = 0
    recall_msgid: str | None = None
    servicer_userid: str | None = None
    status: int | None = None


class KfMessage(BaseModel):
    msgid: MessageId
    send_time: Annotated[int, Field(ge=0, le=4_102_444_800)]
    origin: int
    msgtype: str
    open_kfid: Identifier | None = None
    external_userid: Identifier | None = None
    text: Words | None = None
    image: Any = None
    file: Any = None
    event: KfEvent | None = None

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.send_time, SHANGHAI)

    @property
    def account(self) -> Account | None:
        """An event names the account in itself."""
        source = self.event if self.event is not None else self
        if source.open_kfid is None or source.external_userid is None:
            return None
        return Account(source.open_kfid, source.external_userid)

    @property
    def words(self) -> str:
        if self.msgtype == "text" and self.text is not None:
            return self.text.content
        return MEDIA_WORDS.get(self.msgtype, OTHER_MEDIA)

    @property
    def medium(self) -> Medium | None:
        """A picture or file with the number under which it can be fetched."""
        if self.msgtype not in ("image", "file"):
            return None
        named = self.image if self.msgtype == "image" else self.file
        number = named.get("media_id") if isinstance(named, dict) else None
        if not isinstance(number, str) or not _MEDIA_ID.fullmatch(number):
            return None
        return Medium("image" if self.msgtype == "image" else "file", {"media_id": number})


def is_identifier(text: str) -> bool:
    return _IDENTIFIER.fullmatch(text) is not None


@dataclass(frozen=True)
class Page:
    """``messages``: of borrowers; ``withdrawn``: ids of those that they took back. ``receipts``: what did not get through.

    ``events``: these, and the words of colleagues.
    """

    next_cursor: str
    more: bool
    messages: Sequence[tuple[Account, InboundMessage]] = ()
    receipts: Sequence[Receipt] = ()
    withdrawn: Sequence[str] = ()
    events: Sequence[KfMessage] = ()


def read_page(open_kfid: str, answer: dict[str, Any], cursor: str) -> Page:
    """Raises ``ValueError`` for an answer that is no page. One message that nobody can read does not stop those behind it."""
    found, next_cursor, more = answer.get("msg_list", []), answer.get("next_cursor", cursor), answer.get("has_more", 0)
    if not isinstance(found, list) or not isinstance(next_cursor, str) or len(next_cursor) > 256:
        raise ValueError("not a page of messages")
    if more and next_cursor in ("", cursor):
        raise ValueError("more to come, but no way to it")
    messages: list[tuple[Account, InboundMessage]] = []
    receipts: list[Receipt] = []
    withdrawn: list[str] = []
    events: list[KfMessage] = []
    for raw in found:
        try:
            message = KfMessage.model_validate(raw)
        except ValidationError as error:
            log.error("wecom_message_unreadable", account=open_kfid, problems=[each["loc"] for each in error.errors()])
            continue
        account = message.account
        if message.event is not None and message.event.fail_msgid:
            receipts.append(Receipt(message.event.fail_msgid, "failed", f"msg_send_fail_{message.event.fail_type}"))
        elif message.event is not None and message.event.recall_msgid and message.event.event_type == "user_recall_msg":
            withdrawn.append(message.event.recall_msgid)
        elif message.origin == FROM_BORROWER and message.event is None and account is not None:
            messages.append((account, inbound(account, message)))
        else:
            events.append(message)
    return Page(next_cursor or cursor, bool(more), messages, receipts, withdrawn, events)


def inbound(account: Account, message: KfMessage) -> InboundMessage:
    """A borrower's message. A pressed menu item comes as a text with its ``menu_id``, which is our payload."""
    menu_id = message.text.menu_id if message.msgtype == "text" and message.text is not None else None
    if menu_id and payload_intent(menu_id) is not None:
        return InboundMessage(message.msgid, account.address, "choice", menu_id, message.at)
    kind: Kind = "text" if message.msgtype == "text" else "media"
    return InboundMessage(message.msgid, account.address, kind, message.words, message.at, medium=message.medium)
