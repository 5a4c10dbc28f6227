"""A message of ours as ``kf/send_msg`` wants it, and what WeCom allows of it (document/path/94677, 95122)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.conversations.outbox.port import ButtonLimits, Capabilities, OutgoingMessage, QuotaRule

CAPABILITIES = Capabilities(
    buttons=True,
    max_chars=2048,
    max_bytes=2048,
    button_limits=ButtonLimits(most=10, text_bytes=1024, each_bytes=128),
    quotas=(QuotaRule("wecom_5_in_48h", 5, timedelta(hours=48), opened_by="message", margin=timedelta(minutes=1)),),
)


def content(message: OutgoingMessage) -> dict[str, Any]:
    """A menu for options, else a text. A pressed item comes back as a text with our payload as its ``menu_id``."""
    if not message.buttons:
        return {"msgtype": "text", "text": {"content": message.text or ""}}
    items = [{"type": "click", "click": {"id": each["payload"], "content": each["title"]}} for each in message.buttons]
    return {"msgtype": "msgmenu", "msgmenu": {"head_content": message.text or "", "list": items}}
