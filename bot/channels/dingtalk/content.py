"""Our messages as DingTalk shows them: words, or a card with buttons that say their title for the borrower."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bot.conversations.outbox.port import OutgoingMessage
from bot.core.texts import Text

OPTION = "option_by_title"
CARD_TITLE = "platform_card_title"
_SAYS = "dtmd://dingtalkclient/sendMessage?content="
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+.!|<>~-])")
"""Shown as it stands: an agent's asterisk is no emphasis, and nobody slips a link into a card."""


def reply_body(message: OutgoingMessage, texts: Mapping[str, Text]) -> dict[str, Any]:
    """For a sessionWebhook."""
    if not message.buttons:
        return {"msgtype": "text", "text": {"content": message.text or ""}}
    buttons = [{"title": button["title"], "actionURL": _SAYS + quote(button["title"], safe="")} for button in message.buttons]
    card = {
        "title": texts[CARD_TITLE].text,
        "text": _MARKDOWN.sub(r"\\\1", message.text or "").replace("\n", "  \n"),
        "btnOrientation": "0",
        "btns": buttons,
    }
    return {"msgtype": "actionCard", "actionCard": card}


def plain(message: OutgoingMessage, texts: Mapping[str, Text]) -> dict[str, str]:
    """For a message with which the robot speaks first (``sampleText``)."""
    options = [texts[OPTION].render(title=button["title"]) for button in message.buttons]
    return {"content": "\n".join([message.text or "", *options])}
